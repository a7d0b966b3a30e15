"""At most so many diagnostics of a file are shown: what is more is counted, never dropped without a word."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from netspec.diagnostics.model import Diagnostic, Severity

MOST_SHOWN = 50
"""Diagnostics of one file that are written out."""


def limited(diagnostics: Sequence[Diagnostic], most: int = MOST_SHOWN) -> tuple[Diagnostic, ...]:
    """The first `most` diagnostics of each file, errors before warnings, and a note that counts the others."""
    by_file: defaultdict[str, list[Diagnostic]] = defaultdict(list)
    for diagnostic in diagnostics:
        by_file[diagnostic.file].append(diagnostic)
    shown: list[Diagnostic] = []
    for file, found in by_file.items():
        ranked = sorted(found, key=lambda d: (d.severity is not Severity.error, d.sort_key))
        shown += sorted(ranked[:most], key=lambda d: d.sort_key)
        rest = len(found) - most
        if rest > 0:
            message = f"{rest:,} more problem{'s' * (rest != 1)} in this file {'are' if rest != 1 else 'is'} not shown"
            help = "mend the ones above first: many of the others may go with them"
            shown.append(Diagnostic("NS009", message, Severity.note, file=file, help=(help,)))
    return tuple(shown)
