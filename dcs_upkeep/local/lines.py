"""Each line of the log as the terminal shows it, if it shows it at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dcs_upkeep.domain.problems import list_some, one_line
from dcs_upkeep.local.groups import is_fine
from dcs_upkeep.local.texts import Texts
from dcs_upkeep.reporting.sentences import MOST_WAVES, sentence


def line(event: str, fields: Mapping[str, Any], texts: Texts) -> str | None:
    """One line of the log as a person reads it; None for what only a machine wants."""
    match event:
        case "plan.made" if fields.get("guard"):
            said = texts("line.refused", guard=fields["guard"])
        case "plan.made":
            waves = fields["waves"]
            left_out = texts("line.left_out", count=fields["settled"]) if fields.get("settled") else ""
            sizes = list_some((str(size) for size in waves), most=MOST_WAVES) or "-"
            count = fields.get("wave_count", len(waves))
            said = texts("line.plan.made", instances=fields["instances"], waves=count, sizes=sizes, left_out=left_out)
        case "wave.started":
            said = texts("line.wave.started", wave=fields["wave"], instances=texts.count("instances", fields["instances"]))
        case "wave.polled" | "wave.settled":
            said = texts(f"line.{event}", wave=fields["wave"], counts=wave_words(event, fields, texts))
        case "instance.verified":
            if is_fine(fields.get("outcome")):
                return None
            name = str(fields.get("name") or fields["instance_id"])
            said = texts("line.instance.verified", name=name, **_known(fields, "outcome", "reason"))
        case "run.deferred":
            said = texts("line.run.deferred", reason=fields.get("reason") or fields.get("not_before") or "-")
        case _ if texts.has(f"line.{event}"):
            said = texts(f"line.{event}", **fields)
        case _:
            return sentence(event, fields)
    return one_line(said)


def wave_words(event: str, fields: Mapping[str, Any], texts: Texts) -> str:
    """What is going on in a wave, without its number."""
    if event == "wave.started":
        return texts.count("instances", fields["instances"])
    counts = fields["states"] if event == "wave.polled" else fields["counts"]
    return one_line(texts("list.comma").join(f"{count} {name}" for name, count in counts.items())) or texts("line.nothing")


def _known(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: fields[name] for name in names}
