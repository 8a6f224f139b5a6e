"""What became of the runs on the index: for the status, and for the sweep that takes up what was left behind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dcs_upkeep.domain.errors import RecordError
from dcs_upkeep.domain.lifetimes import DAY_S, GO_ON_S
from dcs_upkeep.domain.ports import Journal
from dcs_upkeep.domain.run import RunScope, short_id
from dcs_upkeep.domain.timestamps import iso_at
from dcs_upkeep.journal import run_index
from dcs_upkeep.journal.run_lease import is_of, too_old
from dcs_upkeep.journal.run_state import RunState
from dcs_upkeep.journal.run_stream import read_run

OLD_DAYS = run_index.DAYS + run_index.AHEAD_DAYS  # version 0.1.0 listed a run on the day on which it began alone, however long it waited


@dataclass(frozen=True, slots=True)
class Lapsed:
    """`run_ids`: not over, and nobody works on them now. `unusable`: run id -> why it is left to a person.

    `stopped`: those that a person stopped, and whose owner left before it had seen to everything that was sent.
    """

    run_ids: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    unusable: dict[str, str] = field(default_factory=dict)


def summarize_runs(journal: Journal, scope: RunScope, now: datetime, *, live_only: bool = False) -> list[dict[str, Any]]:
    """The scope's runs of the last days and those that wait, in the order in which they were listed.

    Each with its id, what was asked, whether it has ended, its owner's lease, what it holds.
    One whose record cannot be used has the status `unreadable` and the reason, and no more.
    """
    found: list[dict[str, Any]] = []
    for run_id, state in _own_runs(journal, scope, now, run_index.AHEAD_DAYS):
        if isinstance(state, str):  # the others are to be seen all the same
            found.append({"run_id": run_id, "short_id": short_id(run_id), "status": "unreadable", "reason": state})
        elif state.claimed is not None and not (live_only and state.ended):
            found.append(_summary(run_id, state))
    return found


def summarize_others(journal: Journal, scope: RunScope, now: datetime) -> list[dict[str, Any]]:
    """Who else has runs in this journal, and which of those are not over."""
    found: list[dict[str, Any]] = []
    for other in run_index.other_scopes(journal, scope, now):
        listed = run_index.list_run_ids(journal, other, run_index.last_days(now, ahead=run_index.AHEAD_DAYS))
        states = [(run_id, state) for run_id, state in _states(journal, listed) if isinstance(state, RunState)]
        live = [run_id for run_id, state in states if state.scope == other and not state.ended]
        found.append({**other.as_json(), "live": live})
    return found


def live_runs(journal: Journal, scope: RunScope, now: datetime) -> list[dict[str, Any]]:
    """The runs that are not over, of every scope: what a halt stops. One whose record cannot be used has the status `unreadable`."""
    found = [_in_brief(row) for row in summarize_runs(journal, scope, now, live_only=True)]
    for other in run_index.other_scopes(journal, scope, now):
        listed = run_index.list_run_ids(journal, other, run_index.last_days(now, ahead=run_index.AHEAD_DAYS))
        states = [(run_id, state) for run_id, state in _states(journal, listed) if isinstance(state, RunState)]
        live = [(run_id, state) for run_id, state in states if state.scope == other and state.claimed is not None and not state.ended]
        found += [{**_in_brief(_summary(run_id, state)), "scope": other.as_json()} for run_id, state in live]
    return found


def _in_brief(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in ("holds", "asked", "hops", "lease_until")}


def lapsed_runs(journal: Journal, scope: RunScope, now: datetime, grace_s: float) -> Lapsed:
    """What a sweep of this scope is to take up."""
    lapsed, at = Lapsed(), now.timestamp()
    for run_id, state in _own_runs(journal, scope, now, ahead=0):
        if isinstance(state, str):
            lapsed.unusable[run_id] = state
        elif _has_its_rest(state) or max(state.live_until(grace_s), state.not_before) > at:
            continue
        elif reason := too_old(state, now, GO_ON_S):
            lapsed.unusable[run_id] = reason
        else:
            (lapsed.stopped if state.is_stopped_by_person else lapsed.run_ids).append(run_id)
    return lapsed


def _own_runs(journal: Journal, scope: RunScope, now: datetime, ahead: int) -> Iterator[tuple[str, RunState | str]]:
    """Run id -> its state, or why that cannot be told."""
    listed = [
        *run_index.list_old_run_ids(journal, run_index.last_days(now)),
        *run_index.list_run_ids(journal, scope, run_index.last_days(now, ahead=ahead)),
    ]
    for run_id, state in _states(journal, list(dict.fromkeys(listed))):
        if isinstance(state, str) or is_of(state, scope):
            yield run_id, state
    # Beyond the days that count the oldest index holds those that have waited until now, and many that are no use.
    since = now.timestamp() - run_index.DAYS * DAY_S
    older = run_index.list_old_run_ids(journal, run_index.last_days(now, OLD_DAYS)[: -run_index.DAYS])
    for run_id, state in _states(journal, [run_id for run_id in older if run_id not in set(listed)]):
        if isinstance(state, RunState) and is_of(state, scope) and state.handed_over and state.not_before > since:
            yield run_id, state


def _states(journal: Journal, run_ids: Sequence[str]) -> list[tuple[str, RunState | str]]:
    def read(run_id: str) -> RunState | str:
        try:
            return read_run(journal, run_id)[0]
        except RecordError as err:
            return str(err)

    return list(zip(run_ids, run_index.in_parallel(run_ids, read), strict=True))


def _has_its_rest(state: RunState) -> bool:
    """Whether nobody is to go on with it by itself: it is over, or a person stopped it and nothing that was sent is left to be watched."""
    return state.claimed is None or state.ended or (state.rests and not state.open())


def _status(state: RunState) -> str:
    """`stopped`: by a person, and it waits for one."""
    if state.reported is not None:
        return state.reported["status"]
    return "released" if state.released else "stopped" if state.rests else "running"


def _summary(run_id: str, state: RunState) -> dict[str, Any]:
    claimed = state.claimed
    if claimed is None:
        raise AssertionError("only a run on record has a summary")
    held = [] if state.ended else [progress.instance_id for progress in state.progress.values() if progress.outcome is None]
    return {
        "run_id": run_id,
        "short_id": short_id(run_id),
        "asked": claimed["asked"],
        "action": state.plan.action.value if state.plan else claimed["request"].get("action"),
        "began_at": iso_at(claimed["at"]),
        "status": _status(state),
        "wave": state.waves_begun or None,
        "waves": len(state.plan.waves) if state.plan else None,
        "open": len(state.open()),
        "instances": len(state.progress),
        "done": sum(1 for progress in state.progress.values() if progress.outcome is not None),
        "hops": state.hops,
        "holds": held,
        "lease_until": None if state.ended or state.handed_over else iso_at(state.lease_until),
        "goes_on_at": iso_at(state.not_before) if state.handed_over and state.not_before else None,
        "stopped_by": state.stop["reason"] if state.stop and state.is_stopped_by_person else None,
    }
