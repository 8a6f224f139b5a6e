"""How large anything may be that leaves this tool, and how a text is cut to that. Pure.

Each number stays below what the smallest of its takers accepts: Lambda and FunctionGraph 6 MB an answer, CloudWatch 256 KB a log line
(older pages; a cut line is no JSON, and no filter sees it), SMN and SNS 256 KB a message, all its forms together, in bytes of UTF-8.
"""

from __future__ import annotations

import json
from collections.abc import Callable

MOST_PROBLEMS = 20
ANSWER_BYTES = 5_000_000
LOG_LINE_BYTES = 200_000
ERROR_BYTES = 8_000
MESSAGE_BYTES = 250_000
# The forms of one message share its 250 KB, each as text in JSON: the mail once, the report for machines four times.
MAIL_BYTES = 80_000
DATA_BYTES = 25_000
LONG_CHAT_BYTES = 18_000  # DingTalk takes 20,000 bytes, Feishu 30 KB
CHAT_BYTES = 1_900  # WeCom takes 2,048 bytes
SMS_SIGNS = 490  # SMN's rule; SNS takes 1,600 bytes, which so many Chinese characters do not reach
TEXT_BYTES = 4_000  # one reason, note or path: what is longer hides the rest


def size_of(text: str) -> int:
    """Bytes of UTF-8; a lone surrogate counts as what an escape of it takes."""
    return len(text.encode("utf-8", "backslashreplace"))


def size_in_json(text: str) -> int:
    """Bytes of UTF-8 of a text as a string in JSON, quotes and all."""
    return size_of(json.dumps(text, ensure_ascii=False))


def cut_in_json(text: str, most_bytes: int, measure: Callable[[str], int] = size_in_json) -> str:
    """The text cut to what takes no more bytes than that as a string in JSON, where a sign may take six. `measure`: other ways to count."""
    room = min(most_bytes, size_of(text))
    while measure(text) > most_bytes and room > 64:
        room = room * 3 // 4
        text = cut(text, room)
    return text


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
