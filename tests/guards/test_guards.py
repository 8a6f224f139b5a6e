"""What says no: one table per guard, and rules that hold for all of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcs_upkeep.domain import time_windows
from dcs_upkeep.domain.actions import RULES, TRANSIENT_STATES, Action
from dcs_upkeep.domain.model import Instance, WindowRule
from dcs_upkeep.domain.time_windows import DAYS
from dcs_upkeep.guards import before_reading, current, data_loss, per_call, permanent, whole_plan
from dcs_upkeep.guards.data_loss import is_single_by_spec
from dcs_upkeep.guards.guard import UNREADABLE, ask

NOW = datetime(2026, 6, 10, 3, 0, tzinfo=UTC)
RESTARTS = [Action.RESTART, Action.SOFT_RESTART]
NEED_REDIS_4 = [Action.FLUSH, Action.STOP, Action.START]


def redis(**fields: object) -> Instance:
    return Instance(**{"instance_id": "a", "name": "cache-a", "status": "RUNNING", "engine_version": "5.0", **fields})


def refused(reason: str | None, *words: str) -> bool:
    """Whether a guard gave a reason to refuse, and it has these words."""
    return bool(reason) and all(word in reason for word in words)


# --- all of them -------------------------------------------------------------------------------------------------


def test_a_guard_given_nonsense_refuses_if_it_is_asked():
    """What an adapter failed to fill in must not let an instance through."""
    calls = [
        ask("engine", permanent.engine, Action.FLUSH, redis(engine=None)),
        ask("engine", permanent.engine, "explode", redis()),
        ask("protected", permanent.protected, 7, [("upkeep", "never")]),
        ask("hold", current.hold, 7, NOW),
        ask("state", current.state, Action.RESTART, None),
        ask("window", per_call.window, None, NOW),
        ask("maintenance_window", current.maintenance_window, 2, 3, NOW),
        ask("blackout", per_call.blackout, None, NOW),
        ask("halt", per_call.halt, "halted"),
        ask("breaker", per_call.breaker, "many", 5),
        ask("breaker", per_call.breaker, {"a": None}, 5),
        ask("alarm_verify", before_reading.alarm_verify, "al1", ["a"], {"a": None}),
        ask("alarm_veto", current.alarm_veto, None),
        ask("allowed_action", whole_plan.allowed_action, Action.RESTART, None),
        ask("blast_radius_count", whole_plan.blast_radius_count, 3, None),
    ]
    assert [verdict for verdict in calls if verdict.allowed] == []
    assert all(verdict.reason for verdict in calls)


def test_a_clock_without_a_zone_refuses_wherever_time_matters():
    """Such a time would be read as the machine's local one, which on a laptop is not UTC."""
    naive = NOW.replace(tzinfo=None)
    blackouts = time_windows.parse_blackout("2026-12-24")
    verdicts = [
        ask("hold", current.hold, {"upkeep-hold": "2020-01-01"}, naive),
        ask("window", per_call.window, WindowRule(DAYS, "00:00", "00:00", "UTC"), naive),
        ask("maintenance_window", current.maintenance_window, "02:00:00", "04:00:00", naive),
        ask("blackout", per_call.blackout, blackouts, naive),
        ask("cooldown", current.cooldown, "2026-01-01T00:00Z", 60, naive),
    ]
    assert [verdict.guard for verdict in verdicts if verdict.allowed] == []


texts = st.text(max_size=30)
tag_maps = st.dictionaries(st.one_of(texts, st.just("upkeep-hold")), texts, max_size=3)


