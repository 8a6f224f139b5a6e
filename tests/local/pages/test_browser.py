"""Pages in a real browser: what a person sees, presses and hears, and that no stranger's text acts. Pictures are kept in build/pages/."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from dcs_upkeep.local.pages.model import build_page
from tests.local.pages import samples
from tools import browser, dev
from tools.browser import Browser, Tab

ROOT = Path(__file__).resolve().parents[3]
PICTURES = ROOT / "build" / "pages"
PHONE = {"width": 390, "height": 844, "phone": True}
# Every text on the page whose contrast to what is behind it is less than WCAG's AA asks for, as "ratio text".
FAINT = """
(() => {
  const part = (value) => { const v = value / 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const light = (c) => 0.2126 * part(c[0]) + 0.7152 * part(c[1]) + 0.0722 * part(c[2]);
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const read = (colour) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); return canvas.getImageData(0, 0, 1, 1).data; };
  const behind = (node) => { for (let at = node; at; at = at.parentElement) { const c = read(getComputedStyle(at).backgroundColor); if (c[3] === 255) return c; } return [255, 255, 255, 255]; };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !node.checkVisibility() || node.closest("script, style, title, .skip, .sr")) continue;
    const style = getComputedStyle(node);
    const svg = node instanceof SVGElement;
    const front = light(read(svg ? style.fill : style.color)), back = light(behind(node));
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) found.push(ratio.toFixed(2) + " " + node.textContent.trim().slice(0, 40));
  }
  return found;
})()
"""
SHOWN = "Array.from(document.querySelectorAll('#rows tbody tr')).filter((row) => row.checkVisibility()).map((row) => row.querySelector('bdi').textContent)"
Show = Callable[..., AbstractContextManager[Tab]]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = browser.program()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("no browser here, and CI may not do without: make browser")
        pytest.skip(dev.NO_BROWSER)
    with Browser(path) as running:
        yield running


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes the page of this name, once."""
    folder = tmp_path_factory.mktemp("pages")
    makers: dict[str, Callable[[], str]] = {
        "ok": lambda: samples.html_of(samples.page_of(samples.ok())),
        "down": lambda: samples.html_of(samples.page_of(samples.down())),
        "down-zh": lambda: samples.html_of(samples.page_of(samples.down()), "zh-CN", "Asia/Shanghai"),
        "faulty": lambda: samples.html_of(samples.page_of(samples.faulty())),
        "plan": lambda: samples.html_of(build_page(samples.planned()), kind="plan"),
        "approve-zh": lambda: samples.html_of(build_page(samples.unapproved()), "zh-CN"),
        "many": lambda: samples.html_of(samples.page_of(samples.many())),
        "hostile": lambda: samples.html_of(build_page(samples.hostile())),
    }

    def make(name: str) -> Path:
        path = folder / f"{name}.html"
        if not path.exists():
            path.write_text(makers[name](), encoding="utf-8")
        return path

    return make


@pytest.fixture
def show(chromium: Browser, files: Callable[[str], Path]) -> Show:
    return lambda name, **looks: chromium.tab(files(name), **looks)


def press_button(tab: Tab, selector: str) -> None:
    """By the keyboard, as by the mouse."""
    assert tab.run(f"(document.querySelector({selector!r}).focus(), document.activeElement.matches({selector!r}))"), (
        f"{selector} takes no focus"
    )
    tab.press("Enter", 13, "\r")


@pytest.mark.parametrize("name", ["ok", "down", "down-zh", "faulty", "plan", "approve-zh", "many", "hostile"])
@pytest.mark.parametrize(
    ("look", "looks"), [("desktop", {}), ("dark", {"dark": True}), ("phone", PHONE), ("phone-dark", {**PHONE, "dark": True})]
)
def test_a_page_is_drawn_without_a_complaint_and_is_readable(name: str, look: str, looks: dict[str, Any], show: Show) -> None:
    with show(name, **looks) as tab:
        tab.picture(PICTURES / f"{name}-{look}.png", whole=name != "many")
        assert tab.complaints() == []
        assert [url.partition(":")[0] for url in tab.asked_for()] == ["file"], "a page asks for itself alone"
        assert tab.run(FAINT) == []
        wide = "Array.from(document.querySelectorAll('html, .scroll:has(#rows)')).filter((part) => part.scrollWidth > part.clientWidth + 1)"
        assert tab.run(f"{wide}.map((part) => part.className)") == [], "it has to be scrolled sideways"


@pytest.mark.parametrize("looks", [{}, PHONE], ids=["desktop", "phone"])
def test_the_verdict_and_what_to_do_stand_on_the_first_screen(looks: dict[str, Any], show: Show) -> None:
    with show("down", **looks) as tab:
        tab.picture(PICTURES / f"first-screen-{'phone' if looks else 'desktop'}.png")
        assert tab.run("document.querySelector('h1').textContent") == "DOWN 1 of 24"
        for selector in ("h1", ".todo", ".lost, .act > div:nth-child(2)", ".counts"):
            assert tab.run(f"document.querySelector({selector!r}).getBoundingClientRect().bottom < innerHeight"), selector


