"""The key pairs that open the emulator: when each is good, and when it is locked for wrong signatures."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from . import obs_signature, signature
from .signature import Keys, Refusal, SignedRequest
from .truth import KeyLock, Truth

# Five wrong signatures in a row lock a key for five minutes.
WRONG_SIGNATURES, LOCK_S = 5, 300.0


class Scheme(Protocol):
    """A way of signing: `signature` for the API gateway, `obs_signature` for OBS."""

    def access_key(self, request: SignedRequest) -> str: ...

    def find_fault_before_signature(self, request: SignedRequest, *, known: bool, now: datetime) -> Refusal | None: ...

    def find_fault_in_token(self, request: SignedRequest, keys: Keys) -> Refusal | None: ...

    def is_signed_with(self, request: SignedRequest, sk: str) -> bool: ...


class KeyRing:
    """All pairs there ever were; the newest is what a host would hand out now."""

    def __init__(self, keys: Keys, truth: Truth, now: Callable[[], float], wall_clock: Callable[[], datetime]) -> None:
        self._keys = [keys]
        self._truth, self._now, self._wall_clock = truth, now, wall_clock
        self._lock = threading.RLock()
        self._wrong: Counter[str] = Counter()
        self._locked_until: dict[str, float] = {}

    @property
    def newest(self) -> Keys:
        return self._keys[-1]

    def renew(self, ak: str | None, sk: str | None, token: str | None, until: float | None, grace_s: float) -> Keys:
        """Add a pair; those before end `grace_s` seconds from now, or when they would have ended anyway."""
        with self._lock:
            ends, number = self._now() + grace_s, len(self._keys) + 1
            made_up = None if self.newest.security_token is None else f"emulated-token-{number}"
            new = Keys(ak or f"EMULATEDACCESSKEY{number:03d}", sk or f"emulated-secret-key-{number}", token or made_up, until)
            self._keys = [replace(old, valid_until=ends if old.valid_until is None else min(ends, old.valid_until)) for old in self._keys]
            self._keys.append(new)
            return new

    def refuse(self, request: SignedRequest, *, obs_now: datetime | None = None) -> Refusal | None:
        """Why this request is not let in, or None. A wrong signature counts towards the lock of its key.

        `obs_now`: it is for OBS, where it is now so late.
        """
        rules: Scheme = signature if obs_now is None else obs_signature
        ak = rules.access_key(request)
        held = [keys for keys in reversed(self._keys) if keys.ak == ak]
        if refusal := rules.find_fault_before_signature(request, known=bool(held), now=obs_now or self._wall_clock()):
            return refusal
        with self._lock:
            now = self._now()
            if now < self._locked_until.get(ak, now):
                return Refusal("locked_key", "verify aksk signature fail: the access key is locked for wrong signatures")
            signer = next((keys for keys in held if rules.is_signed_with(request, keys.sk)), None)
            if signer is None:
                self._count_wrong(ak, now)
                return Refusal("signature", "verify aksk signature fail: signature mismatch")
            self._wrong[ak] = 0
            if signer.valid_until is not None and now >= signer.valid_until:
                what = "security token" if signer.security_token else "access key"
                return Refusal("expired_key", f"the {what} is expired or no longer exists")
            return rules.find_fault_in_token(request, signer)

    def _count_wrong(self, ak: str, now: float) -> None:
        self._wrong[ak] += 1
        if self._wrong[ak] >= WRONG_SIGNATURES:
            self._wrong[ak] = 0
            self._locked_until[ak] = now + LOCK_S
            self._truth.add_key_lock(KeyLock(ak, now, now + LOCK_S))
