"""The file itself: whole, closed to everything from outside, in both languages, and small."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import string
from html.parser import HTMLParser
from typing import Any

import pytest

from dcs_upkeep.local.pages import texts_en, texts_zh_cn
from dcs_upkeep.local.pages.model import build_page
from dcs_upkeep.local.pages.verdict import LEVELS
from dcs_upkeep.local.pages.words import LANGUAGES, Words, words_for
from tests.local.pages import samples

VOID = {"meta", "link", "input", "br", "img", "rect", "line"}
MOST_BYTES = 2_000_000


class Outline(HTMLParser):
    """Elements in order, and whether each is closed where it should be."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(attrs) == len(dict(attrs)), f"{tag} has an attribute twice"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> ends nothing"
        assert self.open[-1] == tag, f"</{tag}> ends {self.open}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts.append((self.open[-1], data))


def outline(html: str) -> Outline:
    found = Outline()
    found.feed(html)
    found.close()
    assert found.open == []
    return found


def pages() -> dict[str, str]:
    ok, hostile = samples.ok(), samples.hostile()
    return {
        "ok": samples.html_of(samples.page_of(ok)),
        "report": samples.html_of(build_page(ok[0]), kind="file"),
        "down in Chinese": samples.html_of(samples.page_of(samples.down()), "zh-CN", "Asia/Shanghai"),
        "faulty": samples.html_of(samples.page_of(samples.faulty())),
        "plan": samples.html_of(build_page(samples.planned()), kind="plan"),
        "hostile": samples.html_of(build_page(hostile)),
    }


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return pages()


def test_every_element_is_closed_and_every_id_is_one_of_its_kind(made: dict[str, str]) -> None:
    for name, html in made.items():
        found = outline(html)
        ids = [str(attributes["id"]) for _, attributes in found.elements if "id" in attributes]
        assert len(ids) == len(set(ids)), name
        for tag, attributes in found.elements:
            for reference in (attributes.get("aria-labelledby"), (attributes.get("href") or "").removeprefix("#") or None):
                assert reference is None or reference in ids, f"{name}: {tag} refers to {reference}"


def test_nothing_comes_from_outside_and_nothing_acts_but_our_own_script(made: dict[str, str]) -> None:
    for name, html in made.items():
        found = outline(html)
        tags = [tag for tag, _ in found.elements]
        assert tags.count("script") == 2, name
        assert tags.count("style") == 1, name
        assert not {"img", "link", "iframe", "object", "embed", "form", "base"} & set(tags), name
        for tag, attributes in found.elements:
            assert not [key for key in attributes if key.startswith("on") or key in ("src", "style", "srcset", "action")], f"{name}: {tag}"
            assert (attributes.get("href") or "#").startswith("#"), f"{name}: {tag}"


def test_the_policy_lets_in_exactly_the_script_and_the_style_of_this_page(made: dict[str, str]) -> None:
    for html in made.values():
        found = outline(html)
        (policy,) = [attributes["content"] or "" for _, attributes in found.elements if attributes.get("http-equiv")]
        rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
        assert rules["default-src"] == "'none'"
        script, style = (re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL) for tag in ("script", "style"))
        for kind, (text,) in (("script-src", script), ("style-src", style)):
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert rules[kind] == f"'sha256-{digest}'"
        assert "unsafe" not in policy


def test_a_strangers_text_is_text(made: dict[str, str]) -> None:
    html = made["hostile"]
    text = " ".join(data for _, data in outline(html).texts)
    assert samples.SCRIPT in text
    assert "{{ 7 * 7 }}" in text
    assert "49" not in re.findall(r"<bdi>([^<]*)</bdi>", html)
    assert "%s {n} {0}" in text
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b-\u200f\x1b]", html)
    assert "n" * 2_001 not in html


def test_the_texts_that_the_script_says_are_json(made: dict[str, str]) -> None:
    for html in made.values():
        (data,) = [text for tag, text in outline(html).texts if tag == "script" and text.lstrip().startswith("{")]
        assert set(json.loads(data)) >= {"t.shown", "t.sorted"}


