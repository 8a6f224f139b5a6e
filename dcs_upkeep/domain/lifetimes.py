"""How long what is on record is used, and from that how long it is kept: no stream may lapse while somebody works with it. Seconds.

A stream lives for one time from its first entry on, whatever is added later. So a run's age is counted from the first
entry of its stream, even if its key was released and claimed again. A test derives these numbers from what requests,
settings and windows may ask for.
"""

from __future__ import annotations

from dcs_upkeep.domain.time_windows import SEARCH_DAYS

DAY_S = 86_400.0
OLDEST_REQUEST_S = 30 * DAY_S  # the most that `expires_after_s`, `pause_s` and UPKEEP_APPROVAL_MAX_AGE_S take
LONGEST_WATCH_S = DAY_S  # the most that `watch.timeout_s` takes
AHEAD_S = max(OLDEST_REQUEST_S, SEARCH_DAYS * DAY_S)  # a run may be put off for so long: by a pause, or until its window opens

# A run's stream, by its age. It may be claimed while a redelivered event could bring its key; whoever claimed it then has
# a month to act; and then it is watched to its end, for which the sweep may have been out for a week.
CLAIM_S = OLDEST_REQUEST_S + DAY_S
SEND_S = CLAIM_S + AHEAD_S + DAY_S
GO_ON_S = SEND_S + LONGEST_WATCH_S + 7 * DAY_S

# Any stream. The longest in use is a run's that goes on at the last moment: one pause and one watch more, by a process
# that nothing ends, and a month for whoever asks what it did.
TTL_S = GO_ON_S + OLDEST_REQUEST_S + LONGEST_WATCH_S + OLDEST_REQUEST_S
FOREVER = "control/"  # the halt lever must not be forgotten


def days(seconds: float) -> str:
    """Seconds as whole days, for people."""
    return f"{seconds / DAY_S:.0f} days"
