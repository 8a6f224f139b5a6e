"""`python -m tests.model`: check the protocol, then show what each of its lines is for by taking it away."""

from __future__ import annotations

import sys

from tests.model.checker import Result, check
from tests.model.lines import Assumption, Line


def main() -> int:
    """Print all of it. 1 if the protocol does not hold, or if a line that is taken away is not missed."""
    whole = check()
    print(f"The protocol {'does not hold: ' + whole.wrong if whole.wrong else 'holds'}: {_size(whole)}.")
    _show(whole)
    failed = bool(whole.wrong)
    for what, kind in ((Line, "Without the line"), (Assumption, "Without the assumption")):
        for line in what:
            found = check({line})
            failed = failed or not found.wrong
            print(f'\n{kind} "{line.value}" ({line.name}): {found.wrong or "NOTHING IS MISSED"}. {_size(found)}.')
            _show(found)
    return int(failed)


def _size(found: Result) -> str:
    return f"{found.states:,} states in {found.seconds:.1f} s"


def _show(found: Result) -> None:
    for number, step in enumerate(found.trace, start=1):
        print(f"  {number:>3}  {step}")


if __name__ == "__main__":
    sys.exit(main())
