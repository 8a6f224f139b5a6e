"""The account's quota: so many calls in a window over all services, and none of them answered beyond that."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

from .exchange import Answer, gateway_error
from .truth import QuotaRefusal, Record, Truth


class Quota:
    """Counts calls in fixed windows; a window begins with the first call after the one before is over."""

    def __init__(self, calls: int, window_s: float, *, tells_when: bool, truth: Truth) -> None:
        if calls < 1 or window_s <= 0:
            raise ValueError(f"a quota needs at least one call and a window above zero, not {calls} and {window_s}")
        self._calls, self._window_s, self._tells_when, self._truth = calls, window_s, tells_when, truth
        self._lock = threading.Lock()
        self._ends_at = -math.inf
        self._used = 0
        self._refusal: QuotaRefusal | None = None

    def refuse(self, record: Record, now: Callable[[], float]) -> Answer | None:
        """The 429 for a call beyond the quota; None if it is let through."""
        with self._lock:
            at = now()
            if at >= self._ends_at:
                self._ends_at, self._used, self._refusal = at + self._window_s, 0, None
            self._used += 1
            if self._used <= self._calls:
                return None
            if self._refusal is None:
                self._refusal = QuotaRefusal(at, self._ends_at)
                self._truth.add_quota_refusal(self._refusal)
            self._refusal.records.append(record)
            record.refused = "quota"
            return over_quota(record, self._calls, self._window_s, self._ends_at - at if self._tells_when else None)


def over_quota(record: Record, calls: int, window_s: float, retry_after_s: float | None) -> Answer:
    """What the gateway answers a caller that is over its quota."""
    minutes, seconds = divmod(window_s, 60)
    window = f"{window_s:g} second" if seconds else f"{minutes:g} minute"
    message = f"The throttling threshold has been reached: policy user over ratelimit,limit:{calls},time:{window}"
    headers = {} if retry_after_s is None else {"Retry-After": str(math.ceil(retry_after_s))}
    return gateway_error(429, "APIGW.0308", message, record.request_id, headers)
