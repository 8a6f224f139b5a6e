"""What a person reads who stops this process: what is open, what goes on, and what to type. Pure."""

from __future__ import annotations

from collections.abc import Callable

from dcs_upkeep.domain.problems import list_some, one_line
from dcs_upkeep.domain.run import short_id
from dcs_upkeep.domain.stopping import AtWork, StopRequest
from dcs_upkeep.domain.timestamps import iso_at

MOST_NAMES = 10
Command = Callable[[AtWork, str], str]  # a run, and what is asked for -> what to type


def stopping_words(stop: StopRequest, command: Command) -> str:
    """After the first signal."""
    work = stop.worker.at_work() if stop.worker is not None else None
    if work is None:
        return f"STOPPING, {stop.by}: nothing is begun. Once more, and this process ends at once."
    watched = f"what is open is watched to its end ({_open(work)})" if work.open else "nothing is open"
    lines = [f"STOPPING run {short_id(work.run_id)} ({one_line(work.run_id)}), {stop.by}."]
    lines.append(f"  Nothing more is sent; {watched}; {work.waiting} not sent. Once more, and this process ends at once.")
    return "\n".join([*lines, *_next(work, command)])


def leaving_words(stop: StopRequest, until: float | None, now: float, command: Command) -> str:
    """After the second. `until`: when the run may be gone on with, in seconds since 1970; None if its lease has to lapse first."""
    work = stop.worker.at_work() if stop.worker is not None else None
    if work is None:
        return "LEFT at once: no run was at work."
    watched = f"OPEN, and watched by nobody now: {_open(work)}" if work.open else "Nothing is open"
    lines = [f"LEFT run {short_id(work.run_id)} ({one_line(work.run_id)}) at once.", f"  {watched}; {work.waiting} not sent."]
    if work.keeps and (until is None or until > now + 1.0):
        at = "once its lease has lapsed" if until is None else f"from {iso_at(until)} on"
        lines.append(f"  It may be gone on with {at}.")
    return "\n".join([*lines, *_next(work, command)])


def _open(work: AtWork) -> str:
    return f"{len(work.open)}: {list_some(map(one_line, work.open), most=MOST_NAMES)}"


def _next(work: AtWork, command: Command) -> list[str]:
    if not work.keeps:
        return ["  Nothing of it is kept: to have the rest done, send the event again."]
    return [f"  To go on:           {command(work, 'resume')}", f"  To end it for good: {command(work, 'halt')}"]


def event_command(work: AtWork, what: str) -> str:
    """As an event for whoever calls the handler himself."""
    return f'{{"resume": "{work.run_id}"}}' if what == "resume" else f'{{"command": "halt", "run": "{work.run_id}"}}'
