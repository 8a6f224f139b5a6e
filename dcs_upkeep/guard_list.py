"""The one list of guards: docs/refusals.md has a row for each, and a test holds the two together."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GuardInfo:
    """One guard as its reader sees it. `name` is fixed: it stands in reports and logs.

    `permanent`: the guard shapes the digest; the others may only shrink what was approved. `setting`: the setting, the
    request's field or the tag that steers it; `-` where nothing does.
    """

    name: str
    permanent: bool
    setting: str
    default: str
    refuses_when: str
    how_to_lift: str


GUARDS: tuple[GuardInfo, ...] = (
    GuardInfo(
        "found",
        True,
        "`UPKEEP_REGION`, `UPKEEP_PROJECT_ID`",
        "on",
        "DCS does not list the instance in this region and project",
        "Correct the ID, or the region or project of the function",
    ),
    GuardInfo(
        "engine",
        True,
        "-",
        "on",
        "the action is `flush`, `stop` or `start`, and the engine is not Redis, older than 4.0, or its version cannot be read",
        "Not at all: DCS cannot do it; `restart` and `soft_restart` take every engine, Memcached too",
    ),
    GuardInfo(
        "protected",
        True,
        "`UPKEEP_PROTECTED_TAGS`",
        "`upkeep=never`",
        "the instance has any of these tags; a value `*` stands for any, letter case does not count",
        "Take the tag off the instance, or the pair out of the setting",
    ),
    GuardInfo(
        "state",
        False,
        "-",
        "on",
        "the action cannot begin from the instance's state (`restart`: RUNNING or ERROR; `soft_restart`, `flush`, `stop`: RUNNING; "
        "`start`: CLOSED), or the state is not known here",
        "Wait until it is over, or mend the instance; already where the action leads is skipped, not refused",
    ),
    GuardInfo(
        "hold",
        False,
        "tag `upkeep-hold` on the instance",
        "no tag",
        "the tag's date (to the end of that day in UTC) or time (UTC where it names no zone) has not passed; "
        "empty and unreadable values hold",
        "Take the tag away, or wait",
    ),
    GuardInfo(
        "window",
        False,
        "`window`",
        "none",
        "the wall clock of the window's zone shows a time outside it, or the window cannot be read",
        "Send it inside the window, or `on_miss: defer` to leave the rest to its next opening",
    ),
    GuardInfo(
        "maintenance_window",
        False,
        "`respect_maintenance_window`",
        "false",
        "it is outside the instance's own `maintain_begin` to `maintain_end` (UTC), or they are missing, alike or unreadable",
        "Wait for it, change it in the console, or leave the field out",
    ),
    GuardInfo(
        "blackout",
        False,
        "`UPKEEP_BLACKOUT`",
        "none",
        "now lies in one of these dates (whole days in UTC, both ends of an interval included) or intervals of times (end not included)",
        "Wait until it is over, or take it out of the setting",
    ),
    GuardInfo(
        "cooldown",
        False,
        "`cooldown_s`",
        "0",
        "this action reached the instance less than so long ago, or the journal cannot say when",
        "Wait, or lower the field",
    ),
    GuardInfo(
        "claims",
        False,
        "`UPKEEP_JOURNAL`",
        "on with a journal",
        "another run has claimed the instance, or the journal cannot say",
        "Let that run end; its id is in the reason",
    ),
    GuardInfo(
        "halt",
        False,
        '`{"command": "halt"}`',
        "not pulled",
        "the halt lever is pulled, or cannot be read; asked before every call that writes",
        '`{"command": "release", "halt": "<id>"}`, with the id that `status` shows',
    ),
    GuardInfo(
        "alarm_veto",
        False,
        "`UPKEEP_ALARM_VETO`",
        "off",
        "a Cloud Eye alarm other than the one that triggered the run is firing for the instance, or Cloud Eye does not answer",
        "Settle the alarm, or unset the setting",
    ),
    GuardInfo(
        "allowed_action",
        False,
        "`UPKEEP_ALLOWED_ACTIONS`",
        "`restart,soft_restart,start`",
        "the action is not in the list; the whole plan is refused",
        "Add the action to the setting",
    ),
    GuardInfo(
        "blast_radius_count",
        False,
        "`UPKEEP_MAX_INSTANCES`",
        "100",
        "the plan would act on more instances; refused whole, never cut",
        "Narrow the selection, or raise the setting",
    ),
    GuardInfo(
        "blast_radius_share",
        False,
        "`UPKEEP_MAX_SHARE`",
        "none",
        "the plan would act on a larger share of the fleet that it was selected from (rounded down to instances); refused whole",
        "Narrow the selection, or raise the setting",
    ),
    GuardInfo(
        "approval",
        False,
        "`approve`, `UPKEEP_DISPOSABLE_TAGS`",
        "asked for",
        "an instance that is not disposable would lose its data, or nobody can tell, and `approve` is missing; "
        "or `approve` is the digest of another plan",
        "Make a dry run, look at what would be lost, and send the event that it prints",
    ),
    GuardInfo(
        "backup",
        False,
        "`backup`",
        "none",
        "`backup` is `before`, the instance would lose its data, and its backup failed, is impossible or did not end in time",
        "Mend what the reason names, or leave the field out and approve the loss",
    ),
    GuardInfo(
        "empty",
        False,
        "`allow_empty`",
        "true",
        "the selection matches no instance and `allow_empty` is false",
        "Check the conditions of the selection",
    ),
    GuardInfo(
        "journal",
        False,
        "`UPKEEP_JOURNAL`",
        "none on a host",
        "there is no journal, and the action is `flush` on a host, or the request has a `cooldown_s`",
        "Set up a journal",
    ),
    GuardInfo(
        "request",
        False,
        "-",
        "on",
        "DCS refuses the request itself, as a region does that does not know `stop` and `start`; the run stops there",
        "Not at all: the region cannot do it, or project or action are wrong",
    ),
)