@given(texts, texts, texts, tag_maps, st.sampled_from(Action), st.lists(texts, max_size=3))
def test_no_guard_raises_for_any_text(one, two, three, tags, action, words):
    """Names, tags and versions are written by people; each guard decides on its own, without the net of `ask`."""
    instance = redis(engine=one, engine_version=two, status=three, tags=tags, maintain_begin=one, maintain_end=two)
    reasons = [
        permanent.found(one, None),
        permanent.found(one, instance),
        permanent.engine(action, instance),
        current.state(action, three),
        permanent.protected(tags, [(one, two), ("upkeep", "never")]),
        current.hold(tags, NOW),
        per_call.window(WindowRule(tuple(words), one, two, three), NOW),
        per_call.window(WindowRule(DAYS, "02:00", "04:00", three), NOW),
        current.maintenance_window(one, two, NOW),
        current.cooldown(one, 60, NOW),
        current.claims(one, two, run_id=three, now=NOW),
        per_call.halt({"id": one, "reason": two}),
        per_call.breaker({one: 3, two: 4}, 5),
        before_reading.alarm_verify(one, [two], {two: {three: one}}),
        before_reading.alarm_verify(one, [two], {}),
        current.alarm_veto({one: two}, three),
        whole_plan.allowed_action(action, words),
    ]
    # A report's line stays one line.
    assert all(reason is None or (reason and reason.isprintable()) for reason in reasons)


# --- permanent ---------------------------------------------------------------------------------------------------


def test_an_instance_that_is_not_listed_is_refused_by_its_id():
    """A wrong region looks like this; the reason says where was looked."""
    assert refused(permanent.found("0-missing", None), "0-missing", "region")
    assert permanent.found("a", redis()) is None


@pytest.mark.parametrize("action", NEED_REDIS_4)
@pytest.mark.parametrize(
    ("engine", "version", "allowed"),
    [
        ("Redis", "4.0", True),
        ("Redis", "4.0.14", True),
        ("redis", "5.0", True),
        ("Redis", "6", True),
        ("Redis", "10.0", True),
        ("Redis", "3.0", False),
        ("Redis", "3.9.9", False),
        ("Redis", "", False),
        ("Redis", "basic", False),
        ("Redis", "5.x", False),
        ("Redis", "-5.0", False),
        ("Redis", "５.0", False),
        ("Memcached", "4.0", False),
        ("", "5.0", False),
    ],
)
def test_flush_stop_and_start_need_redis_4(action, engine, version, allowed):
    """The API's page says so for flush; a version that cannot be read may be an old one."""
    reason = permanent.engine(action, redis(engine=engine, engine_version=version))
    assert (reason is None) is allowed
    assert allowed or refused(reason, action, "4.0")


@pytest.mark.parametrize("action", RESTARTS)
@pytest.mark.parametrize("engine", ["Redis", "Memcached"])
@pytest.mark.parametrize("version", ["3.0", ""])
def test_restarts_take_every_engine(action, engine, version):
    """Old instances are the ones that need a restart now and then."""
    assert permanent.engine(action, redis(engine=engine, engine_version=version)) is None


@pytest.mark.parametrize(
    ("tags", "pairs", "allowed"),
    [
        pytest.param({"upkeep": "never"}, [("upkeep", "never")], False, id="the tag"),
        pytest.param({"upkeep": "always"}, [("upkeep", "never")], True, id="another value"),
        pytest.param({"team": "never"}, [("upkeep", "never")], True, id="another key"),
        pytest.param({"env": "prod", "team": "x"}, [("upkeep", "never"), ("env", "prod")], False, id="any of the pairs"),
        pytest.param({"env": "prod"}, [("env", "*")], False, id="* is any value"),
        pytest.param({"env": ""}, [("env", "*")], False, id="* is the empty value too"),
        pytest.param({"team": "x"}, [("env", "*")], True, id="* needs the key"),
        pytest.param({"env": "*"}, [("env", "prod")], True, id="* means nothing on the instance"),
        pytest.param({"Upkeep": " Never "}, [("upkeep", "never")], False, id="letter case and spaces do not count"),
        pytest.param({"upkeep": ""}, [("upkeep", "")], False, id="an empty value"),
        pytest.param({}, [("upkeep", "never")], True, id="no tags"),
        pytest.param({"upkeep": "never"}, [], True, id="nothing is protected"),
    ],
)
def test_a_protected_tag_puts_an_instance_out_of_reach(tags, pairs, allowed):
    """The owner's last word, and it is the operator who chooses which tags say it."""
    reason = permanent.protected(tags, pairs)
    assert (reason is None) is allowed
    assert allowed or refused(reason, next(iter(tags)))


