"""One invocation of `handler.py` as FunctionGraph would make it, in a process of its own; prints its peak memory in KiB.

Takes the event as JSON text; settings come from the environment, as `context.getUserData` would give them.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from pathlib import Path

import handler

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))


class Context:
    """As much of a FunctionGraph context as the function may rely on."""

    def getUserData(self, key: str) -> str | None:  # noqa: N802  (FunctionGraph's name)
        """One setting."""
        return os.environ.get(key)

    def getSecurityAccessKey(self) -> str:  # noqa: N802  (FunctionGraph's name)
        """The agency's access key."""
        return os.environ["CLOUD_SDK_AK"]

    def getSecuritySecretKey(self) -> str:  # noqa: N802  (FunctionGraph's name)
        """The agency's secret key."""
        return os.environ["CLOUD_SDK_SK"]

    def getSecurityToken(self) -> str:  # noqa: N802  (FunctionGraph's name)
        """The agency's token."""
        return "bench-token"

    def getRemainingTimeInMilliSeconds(self) -> int:  # noqa: N802  (FunctionGraph's name)
        """Time left."""
        return 900_000

    def getRequestID(self) -> str:  # noqa: N802  (FunctionGraph's name)
        """This invocation's id."""
        return "bench-request"

    def getFunctionName(self) -> str:  # noqa: N802  (FunctionGraph's name)
        """The function."""
        return "dcs-upkeep"


def main() -> None:
    """Run the event and tell the status and the peak memory."""
    with contextlib.redirect_stdout(io.StringIO()):
        report = handler.handler(json.loads(sys.argv[1]), Context())
    # Not getrusage: its maximum is that of the process which started this one, where that was larger.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak_kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"status": report["status"], "counts": report["counts"], "peak_kib": peak_kib, "boto3": "boto3" in sys.modules}))


if __name__ == "__main__":
    main()
