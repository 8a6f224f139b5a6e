"""Whether what a run calls can be reached at all: its name, and its port. No request is sent, and no key is needed."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from dcs_upkeep.adapters import endpoints
from dcs_upkeep.adapters.dcs import sdk
from dcs_upkeep.doctor.finding import Finding
from dcs_upkeep.domain.addresses import is_loopback
from dcs_upkeep.domain.deadline import Deadline
from dcs_upkeep.domain.settings import Settings

CONNECT_S = 5.0
MOST_ADDRESSES = 4  # of one name
DCS, SMN, SNS, CLOUD_EYE, FUNCTIONGRAPH, JOURNAL = "DCS", "SMN", "SNS", "Cloud Eye", "FunctionGraph", "the journal"
NETWORK = (
    "Correct {setting}; if it is right, check the network path: a function in a VPC reaches what is outside through a NAT gateway "
    "or an endpoint of the VPC alone, and by the VPC's name servers."
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address that a run calls. `setting`: what to correct if it is wrong."""

    service: str
    address: str
    setting: str


Place = tuple[str, int, bool]  # host, port, whether it is a proxy on the way


def endpoints_of(settings: Settings, region: str, *, alarms: bool, calls_functiongraph: bool) -> Iterator[Endpoint]:
    """Everything that a run calls under these settings. IAM is not among it: with a project that is known nobody asks it."""
    if dcs := settings.endpoint or sdk.region_endpoint(region):
        yield Endpoint(DCS, dcs, "UPKEEP_REGION or UPKEEP_ENDPOINT")
    for topic_region in dict.fromkeys(topic.split(":")[2] for topic in settings.topics if topic.startswith("urn:")):
        yield Endpoint(SMN, settings.smn_endpoint or endpoints.of_service("smn", topic_region), "UPKEEP_TOPICS or UPKEEP_SMN_ENDPOINT")
    for topic_region in dict.fromkeys(topic.split(":")[3] for topic in settings.topics if topic.startswith("arn:")):
        if sns := _of_aws("sns", topic_region):
            yield Endpoint(SNS, sns, "UPKEEP_TOPICS")
    if alarms:
        yield Endpoint(CLOUD_EYE, settings.ces_endpoint or endpoints.of_service("ces", region), "UPKEEP_REGION or UPKEEP_CES_ENDPOINT")
    if calls_functiongraph:
        address = settings.functiongraph_endpoint or endpoints.of_service("functiongraph", region)
        yield Endpoint(FUNCTIONGRAPH, address, "UPKEEP_REGION or UPKEEP_FUNCTIONGRAPH_ENDPOINT")
    if journal := _of_journal(settings):
        yield Endpoint(JOURNAL, journal, "UPKEEP_JOURNAL")


def reach(asked: Iterable[Endpoint], deadline: Deadline) -> Mapping[str, Finding]:
    """Service -> whether it can be reached. All at the same time, so that the whole takes no longer than the slowest.

    A name is looked up without any timeout of its own: a thread that does not come back is left behind.
    """
    at_once: dict[Place, list[Endpoint]] = {}
    for one in asked:
        at_once.setdefault(_place(one.address), []).append(one)
    faults: dict[Place, str] = {}
    wait_s = max(0.0, min(CONNECT_S, deadline.remaining_s()))
    threads = [threading.Thread(target=_knock, args=(place, wait_s, faults.__setitem__), daemon=True) for place in at_once]
    for thread in threads:
        thread.start()
    ends_s = time.monotonic() + wait_s
    for thread in threads:
        thread.join(max(0.0, ends_s - time.monotonic()))
    return {one.service: _found(place, one, faults.get(place)) for place, them in at_once.items() for one in them}


def _found(place: Place, one: Endpoint, fault: str | None) -> Finding:
    host, port, is_proxy = place
    where = f"{host}:{port}" + (", the proxy on the way to it" if is_proxy else "")
    if fault == "":
        return Finding("ok", f"reach {one.service}", f"{where} can be connected to")
    fix = "Check HTTPS_PROXY and NO_PROXY." if is_proxy else NETWORK.format(setting=one.setting)
    return Finding("fail", f"reach {one.service}", f"{where}: {fault or 'no answer to the question for its address'}", fix)


def _knock(place: Place, wait_s: float, tell: Callable[[Place, str], None]) -> None:
    """Tells an empty text once a connection stands, else what went wrong."""
    host, port, _ = place
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[:MOST_ADDRESSES]
    except (OSError, UnicodeError) as err:
        tell(place, f"its name is not found ({type(err).__name__})")
        return
    fault = "its name has no address"
    for family, kind, protocol, _, address in found:
        try:
            with socket.socket(family, kind, protocol) as connection:
                connection.settimeout(max(0.05, wait_s * 0.9 / len(found)))  # so that it says why before nobody waits
                connection.connect(address)
        except OSError as err:
            fault = f"{address[0]} does not answer ({type(err).__name__})"
        else:
            fault = ""
            break
    tell(place, fault)


def _place(address: str) -> Place:
    """Where a call to this address connects to first: itself, or the proxy that the environment names, as the SDKs do it."""
    from requests.utils import get_environ_proxies, select_proxy

    proxy = None if is_loopback(address) else select_proxy(address, get_environ_proxies(address))
    parts = urlsplit(proxy if proxy and "//" in proxy else f"//{proxy}" if proxy else address)
    scheme = parts.scheme or "http"
    return parts.hostname or "", parts.port or (443 if scheme == "https" else 80), proxy is not None


def _of_journal(settings: Settings) -> str | None:
    """Where the journal is called; None if it is a file, or if its address cannot be used, which is told under `journal`."""
    parts = urlsplit(settings.journal)
    options = dict(parse_qsl(parts.query))
    if parts.scheme == "dynamodb":
        return options.get("endpoint") or _of_aws("dynamodb", options.get("region", ""))
    if parts.scheme != "obs" or not parts.netloc:
        return None
    # As the store itself reads it: what its address leaves out, the settings say.
    endpoint = options.get("endpoint") or settings.obs_endpoint
    return endpoint or endpoints.of_service("obs", options.get("region") or settings.region)


def _of_aws(service: str, region: str) -> str | None:
    """The address that boto3 takes, which the environment may change. None where it takes none: whoever calls it will say why."""
    try:
        import boto3

        return str(boto3.client(service, region_name=region or None).meta.endpoint_url)
    except (ImportError, ValueError):
        return None
