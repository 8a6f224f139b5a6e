"""Which object of a bucket holds an entry: by the stream's name, how long the stream lives, and the entry's place.

A key is made of letters, digits, `-`, `.`, `_` and `/` alone, so that it reads the same in an address, in a signature, in a lifecycle
rule and in a console, whoever encodes it how often. All else of a stream's name, `_` too, becomes `_` and two digits for each byte.
"""

from __future__ import annotations

import hashlib
import re

from dcs_upkeep.domain.lifetimes import FOREVER

EXPIRING, LASTING = "expiring", "lasting"
MOST_BYTES = 1024  # of a key at OBS
ROOM_BYTES = len(".part99999999")
SHA = "_sha256-"  # no `_` of an encoded name is followed by an `s`


def object_key(prefix: str, stream: str, part: int) -> str:
    """The key of a stream's part. Two streams never share one."""
    start = key_prefixes(prefix)[stream.startswith(FOREVER)]
    name, most = _encoded(stream), MOST_BYTES - len(start) - ROOM_BYTES
    if len(name) > most:
        digest = hashlib.sha256(stream.encode("utf-8", "surrogatepass")).hexdigest()
        name = re.sub(r"_.?$", "", name[: most - len(SHA) - len(digest)]) + SHA + digest
    return start + name + (f".part{part}" if part else "")


def key_prefixes(prefix: str) -> tuple[str, str]:
    """What keys begin with: those that a lifecycle rule may delete in time, and those that must last."""
    start = f"{prefix}/" if prefix else ""
    return f"{start}{EXPIRING}/", f"{start}{LASTING}/"


def _encoded(stream: str) -> str:
    """A slash stays where it parts two names; an empty name, `.` and `..` would be lost on the way, and `.part1` belongs to us."""
    names = [_encoded_name(name) for name in stream.split("/")]
    if re.search(r"\.part\d+$", names[-1]):
        names[-1] = "_2E".join(names[-1].rsplit(".", 1))
    return "/".join(names)


def _encoded_name(name: str) -> str:
    if not name:
        return "_"
    if name in (".", ".."):
        return "_2E" * len(name)
    return re.sub(rb"[^A-Za-z0-9.-]", lambda found: f"_{found[0].hex().upper()}".encode(), name.encode("utf-8", "surrogatepass")).decode()
