"""What an envelope carries: a request, the name of a reviewed plan, a command, or this tool's own report. Every trigger ends here."""

from __future__ import annotations

import difflib
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from dcs_upkeep.domain.errors import InvalidEventError, Problem
from dcs_upkeep.domain.model import REPORT_MARK, Trigger, TriggerKind
from dcs_upkeep.domain.problems import first_problems, join, shorten, suggest_or_list, unknown_fields
from dcs_upkeep.domain.request import Request, parse_request
from dcs_upkeep.domain.run import ControlCommand, RunSpec
from dcs_upkeep.triggers.delivery import DeliveryItem, Ignored, Invalid, RunIdScope, StartRun
from dcs_upkeep.triggers.foreign import Foreign, by_source, is_own_notice
from dcs_upkeep.triggers.json_input import looks_like_json
from dcs_upkeep.triggers.plans_file import PlansFile

FORWARD_S = 300.0  # a clock that is a few minutes ahead is fine
COMMANDS: Mapping[str, frozenset[str]] = {
    "halt": frozenset({"command", "reason", "run"}),
    "release": frozenset({"command", "halt", "reason"}),
    "status": frozenset({"command"}),
    "sweep": frozenset({"command"}),
    "show": frozenset({"command", "run"}),
    "doctor": frozenset({"command"}),
}
# Whoever can publish to a topic may stop work, but not let go of what somebody else has stopped.
FROM_ANYWHERE = frozenset({"halt", "status"})
TRUSTED = frozenset({TriggerKind.DIRECT, TriggerKind.TIMER, TriggerKind.SCHEDULER, TriggerKind.SELF})
# Whose sender may name the run: these have no id of their own that outlives a second sending.
KEYED_BY_REQUEST = frozenset({TriggerKind.DIRECT, TriggerKind.HTTP, TriggerKind.KAFKA, TriggerKind.ROCKETMQ, TriggerKind.RABBITMQ})
REQUEST_FORM = 'Write {"action": "restart", "instances": ["<id>"]}, or {"plan": "<name>"}.'
MOST_OF_AN_ID = 1_000  # characters
WORDS = "text that is no request"
_SESSION = re.compile(r"(:assumed-role/[^/]+)/.*", re.DOTALL)
_PLAIN_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,199}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PayloadParser:
    """Reads what one event carries. `plans` None: there is no `plans.json`. `trusted`: it came as it is, not inside another envelope.

    `sent_again`: when a person sent the event again, from which its age counts.
    """

    scope: RunIdScope
    plans: PlansFile | None
    now: datetime
    plans_only: bool = False
    http_anonymous: bool = False
    trusted: bool = True
    sent_again: datetime | None = None

    def run_id(self, trigger: Trigger) -> str:
        """Kind, key, and a short digest of what else must not be mixed up: host, function, region, project."""
        scope = self.scope
        where = hashlib.sha256(f"{scope.host}\n{scope.function}\n{scope.region}\n{scope.project_id}".encode("utf-8", "surrogatepass"))
        key = (
            trigger.id if _PLAIN_KEY.fullmatch(trigger.id) else hashlib.sha256(trigger.id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        )
        return f"{trigger.kind}:{key}@{where.hexdigest()[:8]}"

    def invalid(self, trigger: Trigger, problems: tuple[Problem, ...] | list[Problem]) -> Invalid:
        """Refused, with everything that is wrong."""
        return Invalid(trigger, tuple(problems), self.run_id(trigger))

    def refuse(self, trigger: Trigger, path: str, what: str, fix: str = REQUEST_FORM) -> Invalid:
        """The same for one problem."""
        return self.invalid(trigger, (Problem(path, what, fix),))

    def foreign(self, trigger: Trigger, path: str, found: Foreign) -> Invalid:
        """The same for what is another service's."""
        return replace(self.refuse(trigger, path, found.what, found.fix), kind=found.kind)

    def named(self, item: DeliveryItem, envelope: Mapping[str, object], path: str, content: object, *, is_opened: bool) -> DeliveryItem:
        """The item; if it is refused and a service's own event, by the source and type that its envelope shows.

        `is_opened`: the content was an envelope itself.
        """
        if not isinstance(item, Invalid):
            return item
        found = by_source(envelope, content, is_named=item.kind is not None, is_opened=is_opened)
        return item if found is None else replace(self.foreign(item.trigger, path, found), record=item.record)

    def is_plain(self, text: str) -> bool:
        """Whether a text is no JSON and yet something: the plain name of a reviewed plan, or our own report."""
        return text.lstrip().startswith(REPORT_MARK) or (self.plans is not None and text.strip() in self.plans.requests)

    def value(self, value: object, path: str, trigger: Trigger) -> DeliveryItem:
        """What a value carries that is no envelope: a request, the plain name of a plan, a command, or our own report."""
        if isinstance(value, str):
            if value.lstrip().startswith(REPORT_MARK):
                return self._own_report(trigger)
            if not self.is_plain(value):
                if looks_like_json(value):
                    return self.refuse(trigger, path, "this is JSON text, encoded as text more than twice", "Encode it once.")
                return self._words(value, path, trigger)
            value = {"plan": value.strip()}
        if not isinstance(value, dict):
            return self.refuse(trigger, path, f"a request must be a JSON object, not {shorten(value)}")
        if ("report_version" in value and "run_id" in value) or is_own_notice(value):
            return self._own_report(trigger)
        if "command" in value or "resume" in value:
            return self._control(value, path, trigger)
        return self.request(value, path, trigger)

    def _words(self, text: str, path: str, trigger: Trigger) -> Invalid:
        """A text that is no JSON: a plan's name with a typo, or a mail that some service sends to its topic."""
        near = difflib.get_close_matches(text.strip()[:200], self.plans.requests, 1, 0.8) if self.plans else []
        fix = f"Write {near[0]}." if near else REQUEST_FORM
        refused = self.refuse(trigger, path, f"{shorten(text)} is neither a JSON object nor a plan of plans.json", fix)
        return refused if near else replace(refused, kind=WORDS)

    def request(self, raw: Mapping[str, object], path: str, trigger: Trigger, alarm_id: str | None = None) -> DeliveryItem:
        """A request, written out or by the name of a reviewed plan."""
        try:
            request = parse_request(raw, path)
            plan_name = request.plan
            if plan_name is not None:
                request = self._reviewed(request, path)
            elif self.plans_only and alarm_id is None:
                fix = 'Write {"plan": "<name>"}, or unset UPKEEP_PLANS_ONLY.'
                raise InvalidEventError([Problem(path, "only reviewed plans are accepted (UPKEEP_PLANS_ONLY)", fix)])
        except InvalidEventError as err:
            return self.invalid(trigger, err.problems)
        if trigger.kind in KEYED_BY_REQUEST and request.run_id:
            trigger = keyed_by_caller(trigger, request.run_id)
        spec = RunSpec(request, trigger, self.run_id(trigger), plan_name, alarm_id)
        if ahead := self._ahead(trigger.time):
            return self.invalid(trigger, (ahead,))
        if stale := self._stale(trigger.time, request.expires_after_s):
            return replace(self.invalid(trigger, (stale,)), late=spec)
        return StartRun(spec)

    def _reviewed(self, asked: Request, path: str) -> Request:
        """The reviewed request, with the fields that an event may set beside its name."""
        where, name = join(path, "plan"), asked.plan or ""
        if self.plans is None:
            raise InvalidEventError([Problem(where, "there is no plans.json beside handler.py", "Add the file, or write the request out.")])
        found = self.plans.requests.get(name)
        if found is None:
            what = f"there is no plan {shorten(name)} in plans.json"
            raise InvalidEventError([Problem(where, what, suggest_or_list(name, self.plans.requests))])
        beside = {"dry_run": asked.dry_run, "approve": asked.approve, "run_id": asked.run_id}
        return found.model_copy(update={**beside, "requested_by": asked.requested_by or found.requested_by})

    def _ahead(self, time: datetime | None) -> Problem | None:
        """An event from too far in the future. One without a time is not."""
        if time is None:
            return None
        time = max(time, self.sent_again) if self.sent_again else time
        if time - self.now <= timedelta(seconds=FORWARD_S):
            return None
        return Problem("time", f"the event is from {time.isoformat()}, which is in the future", "Check the clock of its sender.")

    def _stale(self, time: datetime | None, expires_after_s: float) -> Problem | None:
        """An event that is too old. One without a time is not."""
        if time is None:
            return None
        time = max(time, self.sent_again) if self.sent_again else time
        if self.now - time > timedelta(seconds=expires_after_s):
            what = f"the event is from {time.isoformat()}, more than {expires_after_s:g} s ago"
            return Problem("time", what, "Send a new one, or raise expires_after_s.")
        return None

    def _control(self, raw: Mapping[str, object], path: str, trigger: Trigger) -> DeliveryItem:
        """Halt and status from anywhere; the others only from where operators and the platform can send."""
        if "resume" in raw:
            if set(raw) != {"resume"} or not isinstance(raw["resume"], str) or not raw["resume"]:
                return self.refuse(
                    trigger, join(path, "resume"), "resume must be a run ID, without other fields", 'Write {"resume": "<run_id>"}.'
                )
            return self._permitted(ControlCommand(trigger, "resume", self.run_id(trigger), about=raw["resume"]), path)
        command = raw["command"]
        if not isinstance(command, str) or command not in COMMANDS:
            fix = suggest_or_list(command, COMMANDS) if isinstance(command, str) else f"Write one of {', '.join(COMMANDS)}."
            return self.refuse(trigger, join(path, "command"), "unknown command", fix)
        allowed = COMMANDS[command]
        problems, more = unknown_fields(raw, allowed, path, "unknown field of this command")
        problems += [
            Problem(join(path, key), "must be a string of at most 500 characters", "Write it in double quotes.")
            for key in ("reason", "halt", "run")
            if key in raw and key in allowed and not (isinstance(raw[key], str) and len(str(raw[key])) <= 500)
        ]
        if command == "release" and not raw.get("halt"):
            problems.append(Problem(join(path, "halt"), "release must name the halt", "Write the ID that the command status shows."))
        if command == "show" and not raw.get("run"):
            problems.append(Problem(join(path, "run"), "show must name a run", "Write its run ID."))
        if problems:
            return self.invalid(trigger, first_problems(problems, more, path))
        reason, halt_id = raw.get("reason"), raw.get("halt")
        control = ControlCommand(
            trigger,
            command,
            self.run_id(trigger),
            str(reason) if reason else None,
            str(halt_id) if halt_id else None,
            str(raw["run"]) if "run" in raw else None,
        )
        return self._permitted(control, path)

    def _permitted(self, control: ControlCommand, path: str) -> DeliveryItem:
        trigger = control.trigger
        if control.command in FROM_ANYWHERE or (self.trusted and trigger.kind in TRUSTED):
            # An old halt would stop work that nobody meant, and an old release let go what was stopped since.
            stale = self._stale(trigger.time, 3600.0)
            return self.invalid(trigger, (stale,)) if stale else control
        within = "" if self.trusted else " inside another envelope"
        fix = "Send it as a direct event, from the command line or from a timer."
        return self.refuse(trigger, join(path, "command"), f"{control.command} is not accepted from {trigger.kind}{within}", fix)

    def _own_report(self, trigger: Trigger) -> Ignored:
        return Ignored(trigger, "this is a report of this tool, which has come back through its own topic", run_id=self.run_id(trigger))


def keyed_by_caller(trigger: Trigger, key: str) -> Trigger:
    """The trigger with the key that its caller chose. Two callers of an address may choose one key for two things: it is each one's own."""
    if trigger.kind is TriggerKind.HTTP and trigger.principal:
        # The session of a role is another one at the next try.
        caller = _SESSION.sub(r"\1", trigger.principal)
        key = f"{hashlib.sha256(caller.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}/{key}"
    return replace(trigger, id=key)


def id_text(value: object) -> str:
    """A string or whole number of an envelope as text; empty for anything else, and for numbers too long to be an ID.

    Of a very long one the beginning and a digest: it stands in each line of the log, in the claim and in the report.
    """
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**20:
        return str(value)
    if not isinstance(value, str):
        return ""
    if len(value) <= MOST_OF_AN_ID:
        return value
    return f"{value[:100]}...{hashlib.sha256(value.encode('utf-8', 'surrogatepass')).hexdigest()}"
