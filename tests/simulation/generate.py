"""From a seed to a scenario. Each thing that can go wrong is rare enough that runs get somewhere, and often enough to meet the others."""

from __future__ import annotations

import json
import random
from typing import Any

from tests.simulation import plug
from tests.simulation.coincidence import Coincidence
from tests.simulation.scenario import Scenario
from tests.simulation.trouble import Trouble

ACTIONS = ("restart", "restart", "restart", "flush", "flush", "soft_restart", "stop", "start")
TAG = {"env": "test"}


def instance_id(number: int) -> str:
    return f"{number:08d}-0000-4000-8000-000000000000"


class Maker:
    """Makes the scenario of one seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.scenario = Scenario(seed)

    def maybe(self, share: float) -> bool:
        return self.chance.random() < share

    def make(self) -> Scenario:
        self._functions()
        self._fleet()
        self._requests()
        self._others()
        suspends = self.scenario.functions[0]["host"] == "local"
        self.scenario.faults = Trouble(self.chance, self._moment, suspends=suspends).make()
        if self.maybe(0.06):
            self.scenario.quota = self.chance.randint(15, 80)
        self.scenario.partial = self.maybe(0.3)
        self.scenario.journal = not self.maybe(0.04)
        Coincidence(self.scenario).add()
        self.scenario.events.sort(key=lambda event: float(event["at"]))
        return self.scenario

    # --- the world -----------------------------------------------------------------------------------------------

    def _functions(self) -> None:
        chance = self.chance
        settings = {
            "UPKEEP_ALLOWED_ACTIONS": "restart,soft_restart,flush,stop,start",
            "UPKEEP_POLL_S": str(chance.choice((5, 10, 20))),
            "UPKEEP_SETTLE_S": str(chance.choice((15, 30))),
            "UPKEEP_LEASE_S": str(chance.choice((60, 60, 120))),
            "UPKEEP_DISPOSABLE_TAGS": "disposable=yes",
            "UPKEEP_NOTIFY": chance.choice(("stop,end", "end", "start,wave,stop,end")),
        }
        if self.maybe(0.3):
            settings["UPKEEP_BATCH_SIZE"] = str(chance.choice((1, 2, 3)))
        host = chance.choice(("lambda", "lambda", "functiongraph", "functiongraph", "local"))
        one = {
            "name": "prod",
            "project": "p1",
            "host": host,
            "limit_s": 1e9 if host == "local" else float(chance.choice((900, 900, 300, 90, 40))),
            "skew_s": chance.choice((0, 4, 10)),
            "calls_itself": not self.maybe(0.05),
            "settings": settings,
        }
        self.scenario.functions = [one]
        if self.maybe(0.12):
            project = chance.choice(("p1", "p2"))
            other = {**settings, "UPKEEP_ALLOWED_ACTIONS": "restart,soft_restart"}
            self.scenario.functions.append({**one, "name": "dev", "project": project, "settings": other})

    def _fleet(self) -> None:
        chance = self.chance
        number = 0
        for project in dict.fromkeys(one["project"] for one in self.scenario.functions):
            for _ in range(chance.choice((1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 7, 7, 7, 16))):
                number += 1
                row: dict[str, Any] = {
                    "instance_id": instance_id(number),
                    "name": f"cache-{number}",
                    "project": project,
                    "tags": dict(TAG),
                    "busy_s": float(chance.choice((8, 30, 30, 70))),
                    "lag_s": chance.choice((0.0, 1.0, 2.0)),
                }
                kind = chance.random()
                if kind < 0.15:
                    row["cache_mode"] = "single"
                elif kind < 0.25:
                    row["appendonly"] = "no"
                if self.maybe(0.1):
                    row["tags"]["disposable"] = "yes"
                if self.maybe(0.03):
                    row["tags"]["upkeep"] = "never"
                if self.maybe(0.12):
                    row["status"] = chance.choice(("CLOSED", "CLOSED", "ERROR", "CREATING"))
                if self.maybe(0.1):
                    row["ends_in"] = [chance.choice(("ERROR", "stuck", "CLOSED"))]
                self.scenario.fleet.append(row)

    # --- what is asked for ---------------------------------------------------------------------------------------

    def _requests(self) -> None:
        at = self.chance.uniform(0.0, 60.0)
        for number in range(self.chance.choice((1, 1, 1, 2))):
            self._request(number, at)
            at += self.chance.choice((0.5, 20.0, 120.0, 400.0))

    def _request(self, number: int, at: float) -> None:
        chance, function = self.chance, self.chance.randrange(len(self.scenario.functions))
        project = self.scenario.functions[function]["project"]
        ids = [row["instance_id"] for row in self.scenario.fleet if row["project"] == project]
        body: dict[str, Any] = {"action": chance.choice(ACTIONS), "run_id": f"run-{number}"}
        if body["action"] == "start":
            for row in self.scenario.fleet:
                row.setdefault("status", "CLOSED")
        if self.maybe(0.05):
            body["run_id"] = f"{'scheduler/' * 14}{number}"
        if self.maybe(0.5):
            body["select"] = {"tags": dict(TAG)}
        else:
            body["instances"] = chance.sample(ids, chance.randint(1, len(ids)))
        rollout: dict[str, Any] = {}
        if self.maybe(0.6):
            rollout["wave_size"] = chance.choice((1, 2, 3))
        if self.maybe(0.5):
            rollout["canary"] = chance.choice((0, 1, 2))
        if self.maybe(0.4):
            rollout["max_failures"] = chance.choice((1, 2, "50%"))
        if "max_unavailable" in plug.rollout_fields() and self.maybe(0.25):
            rollout.pop("wave_size", None)
            rollout["max_unavailable"] = chance.choice((1, 2, 3, "40%"))
        if self.maybe(0.15):
            rollout["pause_s"] = chance.choice((30, 200, 1500))
        if rollout:
            body["rollout"] = rollout
        body["watch"] = {"timeout_s": chance.choice((60, 120, 300))}
        if self.maybe(0.08):
            body["watch"] = False
            body["rollout"] = {key: value for key, value in rollout.items() if key not in ("canary", "wave_size", "max_unavailable")}
        if self.maybe(0.1):
            start = chance.choice(("03:00", "03:05", "04:00", "02:00"))
            end = {"02:00": "03:02", "03:00": "03:10", "03:05": "03:30", "04:00": "05:00"}[start]
            body["window"] = {"start": start, "end": end, "timezone": "UTC", "on_miss": chance.choice(("defer", "defer", "refuse"))}
            if self.maybe(0.1):
                body["window"] |= {"days": ["sun"], "on_miss": "defer"}  # six days away
        if self.maybe(0.08):
            body["backup"] = "before"
        if self.maybe(0.06):
            body["cooldown_s"] = 3600
        self._deliveries(number, at, body, function)

    def _deliveries(self, number: int, at: float, body: dict[str, Any], function: int) -> None:
        """A dry run by day where the plan may need approval, then the event, then the same one again."""
        chance = self.chance
        events = self.scenario.events
        approves = None
        if body["action"] != "start" and self.maybe(0.92):
            approves = f"dry-{number}"
            dry = {key: value for key, value in body.items() if key != "run_id"}
            events.append({"at": at, "do": "request", "id": approves, "function": function, "event": {**dry, "dry_run": True}})
            at += chance.choice((10.0, 60.0, 600.0))
        elif self.maybe(0.1):
            events.append({"at": at, "do": "request", "id": f"dry-{number}", "function": function, "event": {**body, "dry_run": True}})
        one = {"do": "request", "function": function, "event": body, "retries": chance.choice((0, 0, 2))}
        if approves:
            one["approves"] = approves
        events.append({**one, "at": at, "id": f"e{number}"})
        for copy in range(chance.choice((0, 0, 0, 1, 1, 2))):
            later = chance.choice((0.0, 0.05, 1.0, 20.0, 100.0, 250.0, 700.0, 2000.0)) * chance.uniform(0.5, 1.0)
            # The same delivery once more, or the same key asked for by somebody anew.
            events.append({**one, "at": at + later, "id": f"e{number}.{copy}", "request_id": f"e{number}", "retries": 0})

    # --- what else happens ---------------------------------------------------------------------------------------

    def _moment(self) -> float:
        """Some time while runs are under way, most often early in them."""
        first = min(event["at"] for event in self.scenario.events)
        return first + self.chance.choice((3.0, 20.0, 60.0, 200.0, 700.0, 2500.0)) * self.chance.random()

    def _others(self) -> None:
        chance, events = self.chance, self.scenario.events
        ids = [row["instance_id"] for row in self.scenario.fleet]
        if self.maybe(0.12):
            at = self._moment()
            events.append({"at": at, "do": "halt", "id": "halt"})
            if self.maybe(0.6):
                events.append({"at": at + chance.choice((1.0, 30.0, 400.0)), "do": "release", "id": "release"})
        for _ in range(chance.choice((0, 0, 0, 1, 2))):
            change = chance.choice(
                (
                    {"tags": {"upkeep": "never"}},
                    {"tags": {"disposable": None}},
                    {"tags": {"disposable": "yes"}},
                    {"appendonly": "no"},
                    {"tags": {"note": "edited"}},
                    {"tags": {"env": None}},
                )
            )
            events.append({"at": self._moment(), "do": "edit", "instance": chance.choice(ids), "set": change})
        if self.maybe(0.1):
            act = chance.choice(("restart", "restart", "flush", "stop"))
            events.append({"at": self._moment(), "do": "act", "instance": chance.choice(ids), "action": act})
        if self.maybe(0.03):
            events.append({"at": self._moment(), "do": "remove", "instance": chance.choice(ids)})
        if self.maybe(0.1):
            change = chance.choice(
                (
                    {"UPKEEP_ALLOWED_ACTIONS": "soft_restart"},
                    {"UPKEEP_MAX_INSTANCES": "1"},
                    {"UPKEEP_PROTECTED_TAGS": "env=test"},
                    {"UPKEEP_BLACKOUT": "2026-01-05"},
                    {"UPKEEP_DISPOSABLE_TAGS": "none=none"},
                )
            )
            events.append({"at": self._moment(), "do": "settings", "function": 0, "set": change})


def make_stopped_scenario(seed: int) -> Scenario:
    """The same on a laptop, where a person stops whatever is at work, some times, and goes on with it later."""
    scenario = make_scenario(seed)
    chance = random.Random(f"{seed}/person")
    for one in scenario.functions:
        one |= {"host": "local", "limit_s": 1e9}
    last = max(event["at"] for event in scenario.events)
    for number in range(chance.choice((1, 1, 2, 3))):
        asked_at = next(event["at"] for event in scenario.events if event["do"] == "request" and not event["event"].get("dry_run"))
        at = asked_at + chance.choice((1.0, 5.0, 20.0, 60.0, 200.0, 900.0)) * chance.random()
        again = at + chance.choice((1.0, 60.0, 900.0, 4000.0)) * chance.random()
        scenario.events += [{"at": at, "do": "stop"}, {"at": again, "do": "resume", "id": f"resume-{number}"}]
        last = max(last, again)
    scenario.events += [{"at": last + 8000.0 * time, "do": "resume", "id": f"resume-at-last-{time}"} for time in (1, 2)]
    scenario.events.sort(key=lambda event: float(event["at"]))
    return scenario


def make_scenario(seed: int) -> Scenario:
    """The scenario of this seed: the same on every machine."""
    scenario = Maker(seed).make()
    return Scenario.from_json(json.dumps(json.loads(scenario.to_json())))
