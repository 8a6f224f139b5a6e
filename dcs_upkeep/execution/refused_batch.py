"""A batch that DCS refused whole, though perhaps for one ID alone: its instances are read, and what the reading explains is taken aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dcs_upkeep.domain.errors import CloudError, FencedError, JournalError, UnauthorizedError
from dcs_upkeep.domain.model import Answer, AnswerKind, Instance
from dcs_upkeep.execution import retry_policy
from dcs_upkeep.execution.context import RunContext
from dcs_upkeep.execution.retry_policy import Batch, Fail, Reaction, ReadFirst
from dcs_upkeep.execution.verification import NOT_EXECUTED

OUTSIDE = "it lies outside of what this key pair is granted, such as in another enterprise project"


@dataclass(frozen=True, slots=True)
class Found:
    """What one reading has come to. `waiting`: to be read again at their time. `reaction`: what follows for those that are `fit`."""

    waiting: tuple[Batch, ...] = ()
    fit: tuple[str, ...] = ()
    reaction: Reaction | None = None


class RefusedBatches:
    """Reads those of one wave. `send_deadline`: when nothing of the wave is sent any more, on the monotonic clock."""

    def __init__(self, context: RunContext, number: int, send_deadline: float) -> None:
        self._context = context
        self._number = number
        self._send_deadline = send_deadline

    def read(self, batch: Batch, refused: Answer) -> Found:
        """Read the batch. What shows this action's effect counts as accepted and is not sent again. Only a busy culprit waits."""
        try:
            shown, outside = self._look(batch, refused)
            unexplained = self._without_evidence(batch, refused, shown)
        except FencedError:
            raise
        except (CloudError, JournalError) as err:
            self._context.ports.log("wave.read_failed", level="warning", wave=self._number, reason=str(err))
            due = self._due(batch)
            if due > self._send_deadline or isinstance(err, UnauthorizedError):
                return Found()  # its instances stay in doubt, and are watched as such
            return Found(waiting=(replace(batch, due=due, busy_waits=batch.busy_waits + 1),))
        batch = replace(batch, was_read=True)
        self._context.fail([one for one in unexplained if one in outside], f"{refused.what}; {NOT_EXECUTED}: {OUTSIDE}")
        waiting: list[Batch] = []
        fit = [one for one in unexplained if one not in outside and not self._is_set_aside(one, shown.get(one), batch, refused, waiting)]
        if not fit:
            return Found(tuple(waiting))
        poll_s = self._context.settings.poll_s
        reaction = retry_policy.reaction_to_reading(batch, len(fit), poll_s, culprit_found=len(fit) < len(unexplained))
        match reaction:
            case ReadFirst():
                self._wait_for(tuple(fit), batch, refused, "it is still busy", waiting)
                return Found(tuple(waiting))
            case Fail(why):
                self._context.fail(fit, f"{refused.what}; {why}")
                return Found(tuple(waiting))
            case _:
                return Found(tuple(waiting), tuple(fit), reaction)

    def outside(self, ids: Sequence[str]) -> set[str]:
        """Those of a batch that the 403 to it was for. Only to name them: whatever keeps them from being read, nobody is named then.

        Nor while the account is throttled: the answer waits meanwhile to be put on record.
        """
        ports = self._context.ports
        if len(ids) < 2 or ports.pace.opens_at > ports.clock.monotonic():
            return set()
        try:
            return self._shown_and_outside(ids)[1]
        except CloudError as err:
            ports.log("wave.read_failed", level="warning", wave=self._number, reason=str(err))
            return set()

    def _look(self, batch: Batch, refused: Answer) -> tuple[Mapping[str, Instance], set[str]]:
        """The instances as they are now, and those that a 403 was for: others may be read, and they may not. Raises: CloudError."""
        if refused.kind is not AnswerKind.DENIED:
            return self._context.ports.dcs.read(batch.ids, self._context.writer.renew_if_due), set()
        return self._shown_and_outside(batch.ids)

    def _shown_and_outside(self, ids: Sequence[str]) -> tuple[Mapping[str, Instance], set[str]]:
        """What can be read of these, and those that may not be read where others may. Raises: CloudError."""
        answers = self._context.ports.dcs.show_each(ids, self._context.writer.renew_if_due)
        shown = {one: found for one, found in answers.items() if isinstance(found, Instance)}
        errors = {one: found for one, found in answers.items() if isinstance(found, CloudError)}
        if unread := [err for err in errors.values() if err.status not in (403, 404)]:
            raise unread[0]
        return shown, {one for one in ids if one not in shown} if shown else set()

    def _without_evidence(self, batch: Batch, refused: Answer, shown: Mapping[str, Instance]) -> Sequence[str]:
        """Those of the batch that do not show this action's effect. A 403 comes before anything is done."""
        context, progress = self._context, self._context.state.progress
        was_executed = refused.kind is not AnswerKind.DENIED
        evidence = context.own_evidence([progress[one] for one in batch.ids], shown) if was_executed else {}
        unexplained = [one for one in batch.ids if one not in evidence and progress[one].outcome is None]
        busy = context.verifier.rule.busy
        context.writer.seen([one for one in evidence if shown[one].status == busy], evidence, unexplained)
        return unexplained

    def _is_set_aside(self, instance_id: str, instance: Instance | None, batch: Batch, refused: Answer, waiting: list[Batch]) -> bool:
        """Whether the reading shows why this ID was refused: it then fails, or waits until it is no longer busy."""
        if instance is None and refused.kind is AnswerKind.DENIED:
            return False  # not one of them may be read: the right itself is missing
        if instance is None:
            self._context.fail((instance_id,), f"{refused.what}; it is no longer listed")
        elif busy := self._context.verifier.busy_with(instance):
            self._wait_for((instance_id,), batch, refused, busy, waiting)
        elif instance.status in self._context.verifier.rule.allowed_from:
            return False
        else:
            self._context.fail((instance_id,), f"{refused.what}; it is {instance.status or 'without a status in the answer'}")
        return True

    def _wait_for(self, ids: tuple[str, ...], batch: Batch, refused: Answer, why: str, waiting: list[Batch]) -> None:
        """Let only these wait for their turn, and read them again before it."""
        due = self._due(batch)
        if due > self._send_deadline:
            self._context.fail(ids, f"{refused.what}; {NOT_EXECUTED}: {why}, and the time for waiting is over")
            return
        waiting.append(replace(batch, ids=ids, due=due, busy_waits=batch.busy_waits + 1, refused=refused, waited=True))

    def _due(self, batch: Batch) -> float:
        context = self._context
        return context.ports.clock.monotonic() + retry_policy.busy_wait_s(batch.busy_waits, context.settings.poll_s)
