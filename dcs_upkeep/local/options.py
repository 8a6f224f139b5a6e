"""The words that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Event = Annotated[str, typer.Argument(help="A JSON file with the event, or - for standard input.")]
Cloud = Annotated[bool, typer.Option("--cloud/--local", help="The real cloud, or the embedded emulator.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the report alone, as JSON.")]
Fleet = Annotated[Path | None, typer.Option(help="The emulator's fleet, a JSON file.")]
Instances = Annotated[int, typer.Option(min=1, max=5000, help="How many instances the emulator has.")]
TimeScale = Annotated[float, typer.Option(min=0.1, max=1000, help="How much faster the emulator's time runs.")]
JournalUrl = Annotated[
    str | None,
    typer.Option("--journal", help="Where runs are kept: sqlite:///path, obs://bucket?region=..., dynamodb://table?region=..., memory:"),
]
PlansFile = Annotated[Path, typer.Option("--plans", help="The file of reviewed plans.")]
