"""The catalogue: every language says everything, with the same fields."""

from __future__ import annotations

import re
import string
from importlib import import_module
from pathlib import Path

import pytest

from dcs_upkeep.domain.actions import Action
from dcs_upkeep.domain.model import OutcomeKind
from dcs_upkeep.domain.reader import LANGUAGES
from dcs_upkeep.guards.catalog import GUARDS
from dcs_upkeep.reporting.catalog import MODULES, catalog
from dcs_upkeep.reporting.catalog.en import TEXTS

ROOT = Path(__file__).resolve().parents[2] / "dcs_upkeep" / "reporting"


def fields_of(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_each_language_of_the_setting_has_a_module() -> None:
    assert set(MODULES) == set(LANGUAGES)
    assert {path.stem for path in (ROOT / "catalog").glob("*.py")} == {"__init__", *MODULES.values()}


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_language_lacks_a_sentence_or_a_field(language: str) -> None:
    texts = catalog(language).texts
    assert set(texts) == set(TEXTS)
    assert {key: fields_of(text) for key, text in texts.items()} == {key: fields_of(text) for key, text in TEXTS.items()}
    assert all(text.strip() for key, text in texts.items() if key != "comma")


def test_a_language_is_loaded_when_it_is_asked_for() -> None:
    assert catalog("zh-CN") is catalog("zh-CN")
    assert import_module(f"dcs_upkeep.reporting.catalog.{MODULES['zh-CN']}").TEXTS is catalog("zh-CN").texts


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_guard_and_action_has_its_words(language: str) -> None:
    texts = catalog(language).texts
    assert {key for key in texts if key.startswith("guard.")} == {f"guard.{guard.name}" for guard in GUARDS} | {"guard.other"}
    assert {key for key in texts if key.startswith("action.")} == {f"action.{action}" for action in Action}
    assert {key for key in texts if key.startswith("count.")} == {f"count.{kind}" for kind in OutcomeKind}


def test_chinese_is_chinese_throughout() -> None:
    """A sentence that was forgotten stands out: it has no Chinese character, or a half-width mark between two of them."""
    for key, text in catalog("zh-CN").texts.items():
        words = re.sub(r"\{\w+\}", "", text)
        if re.search(r"\w", words):
            assert re.search(r"[\u4e00-\u9fff]", words), key
        assert not re.search(r"[\u4e00-\u9fff][,;:!?()][\u4e00-\u9fff]?", text), key
        assert not re.search(r"[\u4e00-\u9fff] |(?<!\}) [\u4e00-\u9fff]", text), key


def test_what_a_stranger_wrote_stays_in_its_line() -> None:
    assert catalog("en").say("halted", who="ops\r\nBcc: x\u202e") == "HALTED by ops??Bcc: x?"


def test_braces_of_a_stranger_are_words() -> None:
    assert catalog("en").say("halted", who="{total.__class__}") == "HALTED by {total.__class__}"
