"""Every setting, once: its name, type, default and line in docs/settings.md. Read through a lookup, never from `os.environ` here.

Event functions on FunctionGraph get settings by `context.getUserData`, not from the environment (FunctionGraph UG, note).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.addresses import check_endpoint, check_project, check_region, check_store, hide_userinfo
from dcs_upkeep.domain.deadline import LONGEST_PUT_S
from dcs_upkeep.domain.errors import Problem, SettingsError
from dcs_upkeep.domain.problems import join, list_some, shorten, suggest
from dcs_upkeep.domain.reader import parse_language, parse_timezone
from dcs_upkeep.domain.time_windows import Blackout, parse_blackout

Lookup = Callable[[str], str | None]
ROOM_S = 5.0  # of a lease, for writing down that a PUT is about to leave
# What one invocation may last: the shortest timeout of both platforms that is worth a thought, and FunctionGraph's longest.
SHORTEST_INVOCATION_S, LONGEST_INVOCATION_S = 3.0, 259_200.0
BATCH_LIMIT = 50  # DCS.4100 "The number of instance IDs in an instances array cannot exceed 50"


def _setting(default: Any, parse: Callable[[str], Any], doc: str, shown: str | None = None) -> Any:
    """A field of `Settings`: `parse` turns text into its value and raises ValueError with what to write instead."""
    return field(default=default, metadata={"parse": parse, "doc": doc, "shown": shown})


def _text(raw: str) -> str:
    return raw


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(raw: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,9}", raw) or not low <= int(raw) <= high:
            raise ValueError(f"Write a whole number from {low} to {high}")
        return int(raw)

    return parse


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(raw: str) -> float:
        if not re.fullmatch(r"\d{1,9}(\.\d{1,6})?", raw) or not low <= float(raw) <= high:
            raise ValueError(f"Write seconds from {low:g} to {high:g}")
        return float(raw)

    return parse


def _share(raw: str) -> float:
    if not re.fullmatch(r"\d{1,3}(\.\d+)?%", raw) or not 0 < float(raw[:-1]) <= 100:
        raise ValueError("Write a percentage of the fleet such as 10%")
    return float(raw[:-1]) / 100


def _flag(raw: str) -> bool:
    known = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    if raw.lower() not in known:
        raise ValueError("Write 1 or 0")
    return known[raw.lower()]


def _words(raw: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in raw.split(",") if word.strip())


def _choice(*known: str) -> Callable[[str], tuple[str, ...]]:
    def parse(raw: str) -> tuple[str, ...]:
        words = _words(raw.lower())
        if unknown := [word for word in words if word not in known]:
            raise ValueError(f"Unknown: {list_some(shorten(word) for word in unknown)}. Write a comma-separated list of {', '.join(known)}")
        return words

    return parse


def _level(raw: str) -> str:
    if raw.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        raise ValueError("Write DEBUG, INFO, WARNING or ERROR")
    return raw.upper()


def _topics(raw: str) -> tuple[str, ...]:
    for topic in _words(raw):
        found = re.fullmatch(r"urn:smn:([^:\s]+):([^:\s]+):[^:\s]+|arn:aws[a-z-]*:sns:([^:\s]+):(\d+):[^:\s]+", topic)
        form = f"{shorten(topic)} is not a valid topic. Write urn:smn:<region>:<project>:<name> or arn:aws:sns:<region>:<account>:<name>"
        if not found:
            raise ValueError(form)
        try:
            check_region(found[1] or found[3])  # its host is made of it
            check_project(found[2] or found[4])
        except ValueError as err:
            raise ValueError(f"{form}. Of its region or project: {err}") from None
    return tuple(dict.fromkeys(_words(raw)))


def _tags(raw: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for word in _words(raw):
        key, equals, value = word.partition("=")
        if not (key.strip() and equals):
            raise ValueError(f"{shorten(word)} is not a valid tag. Write key=value, several separated by commas")
        pairs.append((key.strip(), value.strip()))
    return tuple(pairs)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one invocation. The environment name is `UPKEEP_` and the field's name in capitals."""

    region: str = _setting("", check_region, "Huawei Cloud region of the fleet, such as `cn-north-4`", "required")
    project_id: str = _setting(
        "", check_project, "Huawei Cloud project ID; by default that of the function or of the credentials", "from the host"
    )
    endpoint: str = _setting("", check_endpoint, "DCS endpoint, instead of the region's", "the region's")
    smn_endpoint: str = _setting("", check_endpoint, "SMN endpoint, instead of the region's", "the region's")
    topics: tuple[str, ...] = _setting((), _topics, "Comma-separated SMN URNs and SNS ARNs to which reports are sent", "none")
    allowed_actions: tuple[str, ...] = _setting(
        ("restart", "soft_restart", "start"),
        _choice(*(action.value for action in Action)),
        "Actions that requests may use; add `flush` and `stop` to allow them",
        "`restart,soft_restart,start`",
    )
    protected_tags: tuple[tuple[str, str], ...] = _setting(
        (), _tags, "Instances with any of these tags are never acted on, besides `upkeep=never`, which always holds", "none"
    )
    disposable_tags: tuple[tuple[str, str], ...] = _setting(
        (), _tags, "Instances with any of these tags may lose their data without approval", "none"
    )
    max_instances: int = _setting(100, _integer(1, 100_000), "A plan that would act on more instances is refused whole, never cut")
    max_share: float | None = _setting(
        None, _share, "A plan that would act on more than this share (such as `10%`) of the fleet it selects from is refused whole", "none"
    )
    breaker: int = _setting(
        5,
        _integer(0, 100_000),
        "So many failed or unknown instances within an hour, over all runs, and the halt lever is pulled; `0` never. Needs a journal",
    )
    batch_size: int = _setting(BATCH_LIMIT, _integer(1, BATCH_LIMIT), "Most instance IDs in one API call")
    parallel_calls: int = _setting(4, _integer(1, 16), "How many status calls of one wave run at the same time")
    poll_s: float = _setting(10.0, _seconds(1, 300), "Seconds between two polls of a wave")
    settle_s: float = _setting(30.0, _seconds(1, 3600), "How long an end state must hold to count when the busy state was not seen")
    blackout: tuple[Blackout, ...] = _setting(
        (), parse_blackout, "Comma-separated ISO dates (whole days in UTC) and intervals `from/to` during which nothing is sent", "none"
    )
    plans_only: bool = _setting(False, _flag, "Accept only the reviewed plans and alarm rules of `plans.json`", "`0`")
    http_anonymous: bool = _setting(
        False, _flag, "Take HTTP requests of AWS that came through no authorizer, so that whoever knows the address may ask", "`0`"
    )
    recheck_s: float = _setting(
        600.0, _seconds(10, 86_400), "How old a reading of data-loss classes may be when an instance is acted on; older ones are read again"
    )
    approval_max_age_s: float = _setting(
        86_400.0, _seconds(60, 30 * 86_400), "How long an approval is valid after the plan was shown, if that is in the journal"
    )
    alarm_veto: bool = _setting(
        False, _flag, "Refuse instances with a firing Cloud Eye alarm other than the one that triggered the run", "`0`"
    )
    alarm_verify: bool = _setting(
        True, _flag, "Ask Cloud Eye, before an alarm is acted on, whether it is firing for its instance; if not, refuse", "`1`"
    )
    ces_endpoint: str = _setting("", check_endpoint, "Cloud Eye endpoint, instead of the region's", "the region's")
    credentials_secret: str = _setting("", _text, "ARN of the AWS secret that holds the Huawei Cloud key pair", "none")
    notify: tuple[str, ...] = _setting(
        ("stop", "end"),
        _choice("start", "wave", "stop", "end"),
        "When messages are sent: when a run starts, after each wave, if it was stopped, at its end; refusals always",
        "`stop,end`",
    )
    language: str = _setting("en", parse_language, "Language of messages to people: `en` or `zh-CN`", "`en`")
    timezone: str = _setting("UTC", parse_timezone, "IANA time zone of the times in messages to people", "`UTC`")
    journal: str = _setting(
        "",
        check_store,
        "`obs://bucket/prefix?region=...&endpoint=...`, `dynamodb://table?region=...&endpoint=...`, `sqlite:///path` or `memory:`; "
        "no user or password in it",
        "none on a host; SQLite for the CLI",
    )
    obs_endpoint: str = _setting(
        "", check_endpoint, "OBS endpoint of a journal whose address names none, instead of the region's", "the region's"
    )
    journal_ephemeral: bool = _setting(
        False,
        _flag,
        "Accept `sqlite:` and `memory:` on FunctionGraph and Lambda, although both are lost with the function's instance",
        "`0`",
    )
    lease_s: float = _setting(120.0, _seconds(60, 900), "How long a run stays locked by an invocation that gives no sign of life")
    skew_s: float = _setting(10.0, _seconds(0, 120), "How far two clocks may differ")
    max_hops: int = _setting(200, _integer(0, 10_000), "How many further invocations may continue one run")
    time_limit_s: float | None = _setting(
        None,
        _seconds(SHORTEST_INVOCATION_S, LONGEST_INVOCATION_S),
        "How long one invocation may last on FunctionGraph or Lambda, whatever the host says of its time",
        "as the host says",
    )
    functiongraph_endpoint: str = _setting(
        "", check_endpoint, "FunctionGraph endpoint, for continuing a run, instead of the region's", "the region's"
    )
    log_level: str = _setting("INFO", _level, "`DEBUG`, `INFO`, `WARNING` or `ERROR`", "`INFO`")


