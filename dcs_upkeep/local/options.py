"""The words that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dcs_upkeep import bootstrap

Event = Annotated[str, typer.Argument(help="A JSON file with the event or a saved plan, or - for standard input.")]
Cloud = Annotated[bool, typer.Option("--cloud/--local", help="The real cloud, or the embedded emulator.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the answer alone, as JSON; an error too.")]
Everything = Annotated[bool, typer.Option("--all", help="Leave nothing out.")]
Yes = Annotated[bool, typer.Option("--yes", help="Act on the real cloud without asking. It approves no loss of data.")]
Notify = Annotated[bool, typer.Option("--notify", help="Tell the topics what was not sent too, as the function would.")]
Approve = Annotated[str | None, typer.Option("--approve", metavar="DIGEST", help="Approve exactly the plan that was shown under this.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Save the plan, for `run FILE`.")]
Fleet = Annotated[Path | None, typer.Option(help="The emulator's fleet, a JSON file.")]
Instances = Annotated[int, typer.Option(min=1, max=5000, help="How many instances the emulator has.")]
TimeScale = Annotated[float, typer.Option(min=0.1, max=1000, help="How much faster the emulator's time runs.")]
JournalUrl = Annotated[
    str | None,
    typer.Option("--journal", help="Where runs are kept: sqlite:///path, obs://bucket?region=..., dynamodb://table?region=..., memory:"),
]
PlansFile = Annotated[Path, typer.Option("--plans", help="The file of reviewed plans.", show_default="plans.json")]
# Beside handler.py where that is; an installed command line looks in the folder in which it is called.
PLANS = bootstrap.PLANS_PATH if (bootstrap.PLANS_PATH.parent / "handler.py").exists() else Path("plans.json")
Page = Annotated[Path | None, typer.Option("--page", metavar="FILE", help="Write the run as a page for a browser, too.")]
