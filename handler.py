"""The entry for both clouds: FunctionGraph and AWS Lambda call `handler.handler`.

FunctionGraph: handler `handler.handler`, runtime Python3.12. Lambda: the same, runtime python3.12.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from dcs_upkeep import bootstrap

# Our copies of the SDKs come first: the FunctionGraph runtime bundles huaweicloudsdkcore 3.1.111 and an old requests.
sys.path.insert(0, str(Path(__file__).resolve().parent))


def handler(event: Any, context: Any) -> dict[str, Any]:
    """Handle one event: returns the report, or raises where nothing was sent and the platform should keep the event."""
    return bootstrap.handle(event, context)
