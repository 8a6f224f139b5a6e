"""`make readme`: writes the tables and the report of docs/ from the code. A test fails when they are stale."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from typer.main import get_command

from dcs_upkeep.domain.settings import SETTING_FIELDS
from dcs_upkeep.guards.catalog import GUARDS
from dcs_upkeep.local.cli import app
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


def commands_reference() -> str:
    """Every command with its words, from the command line's own help."""
    found = []
    commands: Mapping[str, Any] = vars(get_command(app))["commands"]
    for name, command in commands.items():
        arguments = [one for one in command.params if one.param_type_name == "argument"]
        usage = " ".join([name, *(one.name.upper() if one.required else f"[{one.name.upper()}]" for one in arguments)])
        rows = [f"| `{one.name.upper()}` | {_help_of(one)} | {_default_of(one)} |" for one in arguments]
        rows += [f"| {_words_of(one)} | {_help_of(one)} | {_default_of(one)} |" for one in command.params if one not in arguments]
        found.append("\n".join([f"### `{usage}`", "", command.help, "", "| word | meaning | default |", "|---|---|---|", *rows, ""]))
    return "\n".join(found)


def _words_of(option: Any) -> str:
    value = "" if option.is_flag else f" {option.metavar or option.name.upper()}"
    return ", ".join(f"`{word}{value}`" for word in (*option.opts, *option.secondary_opts))


def _help_of(param: Any) -> str:
    return str(param.help or "-").replace("|", "\\|")


def _default_of(param: Any) -> str:
    if param.required:
        return "required"
    if isinstance(param.show_default, str):
        return f"`{param.show_default}`"
    if isinstance(param.default, bool) or param.default is None:
        return f"`{param.secondary_opts[0]}`" if param.secondary_opts else "-"
    return f"`{param.default:g}`" if isinstance(param.default, float) else f"`{param.default}`"


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
    "docs/cli.md": {"commands": commands_reference},
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
