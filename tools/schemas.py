"""`make schemas`: writes the JSON Schemas from the code that they describe. A test fails when they are stale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from dcs_upkeep.domain.request import Request
from dcs_upkeep.reporting.report import Report
from dcs_upkeep.triggers.plans_file import NOT_IN_PLANS, RULE_FIELDS

FOLDER = Path(__file__).resolve().parent.parent / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def request_schema() -> dict[str, Any]:
    """The action plan. What only two fields together show is written as conditions, so that an editor sees it too."""
    schema = Request.model_json_schema()
    schema["oneOf"] = [
        {"required": ["action", "instances"], "not": {"required": ["select"]}},
        {"required": ["action", "select"], "not": {"required": ["instances"]}},
        {"required": ["plan"], "not": {"anyOf": [{"required": ["action"]}, {"required": ["instances"]}, {"required": ["select"]}]}},
    ]
    schema["properties"]["instances"]["anyOf"][0]["uniqueItems"] = True
    count, share = schema["$defs"]["Rollout"]["properties"]["max_failures"]["anyOf"]
    count["minimum"], share["pattern"] = 0, r"^(100|\d{1,2})(\.\d{1,3})?%$"
    name_lengths(schema)
    return {"$schema": DIALECT, "title": "DCS Upkeep request", **{key: value for key, value in schema.items() if key != "title"}}


def plans_file_schema() -> dict[str, Any]:
    """Reviewed plans and alarm rules."""
    request = Request.model_json_schema()
    definitions = request.pop("$defs")
    fields = {key: value for key, value in request["properties"].items() if key not in NOT_IN_PLANS}
    text = {"type": "string", "minLength": 1}
    plan = {
        "type": "object",
        "additionalProperties": False,
        "properties": fields,
        "required": ["action"],
        "oneOf": [{"required": ["instances"]}, {"required": ["select"]}],
    }
    rule = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "name": {**text, "description": "A glob over the alarm's name."},
            "metric": {**text, "description": "The alarm's metric, such as memory_usage."},
            **{key: fields[key] for key in RULE_FIELDS},
        },
        "required": ["action"],
        "anyOf": [{"required": ["name"]}, {"required": ["metric"]}],
    }
    schema = {
        "$schema": DIALECT,
        "title": "DCS Upkeep plans.json",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "plans": {"type": "object", "additionalProperties": plan, "description": "Name -> reviewed request."},
            "alarms": {
                "type": "array",
                "items": rule,
                "description": "Cloud Eye alarms and what they ask for; the first that matches counts.",
            },
        },
        "$defs": definitions,
    }
    name_lengths(schema)
    return schema


def report_schema() -> dict[str, Any]:
    """What the function returns, logs and stores."""
    schema = TypeAdapter(Report).json_schema()
    return {"$schema": DIALECT, "title": "DCS Upkeep report", **{key: value for key, value in schema.items() if key != "title"}}


def name_lengths(schema: Any) -> None:
    """Say minItems of lists, where pydantic says minLength of what a validator stands before."""
    if isinstance(schema, list):
        for one in schema:
            name_lengths(one)
    elif isinstance(schema, dict):
        if schema.get("type") == "array":
            for wrong, right in (("minLength", "minItems"), ("maxLength", "maxItems")):
                if wrong in schema:
                    schema[right] = schema.pop(wrong)
        for one in schema.values():
            name_lengths(one)


def every() -> dict[str, str]:
    """File name -> its text."""
    schemas = {"request": request_schema(), "report": report_schema(), "plans": plans_file_schema()}
    return {f"{name}.schema.json": json.dumps(schema, indent=2, sort_keys=False) + "\n" for name, schema in schemas.items()}


def main() -> None:
    """Write them all."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in every().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
        print(f"schemas/{name}")


if __name__ == "__main__":
    main()