def test_no_strangers_text_acts(show: Show) -> None:
    """Names with markup, templates and handlers, on every place of the report."""
    with show("hostile") as tab:
        tab.run(
            "document.querySelectorAll('#rows *, .names *').forEach((one) => one.dispatchEvent(new MouseEvent('mouseover', {bubbles: true})))"
        )
        for column in range(3):
            tab.run(f"document.querySelectorAll('#rows thead button')[{column}].click()")
        tab.run("document.querySelectorAll('.chip').forEach((chip) => { chip.click(); chip.click(); })")
        assert tab.complaints() == []
        assert len(tab.asked_for()) == 1
        assert tab.run("document.scripts.length") == 2
        assert tab.run("document.images.length") == 0
        assert tab.run("document.title").count("alert(1)") <= 1
        assert samples.SCRIPT in tab.run("document.body.innerText")


def test_the_policy_stops_a_script_that_got_in_all_the_same(chromium: Browser, files: Callable[[str], Path], tmp_path: Path) -> None:
    """The last line, should a template ever let one through."""
    path = tmp_path / "bad.html"
    text = files("ok").read_text(encoding="utf-8")
    bad = '<script>document.title = "acted"</script><img src="x" onerror="document.title = \'acted\'"><p style="color: red">'
    path.write_text(text.replace("</main>", f"{bad}</main>"), encoding="utf-8")
    with chromium.tab(path) as tab:
        assert tab.run("document.title") != "acted"
        assert len(tab.complaints()) >= 3


def test_a_heading_sorts_up_and_down_and_says_so(show: Show) -> None:
    with show("down") as tab:
        before = tab.run(SHOWN)
        press_button(tab, ".c-name button")
        assert tab.run("document.querySelector('.c-name').getAttribute('aria-sort')") == "ascending"
        assert tab.run(SHOWN) != before
        assert sorted(tab.run(SHOWN)) == sorted(before)
        assert tab.run("document.getElementById('shown').textContent") == "Sorted by Instance, ascending"
        press_button(tab, ".c-took button")
        assert (
            tab.run(
                "Array.from(document.querySelectorAll('th[aria-sort]'), (head) => head.getAttribute('aria-sort')).filter((one) => one !== 'none').length"
            )
            == 1
        )
        press_button(tab, ".c-took button")
        assert tab.run("document.querySelector('.c-took').getAttribute('aria-sort')") == "descending"
        took = tab.run("Array.from(document.querySelectorAll('#rows td.c-took'), (cell) => cell.dataset.v)")
        told = [float(one) for one in took if one]
        assert told == sorted(told, reverse=True)
        assert took == [one for one in took if one] + [""] * (24 - len(told)), "what has no time stands last, whichever way"


def test_filters_add_up_are_counted_aloud_and_let_go(show: Show) -> None:
    with show("down") as tab:
        status = "document.getElementById('shown').textContent"
        press_button(tab, '.chip[data-outcome="failed"]')
        assert tab.run(SHOWN) == ["payment-session-cache-eu-north-0007-with-a-long-name"]
        assert tab.run(status) == "1 of 24 instances shown"
        assert tab.run("document.querySelector('.chip[data-outcome=failed]').getAttribute('aria-pressed')") == "true"
        press_button(tab, '.chip[data-outcome="completed"]')
        assert tab.run(status) == "9 of 24 instances shown"
        tab.run("(() => { const wave = document.getElementById('wave'); wave.value = '1'; wave.dispatchEvent(new Event('change')); })()")
        assert tab.run(SHOWN) == ["cache-001"]
        tab.press("/", 191, "/")
        assert tab.run("document.activeElement.id") == "find"
        tab.type("nobody")
        tab.run("new Promise(requestAnimationFrame)")
        assert tab.run(status) == "0 of 24 instances shown"
        assert tab.run("document.getElementById('none').checkVisibility()")
        tab.press("Escape", 27)
        assert tab.run(status) == "24 of 24 instances shown"
        tab.type("会话 广州")
        tab.run("new Promise(requestAnimationFrame)")
        assert tab.run(SHOWN) == ["会话缓存-广州-主"]


def test_a_name_leads_to_its_row_even_if_a_filter_hides_it(show: Show) -> None:
    with show("down") as tab:
        press_button(tab, '.chip[data-outcome="completed"]')
        press_button(tab, ".names a")
        assert len(tab.run(SHOWN)) == 24
        assert tab.run("document.querySelector('tr:target bdi').textContent") == "payment-session-cache-eu-north-0007-with-a-long-name"