@pytest.mark.parametrize("pairs", [[("upkeep", "never")], []])
def test_tags_that_were_not_told_protect_and_hold_and_are_not_disposable(pairs):
    """What is unknown refuses, and never takes a protection away."""
    assert refused(permanent.protected(None, pairs), "cannot be told", "no tags")
    assert refused(current.hold(None, NOW), "cannot be told", "upkeep-hold")
    assert data_loss.disposable(None, [("tier", "*")]) is False


# --- time-dependent ----------------------------------------------------------------------------------------------

EVERY_STATE = sorted(
    {"RUNNING", "ERROR", "CLOSED", "FROZEN", "FREEZING", "PAYING", "CREATEFAILED", "DELETED", "NEWSTATE", "", *TRANSIENT_STATES}
)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("status", EVERY_STATE)
def test_an_action_begins_only_from_the_states_that_its_rule_names(action, status):
    """Everything else is refused, the states of tomorrow too, with the state and what would be needed in the reason."""
    reason = current.state(action, status)
    assert (reason is None) is (status in RULES[action].allowed_from | RULES[action].waits_for)
    assert reason is None or refused(reason, status, action, *RULES[action].allowed_from)


def test_only_what_leads_where_the_action_may_begin_is_waited_for():
    """A start after CLOSING and a stop after STARTING; what a restart would wait for, somebody else is doing."""
    waits_for = {action: set(rule.waits_for) for action, rule in RULES.items() if rule.waits_for}
    assert waits_for == {Action.STOP: {"STARTING"}, Action.START: {"CLOSING"}}


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("status", ["RUNNING", "CLOSED", "ERROR"])
def test_an_instance_that_has_a_task_is_busy_whatever_its_status(action, status):
    """RUNNING is shown while DCS is still changing it; a list does not tell."""
    may_begin = status in RULES[action].allowed_from
    for has_task, allowed in ((None, may_begin), (False, may_begin), (True, False)):
        assert (current.state(action, status, has_task=has_task) is None) is allowed
    assert not may_begin or refused(current.state(action, status, has_task=True), "still working on it", status)


@pytest.mark.parametrize(
    ("action", "status", "skip"),
    [
        (Action.STOP, "CLOSED", True),
        (Action.STOP, "RUNNING", False),
        (Action.START, "RUNNING", True),
        (Action.START, "CLOSED", False),
        (Action.RESTART, "RUNNING", False),
        (Action.FLUSH, "RUNNING", False),
        (Action.RESTART, "", False),
    ],
)
def test_an_instance_already_where_the_action_leads_is_skipped_and_never_acted_on(action, status, skip):
    """Skipping is no refusal, and a caller that forgets to ask must still not send it."""
    assert current.is_skip(action, status) is skip
    assert not (skip and current.state(action, status) is None)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("FROZEN", "arrears"),
        ("FREEZING", "arrears"),
        ("PAYING", "not paid"),
        ("CREATEFAILED", "creation failed"),
        ("UPGRADING", "try again"),
        ("BACKINGUP", "unknown to this tool"),
        ("", "no status"),
    ],
)
def test_a_refused_state_says_in_words_what_is_the_matter(status, words):
    """FROZEN means a bill; whoever is on call should not have to look that up."""
    assert refused(current.state(Action.RESTART, status), words)


