"""A page and its Chinese have one structure: headings, tables, code and links. Each failure names what differs, and where.

What is compared is what an operator copies or follows; the sentences between are the translator's.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHINESE = sorted([ROOT / "README.zh-CN.md", *(ROOT / "docs" / "zh-CN").glob("*.md")])
# What whoever is called at night has to find in the language of the console.
WANTED = {"operate.md", "refusals.md", "settings.md", "deploy-functiongraph.md", "deploy-functiongraph-console.md"}
LATIN_PUNCTUATION = re.compile(r"[\u4e00-\u9fff][,;:!?()]|[,;:!?(][\u4e00-\u9fff]")


def original_of(page: Path) -> Path:
    """The page that this one is the Chinese of."""
    return ROOT / "README.md" if page.parent == ROOT else ROOT / "docs" / page.name


def chinese_of(page: Path) -> Path:
    """Where the Chinese of a page is, or would be."""
    return ROOT / "README.zh-CN.md" if page == ROOT / "README.md" else ROOT / "docs" / "zh-CN" / page.name


def blocks(text: str) -> list[str]:
    """The blocks of code, as they stand."""
    return re.findall(r"^ *```.*?^ *```", text, re.DOTALL | re.MULTILINE)


def prose(text: str) -> str:
    """The text without its blocks of code and its remarks."""
    return re.sub(r"^ *```.*?^ *```", "```", re.sub(r"<!--.*?-->", "", text), flags=re.DOTALL | re.MULTILINE)


def spans(text: str) -> list[str]:
    return re.findall(r"`([^`\n]+)`", text)


def numbers(text: str) -> list[str]:
    return re.findall(r"\d+(?:[.,]\d+)*", re.sub(r"`[^`\n]+`|\]\([^)]*\)", "", prose(text)))


def skeleton(text: str) -> list[str]:
    """What stands in which order: levels of headings, steps, points, blocks of code, and for each row what its first column names."""
    made: list[str] = []
    for line in prose(text).splitlines():
        stripped = line.strip()
        if heading := re.match(r"#+ ", line):
            made.append(f"heading of level {len(heading[0]) - 1}")
        elif stripped == "```":
            made.append("block of code")
        elif step := re.match(r"(\d+\.|-) ", stripped):
            made.append(f"step {step[1]}" if step[1] != "-" else "point")
        elif stripped.startswith("|"):
            cells = re.split(r"(?<!\\)\|", stripped)
            made.append(f"row of {len(cells) - 2} cells, first: {', '.join(sorted(spans(cells[1])))}")
    return made


def headings(page: Path) -> list[str]:
    """The anchors of its headings, as a link names them."""
    titles = re.findall(r"^#+ (.*)$", prose(page.read_text(encoding="utf-8")), re.MULTILINE)
    return [re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles]


def links(page: Path) -> Iterator[tuple[str, str]]:
    """(file, anchor) of each link, the file seen from the project's folder."""
    for target, anchor in re.findall(r"\]\(([^)#\s]*)#?([^)\s]*)\)", prose(page.read_text(encoding="utf-8"))):
        if target.startswith("http"):
            yield target, anchor
        else:
            yield os.path.relpath(os.path.normpath(page.parent / target), ROOT) if target else str(page.relative_to(ROOT)), anchor


def expected_links(original: Path, page: Path) -> Iterator[tuple[str, str]]:
    """The links of the original, each to the page in Chinese where there is one."""
    for target, anchor in links(original):
        there = ROOT / target
        if there == page:  # the way to the other language: back
            yield str(original.relative_to(ROOT)), ""
            continue
        mapped = chinese_of(there)
        if there.suffix != ".md" or not mapped.exists():
            yield target.replace("/run.svg", "/run.zh-CN.svg").replace("/page.png", "/page.zh-CN.png"), anchor
            continue
        place = headings(there).index(anchor) if anchor else None
        yield str(mapped.relative_to(ROOT)), headings(mapped)[place] if place is not None else ""


def differences(original: list[str], chinese: list[str]) -> str:
    return "\n".join(unified_diff(original, chinese, "original", "Chinese", lineterm="", n=2))


def test_what_is_needed_at_night_is_there() -> None:
    assert {page.name for page in CHINESE} == WANTED | {"README.zh-CN.md"}


@pytest.mark.parametrize("page", CHINESE, ids=lambda page: page.name)
class TestChinese:
    def test_its_headings_tables_steps_and_blocks_stand_in_the_same_order(self, page: Path) -> None:
        original = skeleton(original_of(page).read_text(encoding="utf-8"))
        assert (found := skeleton(page.read_text(encoding="utf-8"))) == original, differences(original, found)

    def test_its_code_blocks_are_the_same(self, page: Path) -> None:
        original = blocks(original_of(page).read_text(encoding="utf-8"))
        assert (found := blocks(page.read_text(encoding="utf-8"))) == original, differences(original, found)

    def test_it_names_the_same_commands_fields_and_statuses(self, page: Path) -> None:
        """A name may be said more or less often, but none is left out or made up."""
        original = set(spans(prose(original_of(page).read_text(encoding="utf-8"))))
        found = set(spans(prose(page.read_text(encoding="utf-8"))))
        assert found == original, f"left out: {sorted(original - found)}; made up: {sorted(found - original)}"

    def test_it_tells_the_same_numbers(self, page: Path) -> None:
        """What is a word in English may be a figure in Chinese, but no figure is lost or changed."""
        original = set(numbers(original_of(page).read_text(encoding="utf-8")))
        found = set(numbers(page.read_text(encoding="utf-8")))
        assert original - found == set()

    def test_its_links_are_the_same_or_those_of_its_language(self, page: Path) -> None:
        expected, found = Counter(expected_links(original_of(page), page)), Counter(links(page))
        assert found == expected, f"left out: {sorted(expected - found)}; made up: {sorted(found - expected)}"

    def test_its_links_lead_somewhere(self, page: Path) -> None:
        for target, anchor in links(page):
            if not target.startswith("http"):
                assert (ROOT / target).exists(), target
                assert not anchor or anchor in headings(ROOT / target), f"{target}#{anchor}"

    def test_each_language_leads_to_the_other_at_the_top(self, page: Path) -> None:
        for one, other, word in ((page, original_of(page), "English"), (original_of(page), page, "简体中文")):
            top = one.read_text(encoding="utf-8").splitlines()[:4]
            assert any(f"[{word}]({os.path.relpath(other, one.parent)})" in line for line in top), one.name

    def test_its_punctuation_is_chinese(self, page: Path) -> None:
        text = re.sub(r"\]\([^)]*\)", "]", re.sub(r"`[^`\n]+`", "", prose(page.read_text(encoding="utf-8"))))
        wrong = [line.strip() for line in text.splitlines() if LATIN_PUNCTUATION.search(line)]
        assert wrong == []


def test_what_differs_is_named() -> None:
    original = "# A\n\n| a | b |\n|---|---|\n| `x` | y |\n| `z` | y |\n"
    assert "-row of 2 cells, first: z" in differences(skeleton(original), skeleton(original.replace("| `z` | y |\n", "")))
