"""Everything that can be said of a spec without running it, in one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from netspec.diagnostics import Diagnostic, Problem, Severity, SpecError, in_order, placed
from netspec.diagnostics.ignore import without_ignored
from netspec.graph import Program, build
from netspec.graph.checks import check
from netspec.graph.lengths import at_the_limits, unknown_lengths, wrong_lengths
from netspec.source import Document, Plain, split_lines
from netspec.spec import Spec, read_spec
from netspec.spec.paths import Roots, leading_out


@dataclass(frozen=True, eq=False)
class Checked:
    """A spec with its program, as far as they stand, and every diagnostic."""

    spec: Spec | None
    program: Program | None
    diagnostics: tuple[Diagnostic, ...]

    @property
    def is_valid(self) -> bool:
        """Whether there is no error (warnings are fine)."""
        return not any(d.severity is Severity.error for d in self.diagnostics)

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What is worth a look, errors aside; what the spec silences is not among them."""
        return tuple(d for d in self.diagnostics if d.severity is not Severity.error)

    def sound(self) -> tuple[Spec, Program]:
        """The spec and its program. Raises SpecError with every problem where there is an error."""
        if self.spec is None or self.program is None or not self.is_valid:
            raise SpecError(self.diagnostics)
        return self.spec, self.program


def checked(
    document: Document,
    settings: Mapping[str, Plain] | None = None,
    lengths: Mapping[str, int] | None = None,
    root: Path | None = None,
) -> Checked:
    """Read, build and check a document; its paths stay below `root`. Never raises for what the document says."""
    spec, found = read_spec(document, settings or {})
    if spec is None:
        return Checked(None, None, found)
    found = (*found, *leading_out(document, {"data": spec.data, "train": spec.training}, Roots.of(document.file, root)))
    program, shaped = build(spec)
    found = (*found, *shaped)
    if program is not None and not any(d.severity is Severity.error for d in found):
        try:
            found = (
                *found,
                *unknown_lengths(program, lengths or {}),
                *wrong_lengths(spec, lengths or {}),
                *at_the_limits(spec, program),
            )
            program = program.bind(lengths or {})
            found = (*found, *check(spec, program))
        except Problem as problem:
            found = (*found, placed(problem, file=document.file, span=document.span(("model",), key=True), path="model"))
    return Checked(spec, program, in_order(kept(document, found)))


def kept(document: Document, found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The diagnostics that the document does not ask to leave out."""
    return list(found) if document.is_json else without_ignored(found, split_lines(document.text))


def required(
    document: Document,
    settings: Mapping[str, Plain] | None = None,
    lengths: Mapping[str, int] | None = None,
    root: Path | None = None,
) -> tuple[Spec, Program]:
    """A spec and its program. Raises SpecError with every problem."""
    return checked(document, settings, lengths, root).sound()
