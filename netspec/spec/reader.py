"""Reporting while a document is read: places, variables, and Pydantic's errors as diagnostics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from netspec.components.base import Component, choose_component
from netspec.diagnostics import Diagnostic, Label, Path, Problem, Severity, placed
from netspec.source import Document, Plain
from netspec.spec.faults import Fault, custom, faults
from netspec.spec.variables import Broken, Variables, substitute

M = TypeVar("M", bound=BaseModel)
C = TypeVar("C", bound=Component)


class Reader:
    """Walks one document, gathering every problem on the way instead of stopping at the first."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.diagnostics: list[Diagnostic] = []
        self.calls: tuple[Path, ...] = ()
        self.blind = False
        """`vars` could not be read: a variable that is not known is not told again."""
        self.seen: Variables = {}
        """The variables that can be seen where the reader is: one may be meant where its name stands alone."""
        self._told: set[tuple[str, Path]] = set()

    @contextmanager
    def calling(self, at: Path) -> Iterator[None]:
        """What is reported inside stands in a block that is used at a place; each mistake is told for its first use."""
        with self.called((*self.calls, at)):
            yield

    @contextmanager
    def called(self, calls: tuple[Path, ...]) -> Iterator[None]:
        """What is reported inside stands in a block that was used by these calls, one inside the other."""
        before = self.calls
        self.calls = calls
        try:
            yield
        finally:
            self.calls = before

    def report(
        self,
        code: str,
        message: str,
        at: Path,
        *,
        help: Iterable[str] | str = (),
        caption: str = "",
        key: bool = False,
        severity: Severity = Severity.error,
        labels: tuple[Label, ...] = (),
    ) -> None:
        """Note a problem with the value (or the key) at a place."""
        if self.calls:
            if (code, at) in self._told:
                return
            self._told.add((code, at))
            labels = (*labels, *self._uses())
        problem = Problem(code, message, help=[help] if isinstance(help, str) and help else tuple(help), caption=caption)
        setting = self.document.setting(at)
        if setting is not None:
            # The value stands on the command line, so the file has no place for it.
            came_from = Problem(code, f"`--set {setting}`: {message}", help=problem.help)
            self.diagnostics.append(replace(placed(came_from, file="", span=None, path=dotted(at)), severity=severity))
            return
        span = self.document.span(at, key=key)
        diagnostic = placed(problem, file=self.document.file, span=span, path=dotted(at))
        self.diagnostics.append(replace(diagnostic, severity=severity, labels=labels))

    def _uses(self) -> Iterator[Label]:
        """Where the block that is being looked into is used."""
        for at in self.calls:
            span = self.document.span(at, key=True)
            if span is not None:
                yield Label(span, "used here")

    def problem(self, problem: Problem, at: Path, *, key: bool = False) -> None:
        """Note what a component found, now that the place is known."""
        place = (*at, problem.field) if problem.field else at
        self.report(problem.code, problem.message, place, help=problem.help, caption=problem.caption, key=key)

    def substituted(self, value: Plain, variables: Variables, at: Path) -> Plain:
        """`value` with every variable replaced; what fails is reported and left as it stands."""
        if isinstance(value, str):
            try:
                return substitute(value, variables)
            except Broken:
                raise Skip from None
            except Problem as problem:
                if problem.code == "NS301" and self.blind:
                    raise Skip from None
                if problem.code == "NS301" and self.calls:
                    problem.help = (*problem.help, "a block sees its own `vars` and the file's, never its caller's")
                self.problem(problem, at)
                raise Skip from None
        if isinstance(value, list):
            return [self.substituted(item, variables, (*at, i)) for i, item in enumerate(value)]
        if isinstance(value, dict):
            return {key: self.substituted(item, variables, (*at, key)) for key, item in value.items()}
        return value

    def validated(self, model: type[M], value: object, at: Path) -> M | None:
        """An instance of `model`, or None with its problems reported."""
        try:
            return model.model_validate(value)
        except ValidationError as error:
            self.validation_error(error, model, value, at)
            return None

    def component(self, cls: type[C], value: object, at: Path) -> C | None:
        """A component from what stands beside its name: fields, nothing, or its short field alone."""
        try:
            fields = cls.fields_from(value)
        except PydanticCustomError as error:
            self._fault(custom(error.type, error.message(), error.context), at)
            return None
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            is_short = fields is not value and value is not None
            short = f"`{cls.type}: X` is short for `{cls.type}: {{{cls.short}: X}}`" if is_short else ""
            self.validation_error(error, cls, fields, at, short=short)
            return None

    def chosen(self, catalogue: Mapping[str, type[C]], kind: str, value: object, at: Path) -> C | None:
        """A component by name, or by one key with its value."""
        try:
            return choose_component(catalogue, kind, value)
        except PydanticCustomError as error:
            self._fault(custom(error.type, error.message(), error.context), at)
        except ValidationError as error:
            assert isinstance(value, Mapping | str)
            name, fields = (value, None) if isinstance(value, str) else next(iter(value.items()))
            place = at if isinstance(value, str) else (*at, name)
            self.validation_error(error, catalogue[name], catalogue[name].fields_from(fields), place)
        return None

    def validation_error(
        self, error: ValidationError, model: type[BaseModel], value: object, at: Path, *, short: str = ""
    ) -> None:
        """Every problem that Pydantic found with a value."""
        title = f"`{at[-1]}`" if at else "the spec"
        for fault in faults(error, model, value, title, short=short):
            self._fault(fault, at)

    def _fault(self, fault: Fault, at: Path) -> None:
        place = (*at, *fault.path)
        variable = fault.found if isinstance(fault.found, str) and fault.found in self.seen else None
        help = fault.help if variable is None else f"write `${variable}` for the variable"
        self.report(fault.code, fault.message, place, help=help, caption=fault.caption, key=fault.key)


class Skip(Exception):
    """A part could not be read; what is wrong has been reported already."""


class TooLarge(Exception):
    """Expanding would go on beyond what a network can be: reading stops there."""

    help = "use fewer rounds of `repeat`, or fewer blocks inside each other"

    def __init__(self, at: Path, message: str) -> None:
        super().__init__(message)
        self.at = at


def dotted(path: Path) -> str:
    """A path as people write it: `train.optimizer`, `model.layers[2].dense`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