@pytest.mark.parametrize(
    ("tags", "allowed", "words"),
    [
        pytest.param({}, True, "", id="no tag"),
        pytest.param({"upkeep-hold": "2026-06-10"}, False, "until 2026-06-11T00:00Z", id="to the end of today"),
        pytest.param({"upkeep-hold": "2026-06-09"}, True, "", id="yesterday is over"),
        pytest.param({"upkeep-hold": "2026-06-10T03:00:01Z"}, False, "until 2026-06-10T03:00:01Z", id="one second to go"),
        pytest.param({"upkeep-hold": "2026-06-10T03:00Z"}, True, "", id="its very end"),
        pytest.param({"upkeep-hold": "2026-06-10T03:00"}, True, "", id="without zone it is UTC"),
        pytest.param({"upkeep-hold": "2026-06-10T10:00+08:00"}, True, "", id="an offset, over"),
        pytest.param({"upkeep-hold": "2026-06-10T03:00-08:00"}, False, "11:00Z", id="an offset, not over"),
        pytest.param({"upkeep-hold": ""}, False, "has no date", id="empty holds"),
        pytest.param({"upkeep-hold": "until friday"}, False, "'until friday'", id="unreadable holds"),
        pytest.param({"upkeep-hold": "2026-02-30"}, False, "'2026-02-30'", id="a date that no calendar has holds"),
        pytest.param({"Upkeep-Hold": "2026-06-10"}, False, "until", id="letter case of the key does not count"),
        pytest.param({"upkeep-hold": "2020-01-01", "UPKEEP-HOLD": "2026-06-10"}, False, "until", id="the strictest of several"),
        pytest.param({"upkeep": "hold"}, True, "", id="another tag"),
    ],
)
def test_a_hold_leaves_the_instance_alone_until_it_has_passed(tags, allowed, words):
    """An owner in the middle of a migration sets one tag; a typo in it must not end the protection."""
    reason = current.hold(tags, NOW)
    assert (reason is None) is allowed
    assert allowed or refused(reason, "upkeep-hold", words)


def test_outside_its_window_a_plan_is_refused_with_the_next_opening():
    """The reader's next question is when."""
    rule = WindowRule(("mon", "tue"), "02:00", "04:00", "Europe/Berlin")
    assert refused(per_call.window(rule, NOW), "mon, tue 02:00 to 04:00 Europe/Berlin", "opens at 2026-06-15T00:00Z")
    assert per_call.window(rule, datetime(2026, 6, 15, 0, 0, tzinfo=UTC)) is None


def test_a_window_that_cannot_be_read_refuses_with_what_to_write():
    """A zone missing from the runtime's tables must stop the run, not shift it."""
    assert refused(per_call.window(WindowRule(DAYS, "00:00", "00:00", "Mars/Base"), NOW), "'Mars/Base'", "IANA")


@pytest.mark.parametrize(
    ("begin", "end", "allowed", "words"),
    [
        ("02:00:00", "04:00:00", True, ""),
        ("03:00:00", "04:00:00", True, ""),
        ("02:00:00", "03:00:00", False, "02:00:00 to 03:00:00 UTC"),
        (None, None, False, "missing"),
        ("soon", "later", False, "'soon'"),
        ("03:00:00", "03:00:00", False, "same time"),
    ],
)
def test_outside_its_own_maintenance_window_an_instance_is_refused(begin, end, allowed, words):
    """DCS would restart it at any hour; only this guard holds the request to it."""
    reason = current.maintenance_window(begin, end, NOW)
    assert (reason is None) is allowed
    assert allowed or refused(reason, words)


def test_a_blackout_refuses_and_says_until_when():
    """A freeze is a promise to others; the reason names what the operator wrote."""
    dark = time_windows.parse_blackout("2026-06-01/2026-06-10")
    assert refused(per_call.blackout(dark, NOW), "2026-06-01/2026-06-10", "2026-06-11T00:00Z")
    assert per_call.blackout(dark, NOW + timedelta(days=1)) is None
    assert per_call.blackout((), NOW) is None


