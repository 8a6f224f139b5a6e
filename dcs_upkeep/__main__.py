"""`dcs-upkeep`, or `python -m dcs_upkeep`: the command line."""

from __future__ import annotations

import sys


def main() -> None:
    """Run it, or say what to install."""
    try:
        from dcs_upkeep.local.entry import start
    except ModuleNotFoundError as err:
        if err.name not in ("typer", "rich"):
            raise
        sys.exit(f"The command line needs {err.name}, which the function itself does not: pip install . (or: make demo, which sets it up)")
    start(sys.argv[1:])


def _quietly() -> None:
    """Whoever stops it before it listens gets the usual status and no traceback."""
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    _quietly()
