"""Reading from a cloud with manners: quotas, dead keys, lists that move, rights that lack for one, answers that trickle."""

from __future__ import annotations

import time
from typing import Any

import pytest

from dcs_upkeep import bootstrap
from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.errors import CloudError, RefusedError
from tests.world import Fault, TimedHost, World, make_fleet, world

TAGGED: dict[str, Any] = {"action": "restart", "select": {"tags": {"env": "test"}}, "rollout": {"canary": 0}}


def throttle(w: World, begin: float, end: float, *operations: str) -> None:
    """429 to these from one moment to the other, without a hint."""

    def begin_it() -> None:
        for operation in operations:
            w.emu.add_fault(Fault(operation, "429", times=None))

    w.emu.at(begin, begin_it)
    w.emu.at(end, w.emu.clear_faults)


def invoke(w: World, event: Any, left_s: float, **settings: str) -> dict[str, Any]:
    """One invocation of so many seconds; what it hands on is not taken up."""
    host = TimedHost(w.environ(**settings), w.clock, left_s)
    try:
        return bootstrap._invoke(event, host, w.clock, w.log, bootstrap.PLANS_PATH, dry_run=False, journal=w.journal)
    except RefusedError as err:
        return dict(err.report)


def answered(w: World, status: int) -> int:
    return sum(1 for one in w.emu.truth.requests if one.status == status)


# --- a throttled account -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("journal", [False, True])
@pytest.mark.parametrize("by", ["tag", "id"])
def test_a_list_that_is_throttled_at_first_is_waited_for(by: str, journal: bool) -> None:
    with world(6, journal=journal) as w:
        throttle(w, 0, 120, "list", "show")
        report = w.run(TAGGED) if by == "tag" else w.restart()
        assert (report["status"], report["counts"]) == ("succeeded", {"completed": 6})
        assert w.clock.monotonic() >= 120
        (line,) = w.log.named("call.waited")
        assert line["operation"] in ("list_instances", "show_instance")


def test_reads_that_are_throttled_between_two_waves_are_waited_for() -> None:
    with world(4, journal=True) as w:
        throttle(w, 5, 75, "list", "show")
        report = w.restart(rollout={"wave_size": 1})
        assert (report["status"], report["counts"]) == ("succeeded", {"completed": 4})
        assert w.clock.monotonic() >= 75


def test_a_quota_window_is_waited_out_and_costs_nobody_his_data() -> None:
    """120 instances need more calls than a window allows."""
    with world(120, quota=(200, 300), journal=True, settings={"UPKEEP_MAX_INSTANCES": "200"}) as w:
        report = w.run(TAGGED)
        assert (report["status"], report["counts"]) == ("succeeded", {"completed": 120})
        assert w.executions() == dict.fromkeys(w.ids, 1)
        assert w.emu.truth.called_while_refused == []
        kinds = [entry["kind"] for _, entry in w.journal.read(f"run/{report['run_id']}")]  # type: ignore[union-attr]
        assert "renewed" in kinds
        assert "taken_over" not in kinds


def test_a_quota_that_does_not_tell_when_it_ends_is_waited_out_too() -> None:
    with world(60, quota=(100, 300), quota_tells_when=False) as w:
        assert w.run(TAGGED)["counts"] == {"completed": 60}
        assert len(w.emu.truth.called_while_refused) <= 40


def test_status_calls_wait_for_the_account_as_well() -> None:
    with world(6, quota=(20, 300), journal=True) as w:
        assert w.restart(rollout={"wave_size": 1})["counts"] == {"completed": 6}
        assert w.emu.truth.called_while_refused == []
        assert w.executions() == dict.fromkeys(w.ids, 1)


