"""A file as data: what a spec says, and where each of its nodes stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from netspec.diagnostics import Diagnostic, Path, Span, SpecError

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"

MAX_BYTES = 1 << 20
MAX_DEPTH = 64
MAX_NODES = 100_000
MAX_SCALAR = 64 << 10


@dataclass(frozen=True, eq=False)
class Document:
    """A file as data: `data` is plain, `key_spans` and `value_spans` say where each node stands."""

    file: str
    text: str
    data: Plain
    is_json: bool = False
    settings: Mapping[Path, str] = field(default_factory=dict)
    """What `--set` changed: places, and the settings that reached them."""
    _spans: Callable[[], Spans] = field(default=lambda: Spans(), repr=False)

    @cached_property
    def spans(self) -> Spans:
        """Positions of all nodes; for JSON they are read only when something is to be reported."""
        return self._spans()

    def span(self, path: Path, *, key: bool = False) -> Span | None:
        """Where the value (or the key) at `path` stands; the nearest holder's place if it has none."""
        while path:
            if key and path in self.spans.keys:
                return self.spans.keys[path]
            if path in self.spans.values:
                return self.spans.values[path]
            path = path[:-1]
        return self.spans.values.get(())

    def setting(self, path: Path) -> str | None:
        """The `--set` that a value comes from; None for one that stands in the file."""
        return next((setting for place, setting in self.settings.items() if path[: len(place)] == place), None)

    def line(self, number: int) -> str:
        """The text of a 1-based line, '' past the end."""
        lines = self._lines
        return lines[number - 1] if 0 < number <= len(lines) else ""

    @cached_property
    def _lines(self) -> list[str]:
        return split_lines(self.text)


def split_lines(text: str) -> list[str]:
    """The lines of a text as libyaml counts them, whose positions diagnostics have."""
    return re.split("\r\n|[\n\r\x85\u2028\u2029]", text)


@dataclass(eq=False)
class Spans:
    """Positions by path, of keys and of values."""

    keys: dict[Path, Span] = field(default_factory=dict)
    values: dict[Path, Span] = field(default_factory=dict)


def refused(code: str, message: str, file: str, span: Span, *help: str) -> SpecError:
    """The error of a text that is not even read to its end."""
    return SpecError(Diagnostic(code, message, file=file, span=span, help=help))


def too_deep(file: str, span: Span) -> SpecError:
    """The refusal of a text that nests without an end."""
    return refused("NS003", f"nested deeper than {MAX_DEPTH} levels", file, span, "no part of a spec nests like this")


def too_many(file: str, span: Span) -> SpecError:
    """The refusal of a text that holds more than a network needs."""
    help = "data belong into files of their own; where an anchor is used, all that it holds counts again"
    return refused("NS004", f"more than {MAX_NODES:,} values", file, span, help)


def too_long(file: str, span: Span) -> SpecError:
    """The refusal of a single text that is longer than any name or path."""
    help = "data belong into files of their own"
    return refused("NS002", f"a text longer than {MAX_SCALAR:,} characters", file, span, help)
