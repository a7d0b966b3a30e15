"""Reporting while a document is read: places, variables, and Pydantic's errors as diagnostics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from netspec.components.base import Component, choose_component
from netspec.diagnostics import Diagnostic, Label, Path, Problem, Severity, placed
from netspec.source import MAX_DEPTH, MAX_NODES, Document, Plain
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
        self.errors = 0
        self.work = 0
        self._weights: dict[int, tuple[Plain, int, int]] = {}
        """By identity; what is weighed is kept, so that no other value can have its identity."""
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
        self.errors += severity is Severity.error
        if self.errors >= MOST_ERRORS:
            raise TooMany

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
                return self._counted(substitute(value, variables), value, at)
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

    def _counted(self, found: Plain, text: str, at: Path) -> Plain:
        """What a text has become, now that its work is counted. Raises TooLarge."""
        if found is text:
            return found
        nodes, depth = self._weight(found)
        self.work += nodes + (2 * len(text) if "$(" in text else len(text) // 8)
        if depth > MAX_DEPTH:
            raise TooLarge(at, f"nested deeper than {MAX_DEPTH} levels", code="NS003", help="no part of a spec nests like this")
        if nodes > MAX_NODES or self.work > _MOST_WORK:
            message = f"more than {MAX_NODES:,} values when variables are replaced"
            raise TooLarge(at, message, help="a variable that holds itself twice doubles with every line")
        return found

    def _weight(self, value: Plain) -> tuple[int, int]:
        """How many values a value holds, and how deep they nest. What is used several times is walked once."""
        if not isinstance(value, (list, dict)):
            return 1, 0
        known = self._weights.get(id(value))
        if known is None:
            inner = [self._weight(item) for item in (value.values() if isinstance(value, dict) else value)]
            known = value, 1 + sum(nodes for nodes, _ in inner), 1 + max((depth for _, depth in inner), default=0)
            self._weights[id(value)] = known
        return known[1:]

    def validated(self, model: type[M], value: object, at: Path) -> M | None:
        """An instance of `model`, or None with its problems reported."""
        try:
            return model.model_validate(value)
        except ValidationError as error:
            self.validation_error(error, model, value, at)
            return None

    def component(self, cls: type[C], value: object, at: Path) -> C | None:
        """A component from what stands beside its name: fields, nothing, or its short field alone."""
        fields = self.fields(cls, value, at)
        return None if fields is None else self.made(cls, fields, at, short=fields is not value and value is not None)

    def fields(self, cls: type[Component], value: object, at: Path) -> Mapping[str, Any] | None:
        """The fields that a component's value stands for; None where it can stand for none, which is reported."""
        try:
            found = cls.fields_from(value)
        except PydanticCustomError as error:
            self._fault(custom(error.type, error.message(), error.context), at)
            return None
        assert isinstance(found, Mapping)
        return found

    def made(self, cls: type[C], fields: Mapping[str, object], at: Path, *, short: bool = False) -> C | None:
        """A component from its fields; `short` where its short field stood alone."""
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            told = f"`{cls.type}: X` is short for `{cls.type}: {{{cls.short}: X}}`" if short and cls.type else ""
            for fault in faults(error, cls, fields, f"`{at[-1]}`", short=told):
                # What is wrong inside a short field's value stands directly below the component.
                inside = short and len(fault.path) > 1 and fault.path[0] == cls.short
                self._fault(fault._replace(path=fault.path[1:]) if inside else fault, at)
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

    def validation_error(self, error: ValidationError, model: type[BaseModel], value: object, at: Path) -> None:
        """Every problem that Pydantic found with a value."""
        for fault in faults(error, model, value, f"`{at[-1]}`" if at else "the spec"):
            self._fault(fault, at)

    def _fault(self, fault: Fault, at: Path) -> None:
        place = (*at, *fault.path)
        variable = fault.found if isinstance(fault.found, str) and fault.found in self.seen else None
        help = fault.help if variable is None else f"write `${variable}` for the variable"
        self.report(fault.code, fault.message, place, help=help, caption=fault.caption, key=fault.key)


MAX_LAYERS = 10_000
"""Layers, rounds and calls of a spec when everything is expanded."""
_MOST_WORK = 10 * MAX_NODES
"""Values that variables may bring in all, wherever they are used."""
MOST_ERRORS = 200
"""Errors after which a document is not read on: nobody mends more of them at once."""


class TooMany(Exception):
    """So much is wrong that reading on would help nobody."""


class Skip(Exception):
    """A part could not be read; what is wrong has been reported already."""


class TooLarge(Exception):
    """Expanding would go on beyond what a network can be: reading stops there."""

    def __init__(self, at: Path, message: str, *, code: str = "NS004", help: str = "") -> None:
        super().__init__(message)
        self.at, self.code = at, code
        self.help = help or "use fewer rounds of `repeat`, or fewer blocks inside each other"


class Budget:
    """Work that is counted before it is done: layers, rounds and calls, when everything is expanded."""

    def __init__(self) -> None:
        self.spent = 0

    def spend(self, at: Path, amount: int = 1) -> None:
        """Count so much work for what stands at a place. Raises TooLarge where it is more than a network can be."""
        self.spent += amount
        if self.spent > MAX_LAYERS:
            raise too_many_layers(at)


def too_many_layers(at: Path) -> TooLarge:
    """The refusal of a network that grows without an end."""
    return TooLarge(at, f"more than {MAX_LAYERS:,} layers, rounds and calls when everything is expanded")


def dotted(path: Path) -> str:
    """A path as people write it: `train.optimizer`, `model.layers[2].dense`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
