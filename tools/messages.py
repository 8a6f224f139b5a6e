"""`make messages`: writes docs/messages/ from real runs on the emulator, in each language and form. A test fails when it is stale.

Clock, ids and randomness are fixed, so that every machine writes the same.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.adapters.journals.memory import MemoryJournal
from dcs_upkeep.bootstrap import Adapters
from dcs_upkeep.domain.errors import RefusedError
from dcs_upkeep.domain.ports import Journal
from dcs_upkeep.domain.settings import read_settings
from dcs_upkeep.invocation import InvocationHandler
from dcs_upkeep.journal.halt import halt
from dcs_upkeep.local.emulator import Emulator, Fault, Instance, Message, make_fleet
from dcs_upkeep.triggers.delivery import RunIdScope

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "messages"
BEGIN = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)
ZONES = {"en": "UTC", "zh-CN": "Asia/Shanghai"}
TOPIC = "urn:smn:cn-north-4:0123456789abcdef0123456789abcdef:dcs-upkeep-reports"
FOREVER_S = float("inf")


class Clock:
    """Time that passes only when somebody sleeps. `on_sleep` is called before that."""

    def __init__(self) -> None:
        self._elapsed_s = 0.0
        self.on_sleep: Callable[[], None] | None = None

    def __call__(self) -> float:
        """Seconds since the beginning, for the emulator."""
        return self._elapsed_s

    def now(self) -> datetime:
        """The time of day."""
        return BEGIN + timedelta(seconds=self._elapsed_s)

    def monotonic(self) -> float:
        """Seconds since the beginning."""
        return self._elapsed_s

    def sleep(self, seconds: float) -> None:
        """Move on at once."""
        if self.on_sleep is not None:
            self.on_sleep()
        self._elapsed_s += max(0.0, seconds)


class Host(LocalHost):
    """A host that leaves so much time."""

    def __init__(self, environ: Mapping[str, str], clock: Clock, left_s: float) -> None:
        super().__init__(environ)
        self._clock, self._ends_s = clock, clock.monotonic() + left_s

    def remaining_s(self) -> float:
        """Seconds until the kill."""
        return self._ends_s - self._clock.monotonic()


class World:
    """An emulator, the tool, and one time. `left_s`: what an invocation has."""

    def __init__(self, emulator: Emulator, clock: Clock, language: str) -> None:
        self.emulator, self.clock, self.language = emulator, clock, language
        self.journal: Journal | None = MemoryJournal(clock)
        self.left_s = FOREVER_S

    @property
    def ids(self) -> list[str]:
        """Every instance."""
        return [instance.instance_id for instance in self.emulator.instances()]

    def handle(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the function answers, or the report of what it refuses."""
        host = Host(self._environ(), self.clock, self.left_s)
        settings = read_settings(host.setting)
        adapters = Adapters(host, settings, self.clock, _silent, self.journal)
        ports = replace(adapters.ports(dict), random=random.Random(1).random)  # noqa: S311  # an example's, the same on every machine
        scope = RunIdScope("local", "dcs-upkeep", settings.region, settings.project_id, "request-1", None)
        try:
            return InvocationHandler(settings, scope, None, ports).handle(event)
        except RefusedError as err:
            return err.report

    def restart(self, **fields: Any) -> Mapping[str, Any]:
        """Restart everything."""
        return self.handle({"action": "restart", "instances": self.ids, "name": "nightly", "run_id": "night-1", **fields})

    def _environ(self) -> dict[str, str]:
        return {
            "UPKEEP_ENDPOINT": self.emulator.url,
            "UPKEEP_SMN_ENDPOINT": self.emulator.url,
            "UPKEEP_REGION": "cn-north-4",
            "UPKEEP_PROJECT_ID": self.emulator.project_id,
            "UPKEEP_TOPICS": TOPIC,
            "UPKEEP_LANGUAGE": self.language,
            "UPKEEP_TIMEZONE": ZONES[self.language],
            "HUAWEICLOUD_SDK_AK": self.emulator.ak,
            "HUAWEICLOUD_SDK_SK": self.emulator.sk,
        }


def _silent(event: str, *, level: str = "info", **fields: object) -> None:  # the port's names
    """No log: the messages are what is wanted."""


def _fleet(count: int = 6, **odd: Any) -> list[Instance]:
    """So many instances, the second and the fourth of which are odd."""
    return [replace(one, **odd) if number in (1, 3) else one for number, one in enumerate(make_fleet(count, tags={"env": "prod"}))]


def all_well(w: World) -> None:
    """Everything is back."""
    w.restart()