@pytest.mark.parametrize(
    ("last", "cooldown_s", "allowed", "words"),
    [
        pytest.param(None, 3600, True, "", id="never reached"),
        pytest.param("2026-06-10T02:00:00Z", 3600, True, "", id="just over"),
        pytest.param("2026-06-10T02:00:01Z", 3600, False, "less than 3600 s ago", id="just under"),
        pytest.param(NOW - timedelta(seconds=10), 60, False, "less than 60 s ago", id="a datetime"),
        pytest.param("2026-06-10T02:59:59.500000+00:00", 1, False, "less than 1 s", id="as the journal writes it"),
        pytest.param("2026-06-10T05:00Z", 60, False, "", id="in time to come: a clock is off"),
        pytest.param("whenever", 60, False, "cannot be read", id="unreadable"),
        pytest.param(UNREADABLE, 60, False, "cannot be read", id="the journal does not answer"),
        pytest.param(UNREADABLE, 0, True, "", id="not asked for"),
        pytest.param("2026-06-10T02:59:59Z", 0, True, "", id="no cooldown"),
        pytest.param("2026-06-10T02:00Z", float("nan"), False, "cannot be read", id="no number"),
        pytest.param("2026-06-10T02:00Z", float("inf"), False, "cannot be read", id="for ever"),
    ],
)
def test_an_instance_is_left_to_cool_down(last, cooldown_s, allowed, words):
    """Alarms repeat; the second restart within minutes helps nobody."""
    reason = current.cooldown(last, cooldown_s, NOW)
    assert (reason is None) is allowed
    assert allowed or refused(reason, words)


@pytest.mark.parametrize(
    ("arguments", "options", "allowed", "words"),
    [
        pytest.param((None,), {}, True, "", id="nobody's"),
        pytest.param(("run-1",), {}, False, "run-1", id="another run's"),
        pytest.param(("run-1",), {"run_id": "run-1"}, True, "", id="its own"),
        pytest.param(("run-1",), {"run_id": "run-2"}, False, "run-1", id="not its own"),
        pytest.param(("run-1", "2026-06-10T03:00:01Z"), {"now": NOW}, False, "until 2026-06-10T03:00:01Z", id="not run out"),
        pytest.param(("run-1", "2026-06-10T03:00Z"), {"now": NOW}, True, "", id="run out"),
        pytest.param(("run-1", "2026-06-10T02:00Z"), {}, False, "run-1", id="no clock, so it stands"),
        pytest.param(("run-1", "soon"), {"now": NOW}, False, "cannot be read", id="an end that cannot be read"),
        pytest.param((UNREADABLE,), {"run_id": "run-1"}, False, "cannot be read", id="the journal does not answer"),
        pytest.param(("",), {}, False, "''", id="a claim without a name is one"),
    ],
)
def test_an_instance_belongs_to_the_run_that_claimed_it(arguments, options, allowed, words):
    """Two runs on one instance cannot tell whose effect they see."""
    reason = current.claims(*arguments, **options)
    assert (reason is None) is allowed
    assert allowed or refused(reason, words)


@pytest.mark.parametrize(
    ("record", "allowed", "words"),
    [
        pytest.param(None, True, "", id="not pulled"),
        pytest.param({"id": "h-1", "reason": "incident 7"}, False, "'h-1' is in force: 'incident 7'", id="pulled"),
        pytest.param({}, False, "in force", id="a record without words is one"),
        pytest.param(UNREADABLE, False, "cannot be read", id="unreadable is pulled"),
        pytest.param(False, False, "cannot be read", id="no record at all"),
    ],
)
def test_a_halt_stops_everything_that_writes(record, allowed, words):
    """Who pulls the lever must be able to walk away; a journal that does not answer may hold a pulled one."""
    reason = per_call.halt(record)
    assert (reason is None) is allowed
    assert allowed or refused(reason, words)


