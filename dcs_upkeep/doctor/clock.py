"""How far the machine's clock is from the cloud's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from email.utils import parsedate_to_datetime

import requests

from dcs_upkeep.adapters import timeouts
from dcs_upkeep.adapters.dcs import sdk
from dcs_upkeep.doctor.finding import Finding
from dcs_upkeep.domain.addresses import is_loopback
from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.ports import Clock
from dcs_upkeep.domain.settings import Settings

CONNECT_S, READ_S = 5.0, 5.0
SIGNATURE_S = 900  # Huawei Cloud refuses a signature that is older or younger than 15 minutes
WHAT = "clock"


def look_at_clock(settings: Settings, clock: Clock, deadline: Deadline) -> Iterator[Finding]:
    """How far this clock is from DCS's, by the Date of an answer that needs no credentials: with a wrong clock they do not work."""
    address = settings.endpoint or sdk.region_endpoint(settings.region)
    if not address:
        yield Finding("fail", "UPKEEP_REGION", f"the SDK knows no region {settings.region!r}", "Correct it, or set UPKEEP_ENDPOINT.")
        return
    session = requests.Session()
    session.trust_env = not is_loopback(address)
    timeout = timeouts.fit(deadline.remaining_s(), CONNECT_S, READ_S)
    before = clock.now()
    try:
        with session, session.get(address, timeout=timeout, allow_redirects=False, stream=True) as answer:
            date = answer.headers.get("Date", "")
    except requests.RequestException as err:
        fix = "Check UPKEEP_REGION, UPKEEP_ENDPOINT and the network path to it."
        yield Finding("fail", WHAT, f"{address} does not answer ({type(err).__name__})", fix)
        return
    after = clock.now()
    try:
        there = parsedate_to_datetime(date)
    except ValueError:
        yield Finding("look", WHAT, "DCS does not say what time it is", "Compare the clocks by hand.")
        return
    # The header is cut to whole seconds, so that it is half a second behind on average.
    apart_s = (before + (after - before) / 2 - there.replace(tzinfo=there.tzinfo or UTC)).total_seconds() - 0.5
    said = f"{abs(apart_s):.1f} s {'ahead of' if apart_s > 0 else 'behind'} DCS"
    if abs(apart_s) > settings.skew_s + 1:
        worst = "every call is refused" if abs(apart_s) >= SIGNATURE_S else f"more than the {settings.skew_s:g} s of UPKEEP_SKEW_S"
        yield Finding("fail", WHAT, f"{said}: {worst}", "Let NTP set this machine's clock.")
    else:
        yield Finding("ok", WHAT, said)
