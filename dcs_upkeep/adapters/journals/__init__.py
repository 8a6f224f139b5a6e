"""The journal's stores: SQLite, the DynamoDB API (Amazon's, and GeminiDB's by endpoint), memory. Chosen by UPKEEP_JOURNAL."""

from __future__ import annotations

import math
from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

from dcs_upkeep.domain.errors import Problem, SettingsError
from dcs_upkeep.domain.ports import Clock, Journal


def open_journal(url: str, *, clock: Clock, left: Callable[[], float] = lambda: math.inf, pair: tuple[str, str] | None = None) -> Journal:
    """The store that the URL names; nothing is imported or connected for the others.

    `sqlite:///relative.db`, `sqlite:////absolute.db`, `memory:`, `dynamodb://table?region=...&endpoint=...`.
    `left`: seconds left in this invocation. `pair`: user and password for the DynamoDB API; else boto3 finds its own.
    Raises: SettingsError where the URL cannot be used.
    """
    parts = urlsplit(url)
    if url == "memory:":
        from dcs_upkeep.adapters.journals.memory import MemoryJournal

        return MemoryJournal(clock)
    if parts.scheme == "sqlite" and not parts.netloc and len(parts.path) > 1:
        from dcs_upkeep.adapters.journals.sqlite import SqliteJournal

        return SqliteJournal(parts.path[1:], clock)
    if parts.scheme == "dynamodb" and parts.hostname:
        options = dict(parse_qsl(parts.query, keep_blank_values=True))
        unknown = sorted(set(options) - {"region", "endpoint"})
        endpoint, region = options.get("endpoint"), options.get("region")
        if unknown:
            raise _unusable(f"no part of the address is called {unknown[0][:40]!r}")
        if not region and not endpoint:
            raise _unusable("neither a region nor an endpoint is named")
        if endpoint and not _is_safe(endpoint):
            raise _unusable("only this machine may be called without TLS")
        from dcs_upkeep.adapters.journals.dynamodb import DynamoJournal

        return DynamoJournal(parts.netloc, region or "cn-north-4", endpoint, clock, left, pair)
    raise _unusable("this names no store")


def _is_safe(endpoint: str) -> bool:
    parts = urlsplit(endpoint)
    return parts.scheme == "https" or parts.hostname in ("localhost", "127.0.0.1", "::1")


def _unusable(what: str) -> SettingsError:
    return SettingsError([Problem("UPKEEP_JOURNAL", what, "Write sqlite:///path, dynamodb://table?region=<region> or memory:.")])
