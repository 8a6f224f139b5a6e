"""One check, or one call of it: whatever it meets becomes a finding, and what no longer fits into the time is told as not checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from dcs_upkeep.doctor.finding import Finding, failed, not_checked
from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.errors import ThrottledError, UpkeepError, describe_error

ROOM_S = 2.0  # less is not worth asking anybody anything
MORE_TIME = "Send the command again; give the function a longer timeout if that does not help."
PACKAGE = "Build the package with it: make package ARGS=--geminidb brings boto3."


def timed(what: str, check: Callable[[], Iterator[Finding]], deadline: Deadline) -> Iterator[Finding]:
    """What a check finds. Never raises."""
    if not deadline.covers(ROOM_S):
        yield out_of_time(what, deadline)
        return
    try:
        yield from check()
    except ThrottledError as err:
        yield not_checked(what, str(err), "")
    except UpkeepError as err:
        yield from failed(what, err)
    except ModuleNotFoundError as err:
        yield Finding("fail", what, f"this package lacks {err.name}, which it needs", PACKAGE)
    except Exception as err:
        yield Finding("fail", what, describe_error(err), "Report it, with the log of this invocation.")


def tried(what: str, call: Callable[[], str], deadline: Deadline) -> Finding:
    """A harmless call and what came of it; the error's own text says what to do. One that ran out of time says nothing of what it tried."""
    if not deadline.covers(ROOM_S):
        return out_of_time(what, deadline)
    try:
        return Finding("ok", what, call())
    except ThrottledError as err:
        return not_checked(what, str(err), "")
    except UpkeepError as err:
        return Finding("fail", what, str(err)) if deadline.remaining_s() > 0 else out_of_time(what, deadline)


def out_of_time(what: str, deadline: Deadline) -> Finding:
    """Nobody has looked at it."""
    return not_checked(what, f"{max(0.0, deadline.remaining_s()):.0f} s are left for it", MORE_TIME)
