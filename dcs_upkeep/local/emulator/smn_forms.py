"""What SMN takes for a message in a form for each protocol: PublishMessage's `message_structure` and `message_attributes`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

MAX_MESSAGE_BYTES = 256 * 1024
PROTOCOLS = frozenset(
    {
        "default",
        "email",
        "sms",
        "http",
        "https",
        "functionstage",
        "functiongraph",
        "dingding",
        "wechat",
        "feishu",
        "welink",
        "welinkRed",
        "dingTalkBot",
        "callnotify",
    }
)
# Protocol -> message types that its robots know.
ROBOTS: Mapping[str, frozenset[str]] = {
    "dingding": frozenset({"text", "markdown"}),
    "wechat": frozenset({"text", "markdown"}),
    "feishu": frozenset({"text", "markdown"}),
    "welink": frozenset({"text"}),
}
# What is taken and yet does not arrive: characters of an SMS, bytes of a robot's text (their own services' pages).
SMS_SIGNS = 490
ROBOT_BYTES: Mapping[str, int] = {"dingding": 20_000, "wechat": 2_048, "feishu": 30 * 1024}
MOST_ATTRIBUTES = 10
_NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
_VALUE = re.compile(r"[0-9A-Za-z_\u4e00-\u9fff]{1,32}")


def structure_problem(text: object) -> str | None:
    """Why a `message_structure` is refused; None if it is taken."""
    forms = read_object(text)
    if not isinstance(text, str) or not forms:
        return "it is no JSON object"
    if len(text.encode()) > MAX_MESSAGE_BYTES:
        return "it is larger than 256 KB"
    if not isinstance(forms.get("default"), str):
        return "it has no default"
    if strangers := sorted(set(forms) - PROTOCOLS):
        return f"it names unknown protocols: {strangers}"
    for protocol, form in forms.items():
        if not isinstance(form, str) or not form:
            return f"{protocol} is no text"
        if protocol in ROBOTS and read_object(form).get("msgType") not in ROBOTS[protocol]:
            return f"{protocol} has no known msgType"
    return None


def attributes_problem(attributes: object) -> str | None:
    """Why `message_attributes` are refused; None if they are taken. Only STRING is played."""
    if attributes is None:
        return None
    if not isinstance(attributes, list) or len(attributes) > MOST_ATTRIBUTES:
        return f"at most {MOST_ATTRIBUTES} attributes are taken"
    for row in attributes:
        name, value = str(row.get("name", "")), row.get("value")
        if not _NAME.fullmatch(name) or len(name) > 32 or name.startswith("smn_"):
            return f"{name!r} is no name of an attribute"
        if row.get("type") != "STRING" or not isinstance(value, str) or not _VALUE.fullmatch(value):
            return f"{value!r} is no value of an attribute"
    return None


def undelivered(forms: Mapping[str, str]) -> list[str]:
    """Protocols whose subscribers would not get this although SMN takes it."""
    found = []
    sms = forms.get("sms", forms.get("default", ""))
    if len(sms.encode("utf-16-le")) // 2 > SMS_SIGNS or any(sign in sms for sign in "[]【】"):
        found.append("sms")
    for protocol, most in ROBOT_BYTES.items():
        if protocol in forms and len(str(read_object(forms[protocol]).get("content", "")).encode()) > most:
            found.append(protocol)
    return found


def read_object(text: object) -> Mapping[str, object]:
    """The JSON object in `text`, or an empty one: what is missing is then refused by its own rule."""
    try:
        document = json.loads(text) if isinstance(text, (str, bytes)) else None
    except ValueError:
        document = None
    return document if isinstance(document, dict) else {}
