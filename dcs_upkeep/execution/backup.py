"""Backing up what an action would destroy, just before it: begun, waited for, and acted on only if it succeeded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.ports import Backups
from dcs_upkeep.execution.context import RunContext

PARALLEL = 16
REMARK_CHARS = 128
# Words of BackupRecordResponse; what is neither of these is waited for.
SUCCEEDED = "succeed"
FAILED = frozenset({"failed", "expired", "deleted", "deleting"})


def back_up(context: RunContext, instance_ids: Sequence[str]) -> Mapping[str, str | None]:
    """Back these instances up. Instance ID -> None if its backup succeeded, else why it did not, in words.

    Each backup's remark names the run and its claim, so that a run that is taken up again finds the backup that it began, and no
    other run takes it for its own. All of them together may take the watch time of one wave.
    """
    ports = context.ports
    if ports.backups is None:
        return dict.fromkeys(instance_ids, "backups cannot be made here")
    backups, remark = ports.backups, remark_of(context.spec.run_id, context.began_at.timestamp())
    not_before = context.began_at - timedelta(seconds=context.settings.skew_s)
    done, waiting = _begin(instance_ids, lambda instance_id: backups.begin(instance_id, remark, not_before))
    timeout_s, poll_s = context.verifier.timeout_s, context.settings.poll_s
    ends = ports.clock.monotonic() + timeout_s
    while waiting:
        ports.log("backup.polled", waiting=len(waiting), done=sum(1 for why in done.values() if why is None))
        done |= _ended(context, ports.backups, waiting)
        waiting = {one: backup_id for one, backup_id in waiting.items() if one not in done}
        is_over = ports.clock.monotonic() + poll_s > ends
        if waiting and (is_over or not context.deadline.covers(poll_s)):
            limit = f"within {timeout_s:g} s" if is_over else "in the time left to this invocation"
            return done | {one: f"its backup {backup_id} did not end {limit}" for one, backup_id in waiting.items()}
        if waiting:
            context.sleep(poll_s)
    return done


def remark_of(run_id: str, began_at: float) -> str:
    """What tells the backups of one run from all others: its whole id, and when it was claimed, since an id may be claimed again."""
    mark = hashlib.sha256(f"{run_id}\n{began_at!r}".encode()).hexdigest()[:32]
    # The id is for people, and as much of it as DCS keeps. The mark stands before it, where nothing is cut.
    return f"dcs-upkeep {mark} {run_id}"[:REMARK_CHARS]


def _begin(instance_ids: Sequence[str], begin_one: Callable[[str], str]) -> tuple[dict[str, str | None], dict[str, str]]:
    """(instance ID -> why its backup could not be begun, instance ID -> backup id)."""

    def begin(instance_id: str) -> tuple[str | None, str]:
        try:
            return begin_one(instance_id), ""
        except CloudError as err:
            return None, str(err)

    failed: dict[str, str | None] = {}
    waiting: dict[str, str] = {}
    ids = sorted(instance_ids)
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="backup") as pool:
        for instance_id, (backup_id, why) in zip(ids, pool.map(begin, ids), strict=True):
            if backup_id is None:
                failed[instance_id] = f"its backup could not be begun: {why}"
            else:
                waiting[instance_id] = backup_id
    return failed, waiting


def _ended(context: RunContext, backups: Backups, waiting: Mapping[str, str]) -> dict[str, str | None]:
    """Those whose backup has ended: None if it succeeded, else why not."""
    try:
        states = backups.states(waiting)
    except CloudError as err:
        context.ports.log("backup.unreadable", level="warning", reason=str(err))
        return {}
    ended: dict[str, str | None] = {one: None for one, state in states.items() if state == SUCCEEDED}
    return ended | {one: f"its backup {waiting[one]} is {state}" for one, state in states.items() if state in FAILED}
