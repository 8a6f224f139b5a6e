"""The journal of `run` and `plan` on an emulator, whose fleet ends with the command."""

from __future__ import annotations

from collections.abc import Mapping

from dcs_upkeep.domain.ports import Journal

SHOWINGS = "plan/"


class DemoJournal:
    """Implements ports.Journal: runs are forgotten as their fleet is; what was shown is kept, for the event that `plan` prints to `run`.

    `runs`: where the commands of another terminal find them while they last.
    """

    durable = False

    def __init__(self, runs: Journal, showings: Journal) -> None:
        self._runs = runs
        self._showings = showings
        self.name = runs.name

    def append(self, stream: str, seq: int, entry: Mapping[str, object]) -> None:
        """See ports.Journal."""
        self._of(stream).append(stream, seq, entry)

    def read(self, stream: str, after: int = -1) -> list[tuple[int, dict[str, object]]]:
        """See ports.Journal."""
        return self._of(stream).read(stream, after)

    def _of(self, stream: str) -> Journal:
        return self._showings if stream.startswith(SHOWINGS) else self._runs
