"""docs/messages/: the twelve ends of a run as SMN really gets them, made again here and compared."""

from __future__ import annotations

import re

from dcs_upkeep.domain.bounds import CHAT_BYTES, DATA_BYTES, LONG_CHAT_BYTES, MAIL_BYTES, MESSAGE_BYTES, SMS_SIGNS
from dcs_upkeep.domain.reader import LANGUAGES
from dcs_upkeep.reporting.catalog import catalog
from dcs_upkeep.reporting.urgency import Urgency
from tools.messages import ENDS, FOLDER, ZONES, message_of, written


def test_the_kept_messages_are_what_the_code_sends() -> None:
    made = dict(written())
    kept = {path.relative_to(FOLDER).as_posix(): path.read_text(encoding="utf-8") for path in FOLDER.glob("*/*")}
    assert sorted(kept) == sorted(made), "run make messages"
    for name, text in made.items():
        assert kept[name] == text, f"{name} is stale: run make messages"


def test_each_end_is_kept_in_each_language_and_form() -> None:
    assert set(ZONES) == set(LANGUAGES)
    names = {path.relative_to(FOLDER).as_posix() for path in FOLDER.glob("*/*")}
    for end in ENDS:
        assert {f"{language}/{end}.{form}.txt" for language in LANGUAGES for form in ("email", "chat", "sms")} <= names
    assert len(ENDS) == 12


def test_what_stands_first_is_the_end() -> None:
    """What a person sees on a locked telephone."""
    first = {
        "all-well": "ok 6 of 6",
        "data-lost": "DATA LOST on 2",
        "approval-wanted": "APPROVE? would lose data on 2 of 6",
        "down": "DOWN 2 of 6",
        "unknown": "CHECK 6 unknown",
        "stopped-by-budget": "FAILED 1 of 6, STOPPED after wave 1",
        "halted": "HALTED by ops@example.com",
        "deferred": "CHECK 2 not seen to be back, ACTION NEEDED",
        "waiting-for-a-window": "waiting",
        "nothing-matched": "NOTHING MATCHED",
        "bad-event": "refused",
        "breaker": "HALTED by the circuit breaker",
    }
    assert set(first) == set(ENDS)
    for end, verdict in first.items():
        message = message_of(end, "en")
        assert (message.subject or "").startswith(f"{verdict}: "), end
        assert message.undelivered == []


def test_the_page_has_every_urgency_in_its_order_with_the_words_of_its_subject() -> None:
    page = (FOLDER.parent / "telling.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)`.*? \| `(\w+)` \|", page, re.MULTILINE)
    assert [urgency for _, urgency in rows] == list(Urgency)
    words = [re.sub(r"\{\w+\}", ".+", re.escape(text).replace(r"\{", "{").replace(r"\}", "}")) for text in catalog("en").texts.values()]
    for begins, _ in rows:
        assert any(re.fullmatch(text, begins) for text in words), begins


def test_the_page_names_the_limits_of_each_form() -> None:
    page = (FOLDER.parent / "telling.md").read_text(encoding="utf-8")
    for words in (
        f"{MAIL_BYTES // 1_000} KB",
        f"{SMS_SIGNS} characters",
        f"{LONG_CHAT_BYTES // 1_000} KB",
        f"{CHAT_BYTES / 1_000:g} KB",
        f"{DATA_BYTES // 1_000} KB",
    ):
        assert f"| {words} |" in page
    assert f"under {MESSAGE_BYTES // 1_000} KB" in page