@pytest.mark.parametrize(("begin", "waves"), [(0, 6), (5, 1)], ids=["planning", "between waves"])
def test_a_run_that_cannot_wait_so_long_defers_until_it_may_ask_again(begin: float, waves: int) -> None:
    with world(6, journal=True) as w:
        for operation in ("list", "show"):
            w.emu.at(begin, lambda one=operation: w.emu.add_fault(Fault(one, "429", times=None, retry_after_s=400)))  # type: ignore[misc]
        w.emu.at(300, w.emu.clear_faults)
        event = {**TAGGED, "run_id": "night", "rollout": {"canary": 0, "wave_size": waves}}
        report = invoke(w, event, 100)
        assert report["status"] == "deferred"
        assert "the account may be asked again" in report["next"]
        assert w.clock.monotonic() < 60
        w.clock.sleep(200)
        assert invoke(w, {"command": "sweep"}, 100)["resumed"] == []
        w.clock.sleep(300)
        assert invoke(w, {"command": "sweep"}, 100)["resumed"] == [report["run_id"]]
        report = w.run({"resume": report["run_id"]})
        assert w.executions() == dict.fromkeys(w.ids, 1)
        assert report["status"] == "succeeded"


def test_a_status_call_that_may_leave_after_the_invocation_s_end_defers_the_run() -> None:
    with world(2, journal=True, faults=[Fault("put", "429", retry_after_s=400)]) as w:
        report = invoke(w, {**TAGGED, "run_id": "night"}, 100)
        assert (report["status"], report["counts"]) == ("deferred", {"deferred": 2})
        assert "the account may be asked again" in report["next"]
        assert w.clock.monotonic() < 10
        w.clock.sleep(500)
        assert w.run({"resume": report["run_id"]})["counts"] == {"completed": 2}
        assert w.executions() == dict.fromkeys(w.ids, 1)


@pytest.mark.parametrize("operation", ["list", "show", "configs", "put", "publish"])
@pytest.mark.parametrize("code", ["APIGW.0308", "APIG.0308"])
def test_the_gateway_s_own_code_for_throttling_means_that_under_another_status_too(code: str, operation: str) -> None:
    with world(2, faults=[Fault(operation, "error", status=403, code=code, times=2)]) as w:
        assert w.run(TAGGED)["status"] == "succeeded"
        assert len(w.log.named("call.waited")) == 1
        assert w.executions() == dict.fromkeys(w.ids, 1)
        assert len(w.emu.truth.messages) == 1


def test_without_a_journal_what_cannot_be_waited_for_fails_before_anything_was_sent() -> None:
    with world(6, faults=[Fault("list", "429", times=None, retry_after_s=400)]) as w:
        with pytest.raises(CloudError, match="throttled"):
            invoke(w, TAGGED, 100)
        assert w.puts == []
        assert answered(w, 429) == 1


def test_a_report_waits_for_the_account_too() -> None:
    with world(2, faults=[Fault("publish", "429", retry_after_s=45)], journal=True) as w:
        assert w.restart()["status"] == "succeeded"
        assert len(w.emu.truth.messages) == 1
        assert w.log.named("topic.failed") == []


def test_telling_of_a_hand_over_for_a_while_does_not_take_it_back() -> None:
    """The message waits for the account too, and whoever waits renews the run's lease: not once it is handed over."""
    with world(6, journal=True, quota=(8, 50)) as w:
        report = invoke(w, {**TAGGED, "run_id": "night"}, 60)
        assert report["status"] == "deferred"
        assert len(w.emu.truth.messages) == 1
        assert w.clock.monotonic() > 45
        entries = [entry for _, entry in w.journal.read(f"run/{report['run_id']}")]  # type: ignore[union-attr]
        assert [entry["kind"] for entry in entries] == ["claimed", "yielded"]


def throttled_hops(w: World, most: int, **settings: str) -> list[dict[str, Any]]:
    """The reports of up to so many invocations of a run that each find the account throttled for longer than they last."""
    reports: list[dict[str, Any]] = []
    event: dict[str, Any] = {**TAGGED, "run_id": "night"}
    for _ in range(most):
        reports.append(invoke(w, event, 100, **settings))
        if reports[-1]["status"] != "deferred":
            break
        w.clock.sleep(401)
        event = {"resume": reports[-1]["run_id"]}
    return reports


@pytest.mark.parametrize("operation", ["list", "show", "put"])
def test_to_find_the_account_throttled_again_and_again_is_not_to_get_nothing_done(operation: str) -> None:
    """Whoever waits for the account is no invocation without progress, however often."""
    with world(2, journal=True, faults=[Fault(operation, "429", times=5, retry_after_s=400)]) as w:
        reports = throttled_hops(w, 10)
        assert [one["status"] for one in reports] == ["deferred"] * 5 + ["succeeded"]
        assert w.executions() == dict.fromkeys(w.ids, 1)


