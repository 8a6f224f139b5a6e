"""What services of Huawei Cloud (and of OTC, its sister) send to functions, and none of which asks for anything here.

Shapes: the sample events of the FunctionGraph developer guide and of the OTC runtimes. The first that fits counts.
"""

from __future__ import annotations

from dcs_upkeep.triggers.shapes import shape

SHAPES = (
    shape("a CTS trace", "cts", details="cts/service_type cts/trace_name"),
    # The trace itself has `request` and `time` at its top, as an input of EventBridge Scheduler's has.
    shape("a CTS trace", "trace_id", "trace_name", details="service_type trace_name"),
    shape("a CTS trace", "trace_name", "service_type", details="service_type trace_name"),
    shape("a CTS trace", "trace_id", "service_type", details="service_type"),
    shape("an LTS event", "lts"),
    shape("a batch of DIS records", "StreamName", "ShardID", details="StreamName"),
    shape("a batch of DIS records", "StreamName", "Message/records", details="StreamName"),
    shape("a batch of DDS changes", "records/0/dds", details="records/0/event_name"),
    shape("a batch of DDS changes", "records/0/event_source=dds", details="records/0/event_name"),
    shape("a batch of GeminiDB changes", "records/0/gemini_mongo", details="records/0/event_name"),
    shape("a batch of GeminiDB changes", "records/0/event_source^gemini", details="records/0/event_source records/0/event_name"),
    shape("a batch of GeminiDB Mongo (GaussDB for Mongo) changes", "records/0/gauss_mongo", details="records/0/event_name"),
    shape("a batch of GeminiDB Mongo (GaussDB for Mongo) changes", "records/0/event_source^gauss", details="records/0/event_name"),
    shape("an IoTDA event", "resource", "notify_data", details="resource event"),
    shape("an IoTDA event", "notify_data/header/device_id", details="event"),
    shape("a batch of DIS records", "trigger_type=DIS"),
    shape("a batch of DDS changes", "trigger_type=DDS"),
    shape("a batch of GeminiDB changes", "trigger_type=GEMINIDB|GAUSSMONGO"),
    shape("an OBS notification", "trigger_type=OBS"),
    shape("an IoTDA event", "trigger_type=IOTDA"),
)