def data_lost(w: World) -> None:
    """What was approved is done."""
    report = w.restart()
    step = str(report["next"])
    w.emulator.truth.messages.clear()
    w.handle(json.JSONDecoder().raw_decode(step, step.index("{"))[0])


def unknown(w: World) -> None:
    """The answer to a call is lost, and nothing shows what became of it."""
    w.restart(rollout={"canary": 0, "max_failures": 6})


def down(w: World) -> None:
    """One instance ends in ERROR, within the budget."""
    w.restart(rollout={"canary": 1, "max_failures": 2})


def halted(w: World) -> None:
    """Somebody pulls the lever while the canary is watched."""
    journal = w.journal
    if journal is not None:
        w.clock.on_sleep = lambda: _pull(journal, w.clock)
    w.restart()


def _pull(journal: Journal, clock: Clock) -> None:
    clock.on_sleep = None
    halt(journal, clock, "incident 42", "direct:request-2 by ops@example.com")


def deferred(w: World) -> None:
    """Time is up, and without a journal nobody goes on."""
    w.journal, w.left_s = None, 60.0
    w.restart(rollout={"canary": 1, "wave_size": 2})


def waiting(w: World) -> None:
    """The window opens on Sunday."""
    window = {"days": ["sun"], "start": "02:00", "end": "04:00", "timezone": "Asia/Shanghai", "on_miss": "defer"}
    w.restart(window=window)


def nothing_matched(w: World) -> None:
    """A tag with a typo."""
    w.handle({"action": "restart", "select": {"tags": {"env": "prd"}}, "name": "nightly", "run_id": "night-1"})


def bad_event(w: World) -> None:
    """A request with typos."""
    w.handle({"action": "restrat", "instances": w.ids, "rollout": {"canray": 1}, "run_id": "night-1"})


def breaker(w: World) -> None:
    """Five fail within an hour."""
    w.restart(rollout={"canary": 0, "max_failures": 6})


# End -> fleet, faults, and what is done. The last message of each is kept; of the breaker the first, which is its own.
ENDS: Mapping[str, tuple[list[Instance], tuple[Fault, ...], Callable[[World], None]]] = {
    "all-well": (_fleet(), (), all_well),
    "data-lost": (_fleet(spec_code="redis.single.xu1.tiny.128"), (), data_lost),
    "approval-wanted": (_fleet(spec_code="redis.single.xu1.tiny.128"), (), all_well),
    "down": (_fleet(ends_in="ERROR"), (), down),
    "unknown": (_fleet(), (Fault("put", "drop"),), unknown),
    "stopped-by-budget": (_fleet(), (Fault("put", "failed"),), all_well),
    "halted": (_fleet(), (), halted),
    "deferred": (_fleet(), (), deferred),
    "waiting-for-a-window": (_fleet(), (), waiting),
    "nothing-matched": (_fleet(), (), nothing_matched),
    "bad-event": (_fleet(), (), bad_event),
    "breaker": ([replace(one, ends_in="ERROR") for one in _fleet()], (), breaker),
}


def message_of(end: str, language: str) -> Message:
    """What SMN was really sent at this end."""
    fleet, faults, act = ENDS[end]
    clock = Clock()
    with Emulator(fleet, clock=clock, faults=faults, base_date=BEGIN, topics=[TOPIC]) as emulator:
        act(World(emulator, clock, language))
        return emulator.truth.messages[0 if end == "breaker" else -1]


def written() -> Iterator[tuple[str, str]]:
    """Each file of docs/messages/ that is made, and its text."""
    for end in ENDS:
        for language in ZONES:
            message = message_of(end, language)
            yield f"{language}/{end}.email.txt", f"Subject: {message.subject}\n\n{message.text('email')}\n"
            yield f"{language}/{end}.chat.txt", f"{json.loads(message.text('wechat'))['content']}\n"
            yield f"{language}/{end}.sms.txt", f"{message.text('sms')}\n"
            if language == "en":
                yield f"machines/{end}.json", json.dumps(json.loads(message.text("https")), ensure_ascii=False, indent=2) + "\n"
                rows: Any = message.body["message_attributes"]
                told = {row["name"]: row["value"] for row in rows}
                yield f"machines/{end}.attributes.json", json.dumps(told, ensure_ascii=False, indent=2) + "\n"


def main() -> None:
    """Write them, and take away what is made no more."""
    files = {FOLDER / name: text for name, text in written()}
    for path in FOLDER.glob("*/*"):
        if path not in files:
            with suppress(OSError):
                path.unlink()
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"{len(files)} files in {FOLDER.relative_to(FOLDER.parent.parent)}/")


if __name__ == "__main__":
    main()