def env_name(field_name: str) -> str:
    """The environment name of a field: `poll_s` -> `UPKEEP_POLL_S`."""
    return f"UPKEEP_{field_name.upper()}"


SETTING_FIELDS = MappingProxyType({env_name(item.name): item for item in fields(Settings)})


def name_to_write(name: str) -> str:
    """What to write instead of an unknown setting."""
    return suggest(name, SETTING_FIELDS) or "docs/settings.md has all of them."


def _bundle(lookup: Lookup, problems: list[Problem]) -> Mapping[str, str]:
    """Read `UPKEEP_SETTINGS`, a JSON object that may carry any setting (FunctionGraph allows 20 variables)."""
    raw = lookup("UPKEEP_SETTINGS")
    if not raw:
        return {}
    fix = 'Write one JSON object such as {"UPKEEP_POLL_S": "10"}.'
    try:
        values = json.loads(raw)
    except (ValueError, RecursionError):
        problems.append(Problem("UPKEEP_SETTINGS", "must be valid JSON", fix))
        return {}
    if not isinstance(values, dict):
        problems.append(Problem("UPKEEP_SETTINGS", "must be a JSON object", fix))
        return {}
    texts: dict[str, str] = {}
    for key, value in values.items():
        if key not in SETTING_FIELDS:
            problems.append(Problem(join("UPKEEP_SETTINGS", key), "unknown setting", name_to_write(key)))
        elif isinstance(value, bool) or not isinstance(value, str | int | float):
            problems.append(Problem(f"UPKEEP_SETTINGS.{key}", "must be a string or a number", "Write it in double quotes."))
        else:
            texts[key] = str(value)
    return texts


