"""What a diagnostic is: a code, a place in a file, what is wrong and the way out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import NamedTuple, TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""Where a value stands in a document: mapping keys and list positions from the top."""


LONGEST = 600
"""Characters of a message, and of each of its lines of help."""


class Severity(str, Enum):
    """How bad it is: errors stop the work, warnings are likely mistakes, notes only inform."""

    error = "error"
    warning = "warning"
    note = "note"


class Span(NamedTuple):
    """A stretch of text; lines and columns are 1-based and columns count code points."""

    line: int
    column: int
    end_line: int
    end_column: int


class Label(NamedTuple):
    """A remark on another place than the one that is wrong."""

    span: Span
    text: str


class Fix(NamedTuple):
    """An edit that mends the file: `span` becomes `text`."""

    span: Span
    text: str


@dataclass(frozen=True)
class Diagnostic:
    """One problem. `message` is the headline, `caption` stands under the marked text."""

    code: str
    message: str
    severity: Severity = Severity.error
    file: str = ""
    span: Span | None = None
    path: str = ""
    caption: str = ""
    labels: tuple[Label, ...] = ()
    help: tuple[str, ...] = ()
    fix: Fix | None = None
    exit_code: int = field(default=1, compare=False)

    def __post_init__(self) -> None:
        """Whatever a stranger wrote, a message stays one that a person can read."""
        for name in ("message", "caption", "path"):
            object.__setattr__(self, name, shortened(getattr(self, name)))
        object.__setattr__(self, "help", tuple(shortened(line) for line in self.help))

    @property
    def sort_key(self) -> tuple[str, int, int, str]:
        """By file, then position, then code."""
        line, column = (self.span.line, self.span.column) if self.span else (0, 0)
        return self.file, line, column, self.code


def shortened(text: str, most: int = LONGEST) -> str:
    """A text of at most `most` characters: what is left out of its middle is counted."""
    if len(text) <= most:
        return text
    half = most // 2 - 20
    return f"{text[:half]} [... {len(text) - 2 * half:,} characters ...] {text[-half:]}"


class SpecError(Exception):
    """A spec, its data or its run is wrong; `diagnostics` say where and how to mend it."""

    def __init__(self, diagnostics: Iterable[Diagnostic] | Diagnostic) -> None:
        found = (diagnostics,) if isinstance(diagnostics, Diagnostic) else tuple(diagnostics)
        self.diagnostics: tuple[Diagnostic, ...] = found
        super().__init__("\n".join(_told(each) for each in found))

    @property
    def exit_code(self) -> int:
        """The worst exit code among the diagnostics (the table is in `netspec --help`)."""
        return max((d.exit_code for d in self.diagnostics), default=1)


def _told(diagnostic: Diagnostic) -> str:
    """A diagnostic where nothing else shows it: as a traceback ends."""
    span, file = diagnostic.span, diagnostic.file
    place = f"{file}:{span.line}:{span.column}: " if file and span else f"{file}: " if file else ""
    lines = [f"{place}{diagnostic.severity.value}[{diagnostic.code}]: {diagnostic.message}"]
    return "\n".join([*lines, *(f"  = help: {line}" for line in diagnostic.help)])


class Problem(Exception):
    """Raised inside a component: what is wrong, without a place; whoever called knows the place.

    `field` narrows the place to one of the component's fields.
    """

    def __init__(self, code: str, message: str, *, help: Sequence[str] | str = (), caption: str = "", field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = (help,) if isinstance(help, str) else tuple(help)
        self.caption = caption
        self.field = field


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sorted by place, each once."""
    return tuple(sorted(dict.fromkeys(diagnostics), key=lambda d: d.sort_key))


def placed(problem: Problem, *, file: str, span: Span | None, path: str) -> Diagnostic:
    """A diagnostic for a component's problem, now that its place is known."""
    return Diagnostic(
        problem.code, problem.message, file=file, span=span, path=path, caption=problem.caption, help=problem.help
    )


def as_warning(diagnostic: Diagnostic) -> Diagnostic:
    """The same diagnostic as a warning."""
    return replace(diagnostic, severity=Severity.warning)
