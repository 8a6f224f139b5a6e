"""From a page's data to one HTML file that needs nothing else: style and script are in it, and no other may act."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from dcs_upkeep.local.pages.model import Page
from dcs_upkeep.local.pages.rows import Loss, Row
from dcs_upkeep.local.pages.timeline import Stretch, Timeline
from dcs_upkeep.local.pages.words import Words

if TYPE_CHECKING:
    from jinja2 import Environment

GLYPHS: Mapping[str, str] = {
    "failed": "✕",
    "unknown": "?",
    "refused": "–",
    "deferred": "…",
    "not_attempted": "○",
    "accepted": "›",
    "completed": "✓",
    "skipped": "·",
    "planned": "▹",
}
MOST_STRETCHES = 12
# Texts that the script says, by their names in it.
SCRIPT_TEXTS = ("t.shown", "t.sorted", "t.ascending", "t.descending", "copy", "copied", "copy_by_hand")


@dataclass(frozen=True, slots=True)
class Source:
    """What a page was made from: `kind` is `journal`, `file` or `plan`. `made_at`: seconds since 1970."""

    kind: str
    name: str
    made_at: float


def render(page: Page, words: Words, source: Source) -> str:
    """The whole file's text."""
    style, script = _read("style.css"), _read("script.js")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"style-src 'sha256-{_digest(style)}'",
            f"script-src 'sha256-{_digest(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    verdict = page.verdict
    names = words.listed((row.label for row in verdict.some), verdict.n)
    told = {"n": verdict.n, "every": verdict.every, "names": names, **verdict.fields}
    from markupsafe import Markup

    return (
        _environment(words, page)
        .get_template("page.html.j2")
        .render(
            page=page,
            losing={row.place for row in page.loss.rows},
            words=words,
            source=source,
            policy=policy,
            style=Markup(style),  # noqa: S704 - this package's own file, with no text of anybody else in it
            script=Markup(script),  # noqa: S704 - as the style
            headline=words.say(f"v.{verdict.kind}", **told),
            about=words.say(f"d.{verdict.kind}", **told),
            todo=words.say(f"do.{verdict.kind}", **told),
            texts={name: words.say(name, **{field: "{" + field + "}" for field in _FIELDS}) for name in SCRIPT_TEXTS},
        )
    )


_FIELDS = ("shown", "all", "column", "order")


def _environment(words: Words, page: Page) -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("dcs_upkeep.local.pages"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(
        say=words.say,
        glyph=_glyph,
        data_of=_data_of(words, page.loss),
        stretch_words=lambda stretch: _stretch(words, stretch),
        stretches=lambda timeline: _stretches(words, timeline),
    )
    environment.filters.update(
        time=words.time, moment=words.moment, machine=words.machine, took=words.took, number=words.number, listed=words.listed
    )
    return environment


def _glyph(outcome: str) -> str:
    """A sign beside the word, so that colour is never all there is."""
    return GLYPHS.get(outcome, "•")


def _data_of(words: Words, loss: Loss) -> Callable[[Row], str]:
    """What became of an instance's data, in a cell."""
    lost, maybe, unread = ({row.place for row in rows} for rows in (loss.rows, loss.maybe, loss.unread))

    def said(row: Row) -> str:
        if row.keys_before is not None and row.keys_after is not None:
            return words.say("data.keys", before=row.keys_before, after=row.keys_after)
        if row.place in lost:
            return words.say("data.would" if loss.would else "data.lost")
        if row.place in maybe:
            return words.say("data.may")
        return words.say("data.unread" if row.place in unread else "data.kept")

    return said


def _stretch(words: Words, stretch: Stretch) -> str:
    what = words.say(f"tl.{stretch.kind}", took=words.took(stretch.seconds))
    return words.say("tl.short", what=what) if stretch.short else what


def _stretches(words: Words, timeline: Timeline) -> list[tuple[str, str]]:
    """Kind and words of each, those that read alike once."""
    told = Counter((stretch.kind, _stretch(words, stretch)) for stretch in timeline.stretches)
    found = [(kind, what if times == 1 else words.say("tl.times", what=what, times=times)) for (kind, what), times in told.items()]
    return found[:MOST_STRETCHES]


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _read(name: str) -> str:
    return resources.files("dcs_upkeep.local.pages").joinpath(name).read_text(encoding="utf-8").replace("\r\n", "\n")