@pytest.mark.parametrize(
    ("failures", "most", "allowed", "words"),
    [
        pytest.param({}, 5, True, "", id="none failed"),
        pytest.param({"a": 4}, 5, True, "", id="one fewer"),
        pytest.param({"a": 5}, 5, False, ["5 failed or unknown", "'a'"], id="as many, in one run"),
        pytest.param({"a": 2, "b": 3}, 5, False, ["5 failed or unknown", "'a', 'b'"], id="as many, over two runs"),
        pytest.param({"a": 5}, 0, True, "", id="switched off"),
        pytest.param(UNREADABLE, 0, True, "", id="switched off, so nobody reads"),
        pytest.param(None, 5, True, "", id="no journal"),
        pytest.param(UNREADABLE, 5, False, ["cannot be read"], id="unreadable is too many"),
    ],
)
def test_so_many_failures_within_an_hour_stop_everything(failures, most, allowed, words):
    """An alarm storm is many small runs, and no limit of one plan holds the others."""
    reason = per_call.breaker(failures, most)
    assert (reason is None) is allowed
    assert allowed or refused(reason, *words)


@pytest.mark.parametrize(
    ("triggered_by", "firing", "allowed", "words"),
    [
        pytest.param("al1", {"a": {"al1": "memory"}}, True, "", id="it fires"),
        pytest.param("al1", {"a": {"al1": "memory", "al2": "node"}}, True, "", id="another does too: that is for the veto"),
        pytest.param("al1", {"a": {}}, False, ["'al1'", "as firing for a"], id="none fires"),
        pytest.param("al1", {"a": {"al2": "memory"}}, False, ["'al1'", "as firing for a"], id="another fires"),
        pytest.param("al1", {"b": {"al1": "memory"}}, False, ["cannot be read"], id="another instance's"),
        pytest.param("al1", {}, False, ["cannot be read"], id="unanswered"),
        pytest.param("al1", None, True, "", id="switched off"),
        pytest.param(None, {"a": {}}, True, "", id="no alarm asked for it"),
    ],
)
def test_an_alarm_is_believed_if_cloud_eye_shows_it(triggered_by, firing, allowed, words):
    """The message that speaks of it may come from whoever can publish to the topic."""
    reason = before_reading.alarm_verify(triggered_by, ["a"], firing)
    assert (reason is None) is allowed
    assert allowed or refused(reason, *words)


@pytest.mark.parametrize(
    ("firing", "triggered_by", "allowed", "words"),
    [
        pytest.param({}, None, True, "", id="none"),
        pytest.param({"al1": "memory"}, None, False, "'memory'", id="one"),
        pytest.param({"al1": "memory"}, "al1", True, "", id="the one that triggered the run"),
        pytest.param({"al1": "memory", "al2": "cpu"}, "al1", False, "'cpu'", id="another beside it"),
        pytest.param({"al2": ""}, "al1", False, "'al2'", id="without a name, by its id"),
        pytest.param({f"al{n}": "" for n in range(9)}, None, False, "and 4 more", id="many"),
        pytest.param(UNREADABLE, "al1", False, "cannot be read", id="Cloud Eye does not answer"),
    ],
)
def test_a_firing_alarm_vetoes_unless_it_asked_for_the_run(firing, triggered_by, allowed, words):
    """Maintenance on what is already burning makes two incidents of one."""
    reason = current.alarm_veto(firing, triggered_by)
    assert (reason is None) is allowed
    assert allowed or refused(reason, words)


def test_the_alarm_that_triggered_the_run_is_not_named_as_a_veto():
    """The reason would send people after the wrong alarm."""
    assert "memory" not in current.alarm_veto({"al1": "memory", "al2": "cpu"}, "al1")


# --- the whole plan ----------------------------------------------------------------------------------------------


def test_an_action_that_the_operator_does_not_allow_is_refused():
    """One IAM action covers restart and flush alike, so only this list tells them apart."""
    assert refused(whole_plan.allowed_action(Action.FLUSH, ("restart", "start")), "flush", "restart, start")
    assert refused(whole_plan.allowed_action(Action.FLUSH, ()), "nothing")
    assert whole_plan.allowed_action(Action.FLUSH, ("restart", "flush")) is None
    assert whole_plan.allowed_action(Action.RESTART, ("soft_restart",)) is not None


