"""Problems with data belong to a place in the spec."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from netspec.components.sources.base import Table
from netspec.diagnostics import Path, Problem, SpecError, placed, suggest
from netspec.spec.load import Spec
from netspec.spec.reader import dotted

T = TypeVar("T")


class Place:
    """Turns what goes wrong with a spec's data into diagnostics with a position in the spec."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        if spec.data is None:
            help = "say where the examples come from: `data: {source: ...}`"
            raise self.problem("NS510", "the spec has no `data` section", ("data",), help)
        self.data = spec.data

    def at(self, path: Path, work: Callable[[], T]) -> T:
        """Do a piece of work whose problems belong to `path`. Raises SpecError."""
        try:
            return work()
        except Problem as problem:
            where = (*path, problem.field) if problem.field else path
            diagnostic = placed(problem, file=self.spec.document.file, span=self.spec.document.span(where), path=dotted(where))
            raise SpecError(replace(diagnostic, exit_code=2 if problem.code == "NS501" else 1)) from None

    def problem(self, code: str, message: str, at: Path, help: str = "", *, key: bool = False) -> SpecError:
        """A problem with the value, or the key, at a place."""
        problem = Problem(code, message, help=help or ())
        span = self.spec.document.span(at, key=key)
        return SpecError(placed(problem, file=self.spec.document.file, span=span, path=dotted(at)))

    def missing_column(self, column: str, table: Table, at: Path) -> SpecError:
        """NS502, with the column that was likely meant."""
        return self.problem("NS502", f"the data has no column `{column}`", at, suggest(column, table.columns, list_up_to=40))
