"""What comes wrapped, twice, in a group or back from a failure, carried out to its end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dcs_upkeep.domain.errors import RefusedError
from tests.world import Fault, World, world


def restart(w: World, *numbers: int, **fields: Any) -> dict[str, Any]:
    return {"action": "restart", "instances": [w.ids[number] for number in numbers], "rollout": {"canary": 0}, **fields}


def sqs(*bodies: Any, groups: tuple[str | None, ...] = (), arn: str = "arn:aws:sqs:r:1:q.fifo") -> dict[str, Any]:
    records: list[dict[str, Any]] = [
        {"messageId": f"m{number}", "body": json.dumps(body), "attributes": {}, "eventSource": "aws:sqs", "eventSourceARN": arn}
        for number, body in enumerate(bodies)
    ]
    for record, group in zip(records, groups, strict=False):
        if group is not None:
            record["attributes"]["MessageGroupId"] = group
    return {"Records": records}


def failed(*names: str) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": name} for name in names]}


def sent(w: World) -> list[str]:
    return [instance_id for put in w.puts for instance_id in put.ids]


@pytest.mark.parametrize("groups", [("a", "b", "a", "b"), (None, None, None, None)])
def test_in_a_fifo_group_nothing_after_a_failed_message_is_carried_out(groups: tuple[str | None, ...]) -> None:
    """All come back in their order, and other groups go on. A FIFO queue whose records name no group is one."""
    with world(4, journal=True) as w:
        bad = {"action": "reboot"}
        event = sqs(bad, restart(w, 1), restart(w, 2), restart(w, 3), groups=groups)
        together = groups[0] is None
        assert w.run(event) == (failed("m0", "m1", "m2", "m3") if together else failed("m0", "m2"))
        assert sent(w) == ([] if together else [w.ids[1], w.ids[3]])
        assert {fields["reason"] for fields in w.log.named("event.held_back")}
        # The first is mended: now all go, in their order, and what was done is not done again.
        event["Records"][0]["body"] = json.dumps(restart(w, 0))
        assert w.run(event) == failed()
        assert sorted(w.executions().values()) == [1, 1, 1, 1]
        order = sent(w)
        assert order.index(w.ids[0]) < order.index(w.ids[2])


def test_a_group_waits_for_a_fault_as_for_a_refusal() -> None:
    with world(2, journal=True) as w:
        w.emu.add_fault(Fault("list", "403", times=1))
        w.emu.add_fault(Fault("show", "403", times=1))
        assert w.run(sqs(restart(w, 0), restart(w, 1), groups=("a", "a"))) == failed("m0", "m1")
        assert w.puts == []


def test_without_a_group_a_bad_message_stops_none() -> None:
    with world(2) as w:
        assert w.run(sqs({"action": "reboot"}, restart(w, 0), arn="arn:aws:sqs:r:1:q")) == failed("m0")
        assert sent(w) == [w.ids[0]]


def test_an_eventbridge_event_in_a_queue_is_carried_out_once() -> None:
    with world(1, journal=True) as w:
        rule = {"id": "e1", "source": "ops", "detail-type": "t", "time": w.clock.now().isoformat(), "detail": restart(w, 0)}
        assert w.run(sqs(rule)) == failed()
        assert w.run(rule)["replayed"]
        assert sent(w) == [w.ids[0]]


def test_one_id_of_two_sources_is_two_runs() -> None:
    with world(2, journal=True) as w:
        events = [
            {"specversion": "1.0", "id": "1", "source": f"ops{number}", "type": "t", "data": restart(w, number)} for number in range(2)
        ]
        assert [w.run(event)["status"] for event in events] == ["succeeded"] * 2
        assert sent(w) == w.ids


def post(w: World, body: Any, request_id: str, **headers: str) -> tuple[int, dict[str, Any]]:
    event = {"httpMethod": "POST", "headers": headers, "requestContext": {"requestId": request_id}, "body": json.dumps(body)}
    answer = w.run(event)
    return answer["statusCode"], json.loads(answer["body"])


def test_a_request_posted_twice_with_one_key_is_carried_out_once() -> None:
    with world(2, journal=True) as w:
        code, first = post(w, restart(w, 0), "r1", **{"Idempotency-Key": "k1"})
        assert (code, first["status"]) == (200, "succeeded")
        code, second = post(w, restart(w, 0), "r2", **{"idempotency-key": "k1"})
        assert (code, second["replayed"]) == (200, True)
        assert second["next"].startswith("Nothing was done now")
        assert "Idempotency-Key" in second["next"]
        assert post(w, restart(w, 1), "r3", **{"Idempotency-Key": "k1"})[0] == 409
        assert post(w, restart(w, 1), "r4", **{"Idempotency-Key": "not a key"})[0] == 422
        assert sent(w) == [w.ids[0]]
        assert post(w, restart(w, 0), "r5", **{"Idempotency-Key": "k2"})[0] == 200
        assert sent(w) == [w.ids[0], w.ids[0]]


def test_a_topic_s_message_posted_to_the_api_address_is_carried_out_and_answered_over_http() -> None:
    with world(2, journal=True) as w:
        notice = {"type": "Notification", "message_id": "p1", "topic_urn": "urn:smn:r:p:t", "message": json.dumps(restart(w, 0))}
        assert post(w, notice, "r1")[0] == 200
        assert post(w, notice, "r2")[1]["replayed"], "SMN posts again what it got no answer for"
        code, answer = post(w, {**notice, "type": "SubscriptionConfirmation"}, "r3")
        assert code == 422
        assert "SubscriptionConfirmation" in answer["problems"][0]["what"]
        both = {"events": [{"specversion": "1.0", "id": str(n), "source": "s", "data": restart(w, n)} for n in range(2)]}
        code, answer = post(w, both, "r4")
        assert (code, [run["status"] for run in answer["runs"]]) == (200, ["succeeded"] * 2)


def test_failure_records_in_a_queue_come_back_one_by_one() -> None:
    """As a destination's queue holds them, redriven to the function: an answer of another form would lose those that fail."""
    with world(2, journal=True) as w:
        bad, good = (
            {"requestContext": {"requestId": f"r{number}", "condition": "RetriesExhausted"}, "requestPayload": payload}
            for number, payload in enumerate(({"action": "reboot"}, restart(w, 0)))
        )
        assert w.run(sqs(bad, good, arn="arn:aws:sqs:r:1:failed")) == failed("m0")
        assert sent(w) == [w.ids[0]]
        code, answer = post(w, bad, "r1")
        assert (code, answer["status"]) == (422, "rejected")