@pytest.mark.parametrize(("planned", "most", "allowed"), [(100, 100, True), (101, 100, False), (0, 1, True)])
def test_more_instances_than_the_cap_refuse_the_plan_with_both_numbers(planned, most, allowed):
    """A selection that matches too much is a mistake, and cutting it would act on half of a mistake."""
    reason = whole_plan.blast_radius_count(planned, most)
    assert (reason is None) is allowed
    assert allowed or refused(reason, str(planned), str(most))


@pytest.mark.parametrize(
    ("planned", "fleet", "share", "allowed"),
    [
        pytest.param(10, 100, 0.1, True, id="exactly"),
        pytest.param(11, 100, 0.1, False, id="one more"),
        pytest.param(29, 100, 0.29, True, id="29 % of 100 are 29, not 28.999999999999996"),
        pytest.param(3, 30, 0.1, True, id="10 % of 30"),
        pytest.param(1, 3, 1 / 3, True, id="a third of three"),
        pytest.param(1, 9, 0.1, False, id="rounded down to none"),
        pytest.param(9, 9, 1.0, True, id="all of them"),
        pytest.param(9, 9, None, True, id="no share set"),
        pytest.param(0, 0, 0.1, True, id="nothing to do"),
        pytest.param(1, 0, 0.1, False, id="an empty fleet"),
        pytest.param(5, 3, 1.0, False, id="more than there are"),
        pytest.param(1, 10, float("nan"), False, id="no number"),
        pytest.param(1, 10, 10.0, False, id="a percentage where a share belongs"),
    ],
)
def test_a_larger_share_of_the_fleet_than_allowed_refuses_the_plan(planned, fleet, share, allowed):
    """A cap as a count is either too small for a large fleet or all of a small one."""
    reason = whole_plan.blast_radius_share(planned, fleet, share)
    assert (reason is None) is allowed
    assert allowed or refused(reason, str(planned), str(fleet))


# --- data loss ---------------------------------------------------------------------------------------------------

HA = {"cache_mode": "ha", "replica_count": 2, "appendonly": "yes", "spec_code": "redis.ha.xu1.tiny.r2.128"}
CLUSTER = {"cache_mode": "cluster", "replica_count": 2, "appendonly": "yes", "spec_code": "redis.cluster.xu1.large.r2.4"}
SINGLE = {"cache_mode": "single", "replica_count": None, "appendonly": None, "spec_code": "redis.single.xu1.tiny.128"}
NOTHING = {"cache_mode": None, "replica_count": None, "appendonly": None, "spec_code": ""}
LOSSES = [
    ("replicated and on disk", HA, False, ""),
    ("read/write splitting", {**HA, "cache_mode": "ha_rw_split"}, False, ""),
    ("a cluster with replicas", CLUSTER, False, ""),
    ("a proxy cluster with replicas", {**CLUSTER, "cache_mode": "proxy"}, False, ""),
    ("letter case does not count", {**HA, "cache_mode": "HA", "appendonly": "YES"}, False, ""),
    ("a single node", SINGLE, True, "single node"),
    ("a single node, known from its spec code alone", {**NOTHING, "spec_code": SINGLE["spec_code"]}, True, "single node"),
    ("a spec code of one node against any other answer", {**HA, "spec_code": SINGLE["spec_code"]}, True, "single node"),
    ("a single node by its mode alone", {**SINGLE, "spec_code": ""}, True, "single node"),
    ("a single node with appendonly", {**SINGLE, "appendonly": "yes"}, True, "single node"),
    ("a cluster of one replica", {**CLUSTER, "replica_count": 1}, True, "single-replica cluster"),
    ("a proxy cluster of one replica", {**CLUSTER, "cache_mode": "proxy", "replica_count": 1}, True, "single-replica cluster"),
    ("not on disk", {**HA, "appendonly": "no"}, True, "appendonly=no"),
    ("not on disk, and the rest unknown", {**NOTHING, "appendonly": "no"}, True, "appendonly=no"),
    ("all reasons at once", {**CLUSTER, "replica_count": 1, "appendonly": "no"}, True, "single-replica cluster, appendonly=no"),
    ("nothing is known", NOTHING, None, "cache_mode unknown, appendonly unknown"),
    ("the mode is not known", {**HA, "cache_mode": None}, None, "cache_mode unknown"),
    ("the mode is a new one", {**HA, "cache_mode": "mesh"}, None, "cache_mode 'mesh'"),
    ("the replicas of a cluster are not known", {**CLUSTER, "replica_count": None}, None, "replica_count unknown"),
    ("replicas of master/standby do not matter", {**HA, "replica_count": None}, False, ""),
    ("the configuration is not known", {**HA, "appendonly": None}, None, "appendonly unknown"),
    ("the configuration is a third word", {**HA, "appendonly": "only-replica"}, None, "appendonly 'only-replica'"),
]


