"""What was written down: the settings, and the reviewed plans. Nobody is asked anything for it."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

from dcs_upkeep.doctor.finding import Finding, failed
from dcs_upkeep.domain.errors import SettingsError
from dcs_upkeep.domain.settings import SETTING_FIELDS, Settings, name_to_write
from dcs_upkeep.triggers.plans_file import PlansFile, load_plans


def misspelt(names: Iterable[str]) -> Iterator[Finding]:
    """A setting that nothing reads looks as if it were set."""
    for name in sorted(names):
        if name.startswith("UPKEEP_") and name not in SETTING_FIELDS and name != "UPKEEP_SETTINGS":
            yield Finding("fail", name, "no setting has this name", name_to_write(name))


def told(settings: Settings) -> Iterator[Finding]:
    """The settings that decide most."""
    where = f"region {settings.region}" if settings.region else f"endpoint {settings.endpoint}"
    actions = ", ".join(settings.allowed_actions)
    time_left = "as the host says, its units cross-checked" if settings.time_limit_s is None else "as UPKEEP_TIME_LIMIT_S says"
    yield Finding("ok", "settings", f"{where}; at most {settings.max_instances} instances; allowed: {actions}; time left: {time_left}")
    if settings.time_limit_s is not None:
        said = f"each invocation on a host is taken to last {settings.time_limit_s:g} s, whatever the host says"
        yield Finding("look", "UPKEEP_TIME_LIMIT_S", said, "Let it be no more than the function's timeout.")
    if not settings.topics:
        yield Finding("look", "UPKEEP_TOPICS", "no topic is set: reports are in the log alone", "Set an SMN or SNS topic.")


def addresses(settings: Settings) -> Iterator[Finding]:
    """Who may ask over HTTP. What was set up in front of the function cannot be seen from here."""
    if settings.http_anonymous:
        said = "whoever reaches a function URL or an API of this function may ask for what the settings allow"
        yield Finding("look", "UPKEEP_HTTP_ANONYMOUS", said, "Unset it, and set the address to IAM authorisation.")
    said = "an event of Huawei Cloud's APIG does not show who calls, so the function cannot refuse strangers"
    fix = "If there is an APIG trigger, set its API to IAM or App authentication, never to none."
    yield Finding("look", "APIG", said, fix)


def read_plans(path: Path, settings: Settings) -> Generator[Finding, None, PlansFile]:
    """The file, and whether the settings would let its plans pass. Returns it, or an empty one."""
    what = path.name
    try:
        plans = load_plans(path.read_bytes())
    except FileNotFoundError:
        if settings.plans_only:
            yield Finding("fail", what, "there is none, and UPKEEP_PLANS_ONLY takes nothing else", "Put it beside handler.py.")
        else:
            yield Finding("ok", what, "there is none; events carry their own requests")
        return PlansFile()
    except OSError as err:
        yield Finding("fail", what, f"it cannot be read: {err.strerror}", "Check the path and its rights.")
        return PlansFile()
    except SettingsError as err:
        yield from failed(what, err)
        return PlansFile()
    yield Finding("ok", what, f"{len(plans.requests)} plans, {len(plans.alarms)} alarm rules")
    for name, action in _actions(plans):
        if action not in settings.allowed_actions:
            yield Finding("fail", f"{what}: {name}", f"{action} is not allowed", f"Add {action} to UPKEEP_ALLOWED_ACTIONS, or drop it.")
    return plans


def _actions(plans: PlansFile) -> Iterator[tuple[str, str]]:
    yield from ((f"plans.{name}", request.action.value) for name, request in plans.requests.items() if request.action)
    yield from ((f"alarms[{place}]", str(rule.request["action"])) for place, rule in enumerate(plans.alarms))