@pytest.mark.parametrize("operation", ["list", "put"])
def test_an_account_that_stays_throttled_ends_the_run_at_its_most_hops(operation: str) -> None:
    with world(2, journal=True, faults=[Fault(operation, "429", times=None, retry_after_s=400)]) as w:
        reports = throttled_hops(w, 5, UPKEEP_MAX_HOPS="4")
        (stopped,) = [entry for _, entry in w.journal.read(f"run/{reports[-1]['run_id']}") if entry["kind"] == "stopped"]  # type: ignore[union-attr]
        assert stopped["why"] == "hops"
        assert "UPKEEP_MAX_HOPS" in stopped["reason"]
        assert "throttled (429)" in stopped["reason"]
        assert stopped["reason"] in reports[-1]["next"]
        assert ".." not in reports[-1]["next"]
        w.clock.sleep(401)
        assert invoke(w, {"command": "sweep"}, 100)["resumed"] == []
        assert w.executions() == dict.fromkeys(w.ids, 0)


# --- what was not read -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["show", "configs"])
def test_a_class_that_was_not_read_is_told_as_that_and_nothing_can_approve_it(operation: str) -> None:
    with world(6, journal=True) as w:
        w.emu.add_fault(Fault(operation, "500", times=None, instance_id=w.ids[2]))
        report = w.refused(TAGGED)
        assert "could not be read" in report["instances"][0]["reason"]
        assert "approve" not in report["next"]
        assert "Try again" in report["next"]
        assert not any("would clear" in one["reason"] for one in report["instances"])
        shown = w.run({**TAGGED, "dry_run": True})
        assert shown["status"] == "planned"
        assert (shown["plan"]["digest"], shown["counts"]) == ("", {"planned": 5, "refused": 1})
        assert any("would be refused by unread" in note for note in shown["notes"])
        assert '"approve"' not in shown["next"]
        w.emu.clear_faults()
        assert w.run(TAGGED)["counts"] == {"completed": 6}


def test_a_class_that_is_not_read_again_before_its_wave_refuses_that_one_alone() -> None:
    with world(3, journal=True, settings={"UPKEEP_RECHECK_S": "60"}) as w:
        w.emu.at(100, lambda: w.emu.add_fault(Fault("configs", "500", times=None, instance_id=w.ids[2])))
        report = w.restart(rollout={"wave_size": 1, "pause_s": 120})
        last = report["instances"][2]
        assert (last["outcome"], last["guard"]) == ("refused", "unread")
        assert "could not be read just now" in last["reason"]
        assert report["counts"] == {"completed": 2, "refused": 1}


def test_what_is_deleted_while_classes_are_read_is_refused_alone() -> None:
    def delete(record: Any) -> None:
        if record.operation == "show" and w.emu.truth.count("show") == 1:
            w.emu.remove(gone)

    with world(6, on_request=delete) as w:
        gone, others = w.ids[3], [*w.ids[:3], *w.ids[4:]]
        report = w.restart()
        assert w.outcomes(report) == {**dict.fromkeys(others, "completed"), gone: "refused"}


# --- keys --------------------------------------------------------------------------------------------------------


def test_keys_that_die_while_classes_are_read_stop_the_asking() -> None:
    with world(60, faults=[Fault("show", "401", times=None)], journal=True) as w:
        with pytest.raises(CloudError, match="key pair"):
            w.run(TAGGED)
        assert answered(w, 401) == 2
        assert w.puts == []
        assert not any("would clear" in str(line) for line in w.log.lines)


def test_keys_that_were_renewed_meanwhile_are_fetched() -> None:
    with world(20, journal=True) as w:
        environ = w.environ()
        host = TimedHost(environ, w.clock, 900)

        def renew(_: float) -> None:
            w.clock.on_sleep = None
            w.emu.rotate_keys()
            environ.update(HUAWEICLOUD_SDK_AK=w.emu.ak, HUAWEICLOUD_SDK_SK=w.emu.sk)

        w.clock.on_sleep = renew
        report = w.run({**TAGGED, "rollout": {"canary": 1}}, host=host)
        assert (report["status"], report["counts"]) == ("succeeded", {"completed": 20})
        assert 1 <= answered(w, 401) <= 16


