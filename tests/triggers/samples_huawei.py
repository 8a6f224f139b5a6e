"""Small events of Huawei Cloud's services, in the shapes of the published samples: what arrives -> the name that it must get."""

from __future__ import annotations

from typing import Any

TRACE = {
    "time": 1765788999507,
    "trace_id": "f828ab77",
    "trace_name": "createServer",
    "service_type": "ECS",
    "resource_type": "ecs",
    "trace_type": "ApiCall",
    "request": {"server": {}},
    "response": {},
    "user": {"name": "ann", "id": "u"},
}


def change(source: str) -> dict[str, Any]:
    return {"records": [{"event_source": source, "event_name": "insert", "event_version": "1.0", source: {"ns": "{}"}}]}


def cloud_event(source: str, kind: str, **data: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": "e1", "source": source, "type": kind, "time": "2026-11-24T02:59:00Z", "data": data}


def worker(kind: str) -> dict[str, Any]:
    return {"event_version": "v1.0", "event_time": 1576737962, "trigger_type": kind, "region": "cn-north-4", "body": {}}


OBS = {"eventName": "ObjectCreated:Put", "eventRegion": "cn-north-4", "obs": {"bucket": {"name": "photos"}, "object": {"key": "a.txt"}}}

SAMPLES: list[tuple[str, Any]] = [
    ("CTS trace (ECS, createServer)", {"cts": TRACE}),
    ("CTS trace (ECS, createServer)", TRACE),
    ("CTS trace (IAM, login)", {"cts": {"trace_id": "b", "trace_name": "login", "service_type": "IAM", "code": 302, "message": "{}"}}),
    ("LTS event", {"lts": {"data": "eyJsb2dzIjpbXX0="}}),
    ("OBS notification (ObjectCreated:Put, photos)", {"Records": [OBS]}),
    ("OBS", {"Records": [{"eventSource": "OBS", "eventName": "ObjectRemoved:Delete"}]}),
    ("OBS", {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Post", "s3": {"bucket": {"arn": "arn:fss:s3:::b"}}}]}),
    ("DIS", {"ShardID": "shardId-0000000000", "Message": {"records": [{"data": "aGk="}]}, "Tag": "latest", "StreamName": "dis-x"}),
    ("DDS changes (insert)", change("dds")),
    ("GaussDB for Mongo", change("gauss_mongo")),
    ("GeminiDB", change("gauss_mongo")),
    ("GeminiDB", change("gemini_mongo")),
    ("IoTDA event (device.message, report)", {"resource": "device.message", "event": "report", "notify_data": {"header": {}, "body": {}}}),
    ("IoTDA event (device.property", {"resource": "device.property", "event": "report", "event_time": "x", "notify_data": {"body": {}}}),
    (
        "EventGrid event (OBS:DWR:ObjectCreated:PUT from HC.OBS.DWR)",
        cloud_event("HC.OBS.DWR", "OBS:DWR:ObjectCreated:PUT", obs={"bucket": {}}),
    ),
    ("EventGrid event (CTS:ECS from HC.CTS)", cloud_event("HC.CTS", "CTS:ECS", **TRACE)),
    ("EventGrid event (shop.order from urn:shop)", cloud_event("urn:shop", "shop.order", total=3)),
    ("EventGrid event (CES:Alarm from HC.CES)", {"events": [cloud_event("HC.CES", "CES:Alarm", name="n", action="none")]}),
    ("DIS", worker("DIS")),
    ("DDS", worker("DDS")),
    ("GeminiDB", worker("GAUSSMONGO")),
    ("OBS", worker("OBS")),
    ("IoTDA", worker("IOTDA")),
    ("unsupported FunctionGraph trigger (CSE)", worker("CSE")),
    ("unsupported FunctionGraph trigger (APIC)", worker("APIC")),
    ("unsupported FunctionGraph trigger (RABBITMQ)", worker("RABBITMQ")),
    ("unknown event", {"hello": "world"}),
    ("empty object", {}),
]