def test_a_thousand_instances_are_sorted_and_filtered_as_one_would_wish(show: Show) -> None:
    with show("many") as tab:
        press_button(tab, '.chip[data-outcome="failed"]')
        assert tab.run(SHOWN) == ["cache-0007", "cache-0500", "cache-0999"]
        press_button(tab, ".c-name button")
        press_button(tab, ".c-name button")
        assert tab.run(SHOWN) == ["cache-0999", "cache-0500", "cache-0007"]
        assert tab.run("document.getElementById('shown').textContent") == "Sorted by Instance, descending"
        assert tab.complaints() == []


def test_colours_follow_the_reader_and_a_switch(show: Show) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    with show("ok", dark=True) as tab:
        dark = tab.run(ground)
        tab.run("document.querySelector('input[value=light]').focus()")
        tab.press(" ", 32, " ")
        light = tab.run(ground)
        assert light != dark
        tab.run("document.querySelector('input[value=auto]').click()")
        assert tab.run(ground) == dark
        tab.look(dark=False)
        assert tab.run(ground) == light
        tab.run("document.querySelector('input[value=dark]').click()")
        assert tab.run(ground) == dark
        assert tab.run(FAINT) == []


def test_the_tab_key_reaches_what_can_be_used_and_every_stop_is_seen(show: Show) -> None:
    with show("down") as tab:
        stops = []
        for _ in range(24):
            tab.press("Tab", 9)
            stops.append(tab.run("[document.activeElement.tagName, document.activeElement.className, document.activeElement.id].join(' ')"))
            assert (
                tab.run(
                    "getComputedStyle(document.activeElement.matches('input[type=radio]') ? document.activeElement.nextElementSibling : document.activeElement).outlineStyle"
                )
                != "none"
            ), stops[-1]
        assert stops[0] == "A skip "
        assert any("timeline" in stop for stop in stops)
        assert any("find" in stop for stop in stops)


def test_the_event_to_send_can_be_copied(show: Show) -> None:
    with show("plan") as tab:
        press_button(tab, ".copy")
        tab.run("new Promise((done) => setTimeout(done, 0))")
        assert tab.run("getSelection().toString()").startswith('{\n  "action": "flush"')
        assert tab.run("document.querySelector('.copy').textContent") in ("Copied", "Selected: copy it with the keyboard")


def test_without_its_script_a_page_still_says_everything(show: Show) -> None:
    with show("down") as tab:
        tab.reload_without_script()
        tab.picture(PICTURES / "down-without-script.png")
        document = tab.ask("DOM.getDocument", depth=-1)["root"]["nodeId"]
        assert len(tab.ask("DOM.querySelectorAll", nodeId=document, selector="#rows tbody tr")["nodeIds"]) == 24
        hidden = tab.ask("DOM.querySelectorAll", nodeId=document, selector=".filters[hidden], .colours[hidden]")["nodeIds"]
        assert len(hidden) == 2, "what does nothing without it is not shown"


def test_on_paper_it_is_light_whole_and_without_controls(show: Show) -> None:
    with show("down", dark=True, paper=True) as tab:
        tab.run("dispatchEvent(new Event('beforeprint'))")
        tab.picture(PICTURES / "down-paper.png", whole=True)
        assert tab.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not tab.run("['.filters', '.colours'].some((one) => document.querySelector(one).checkVisibility())")
        assert tab.run("document.querySelector('details').open"), "the journal is on paper too"
        assert len(tab.run(SHOWN)) == 24
        assert tab.run(FAINT) == []
        tab.paper(PICTURES / "down.pdf")
        assert (PICTURES / "down.pdf").read_bytes().startswith(b"%PDF")
        tab.run("dispatchEvent(new Event('afterprint'))")
        assert not tab.run("document.querySelector('details').open")


def test_a_timeline_that_scrolls_is_whole_on_paper(show: Show) -> None:
    hides = "(() => { const line = document.querySelector('.timeline'); return line.scrollHeight > line.clientHeight + 1; })()"
    with show("many") as tab:
        assert tab.run(hides)
        tab.look(paper=True)
        assert not tab.run(hides)


def test_a_screen_reader_finds_names_for_all_that_it_stops_at(show: Show) -> None:
    """As the browser itself hands them to one."""
    with show("down") as tab:
        tab.ask("Accessibility.enable")
        nodes = tab.ask("Accessibility.getFullAXTree")["nodes"]
        roles: dict[str, list[str]] = {}
        for node in nodes:
            if not node.get("ignored"):
                roles.setdefault(node["role"]["value"], []).append(node.get("name", {}).get("value", ""))
        for role in ("button", "link", "searchbox", "combobox", "radio", "table", "region", "columnheader", "image"):
            assert all(name.strip() for name in roles.get(role, [])), (role, roles.get(role))
        assert {"main", "banner", "contentinfo", "search", "status", "heading", "table"} <= set(roles)
        assert roles["heading"][0] == "DOWN 1 of 24"
        assert any("From 20" in name for name in roles["image"])
