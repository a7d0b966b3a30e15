"""`# netspec: ignore[NS310]` in a spec: warnings that its author has seen and means."""

from __future__ import annotations

import re
from collections.abc import Iterable

from netspec.diagnostics.model import Diagnostic, Severity

_COMMENT = re.compile(r"#\s*netspec:\s*ignore\[([^\]]*)\]")


def ignored(lines: Iterable[str]) -> dict[int, frozenset[str]]:
    """The codes that each line ignores: its own comment's, and those of comment lines right above it."""
    found: dict[int, frozenset[str]] = {}
    above: frozenset[str] = frozenset()
    for number, line in enumerate(lines, start=1):
        own = frozenset(code.strip() for match in _COMMENT.finditer(line) for code in match[1].split(","))
        if line.lstrip().startswith("#"):
            above |= own
            continue
        if own | above:
            found[number] = own | above
        above = frozenset()
    return found


def without_ignored(diagnostics: Iterable[Diagnostic], lines: Iterable[str]) -> list[Diagnostic]:
    """The diagnostics without warnings and notes that their line ignores; an error is never ignored."""
    found = list(diagnostics)
    if all(d.severity is Severity.error for d in found):
        return found
    codes = ignored(lines)
    return [d for d in found if d.severity is Severity.error or not d.span or d.code not in codes.get(d.span.line, ())]