@pytest.mark.parametrize("count", [2, 8])
def test_keys_that_die_after_the_call_never_end_in_success(count: int) -> None:
    """By show, and by list."""
    with world(count, journal=True) as w:

        def die(_: float) -> None:
            w.clock.on_sleep = None
            w.emu.rotate_keys()

        w.clock.on_sleep = die
        report = w.restart()
        assert report["status"] == "partial"
        assert {one["outcome"] for one in report["instances"]} == {"accepted"}
        assert all("could not be read" in one["reason"] and "401" in one["reason"] for one in report["instances"])
        assert answered(w, 401) == 2
        assert w.clock.monotonic() < 30
        assert "in the console" in report["next"]
        assert w.run({"command": "show", "run": report["run_id"]})["status"] == "partial"


def test_keys_that_die_before_the_next_wave_leave_it_alone() -> None:
    with world(4, journal=True) as w:

        def die(at: float) -> None:
            if len(w.log.named("wave.settled")) == 1:
                w.clock.on_sleep = None
                w.emu.rotate_keys()

        w.clock.on_sleep = die
        report = w.restart(rollout={"wave_size": 2, "pause_s": 60})
        assert report["counts"] == {"completed": 2, "not_attempted": 2}
        assert report["status"] == "partial"
        assert answered(w, 401) == 2


def test_the_report_of_dead_keys_goes_out_by_the_channel_that_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    from dcs_upkeep.adapters.topics.sns import SnsTopic

    told: list[str] = []
    monkeypatch.setattr(SnsTopic, "publish", lambda self, message: told.append(message.text) or "m-1")  # type: ignore[func-returns-value]
    arn = "arn:aws:sns:eu-central-1:123456789012:ops"
    with world(2, faults=[Fault("show", "401", times=None)]) as w:
        topics = f"{w.environ()['UPKEEP_TOPICS']},{arn}"
        with pytest.raises(CloudError):
            w.restart(UPKEEP_TOPICS=topics)
        assert len(told) == 1
        assert "key pair" in told[0]
        assert answered(w, 401) == 2
        assert w.emu.truth.messages == []


# --- lists that move ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["select", "ids"])
def test_a_row_that_is_deleted_between_two_pages_hides_nobody(by: str) -> None:
    fleet = make_fleet(1500)
    edge = [one.instance_id for one in fleet[996:1006]]
    for one in fleet[996:1006]:
        one.tags = {"env": "test"}
    with world(fleet) as w:
        w.emu.add_fault(Fault("list", "deleted", after=1, ids=[fleet[5].instance_id]))
        event = TAGGED if by == "select" else {"action": "restart", "instances": edge, "rollout": {"canary": 0}}
        report = w.run(event)
        assert w.outcomes(report) == dict.fromkeys(edge, "completed")


# --- a right that lacks for one of a batch -----------------------------------------------------------------------


def test_a_403_for_a_batch_names_the_one_that_is_not_granted_and_the_others_go_on() -> None:
    def leave(record: Any) -> None:
        if record.operation == "put" and len(w.puts) == 1:
            w.emu.change(w.ids[4], granted="403")

    with world(8, on_request=leave, journal=True) as w:
        report = w.restart()
        outcomes = w.outcomes(report)
        assert outcomes.pop(w.ids[4]) == "failed"
        assert set(outcomes.values()) == {"completed"}
        (reason,) = (one["reason"] for one in report["instances"] if one["outcome"] == "failed")
        assert "granted" in reason
        assert "it was not executed" in reason
        assert [len(one.ids) for one in w.puts] == [8, 7]


def test_two_that_are_not_granted_are_named_at_once() -> None:
    with world(8) as w:
        culprits = [w.ids[0], w.ids[7]]
        w.emu.add_fault(Fault("put", "ungranted", times=None, ids=culprits))
        for one in culprits:
            w.emu.add_fault(Fault("show", "403", times=None, after=1, instance_id=one))
        outcomes = w.outcomes(w.restart())
        assert [one for one, outcome in outcomes.items() if outcome == "failed"] == culprits
        assert list(outcomes.values()).count("completed") == 6


