"""The journal in one file: the command line's default. Write-ahead log, safe for several processes and threads."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import SplitResult

from dcs_upkeep.adapters.journals.rows import Access, checked, expiry, to_text
from dcs_upkeep.domain.errors import JournalError, SeqTakenError
from dcs_upkeep.domain.ports import Clock
from dcs_upkeep.domain.problems import one_line

VERSION = 1
BUSY_S = 10.0
MOST_TOLD = 300  # characters of the library's own text
_SCHEMA = """
CREATE TABLE IF NOT EXISTS journal (
    stream TEXT NOT NULL, seq INTEGER NOT NULL, entry TEXT NOT NULL, expires_at INTEGER, PRIMARY KEY (stream, seq)
) WITHOUT ROWID
"""


def open_at(address: SplitResult, access: Access) -> SqliteJournal:
    """The journal of `sqlite:///<path>`. Raises: ValueError."""
    if address.netloc or len(address.path) < 2:
        raise ValueError("sqlite needs the path of a file after three slashes")
    return SqliteJournal(address.path[1:], access.clock)


class SqliteJournal:
    """Implements ports.Journal. A connection for each call: cheap, and nothing is shared between threads."""

    durable = True

    def __init__(self, path: str, clock: Clock, *, survives_power_cuts: bool = True) -> None:
        self._path = path
        self._synchronous = "FULL" if survives_power_cuts else "OFF"
        self._clock = clock
        self._ready = False

    @property
    def name(self) -> str:
        """Its file."""
        return f"sqlite:///{self._path}"

    def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
        """See ports.Journal."""
        text = to_text(stream, entry)
        with self._connection() as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
                first = connection.execute("SELECT expires_at FROM journal WHERE stream = ? AND seq = 0", (stream,)).fetchone()
                expires_at = first[0] if first else expiry(stream, self._clock.now().timestamp())
                connection.execute("INSERT INTO journal VALUES (?, ?, ?, ?)", (stream, seq, text, expires_at))
                connection.execute("COMMIT")
            except sqlite3.IntegrityError as err:
                raise SeqTakenError(f"{stream}: place {seq} is taken") from err

    def read(self, stream: str, after: int = -1) -> list[tuple[int, dict[str, object]]]:
        """See ports.Journal."""
        with self._connection() as connection:
            query = "SELECT seq, entry, expires_at FROM journal WHERE stream = ? AND seq > ? ORDER BY seq"
            rows = connection.execute(query, (stream, after)).fetchall()
        return checked(stream, rows, after, self._clock.now().timestamp())

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection in autocommit; closing it rolls back what was not committed."""
        try:
            if not self._ready:
                self._make()
            with closing(sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)) as connection:
                connection.execute(f"PRAGMA synchronous = {self._synchronous}")
                yield connection
        except sqlite3.Error as err:
            what = one_line(str(err)[:MOST_TOLD])
            raise JournalError(f"{self.name}: {what}. Check the file, its folder and the space on its disk.") from err

    def _make(self) -> None:
        try:
            Path(self._path).parent.mkdir(parents=True, exist_ok=True)
            # Requests and reports are for the operator's eyes.
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as err:
            raise JournalError(f"{self.name}: it cannot be opened: {err.strerror}. Check the path and its rights.") from err
        with closing(sqlite3.connect(self._path, timeout=BUSY_S, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, VERSION):
                raise JournalError(f"{self.name}: it is of version {version}, and this tool knows {VERSION}. Use the tool that made it.")
            connection.execute(_SCHEMA)
            connection.execute(f"PRAGMA user_version = {VERSION}")
        self._ready = True
