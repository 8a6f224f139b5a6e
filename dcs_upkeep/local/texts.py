"""What the terminal says, in the language that UPKEEP_LANGUAGE names. Ids, outcomes, statuses and reasons are the same in each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from dcs_upkeep.domain.problems import plain

# Language -> the module with its texts. The first one is what is spoken where nothing else is asked for.
MODULES: Mapping[str, str] = {"en": "texts_en", "zh-CN": "texts_zh_cn"}


class Texts:
    """The texts of one language: key -> text with named fields."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def __call__(self, key: str, **fields: Any) -> str:
        """The text with its fields filled in."""
        return self._texts[key].format(**fields)

    def count(self, key: str, count: int, **fields: Any) -> str:
        """The same where the text depends on how many there are: `key.one` or `key.many`."""
        return self(f"{key}.one" if count == 1 else f"{key}.many", count=f"{count:,}", **fields)

    def has(self, key: str) -> bool:
        """Whether there is such a text."""
        return key in self._texts

    def duration(self, seconds: float) -> str:
        """As a person says it: two units at most."""
        whole = max(0, int(seconds + 0.5))
        if whole < 60:
            return self("time.s", s=whole)
        if whole < 3600:
            return self("time.min", min=whole // 60, s=whole % 60) if whole % 60 else self("time.min.even", min=whole // 60)
        return self("time.h", h=whole // 3600, min=whole % 3600 // 60)


def speak(lookup: Callable[[str], str | None]) -> Texts:
    """In the language of the setting; in English where it names none that is known (whoever reads all settings says so)."""
    wanted = plain(lookup("UPKEEP_LANGUAGE") or "")
    name = next((module for language, module in MODULES.items() if language.casefold() == wanted), "texts_en")
    texts: Mapping[str, str] = import_module(f"dcs_upkeep.local.{name}").TEXTS
    return Texts(texts)