@pytest.mark.parametrize("action", ["restart", "flush"])
@pytest.mark.parametrize("count", [1, 6])
def test_a_right_that_lacks_altogether_stops_the_run_and_is_named(action: str, count: int) -> None:
    with world(count, faults=[Fault("put", "403", times=None)]) as w:
        event = {"action": action, "instances": w.ids, "rollout": {"canary": 0}}
        report = w.run(w.approving(event) if action == "flush" else event)
        assert set(w.outcomes(report).values()) == {"failed"}
        assert all("dcs:instance:modifyStatus" in one["reason"] for one in report["instances"])
        assert len(w.puts) == 1


def flushed_without_a_right(w: World, *culprits: str, **settings: str) -> dict[str, Any]:
    """A flush in two waves, the first of which is refused for these."""
    event = {"action": "flush", "instances": w.ids, "rollout": {"canary": 0, "wave_size": 6, "max_failures": 100}}
    approved = w.approving(event, **settings)
    w.emu.add_fault(Fault("put", "ungranted", times=None, ids=list(culprits)))
    for one in culprits:
        w.emu.add_fault(Fault("show", "403", times=None, instance_id=one))
    return w.run(approved, **settings)


def reasons(report: dict[str, Any]) -> dict[str, str]:
    return {one["instance_id"]: one["reason"] for one in report["instances"]}


@pytest.mark.parametrize("journal", [True, False])
@pytest.mark.parametrize("count", [1, 2])
def test_a_flush_of_a_batch_with_some_that_are_not_granted_names_them_and_is_never_sent_again(count: int, journal: bool) -> None:
    with world(8, journal=journal) as w:
        culprits = w.ids[2 : 2 + count]
        report = flushed_without_a_right(w, *culprits)
        first, second = w.ids[:6], w.ids[6:]
        assert w.outcomes(report) == dict.fromkeys(first, "failed") | dict.fromkeys(second, "not_attempted")
        told = reasons(report)
        assert [one for one in first if "it lies outside of what this key pair is granted" in told[one]] == culprits
        for one in set(first) - set(culprits):
            assert "it was not executed, as nothing of its batch was" in told[one]
            assert all(culprit in told[one] for culprit in culprits)
        assert [len(one.ids) for one in w.puts] == [6]
        assert w.emu.truth.executed == []


@pytest.mark.parametrize("kind", ["500", "drop", "429", "403"])
def test_a_flush_whose_culprit_cannot_be_looked_for_is_not_executed_all_the_same(kind: str) -> None:
    """Nobody is named, and nothing becomes doubtful by that."""

    def fail(record: Any) -> None:
        if record.operation == "put" and len(w.puts) == 1:
            w.emu.add_fault(Fault("show", kind, times=None))

    with world(8, journal=True, on_request=fail) as w:
        approved = w.approving({"action": "flush", "instances": w.ids, "rollout": {"canary": 0, "max_failures": 100}})
        w.emu.add_fault(Fault("put", "ungranted", times=None, ids=[w.ids[0]]))
        report = w.run(approved)
        assert set(w.outcomes(report).values()) == {"failed"}
        assert all(one.endswith("it was not executed") for one in reasons(report).values())
        assert len(w.puts) == 1


def test_one_that_may_not_be_read_is_refused_when_the_plan_is_made() -> None:
    with world(4) as w:
        w.emu.change(w.ids[1], granted="403")
        report = w.restart()
        assert report["counts"] == {"completed": 3, "refused": 1}
        assert report["instances"][-1]["guard"] == "found"


# --- an answer that trickles -------------------------------------------------------------------------------------


def test_a_trickling_answer_ends_with_the_invocation_s_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """In real time. It must end by itself, in a report, before the platform ends it."""
    with world(6, journal=True, faults=[Fault("list", "trickle", times=None, delay_s=0.2)]) as w:
        began = time.monotonic()
        monkeypatch.setattr(Deadline, "remaining_s", lambda self: 5.0 - self.kept_s - (time.monotonic() - began))
        with pytest.raises(CloudError, match="ReadTimeoutError"):
            w.run(TAGGED, UPKEEP_TOPICS="")
        assert time.monotonic() - began < 15
