"""How people are spoken to: their language, their clock, and links that they can open. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from dcs_upkeep.domain.problems import one_line
from dcs_upkeep.domain.reader import Reader, zone
from dcs_upkeep.domain.timestamps import read_moment
from dcs_upkeep.reporting.catalog import Catalog, catalog
from dcs_upkeep.reporting.report import Report

# The list of instances of one region, as Huawei's own tutorials link to it (FunctionGraph's Redis sample: `?region=...&locale=...` and
# `#/dcs/manager/cacheList`). No public page shows the address of one instance's page, so the list it is, with the ID to search for.
_CONSOLE = "https://console.huaweicloud.com/dcs/?region={region}&locale={locale}#/dcs/manager/cacheList"
_LOCALES = {"en": "en-us", "zh-CN": "zh-cn"}


@dataclass(frozen=True, slots=True)
class Voice:
    """The catalogue and the clock of one reader."""

    words: Catalog
    timezone: str

    def say(self, key: str, **fields: object) -> str:
        """One sentence of the catalogue."""
        return self.words.say(key, **fields)

    def line(self, label: str, text: str) -> str:
        """A labelled line."""
        return self.line_of(self.say(f"label.{label}"), text)

    def line_of(self, label: str, text: str) -> str:
        """The same with a label of its own."""
        return self.say("line", label=label, text=text)

    def names(self, words: Iterable[str], most: int) -> str:
        """The first few of a list, and how many more there are."""
        every = [one_line(word) for word in words]
        shown = self.say("list").join(every[:most])
        return shown if len(every) <= most else self.say("list_more", names=shown, left=len(every) - most, total=len(every))

    def clock(self, moment: str) -> str:
        """A time of ours (ISO 8601 in UTC) as this reader's clock shows it, without the zone."""
        return self._local(moment).strftime("%Y-%m-%d %H:%M:%S")

    def time(self, moment: str) -> str:
        """The same with the zone's name."""
        return self.say("at", time=self.clock(moment), zone=self.timezone)

    def span(self, report: Report) -> str:
        """From when to when a run took, and how often it was handed on."""
        start, end = self.clock(report["started_at"]), self.clock(report["ended_at"])
        shown_end = end.partition(" ")[2] if start.partition(" ")[0] == end.partition(" ")[0] else end
        times = self.say("times", start=start, end=shown_end, zone=self.timezone, seconds=f"{report['elapsed_s']:g}")
        return self.say("invocations", times=times, count=report["hops"] + 1) if report["hops"] else times

    def console(self, region: str) -> str:
        """Where the instances of a region are looked at."""
        return _CONSOLE.format(region=one_line(region), locale=_LOCALES[self.words.language])

    def _local(self, moment: str) -> datetime:
        return read_moment(moment).astimezone(zone(self.timezone))


def voice_for(reader: Reader) -> Voice:
    """The voice in which this reader is told things."""
    return Voice(catalog(reader.language), reader.timezone)
