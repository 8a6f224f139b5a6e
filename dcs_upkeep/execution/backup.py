"""Backing up what an action would destroy, just before it: begun, waited for, and acted on only if it succeeded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import timedelta

from dcs_upkeep.domain.errors import CloudError, ThrottledError, UnauthorizedError
from dcs_upkeep.domain.ports import Backups
from dcs_upkeep.execution.context import RunContext

REMARK_CHARS = 128
# Words of BackupRecordResponse; what is neither of these is waited for.
SUCCEEDED = "succeed"
FAILED = frozenset({"failed", "expired", "deleted", "deleting"})


def back_up(context: RunContext, instance_ids: Sequence[str]) -> Mapping[str, str | None]:
    """Back these instances up. Instance ID -> None if its backup succeeded, else why it did not, in words.

    Each backup's remark names the run and its claim, so that a run that is taken up again finds the backup that it began, and no
    other run takes it for its own. All of them together may take the watch time of one wave.
    Raises: ThrottledError, UnauthorizedError: then nothing more can be read.
    """
    ports = context.ports
    if ports.backups is None:
        return dict.fromkeys(instance_ids, "backups cannot be made here")
    backups, remark = ports.backups, remark_of(context.spec.run_id, context.began_at.timestamp())
    not_before = context.began_at - timedelta(seconds=context.settings.skew_s)
    done, waiting = _sorted_out(backups.begin(sorted(instance_ids), remark, not_before, context.tick))
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


def _sorted_out(begun: Mapping[str, str | CloudError]) -> tuple[dict[str, str | None], dict[str, str]]:
    """(instance ID -> why its backup could not be begun, instance ID -> backup id)."""
    failed: dict[str, str | None] = {
        one: f"its backup could not be begun: {found}" for one, found in begun.items() if isinstance(found, CloudError)
    }
    return failed, {one: found for one, found in begun.items() if not isinstance(found, CloudError)}


def _ended(context: RunContext, backups: Backups, waiting: Mapping[str, str]) -> dict[str, str | None]:
    """Those whose backup has ended: None if it succeeded, else why not."""
    try:
        states = backups.states(waiting, context.tick)
    except (ThrottledError, UnauthorizedError):
        raise
    except CloudError as err:
        context.ports.log("backup.unreadable", level="warning", reason=str(err))
        return {}
    ended: dict[str, str | None] = {one: None for one, state in states.items() if state == SUCCEEDED}
    return ended | {one: f"its backup {waiting[one]} is {state}" for one, state in states.items() if state in FAILED}
