"""The short form of a run id: what a person reads out, types and copies."""

from __future__ import annotations

import hashlib

CHARS = 8


def short_id(run_id: str) -> str:
    """The first eight hex digits of the SHA-256 of the run id: the same on every day and every machine."""
    return hashlib.sha256(run_id.encode("utf-8", "surrogatepass")).hexdigest()[:CHARS]
