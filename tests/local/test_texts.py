"""The terminal's languages: each says everything, with the same fields, and nothing that nobody asks for."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from dcs_upkeep.local.texts import MODULES, Texts, speak
from dcs_upkeep.local.texts_en import TEXTS as ENGLISH
from dcs_upkeep.local.texts_zh_cn import TEXTS as CHINESE

LOCAL = Path(__file__).resolve().parents[2] / "dcs_upkeep" / "local"


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_say_the_same_things() -> None:
    assert list(ENGLISH) == list(CHINESE)


@pytest.mark.parametrize("key", sorted(ENGLISH))
def test_a_text_has_the_same_fields_in_each(key: str) -> None:
    singular = {"count"} if key.endswith(".one") else set()  # "1 wave" needs no number
    assert fields(ENGLISH[key]) - singular == fields(CHINESE[key]) - singular


def test_whatever_has_a_plural_has_a_singular() -> None:
    for key in ENGLISH:
        if key.endswith((".one", ".many")):
            assert {f"{key.rsplit('.', 1)[0]}.{form}" for form in ("one", "many")} <= set(ENGLISH)


@pytest.mark.parametrize("key", sorted(ENGLISH))
def test_a_text_is_asked_for_somewhere(key: str) -> None:
    files = [path for path in LOCAL.parent.rglob("*.py") if not path.name.startswith("texts_")]
    source = "".join(path.read_text(encoding="utf-8") for path in files)
    kind, name = key.split(".", 1) if "." in key else ("", key)
    asked = {key, re.sub(r"\.(one|many)$", "", key)} | ({name} if kind in ("line", "table", "history") else set())
    assert any(f'"{one}"' in source for one in asked)


def test_chinese_has_no_space_between_a_number_and_its_word() -> None:
    spoken = Texts(CHINESE)
    assert spoken.duration(113) == "1分53秒"
    assert spoken.count("instances", 24) == "24个实例"
    assert spoken.count("instances", 1) == "1个实例"


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (113, "1 min 53 s"), (3600, "1 h 0 min"), (5460, "1 h 31 min")]
)
def test_a_duration_has_two_units_at_most(seconds: float, said: str) -> None:
    assert Texts(ENGLISH).duration(seconds) == said


@pytest.mark.parametrize(("wanted", "said"), [("zh-CN", "24个实例"), ("ZH-cn", "24个实例"), ("", "24 instances"), ("fr", "24 instances")])
def test_the_setting_chooses_and_english_stands_in(wanted: str, said: str) -> None:
    assert speak({"UPKEEP_LANGUAGE": wanted}.get).count("instances", 24) == said


def test_every_language_has_its_module() -> None:
    assert {f"{name}.py" for name in MODULES.values()} == {path.name for path in LOCAL.glob("texts_*.py")}
