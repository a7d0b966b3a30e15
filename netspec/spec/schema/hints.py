"""Words that are refused with a message of their own: other frameworks' words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from netspec.diagnostics.suggest import FOREIGN_WORDS
from netspec.spec.schema.kinds import Schema


def foreign(ours: Iterable[str]) -> dict[str, list[str]]:
    """For each of our words those that other frameworks use for it."""
    ours = list(ours)
    found: dict[str, list[str]] = {}
    for word, meant in FOREIGN_WORDS.items():
        if meant in ours and word not in ours:
            found.setdefault(meant, []).append(word)
    return found


def hints(others: Mapping[str, Iterable[str]]) -> list[Schema]:
    """For `allOf`: refuses other frameworks' words, each with the right one."""
    return [refused(words, f"netspec calls this `{meant}`.") for meant, words in others.items()]


def refused(words: Iterable[str], told: str) -> Schema:
    """Any text but these words."""
    return {"pattern": f"^(?!({any_of(words)})$)", "patternErrorMessage": told}


def any_of(words: Iterable[str]) -> str:
    """A pattern's alternatives."""
    return "|".join(map(re.escape, words))
