"""Scratch guards until the real ones land."""
from dcs_upkeep.model import RULES, Verdict
def checked(name, fn, *args, **kw):
    try:
        return fn(*args, **kw)
    except Exception as err:
        return Verdict(False, name, f"{type(err).__name__}")
def found(instance_id, instance): return Verdict(instance is not None, "found", f"{instance_id} not found")
def engine(action, instance): return Verdict(True, "engine")
def protected(tags, pairs):
    hit=[p for p in pairs if tags.get(p[0])==p[1]]
    return Verdict(not hit, "protected", f"tag {hit}")
def state(action, status): return Verdict(status in RULES[action].allowed_from, "state", f"it is {status}")
def is_skip(action, status): return status == RULES[action].skipped_on
def hold(tags, now): return Verdict("upkeep-hold" not in tags, "hold", "held")
def maintenance_window(b,e,now): return Verdict(True,"maintenance_window")
def window(rule, now): return Verdict(True,"window")
def allowed_action(action, allowed): return Verdict(action.value in allowed, "allowed_action", f"{action} is not allowed here")
def blast_radius_count(n, most): return Verdict(n<=most, "max_instances", f"{n} instances, more than {most}")
def approval(given, digest, losing, action):
    if not losing and given in (None, digest): return Verdict(True,"approval")
    return Verdict(given==digest,"approval","needs approval")
