"""Two things that have to meet for a promise to be tested at all, and that chance alone brings together too seldom."""

from __future__ import annotations

import random
from typing import Any

from tests.simulation.scenario import Scenario


class Coincidence:
    """Adds one of them to about a third of the scenarios. It has a source of chance of its own, so that the rest of a seed stays as it is."""

    def __init__(self, scenario: Scenario) -> None:
        self.chance = random.Random(f"{scenario.seed} coincidence")
        self.scenario = scenario
        self.asked = [one for one in scenario.events if one["do"] == "request" and not one["event"].get("dry_run")]

    def add(self) -> None:
        """One, or none."""
        if self.chance.random() < 0.36:
            self.chance.choice((self._shown_twice, self._used_twice, self._tightened, self._protected, self._loses_now, self._no_backup))()

    def _shown_twice(self) -> None:
        """The same dry run at once after the first, while nothing has changed."""
        for event in [one for one in self.scenario.events if one["event"].get("dry_run")] if self._only_requests() else []:
            self.scenario.events.append({**event, "at": event["at"] + 2.0, "id": f"{event['id']} again"})

    def _used_twice(self) -> None:
        """What was approved once is asked for under another key."""
        for event in [one for one in self.asked if "approves" in one][:1]:
            later = event["at"] + self.chance.choice((0.2, 30.0, 900.0))
            body = {**event["event"], "run_id": "another-run"}
            self.scenario.events.append({**event, "at": later, "id": "another", "event": body, "request_id": "another"})

    def _tightened(self) -> None:
        """The function is deployed with stricter settings while a run waits between its waves."""
        change: dict[str, str] = self.chance.choice(
            ({"UPKEEP_ALLOWED_ACTIONS": "soft_restart"}, {"UPKEEP_MAX_INSTANCES": "1"}, {"UPKEEP_BLACKOUT": "2026-01-05"})
        )
        at = self._wave_by_wave(limit_s=60.0)
        self.scenario.events.append({"at": at + self.chance.uniform(40.0, 300.0), "do": "settings", "function": 0, "set": change})

    def _protected(self) -> None:
        """The API takes nothing for a while, and meanwhile somebody protects an instance that was let pass."""
        at = self.asked[-1]["at"]
        self.scenario.faults.append({"kind": "api", "op": "put", "mode": "429", "nth": 1, "times": 8, "seconds": 2.0})
        for row in self.scenario.fleet:
            if self.chance.random() < 0.5:
                moment = at + self.chance.uniform(2.0, 20.0)
                self.scenario.events.append(
                    {"at": moment, "do": "edit", "instance": row["instance_id"], "set": {"tags": {"upkeep": "never"}}}
                )

    def _loses_now(self) -> None:
        """An instance stops keeping its data between the plan and its wave."""
        at = self._wave_by_wave(limit_s=900.0)
        self.scenario.functions[0]["settings"]["UPKEEP_RECHECK_S"] = "60"
        for event in self.asked:
            event["event"]["action"] = "restart"
            event.pop("approves", None)
        for row in self.scenario.fleet:
            row.pop("cache_mode", None)
            row.pop("appendonly", None)
            if self.chance.random() < 0.5:
                moment = at + self.chance.uniform(5.0, 60.0)
                self.scenario.events.append({"at": moment, "do": "edit", "instance": row["instance_id"], "set": {"appendonly": "no"}})

    def _no_backup(self) -> None:
        """Backups are asked for where data would be lost, and some of them come to nothing."""
        for event in [one for one in self.scenario.events if one["do"] == "request"]:
            event["event"] |= {"action": "flush", "backup": "before"}
        for row in self.scenario.fleet:
            row["cache_mode"] = "single"
        self.scenario.faults.append({"kind": "api", "op": "backup", "mode": "500", "nth": 1, "times": 6})

    def _wave_by_wave(self, limit_s: float) -> float:
        """One instance after the other, with a pause; returns when that is asked for."""
        self.scenario.functions[0]["limit_s"] = limit_s
        if self.scenario.functions[0]["host"] == "local":
            self.scenario.functions[0]["host"] = "lambda"
            self.scenario.faults = [one for one in self.scenario.faults if one["kind"] != "suspend"]
        for event in [one for one in self.scenario.events if one["do"] == "request" and one["event"].get("watch") is not False]:
            rollout: dict[str, Any] = event["event"].setdefault("rollout", {})
            rollout |= {"wave_size": 1, "pause_s": 100}
            rollout.pop("max_unavailable", None)
        return float(self.asked[0]["at"])

    def _only_requests(self) -> bool:
        return all(one["do"] == "request" for one in self.scenario.events)