def test_a_page_has_landmarks_captions_and_names_for_what_a_screen_reader_says(made: dict[str, str]) -> None:
    for name, html in made.items():
        found = outline(html)
        tags = [tag for tag, _ in found.elements]
        assert [tags.count(tag) for tag in ("main", "header", "footer", "h1")] == [1, 1, 1, 1], name
        assert tags.count("table") == tags.count("caption"), name
        assert all("scope" in attributes for tag, attributes in found.elements if tag == "th"), name
        for tag, attributes in found.elements:
            if attributes.get("role") in ("img", "region", "search", "group"):
                assert attributes.get("aria-label") or attributes.get("aria-labelledby"), f"{name}: {tag}"
        assert any(attributes.get("aria-live") == "polite" for _, attributes in found.elements), name
        assert ("html", {"lang": "zh-CN" if "Chinese" in name else "en"}) in found.elements


def test_a_thousand_instances_stay_under_two_megabytes() -> None:
    """With names as long as DCS takes them, in signs of three bytes, and with long reasons."""
    report, record = samples.many()
    assert len(samples.html_of(build_page(report, record)).encode()) < MOST_BYTES / 2
    for row in report["instances"]:
        row["name"], row["reason"] = "缓" * 64, "因" * 500 + row["instance_id"]
        row["guard"] = row["error_code"] = row["request_id"] = "x" * 80
    assert len(samples.html_of(build_page(report, record), "zh-CN").encode()) < MOST_BYTES


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_both_languages_say_the_same_things() -> None:
    english, chinese = texts_en.TEXTS, texts_zh_cn.TEXTS
    assert list(english) == list(chinese)
    for key, text in english.items():
        assert fields(text) == fields(chinese[key]), key
    alone = [key for key in english if re.search("[A-Za-z]{3,}", re.sub(r"{.*?}", "", english[key])) and english[key] == chinese[key]]
    assert alone == ["title"], "these are not translated"


def test_a_chinese_page_has_no_english_words_of_ours(made: dict[str, str]) -> None:
    said = {text.strip() for text in texts_en.TEXTS.values() if re.search("[a-z]{3}", text) and "{" not in text and " " in text}
    shown = {data.strip() for _, data in outline(made["down in Chinese"]).texts}
    assert not said & shown


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_verdict_has_its_three_sentences(language: str) -> None:
    words = words_for(language, None)
    for kind in LEVELS:
        said = [words.say(f"{part}.{kind}", n=2, every=6, names="a, b", wave="3", waves="4") for part in ("v", "d", "do")]
        assert all(said), kind
        assert not any(re.search(r"[{}]", one) for one in said)
        assert len(said[0]) <= 60


@pytest.mark.parametrize(
    ("seconds", "english", "chinese"),
    [
        (0, "0 s", "0秒"),
        (2.25, "2.2 s", "2.2秒"),
        (60, "1 min", "1分钟"),
        (136, "2 min 16 s", "2分16秒"),
        (3600, "1 h", "1小时"),
        (3725, "1 h 2 min", "1小时2分钟"),
        (90_000, "1 d 1 h", "1天1小时"),
    ],
)
def test_lengths_of_time_are_told_in_their_two_largest_units(seconds: float, english: str, chinese: str) -> None:
    assert (Words("en").took(seconds), Words("zh-CN").took(seconds)) == (english, chinese)


def test_times_are_told_in_the_readers_zone(made: dict[str, str]) -> None:
    words = words_for("zh_CN", "Asia/Shanghai")
    assert words.moment(1_795_000_000.0) == "2026-11-18 19:06:40"
    assert "Asia/Shanghai" in made["down in Chinese"]


@pytest.mark.parametrize(("language", "zone"), [("fr", None), ("en", "Mars/Base"), ("en", "../../etc/passwd")])
def test_a_language_or_zone_that_is_none_is_named_with_what_to_write(language: str, zone: str | None) -> None:
    with pytest.raises(ValueError, match="Write"):
        words_for(language, zone)


def test_what_a_report_of_a_later_version_adds_does_not_break_a_page() -> None:
    report: dict[str, Any] = samples.ok()[0]
    report["instances"][0] |= {"outcome": "audited", "evidence": "audited", "keys_before": "many"}
    report |= {"gates": [], "at_stake": None, "surprise": {"a": 1}, "counts": {"audited": 1, "completed": 23}}
    assert "audited" in samples.html_of(build_page(report))