def read_settings(lookup: Lookup) -> Settings:
    """Read every setting through `lookup` (name -> text or None).

    A variable of its own wins over the same name in `UPKEEP_SETTINGS`; empty text counts as not set.
    Raises: SettingsError with every problem at once.
    """
    problems: list[Problem] = []
    bundle = _bundle(lookup, problems)
    values: dict[str, Any] = {}
    for name, item in SETTING_FIELDS.items():
        raw = (lookup(name) or bundle.get(name) or "").strip()
        if not raw:
            continue
        try:
            values[item.name] = item.metadata["parse"](raw)
        except ValueError as err:
            # An address may hold a password, and people put addresses where none belongs.
            shown = "its value" if item.metadata["parse"] in (check_endpoint, check_store) else shorten(hide_userinfo(raw))
            problems.append(Problem(name, f"{shown} is not valid", f"{hide_userinfo(str(err))}."))
    if not {"UPKEEP_LEASE_S", "UPKEEP_SKEW_S"} & {problem.path for problem in problems}:
        problems += _lease_problems(Settings(**values))
    if problems:
        raise SettingsError(problems)
    return Settings(**values)


def read_time_limit(lookup: Lookup) -> float | None:
    """UPKEEP_TIME_LIMIT_S alone, for the host, which needs it before anything else. None if it is not set, or not valid."""
    name = env_name("time_limit_s")
    raw = (lookup(name) or _bundle(lookup, []).get(name) or "").strip()
    try:
        found: float | None = SETTING_FIELDS[name].metadata["parse"](raw) if raw else None
    except ValueError:
        return None  # read_settings says what is wrong with it
    return found


def _lease_problems(settings: Settings) -> list[Problem]:
    """A PUT leaves only if the lease outlives it and the skew: with some pairs none ever would."""
    lease_s, skew_s = settings.lease_s, settings.skew_s
    needed_s = LONGEST_PUT_S + skew_s + ROOM_S
    if lease_s >= needed_s:
        return []
    what = (
        f"with UPKEEP_LEASE_S={lease_s:g} and UPKEEP_SKEW_S={skew_s:g} nothing could be sent: "
        f"a status call takes up to {LONGEST_PUT_S:g} s, and has to end before the lease does, by the skew at least"
    )
    fix = f"Set UPKEEP_LEASE_S to {needed_s:g} or more, or UPKEEP_SKEW_S to {lease_s - LONGEST_PUT_S - ROOM_S:g} or less."
    return [Problem("UPKEEP_LEASE_S", what, fix)]