@pytest.mark.parametrize("kind", ["KAFKA", "ROCKETMQ", "RABBITMQ"])
def test_one_message_on_two_nights_is_carried_out_twice_and_a_redelivery_once(kind: str) -> None:
    with world(1, journal=True) as w:

        def event() -> dict[str, Any]:
            records = [{"messages": [json.dumps({"message": json.dumps(restart(w, 0))})], "topic_id": "t"}]
            return {"trigger_type": kind, "event_time": int(w.clock.now().timestamp()), "instance_id": "k", "records": records}

        first = event()
        assert w.run(first)["status"] == "succeeded"
        assert w.run(first)["replayed"]
        w.clock.sleep(24 * 3600)
        assert w.run(event())["replayed"] is False
        assert list(w.executions().values()) == [2]


def test_the_event_of_a_failed_invocation_is_carried_out_once_when_its_record_is_sent_back() -> None:
    with world(1, journal=True) as w:
        event = {"record": [{"smn": {"message_id": "m1", "message": json.dumps(restart(w, 0)), "type": "notification"}}]}
        w.emu.add_fault(Fault("list", "403", times=1))
        w.emu.add_fault(Fault("show", "403", times=1))
        with pytest.raises(Exception, match="403|permission"):
            w.run(event)
        assert w.puts == []
        record = {"request_context": {"request_id": "x"}, "request_payload": json.dumps(event), "response_payload": "{}"}
        report = w.run(record)
        assert (report["status"], report["trigger"]["kind"], report["trigger"]["id"]) == ("succeeded", "smn", "m1")
        assert w.run(record)["replayed"]
        assert w.run({"requestContext": {"requestId": "x"}, "requestPayload": event})["replayed"]
        assert sent(w) == [w.ids[0]]


def alarm(w: World, instance_id: str, message_id: str, status: str = "alarm") -> dict[str, Any]:
    body = {
        "alarm_id": "al1",
        "alarm_name": "mem",
        "alarm_status": status,
        "time": int(w.clock.now().timestamp() * 1000),
        "namespace": "SYS.DCS",
        "metric_name": "memory_usage",
        "dimension": f"dcs_instance_id:{instance_id}",
    }
    return {"record": [{"smn": {"message_id": message_id, "message": json.dumps(body), "type": "notification"}}]}


@pytest.fixture
def plans(tmp_path: Path) -> Path:
    path = tmp_path / "plans.json"
    path.write_text(json.dumps({"alarms": [{"metric": "memory_usage", "action": "restart"}]}), encoding="utf-8")
    return path


def test_one_rule_that_fires_for_two_instances_in_one_second_restarts_both(plans: Path) -> None:
    with world(2, journal=True, settings={"UPKEEP_ALARM_VERIFY": "0"}) as w:
        events = [alarm(w, instance_id, f"m{number}") for number, instance_id in enumerate(w.ids)]
        assert [w.run(event, plans_path=plans)["status"] for event in events] == ["succeeded"] * 2
        assert w.run(events[0], plans_path=plans)["replayed"]
        assert sent(w) == w.ids


def test_an_alarm_without_data_is_said_in_the_log_and_to_nobody(plans: Path) -> None:
    with world(1, journal=True) as w:
        answer = w.run(alarm(w, w.ids[0], "m1", "insufficient_data"), plans_path=plans)
        assert "too little data" in answer["ignored"]
        assert w.log.named("event.ignored")
        assert w.emu.truth.messages == []
        with pytest.raises(RefusedError):
            w.run(alarm(w, w.ids[0], "m2", "loud"), plans_path=plans)
