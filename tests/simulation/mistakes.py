"""Deliberate mistakes, each put into a copy of the product, and whether the simulation notices: `python -m tests.simulation.mistakes`.

A checker that nothing can fail proves nothing. `docs/guarantees.md` lists what came of these.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mistake:
    """One mistake: `old` becomes `new` in one file of the product. `breaks`: the promise that it breaks."""

    breaks: str
    what: str
    file: str
    old: str
    new: str


MISTAKES: tuple[Mistake, ...] = (
    Mistake(
        "I1",
        "what was settled by the plan is told twice",
        "reporting/build.py",
        "return (*ends, *plan.settled)",
        "return (*ends, *plan.settled, *plan.settled)",
    ),
    Mistake("I2", "a dry run goes on to send", "execution/run.py", "        if plan.dry_run:\n            return\n", ""),
    Mistake(
        "I3",
        "a flush whose answer was lost is sent again",
        "execution/retry_policy.py",
        "        case AnswerKind.LOST:\n            return Doubt()",
        "        case AnswerKind.LOST:\n            return RetryAfter(1.0)",
    ),
    Mistake(
        "I3",
        "a batch of flushes that was refused is looked at and sent again",
        "execution/retry_policy.py",
        "            return Doubt() if len(batch.ids) > 1 else Fail(NEVER_AGAIN)",
        "            return ReadFirst(READ_AFTER_S)",
    ),
    Mistake(
        "I4",
        "an end state counts as completed though it was not seen to hold",
        "execution/verification.py",
        "        if held_s < self.settle_s:",
        "        if held_s < 0:",
    ),
    Mistake(
        "I5",
        "what nobody knows of at the end is told as not attempted",
        "reporting/build.py",
        "return OutcomeKind.UNKNOWN, f",
        "return OutcomeKind.NOT_ATTEMPTED, f",
    ),
    Mistake(
        "I6",
        "a batch may be one larger than the setting",
        "execution/context.py",
        "SendRate(settings.batch_size,",
        "SendRate(settings.batch_size + 1,",
    ),
    Mistake(
        "I7",
        "the error budget is not asked",
        "execution/stop_conditions.py",
        "> context.plan.max_failures:",
        "> context.plan.max_failures + 99:",
    ),
    Mistake(
        "I8",
        "the log of a claimed run shows a key",
        "execution/run.py",
        "            requested_by=requested_by,\n",
        "            requested_by=requested_by,\n            key=self._ports.host.credentials().sk,\n",
    ),
    Mistake(
        "I9",
        "a topic that fails keeps the report from the others",
        "reporting/publisher.py",
        "            _failed(ports, report, topic.name, err)\n            continue",
        "            _failed(ports, report, topic.name, err)\n            return",
    ),
    Mistake(
        "I10",
        "something that differs from showing to showing enters the digest",
        "planning/plan.py",
        "    form = {**about,",
        '    form = {**about, "drawn": str(id(classes)),',
    ),
    Mistake(
        "I11",
        "an approval is not marked as used",
        "journal/approvals.py",
        'return None if shown.used_by else {"kind": "used", "run_id": run_id, "at": at}',
        "return None",
    ),
    Mistake(
        "I12",
        "guards that were asked long ago are not asked again",
        "execution/preflight.py",
        "        return tuple(self._unless_nothing_can_be_read(lambda: self._ask(number, ids)))",
        "        return tuple(ids)",
    ),
    Mistake(
        "I12",
        "the settings of a later invocation do not count",
        "guards/carry_on.py",
        "        if not verdict.allowed:\n            return verdict",
        "        if not verdict.allowed:\n            continue",
    ),
    Mistake(
        "I12",
        "a class that was read long ago is good enough",
        "execution/class_rules.py",
        "planned.loses_data is not False or age_s > recheck_s",
        "planned.loses_data is not False",
    ),
    Mistake(
        "I12",
        "a backup that could not be begun counts as made",
        "execution/backup.py",
        'one: f"its backup could not be begun: {found}" for one,',
        "one: None for one,",
    ),
    Mistake(
        "I13",
        "a run that waits is not listed on the day on which it goes on",
        "execution/completion.py",
        "on=datetime.fromtimestamp(not_before, UTC))",
        "on=self._ports.clock.now())",
    ),
    Mistake(
        "I14",
        "waves are twice as large as was asked for",
        "planning/waves.py",
        "DEFAULT_WAVE_SIZE if rollout.wave_size is None else rollout.wave_size",
        "DEFAULT_WAVE_SIZE if rollout.wave_size is None else 2 * rollout.wave_size",
    ),
    Mistake(
        "I15",
        "what a journal that fails leaves open is told as not attempted",
        "reporting/build.py",
        "goes_on=goes_on or is_behind",
        "goes_on=goes_on",
    ),
    Mistake(
        "again",
        "what may not be sent again is sent again after a reading",
        "execution/retry_policy.py",
        "            return dict.fromkeys(ids, Stage.DOUBT.value)\n        case Fail",
        "            return dict.fromkeys(ids, AGAIN)\n        case Fail",
    ),
    Mistake(
        "once",
        "what was under way in a dead invocation is pending again",
        "journal/run_writer.py",
        'doubt = dict.fromkeys(ids, "doubt")',
        'doubt = dict.fromkeys(ids, "again")',
    ),
    Mistake(
        "journal",
        "a call leaves though the journal did not take its entry",
        "journal/run_writer.py",
        '        self.sent(attempt, dict.fromkeys(ids, "again"), Answer(AnswerKind.NOT_SENT, "not sent: the journal did not take it"))\n        return None\n',
        "        return attempt\n",
    ),
)


def applied(mistake: Mistake, text: str) -> str:
    """The file's text with the mistake in it. Raises: ValueError if it does not stand there exactly once."""
    if text.count(mistake.old) != 1:
        raise ValueError(f"{mistake.file}: {mistake.old!r} stands there {text.count(mistake.old)} times. Bring the list up to date.")
    return text.replace(mistake.old, mistake.new)


def caught_by(mistake: Mistake, seeds: int, jobs: int) -> list[str]:
    """The promises that the simulation finds broken with this mistake, most often first; empty if it notices nothing."""
    with tempfile.TemporaryDirectory(prefix="mistake-") as name:
        folder = Path(name)
        for part in ("dcs_upkeep", "tests"):
            shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        path = folder / "dcs_upkeep" / mistake.file
        path.write_text(applied(mistake, path.read_text(encoding="utf-8")), encoding="utf-8")
        words = [sys.executable, "-m", "tests.simulation", "--seeds", f"0..{seeds}", "--jobs", str(jobs)]
        told = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False).stdout
    found = [line.split()[1].rstrip(":") for line in told.splitlines() if line.strip().startswith("BROKEN")]
    return sorted(set(found), key=lambda word: -found.count(word))


def main() -> int:
    """One row for each mistake. Exit status 1 if one is not noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mistakes", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3000, help="how many seeds each mistake has")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", type=int, help="the number of one mistake")
    options = parser.parse_args()
    missed = 0
    for number, mistake in enumerate(MISTAKES):
        if options.only not in (None, number):
            continue
        found = caught_by(mistake, options.seeds, options.jobs)
        missed += not found
        print(f"{number:2} {mistake.breaks:8} {mistake.what}: {', '.join(found) or 'NOT NOTICED'}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
