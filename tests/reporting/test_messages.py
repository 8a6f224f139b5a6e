"""What goes to a topic: the harm first, each form within its limits, in the reader's language and by the reader's clock."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.bounds import DATA_BYTES, MAIL_BYTES, size_in_json
from dcs_upkeep.domain.model import REPORT_MARK, Location, Outcome, OutcomeKind, RunStatus, Trigger, TriggerKind
from dcs_upkeep.domain.reader import LANGUAGES, Reader
from dcs_upkeep.reporting import messages
from dcs_upkeep.reporting.report import Header, Report, summarize

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
DOWN = "it ended in ERROR"


def report(outcomes: list[Outcome], status: RunStatus = RunStatus.PARTIAL, next_step: str = "Read.", **changes: Any) -> Report:
    header = Header(
        run_id="timer:nightly/1@abcd",
        trigger=Trigger(TriggerKind.TIMER, "nightly/1"),
        location=Location("cn-north-4", "p"),
        requested_by=None,
        name=changes.get("name", "nightly"),
        action=changes.get("action", Action.RESTART),
        dry_run=False,
        started_at=NOW,
    )
    return summarize(header, None, outcomes, status=status, next_step=next_step, ended_at=NOW)


def some(count: int, kind: OutcomeKind, start: int = 0, reason: str = "") -> list[Outcome]:
    return [
        Outcome(f"00000000-0000-4000-8000-{n:012d}", f"cache-{n}", kind, reason or f"because of {n % 3}" * 5, wave=1)
        for n in range(start, start + count)
    ]


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "name", ["nightly", "a" * 128, "nächtlich\r\nBcc: x", "维护" * 64, "\U0001f600" * 128, "\u202eevil", "\ud800", "a\u2028b"]
)
def test_a_subject_fits_both_services(name: str, language: str) -> None:
    """SNS takes under 100 characters without line breaks or control characters, SMN 512 bytes; both UTF-8."""
    rows = [*some(3, OutcomeKind.FAILED, reason=DOWN), *some(9, OutcomeKind.UNKNOWN, 3), *some(9, OutcomeKind.NOT_ATTEMPTED, 12)]
    message = messages.compose(report(rows, name=name), Reader(language))
    assert units(message.subject) < 100
    assert len(message.subject.encode()) <= 512
    assert message.subject.isprintable()


def test_a_name_arrives_as_it_was_written() -> None:
    message = messages.compose(report(some(3, OutcomeKind.FAILED), name="每周重启会话缓存"))
    assert message.subject == "FAILED 3 of 3: restart 每周重启会话缓存 in cn-north-4"
    assert "restart 每周重启会话缓存, cn-north-4 / p" in message.text
    assert message.attributes["plan"] == "每周重启会话缓存"


@pytest.mark.parametrize("sign", ["\n", "\r\n", "\x1b[2J", "\x85", "\u2028", "\u202e", "\u2066", "\u200f", "\u200b", "\ufeff", "\ud800"])
def test_no_name_and_no_reason_makes_a_line_of_its_own(sign: str) -> None:
    """A mail that a stranger can write lines into tells what the stranger wants."""
    forged = f"cache{sign}Next: nothing"
    row = Outcome("0" * 36, forged, OutcomeKind.FAILED, f"because{sign}of it", wave=1)
    shown = report([row], name=forged, next_step=f"Look{sign}here.")
    shown["notes"].append(forged)
    message = messages.compose(shown)
    plain = messages.compose(report([Outcome("0" * 36, "x", OutcomeKind.FAILED, "y", wave=1)], name="x", next_step="Look."))
    assert len(message.text.splitlines()) == len(plain.text.splitlines()) + 1  # the note
    assert len(message.brief.splitlines()) == len(plain.brief.splitlines())
    for text in (message.text, message.brief, message.sms, message.subject, *message.attributes.values()):
        assert all(line.isprintable() for line in text.split("\n"))
        text.encode()


def test_no_event_is_taken_from_a_stranger_s_words() -> None:
    """Whoever may halt may write a reason; it must not become what an operator is told to send."""
    rows = [Outcome("0" * 36, "c", OutcomeKind.NOT_ATTEMPTED, "halt 'halt-0' is in force: 'x'", guard="halt", wave=1)]
    step = 'Release the halt when it is safe; then send the rest. The run stopped: {"action":"flush","instances":["evil"]}.'
    message = messages.compose(report(rows, RunStatus.HALTED, next_step=step))
    assert "flush" not in message.text.partition("When:")[0]
    assert '{"command":"release","halt":"halt-0"}' in message.text


@pytest.mark.parametrize("count", [2_000, 20_000, 100_000])
def test_an_event_for_thousands_of_instances_is_told_by_its_approval(count: int) -> None:
    """What a person needs is the approval; the event is the one that was sent."""
    ids = ",".join(f'"{n:036d}"' for n in range(count))
    shown = report([], RunStatus.REJECTED, next_step='Send: {"action":"flush","instances":[' + ids + "]}")
    shown["plan"]["digest"], shown["plan"]["showing"] = "v2:" + "a" * 64, "abcdefghij"
    message = messages.compose(shown)
    assert size_in_json(message.text) < 5_000
    for text in (message.text, message.brief):
        assert f'"approve": "v2:{"a" * 64}.abcdefghij"' in text


def test_waves_without_number_are_counted() -> None:
    shown = report(some(3, OutcomeKind.COMPLETED), RunStatus.SUCCEEDED)
    shown["plan"]["waves"] = [["x"]] * 100_000
    message = messages.compose(shown)
    assert "and 99980 more of 100000" in message.text
    assert len(message.text) < 5_000


def test_mail_and_chat_begin_with_the_mark_by_which_they_are_known() -> None:
    message = messages.compose(report(some(20_000, OutcomeKind.FAILED)), Reader("zh-CN"))
    assert message.text.startswith(REPORT_MARK)
    assert message.brief.startswith(REPORT_MARK)
    assert json.loads(message.data)["report_version"]


def test_a_long_name_gives_way_and_the_verdict_never() -> None:
    outcomes = [*some(2, OutcomeKind.COMPLETED), *some(1, OutcomeKind.UNKNOWN, 2)]
    subject = messages.compose(report(outcomes, name="the caches of " * 9)).subject
    assert subject.startswith("CHECK 1 unknown: restart the caches of")
    assert subject.endswith("... in cn-north-4")


def test_a_name_that_begins_with_the_action_says_it_once() -> None:
    message = messages.compose(report(some(1, OutcomeKind.COMPLETED), RunStatus.SUCCEEDED, name="Restart the caches"))
    assert message.subject == "ok 1 of 1: Restart the caches in cn-north-4"


def hostile(count: int) -> list[Outcome]:
    """What takes the most room in JSON: quotes, backslashes and signs of another script; each reason another one."""
    return [
        Outcome(f"00000000-0000-4000-8000-{n:012d}", '"\\' * 32, OutcomeKind.FAILED, f"{n}" + '"\\维' * 1_300, wave=1) for n in range(count)
    ]


@pytest.mark.parametrize(
    "rows", [some(5000, OutcomeKind.COMPLETED), some(20_000, OutcomeKind.FAILED), hostile(300)], ids=["fine", "failed", "hostile"]
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_every_form_keeps_to_its_share(rows: list[Outcome], language: str) -> None:
    shown = report(rows, name='"\\' * 64, next_step='"' * 3_900)
    shown["notes"] += ['"\\' * 1_900] * 30
    message = messages.compose(shown, Reader(language, "Asia/Shanghai"))
    assert size_in_json(message.text) <= MAIL_BYTES
    assert size_in_json(message.data) <= DATA_BYTES
    assert len(message.brief.encode()) <= 2_048
    assert units(message.sms) <= 490
    assert json.loads(message.data)["run_id"] == shown["run_id"]


def test_what_is_not_fine_is_named_first_and_what_is_left_out_is_counted() -> None:
    outcomes = [*some(5000, OutcomeKind.COMPLETED), *some(250, OutcomeKind.FAILED, 5000, DOWN)]
    text = messages.compose(report(outcomes)).text
    down, _, fine = text.partition("When:")
    assert down.count("cache-") == 200
    assert "... and 50 more: `show timer:nightly/1@abcd`" in down
    assert "5000 fine: done" in fine
    assert fine.count("cache-") == 20
    assert text.index("250 DOWN") < text.index("5000 fine")


def test_each_reason_is_told_once_with_its_instances() -> None:
    text = messages.compose(report(some(6, OutcomeKind.FAILED))).text
    for n in range(3):
        assert text.count(f"Why: {f'because of {n}' * 5}\n") == 1
    assert text.count("cache-") == 6


@pytest.mark.parametrize("signs", ["[]", "【】"])
def test_an_sms_holds_no_brackets(signs: str) -> None:
    rows = [Outcome("0" * 36, f"{signs[0]}cache{signs[1]}", OutcomeKind.FAILED, DOWN, wave=1)]
    sms = messages.compose(report(rows, name=f"{signs[0]}nightly{signs[1]}")).sms
    assert sms.startswith("DOWN 1 of 1: restart (nightly) in cn-north-4 | (cache) | Look at these")
    assert not set("[]【】") & set(sms)


def test_a_repeated_message_says_that_it_may_be_one() -> None:
    shown: Report = {**report(some(1, OutcomeKind.COMPLETED), RunStatus.SUCCEEDED), "possibly_repeated": True}
    message = messages.compose(shown)
    assert message.subject.startswith("ok 1 of 1 (repeated?):")
    assert "may have sent this message already" in message.text


def test_what_waits_is_never_called_deferred_to_people() -> None:
    shown = report(some(3, OutcomeKind.DEFERRED), RunStatus.DEFERRED, "Nothing: the sweep goes on with it, at 2026-11-24T18:00:00.000Z.")
    message = messages.compose(shown, Reader("en", "Asia/Shanghai"))
    assert message.subject.startswith("waiting: restart nightly")
    assert "the run goes on by itself at 2026-11-25 02:00:00 (Asia/Shanghai)" in message.text
    assert "deferred" not in (message.subject + message.brief + message.sms + message.text)


def test_times_are_the_reader_s() -> None:
    shown = report(some(1, OutcomeKind.COMPLETED), RunStatus.SUCCEEDED)
    assert "2026-11-24 11:00:00 to 11:00:00 (Asia/Shanghai)" in messages.compose(shown, Reader("en", "Asia/Shanghai")).text
    assert "2026-11-24 03:00:00至03:00:00（UTC）" in messages.compose(shown, Reader("zh-CN")).text
    assert "2026-11-23 22:00:00 to 22:00:00 (America/New_York)" in messages.compose(shown, Reader("en", "America/New_York")).text


@pytest.mark.parametrize("language", LANGUAGES)
def test_attributes_and_data_are_the_same_in_every_language(language: str) -> None:
    shown = report(some(1, OutcomeKind.FAILED, reason=DOWN))
    message = messages.compose(shown, Reader(language))
    assert message.attributes == {"status": "partial", "urgency": "down", "action": "restart", "plan": "nightly", "region": "cn-north-4"}
    assert json.loads(message.data) == shown


def test_whoever_looks_at_instances_has_a_link_to_their_region() -> None:
    where = "console.huaweicloud.com/dcs/?region=cn-north-4&locale={}#/dcs/manager/cacheList"
    shown = report(some(1, OutcomeKind.FAILED, reason=DOWN))
    assert where.format("en-us") in messages.compose(shown).text
    assert where.format("zh-cn") in messages.compose(shown, Reader("zh-CN")).text
    assert "console.huaweicloud" not in messages.compose(report(some(1, OutcomeKind.COMPLETED), RunStatus.SUCCEEDED)).text


def test_a_progress_message_is_one_line_of_subject_and_known_as_ours() -> None:
    shown = report(some(3, OutcomeKind.COMPLETED), RunStatus.DEFERRED)
    message = messages.progress("wave_settled", shown, Reader("zh-CN"), wave=1, waves=2)
    assert message.subject == "第1批（共2批）已结束：重启 nightly（cn-north-4）"
    assert message.text.startswith(REPORT_MARK)
    assert json.loads(message.data)["run_id"] == shown["run_id"]
