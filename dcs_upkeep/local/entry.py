"""Where the command line begins: what was mistyped is told to a person in a box, and to a program as an error object."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence

import typer

from dcs_upkeep.local.cli import app
from dcs_upkeep.local.command_lines import NAME, program
from dcs_upkeep.local.environment import REFUSED, Terminal

# (Typer's own way to say that words make no command is the base of the one class of it that it shows.)
USAGE: type[Exception] = typer.BadParameter.__mro__[1]
INTERRUPTED = 130


def start(words: Sequence[str]) -> None:
    """Carry out the command, and leave with its exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a sign that the terminal cannot show is no reason to stop in the middle
    if "--json" not in words:
        # A shell completes programs by their name, and a module has none.
        app(list(words), prog_name=NAME if any(word.endswith("-completion") for word in words) else program())
        return
    surface = Terminal(as_json=True)
    try:
        status = app(list(words), prog_name=program(), standalone_mode=False)
    except BrokenPipeError:  # whoever read it has seen enough
        sys.exit(1)
    except typer.Abort:
        status = _failed(surface, surface.texts("error.interrupted"), INTERRUPTED)
    except USAGE as err:
        said = getattr(err, "format_message", err.__str__)()
        status = _failed(surface, str(said), REFUSED, surface.texts("error.usage.next", program=program()))
    sys.exit(status)


def _failed(surface: Terminal, what: str, status: int, step: str = "") -> int:
    try:
        surface.fail(what, status, step)
    except typer.Exit as left:
        return int(left.exit_code)
