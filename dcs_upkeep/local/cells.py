"""Text in a terminal's cells, of which a Chinese sign takes two."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from dcs_upkeep.domain.problems import one_line

GAP = 2


def fit(text: str, width: int) -> str:
    """On one line, and cut to so many cells with a mark that it was."""
    line = one_line(text)
    return line if cell_len(line) <= width else set_cell_size(line, max(0, width - 1)).rstrip() + "…"


def pad(text: str, width: int) -> str:
    """The same, filled up to so many cells."""
    return set_cell_size(fit(text, width), width)


def grid(words: Sequence[str], width: int, most: int) -> list[str]:
    """The words side by side in as many columns as fit. `most`: cells of one word; longer ones are cut."""
    if not words:
        return []
    column = min(most, max(cell_len(one_line(word)) for word in words))
    each = max(1, (width + GAP) // (column + GAP))
    rows = (words[start : start + each] for start in range(0, len(words), each))
    return [(" " * GAP).join(pad(word, column) for word in row).rstrip() for row in rows]
