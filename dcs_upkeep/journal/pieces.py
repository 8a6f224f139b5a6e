"""Entries of a size that every store takes, whatever the names, the reasons and the numbers in them.

Sizes are those of the JSON text as the stores write it: plain ASCII, so that one sign outside of it takes 6 or 12 bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

PIECE_BYTES = 200_000  # of a list or a text in one entry, which then has room for what stands beside it
ENTRY_BYTES = 280_000  # the stores take 300,000, and the stream adds owner and lease
CLIPPED = " [cut]"
T = TypeVar("T")
E = TypeVar("E", bound=Mapping[str, Any])


def json_bytes(value: object) -> int:
    """How long the value is as JSON."""
    return len(json.dumps(value, separators=(",", ":")))


def cut(items: Iterable[T], limit: int = PIECE_BYTES) -> Iterator[list[T]]:
    """The items in their order, in lists that are no longer than `limit` as JSON. An item that is longer has a list for itself."""
    piece: list[T] = []
    size = 0
    for item in items:
        item_size = json_bytes(item) + 1  # and a comma
        if piece and size + item_size > limit:
            yield piece
            piece, size = [], 0
        piece.append(item)
        size += item_size
    if piece:
        yield piece


def cut_text(text: str, limit: int = PIECE_BYTES) -> Sequence[str]:
    """ASCII text in pieces that are no longer than `limit` as JSON: a quote or a backslash takes two bytes there."""
    step = limit // 2
    return [text[start : start + step] for start in range(0, len(text), step)]


def fit(entry: E, limit: int = ENTRY_BYTES) -> E:
    """The entry, its longest texts cut so far that it is no longer than `limit`."""
    longest = limit // 4
    while json_bytes(entry) > limit and longest >= 100:
        entry = _clipped(entry, longest)
        longest //= 4
    return entry


def clip(text: str, limit: int) -> str:
    """The text, cut so that its JSON is no longer than `limit` bytes, and marked."""
    if json_bytes(text) <= limit:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if json_bytes(text[:middle] + CLIPPED) <= limit else (low, middle - 1)
    return text[:low] + CLIPPED


def _clipped(value: Any, limit: int) -> Any:
    match value:
        case str():
            return clip(value, limit)
        case dict():
            return {key: _clipped(item, limit) for key, item in value.items()}
        case list():
            return [_clipped(item, limit) for item in value]
        case _:
            return value
