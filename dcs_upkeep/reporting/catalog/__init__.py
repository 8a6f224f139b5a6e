"""What people are told, in their language: `catalog(language).say(key, field=...)`. One module per language, key -> text with named fields.

What the code says elsewhere in free English (a guard's reason, an error of the cloud, a note) is told as a detail beside the sentence
from here: names, IDs, outcomes and log fields are the same in every language. A test holds that no language lacks a key or a field.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from dcs_upkeep.domain.problems import one_line

MODULES: Mapping[str, str] = {"en": "en", "zh-CN": "zh_cn"}


@dataclass(frozen=True, slots=True)
class Catalog:
    """The sentences of one language."""

    language: str
    texts: Mapping[str, str]

    def say(self, key: str, **fields: object) -> str:
        """One sentence. A stranger's text in a field cannot break out of its line."""
        return self.texts[key].format_map({name: one_line(value) if isinstance(value, str) else value for name, value in fields.items()})

    def has(self, key: str) -> bool:
        """Whether there is a sentence of this name, as for a guard that a later version knows."""
        return key in self.texts


@cache
def catalog(language: str) -> Catalog:
    """The catalogue of a language of `domain.reader.LANGUAGES`. Only what is asked for is loaded."""
    module = import_module(f"{__name__}.{MODULES[language]}")
    return Catalog(language, module.TEXTS)
