"""How long a call may take: its usual timeouts, cut to the time that is left."""

from __future__ import annotations

LEAST_S = 0.05  # the libraries take a timeout of 0 for an error


def fit(left_s: float, connect_s: float, read_s: float, attempts: int = 1) -> tuple[float, float]:
    """(connect, read) timeouts in seconds, so that all attempts together never take more than `left_s`.

    `connect_s` and `read_s` are the usual timeouts, and the longest. With no time left the call gets `LEAST_S`.
    """
    share_s = max(left_s, LEAST_S) / attempts
    if share_s >= connect_s + read_s:
        return connect_s, read_s
    connect_s = min(connect_s, share_s / 3)
    return connect_s, min(read_s, share_s - connect_s)