@pytest.mark.parametrize("action", [Action.RESTART, Action.SOFT_RESTART, Action.STOP])
@pytest.mark.parametrize(("facts", "loses", "words"), [row[1:] for row in LOSSES], ids=[row[0] for row in LOSSES])
def test_a_restart_or_stop_loses_what_is_neither_replicated_nor_on_disk(action, facts, loses, words):
    """A restart of such an instance is a flush, and nobody could tell must count as one: None, never False."""
    verdict, reason = data_loss.loses_data(action, **facts)
    assert verdict is loses
    assert reason.startswith(words)
    assert bool(reason) is (loses is not False)
    assert loses is False or action in reason


@pytest.mark.parametrize("facts", [HA, SINGLE, NOTHING])
def test_flush_always_loses_data_and_start_never(facts):
    """Flush is meant to; and what a stop destroyed is gone before the start."""
    assert data_loss.loses_data(Action.FLUSH, **facts) == (True, "flush clears all data")
    assert data_loss.loses_data(Action.START, **facts) == (False, "")


def test_the_reason_is_the_sentence_that_a_person_understands():
    """It stands in the report beside the instance, and is what gets approved."""
    assert data_loss.loses_data(Action.RESTART, **SINGLE)[1] == "single node: restart clears all data"


@pytest.mark.parametrize(
    ("spec_code", "single"),
    [
        ("redis.single.xu1.tiny.128", True),
        ("REDIS.SINGLE.AU1.LARGE.4", True),
        ("dcs.single_node", True),
        ("redis.ha.xu1.tiny.r2.128", False),
        ("redis.cluster.xu1.large.r1.4", False),
        ("redis.singleton.x", False),
        ("", False),
    ],
)
def test_a_spec_code_of_one_node_is_known_without_a_read(spec_code, single):
    """Every list shows it, so a fleet of single nodes costs no call at all."""
    assert is_single_by_spec(spec_code) is single


@pytest.mark.parametrize(
    ("tags", "pairs", "gone"),
    [
        pytest.param({"data": "disposable"}, [("data", "disposable")], True, id="the tag"),
        pytest.param({"data": "Disposable"}, [("data", "disposable")], False, id="letter case counts here"),
        pytest.param({"data": "precious"}, [("data", "disposable")], False, id="another value"),
        pytest.param({"env": "dev"}, [("data", "disposable"), ("env", "*")], True, id="* is any value"),
        pytest.param({"team": "x"}, [("env", "*")], False, id="* needs the key"),
        pytest.param({"env": "*"}, [("env", "dev")], False, id="* means nothing on the instance"),
        pytest.param({"env": "dev"}, [], False, id="nothing is disposable by default"),
        pytest.param({}, [("env", "dev")], False, id="no tags"),
    ],
)
def test_only_the_operators_exact_tags_make_data_disposable(tags, pairs, gone):
    """Here a generous match would destroy data without anyone being asked."""
    assert data_loss.disposable(tags, pairs) is gone
