"""How large anything may be that leaves this tool, and how a text is cut to that. Pure.

Each number stays below what the smallest of its takers accepts: Lambda and FunctionGraph 6 MB an answer, CloudWatch 256 KB a log line
(older pages; a cut line is no JSON, and no filter sees it), SMN and SNS 256 KB a message, all in bytes of UTF-8.
"""

from __future__ import annotations

MOST_PROBLEMS = 20
ANSWER_BYTES = 5_000_000
LOG_LINE_BYTES = 200_000
ERROR_BYTES = 8_000
MESSAGE_BYTES = 250_000
TEXT_BYTES = 4_000  # one reason, note or path: what is longer hides the rest


def size_of(text: str) -> int:
    """Bytes of UTF-8; a lone surrogate counts as what an escape of it takes."""
    return len(text.encode("utf-8", "backslashreplace"))


def in_utf8(text: str) -> str:
    """The text with a question mark for each half of a pair, which no encoding has: a runtime that is to send one dies of it."""
    return text.encode("utf-8", "replace").decode("utf-8")


def cut(text: str, most_bytes: int, where: str = "") -> str:
    """The text if it is short enough, else its beginning and that it was cut. `where`: in which words the whole of it is found."""
    if len(text) * 4 <= most_bytes or size_of(text) <= most_bytes:
        return text
    mark = f"... (cut{f'; {where}' if where else ''})"
    room = most_bytes - size_of(mark)
    return text.encode("utf-8", "backslashreplace")[:room].decode("utf-8", "ignore") + mark
