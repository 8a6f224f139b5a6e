"""`python -m dcs_upkeep.local.emulator --fleet FILE --port N`: the emulator as a program of its own."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from textwrap import fill
from typing import TypeVar

from .emulator import Emulator, utc_now
from .faults import KINDS, Fault, read_faults
from .fleet import Instance, make_fleet, read_changes, read_fleet

Read = TypeVar("Read")


def list_fields(kind: type[Fault | Instance]) -> str:
    """The fields that JSON may set, over as many lines as they need."""
    names = ", ".join(one.name for one in fields(kind) if one.name != "change")
    return fill(names, width=110, initial_indent="  ", subsequent_indent="  ")


def make_parser() -> argparse.ArgumentParser:
    kinds = "\n".join(f"  {kind:14} {meaning}" for kind, meaning in KINDS.items())
    fault_fields, fleet_fields = list_fields(Fault), list_fields(Instance)
    parser = argparse.ArgumentParser(
        prog="python -m dcs_upkeep.local.emulator",
        description="Plays Huawei Cloud DCS, SMN, Cloud Eye and OBS on 127.0.0.1. It needs no account and changes nothing anywhere.",
        epilog=f"fault kinds:\n{kinds}\n\nfields of a fault:\n{fault_fields}\n\nfields of an instance:\n{fleet_fields}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--fleet", metavar="FILE", help='JSON: a list of instances, or {"count": 24, "tags": {...}}')
    parser.add_argument("--faults", metavar="FILE", help='JSON: a list of {"operation": "put", "kind": "429", ...}')
    parser.add_argument("--changes", metavar="FILE", help='JSON: a list of {"at_s": 60, "instance_id": ..., "appendonly": "no"}')
    parser.add_argument("--quota", metavar="CALLS/S", type=read_quota, help="429 beyond so many calls in so many seconds")
    parser.add_argument("--keys-until", type=float, metavar="S", help="the keys are refused from so many seconds on")
    parser.add_argument("--bucket", metavar="NAME", help="make a bucket of OBS, for a journal at obs://NAME?endpoint=<url>")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--time-scale", type=float, default=1.0, metavar="X", help="let the clock run X times as fast")
    parser.add_argument("--latency-s", type=float, default=0.0, metavar="S", help="real seconds added to each call")
    return parser


def read_quota(text: str) -> tuple[int, float]:
    found = re.fullmatch(r"([1-9]\d{0,8})/([1-9]\d{0,8})", text)
    if found is None:
        raise argparse.ArgumentTypeError(f"must be like 200/300, not {text!r}")
    return int(found[1]), float(found[2])


def read_json(path: str, read: Callable[[object], Read]) -> Read:
    """Read one JSON file, or leave with one line that names it."""
    try:
        return read(json.loads(Path(path).read_text(encoding="utf-8")))
    except OSError as error:
        sys.exit(f"{path}: cannot be read: {error.strerror}")
    except json.JSONDecodeError as error:
        sys.exit(f"{path}: line {error.lineno}: not JSON: {error.msg}")
    except ValueError as error:
        sys.exit(f"{path}: {error}")


def make_emulator(arguments: argparse.Namespace) -> Emulator:
    fleet = read_json(arguments.fleet, read_fleet) if arguments.fleet else make_fleet(24, tags={"env": "demo"})
    faults = read_json(arguments.faults, read_faults) if arguments.faults else []
    changes = read_json(arguments.changes, read_changes) if arguments.changes else []
    source = arguments.fleet
    try:
        emulator = Emulator(
            fleet,
            port=arguments.port,
            time_scale=arguments.time_scale,
            latency_s=arguments.latency_s,
            base_date=utc_now(),
            quota=arguments.quota,
            key_valid_until=arguments.keys_until,
        )
        emulator.listen()
        if arguments.bucket:
            emulator.obs.create(arguments.bucket)
        source = arguments.faults
        for fault in faults:
            emulator.add_fault(fault)
        source = arguments.changes
        for at_s, instance_id, changed in changes:
            emulator.instance(instance_id)  # one that is not there is told now, not when its time comes
            emulator.change(instance_id, at=at_s, **changed)
    except (OSError, OverflowError) as error:
        sys.exit(f"port {arguments.port}: cannot listen: {error}")
    except ValueError as error:
        sys.exit(f"{source}: {error}")
    except KeyError as error:
        sys.exit(f"{source}: no instance {error} in the fleet")
    return emulator


def main(argv: Sequence[str] | None = None) -> int:
    emulator = make_emulator(make_parser().parse_args(argv))
    with emulator as emu:
        print(f"url={emu.url} ak={emu.ak} sk={emu.sk} project_id={emu.project_id}", flush=True)
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            return 0


if __name__ == "__main__":
    sys.exit(main())
