"""`make readme`: writes the tables and the report of docs/ from the code. A test fails when they are stale."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from dcs_upkeep.domain.settings import SETTING_FIELDS
from dcs_upkeep.guards.catalog import GUARDS
from tools import demo_run

ROOT = Path(__file__).resolve().parent.parent


def settings_table() -> str:
    """One row per setting, from its one definition."""
    rows = ["| setting | meaning | default |", "|---|---|---|"]
    for name, item in SETTING_FIELDS.items():
        shown = item.metadata["shown"]
        rows.append(f"| `{name}` | {item.metadata['doc']} | {shown if shown is not None else f'`{item.default:g}`'} |")
    return "\n".join(rows)


def guards_table() -> str:
    """One row per guard, from the code's own list."""
    rows = ["| guard | refuses when | setting | default | how to lift it |", "|---|---|---|---|---|"]
    for one in GUARDS:
        mark = " ◆" if one.permanent else ""
        rows.append(f"| `{one.name}`{mark} | {one.refuses_when} | {one.setting} | {one.default} | {one.how_to_lift} |")
    return "\n".join(rows)


def report() -> str:
    """The report of the main job, with the first instance of each wave alone."""
    told = json.loads(demo_run.printed(("run", "--json", demo_run.EVENT)))
    first = [wave[0] for wave in told["plan"]["waves"]]
    told["plan"]["waves"] = [[one] for one in first]
    told["instances"] = [row for row in told["instances"] if row["instance_id"] in first]
    return f"```json\n{json.dumps(told, indent=2, ensure_ascii=False)}\n```"


# File -> the places in it that are written from the code.
PLACES: Mapping[str, Mapping[str, Callable[[], str]]] = {
    "docs/refusals.md": {"guards": guards_table},
    "docs/report.md": {"report": report},
    "docs/settings.md": {"settings": settings_table},
}


def written(name: str) -> str:
    """The file as the code would have it."""
    text = (ROOT / name).read_text(encoding="utf-8")
    for mark, make in PLACES[name].items():
        content = make()
        pattern = re.compile(rf"(<!-- {mark} -->\n).*?(<!-- /{mark} -->)", re.DOTALL)
        text, count = pattern.subn(lambda match, content=content: f"{match[1]}{content}\n{match[2]}", text)  # type: ignore[misc]  # a default binds it
        if count != 1:
            raise ValueError(f"{name} has no place marked {mark}. Put <!-- {mark} --> and <!-- /{mark} --> where it belongs.")
    return text


def main() -> None:
    """Write them."""
    for name in PLACES:
        (ROOT / name).write_text(written(name), encoding="utf-8")
        print(name)


if __name__ == "__main__":
    main()
