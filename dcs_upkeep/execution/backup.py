"""Backing up what an action would destroy, just before it: begun, waited for, and acted on only where it succeeded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from dcs_upkeep.domain.errors import CloudError
from dcs_upkeep.domain.ports import Backups, Clock, Log

PARALLEL = 16
# Words of BackupRecordResponse; what is neither of these is waited for.
SUCCEEDED = "succeed"
FAILED = frozenset({"failed", "expired", "deleted", "deleting"})


def back_up(
    instance_ids: Iterable[str],
    backups: Backups,
    clock: Clock,
    *,
    left_s: Callable[[], float],
    timeout_s: float,
    poll_s: float,
    log: Log,
    run_id: str,
) -> Mapping[str, str | None]:
    """Back these instances up. Instance ID -> None where its backup succeeded, else why it did not, in words.

    Each backup's remark names the run, so that a run that is taken up again finds the backup that it began.
    `left_s`: seconds left in this invocation; `timeout_s`: how long the backups may take together.
    """
    done: dict[str, str | None] = {}
    waiting: dict[str, str] = {}
    remark = f"dcs-upkeep {run_id}"[:128]

    def begin(instance_id: str) -> tuple[str, str | None, str]:
        try:
            return instance_id, backups.begin(instance_id, remark), ""
        except CloudError as err:
            return instance_id, None, str(err)

    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="backup") as pool:
        for instance_id, backup_id, why in pool.map(begin, sorted(instance_ids)):
            if backup_id is None:
                done[instance_id] = f"its backup could not be begun: {why}"
            else:
                waiting[instance_id] = backup_id
    ends = clock.monotonic() + timeout_s
    while waiting:
        log("backup.polled", waiting=len(waiting), done=sum(1 for why in done.values() if why is None))
        try:
            states = backups.states(waiting)
        except CloudError as err:
            log("backup.unreadable", level="warning", reason=str(err))
            states = {}
        for instance_id, state in states.items():
            if state == SUCCEEDED:
                done[instance_id] = None
            elif state in FAILED:
                done[instance_id] = f"its backup {waiting[instance_id]} is {state}"
        waiting = {one: backup_id for one, backup_id in waiting.items() if one not in done}
        if not waiting:
            break
        if clock.monotonic() + poll_s > ends or left_s() < poll_s:
            limit = f"within {timeout_s:g} s" if clock.monotonic() + poll_s > ends else "in the time left to this invocation"
            done |= {one: f"its backup {backup_id} did not end {limit}" for one, backup_id in waiting.items()}
            break
        clock.sleep(poll_s)
    return done
