"""Exceptions that are not ours: what they say may be anything, so that nothing of it is logged, told or raised."""

from __future__ import annotations

import io
import json
import traceback
from contextlib import redirect_stdout
from typing import Any

import pytest

import handler
from dcs_upkeep import bootstrap, triggers
from dcs_upkeep.adapters.dcs.client import HuaweiDcs
from dcs_upkeep.adapters.hosts.local import LocalHost
from dcs_upkeep.domain.errors import CloudError, UnexpectedError, UpkeepError
from dcs_upkeep.execution.coordinator import RunCoordinator
from tests.contexts import FunctionGraphContext
from tests.world import Fault, World, world

KEY = "SECRETKEYOFTHEAGENCY0123456789"
TEXT = f"signing with {KEY}\n\x1b[31mrun.reported ok\u202e " + "x" * 100_000


def strange() -> Exception:
    """What a library may raise: a text with a key, lines of its own, a hundred kilobytes; a cause with the same; a made-up class."""
    err: Exception = type(f"Odd\n{KEY}", (RuntimeError,), {})(TEXT)
    err.__cause__ = ValueError(TEXT)
    err.add_note(TEXT)
    return err


def fails(*_: object, **__: object) -> Any:
    raise strange()


def is_clean(text: str, most: int) -> bool:
    return KEY not in text and "\x1b" not in text and "\u202e" not in text and "\\u202e" not in text and len(text.encode()) <= most


def raised(w: World, event: object) -> tuple[BaseException, str]:
    """What leaves the invocation, and all that it has logged."""
    written = io.StringIO()
    with redirect_stdout(written), pytest.raises(Exception) as caught:  # noqa: PT011  (whatever it is)
        bootstrap.handle(event, host=LocalHost(w.environ()), clock=w.clock, journal=w.journal)
    return caught.value, written.getvalue()


def printed(err: BaseException) -> str:
    """As a platform prints it, with whatever has led to it."""
    return "".join(traceback.format_exception(err))


@pytest.mark.parametrize(
    ("where", "name"),
    [
        pytest.param(RunCoordinator, "start", id="before the run"),
        pytest.param(HuaweiDcs, "snapshot", id="in the run"),
        pytest.param(triggers, "parse", id="in the event"),
        pytest.param(bootstrap.Adapters, "ports", id="before anything"),
        pytest.param(bootstrap, "read_settings", id="in the settings"),
    ],
)
def test_what_is_raised_logged_and_told_has_nothing_of_a_stranger_s_text(monkeypatch: pytest.MonkeyPatch, where: object, name: str) -> None:
    with world(2) as w:
        monkeypatch.setattr(where, name, fails)
        err, lines = raised(w, {"action": "restart", "select": {"tags": {"env": "test"}}})
        assert isinstance(err, UnexpectedError)
        assert str(err).startswith("an unexpected exception")
        assert is_clean(str(err), 8_000)
        assert is_clean(printed(err), 20_000)
        assert "fails" in printed(err), "whoever mends it sees the lines of code"
        assert is_clean(lines, 50_000)
        assert all(is_clean(json.dumps(one.body), 50_000) for one in w.emu.truth.messages)


def test_what_is_raised_says_where_in_this_package_it_was() -> None:
    with world(2) as w, pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunCoordinator, "start", fails)
        err, _ = raised(w, {"action": "restart", "instances": w.ids})
        assert "(invocation.py:" in str(err)
        assert "/dcs_upkeep" not in str(err)


def test_a_fault_after_something_was_sent_is_told_in_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    with world(2, settings={"UPKEEP_NOTIFY": "end"}) as w:
        real = HuaweiDcs.read
        monkeypatch.setattr(HuaweiDcs, "read", lambda *args, **options: fails() if w.puts else real(*args, **options))
        report = w.restart()
        assert w.puts
        assert is_clean(json.dumps(report), 50_000)
        assert is_clean(json.dumps(w.log.lines, default=str), 50_000)
        (line,) = w.log.named("run.failed")
        assert "an unexpected exception" in line["reason"]


def test_several_records_and_http_and_a_queue_are_answered_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunCoordinator, "start", fails)
    event = {"action": "restart", "instances": ["0" * 8 + "-0000-4000-8000-" + "0" * 12]}
    context = {"requestId": "r-1", "http": {"method": "POST"}, "accountId": "1", "authorizer": {"iam": {"userArn": "arn:x"}}}
    http = {"version": "2.0", "routeKey": "$default", "rawPath": "/", "headers": {}, "requestContext": context, "body": json.dumps(event)}
    sns = {"EventSource": "aws:sns", "EventVersion": "1.0"}
    records = [{**sns, "Sns": {"Type": "Notification", "MessageId": f"m-{n}", "Message": json.dumps(event)}} for n in (1, 2)]
    with world(2) as w:
        answer = w.run(http)
        assert answer["statusCode"] == 503
        assert is_clean(json.dumps(answer), 8_000)
        err, lines = raised(w, {"Records": records})
        assert is_clean(printed(err) + str(err), 30_000)
        assert is_clean(lines, 50_000)


def test_a_host_whose_own_methods_fail_ends_the_invocation_without_their_text() -> None:
    context = FunctionGraphContext({}, ak="a", sk="b", token="c")
    context.getUserData = fails
    with pytest.raises(UnexpectedError) as caught:
        handler.handler({"action": "restart"}, context)
    assert is_clean(printed(caught.value), 20_000)


def test_an_error_of_ours_leaves_without_the_causes_that_it_was_made_of() -> None:
    """A proxy's password can stand in the text of a cause."""
    with world(2, faults=[Fault("list", "drop", times=None)]) as w:
        err, _ = raised(w, {"action": "restart", "select": {"tags": {"env": "test"}}})
        assert isinstance(err, CloudError)
        assert "direct cause" not in printed(err)
        assert "During handling" not in printed(err)


def test_an_odd_code_of_a_cloud_is_one_short_word() -> None:
    """It goes into the report, the journal and the log."""
    with world(2, journal=True) as w:
        w.emu.add_fault(Fault("put", "error", times=None, status=400, code="DCS.4002\n\u202e" + "x" * 100_000))
        report = w.restart()
        assert {one["outcome"] for one in report["instances"]} == {"failed"}
        assert all(len(one["error_code"]) <= 100 and one["error_code"].isprintable() for one in report["instances"])
        assert all(len(one["reason"]) < 1_000 and one["reason"].isprintable() for one in report["instances"])


def test_every_error_of_ours_is_bounded() -> None:
    assert len(str(UpkeepError(TEXT)).encode()) <= 8_000
