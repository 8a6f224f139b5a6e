"""Single words that a cloud or a library says of an error, as they may stand in a line of ours."""

from __future__ import annotations

from dcs_upkeep.domain.problems import one_line

LONGEST = 100  # characters; the longest code of any cloud has some fifty, a request id 36 or 52


def as_word(value: object) -> str:
    """An error code or an id as text: one line, without control and direction characters, and not long. Empty if it is neither."""
    if not isinstance(value, str | int) or isinstance(value, bool):
        return ""
    text = str(value)[:LONGEST] if isinstance(value, str) or value.bit_length() < 300 else ""
    return one_line(text)
