"""Reporting while a document is read: places, variables, and Pydantic's errors as diagnostics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticCustomError

from netspec.components.base import CatalogueSchema, Component, choose_component, describe
from netspec.diagnostics import Diagnostic, Label, Path, Problem, Severity, closest, placed, suggest
from netspec.source import Document, Plain
from netspec.spec.variables import Broken, Variables, substitute

M = TypeVar("M", bound=BaseModel)
C = TypeVar("C", bound=Component)


class Reader:
    """Walks one document, gathering every problem on the way instead of stopping at the first."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.diagnostics: list[Diagnostic] = []
        self.calls: tuple[Path, ...] = ()
        self._told: set[tuple[str, Path]] = set()

    @contextmanager
    def calling(self, at: Path) -> Iterator[None]:
        """What is reported inside stands in a block that is used at a place; each mistake is told for its first use."""
        before = self.calls
        self.calls = (*before, at)
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
            self.report("NS204", error.message(), at)
            return None
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            self.validation_error(error, cls, fields, at)
            return None

    def chosen(self, catalogue: Mapping[str, type[C]], kind: str, value: object, at: Path) -> C | None:
        """A component by name, or by one key with its value."""
        try:
            return choose_component(catalogue, kind, value)
        except PydanticCustomError as error:
            self._report_details(
                {"type": error.type, "loc": (), "msg": error.message(), "input": value, "ctx": error.context or {}},
                None,
                value,
                at,
            )
        except ValidationError as error:
            assert isinstance(value, Mapping | str)
            name = value if isinstance(value, str) else next(iter(value))
            self.validation_error(error, catalogue[name], value, at)
        return None

    def validation_error(self, error: ValidationError, model: type[BaseModel], value: object, at: Path) -> None:
        """Every problem that Pydantic found; a misspelt field is told once, not as missing too."""
        details = error.errors(include_url=False)
        missing = {d["loc"] for d in details if d["type"] == "missing"}
        unknown = [d for d in details if d["type"] == "extra_forbidden"]
        meant = {(*d["loc"][:-1], closest(str(d["loc"][-1]), _fields_at(model, d["loc"], value))) for d in unknown}
        for d in details:
            if not (d["type"] == "missing" and d["loc"] in meant & missing):
                self._report_details(d, model, value, at)

    def _report_details(self, details: ErrorDetails, model: type[BaseModel] | None, value: object, at: Path) -> None:
        loc, owner = _through_choices(details["loc"], value)
        place = (*at, *loc)
        context: dict[str, Any] = details.get("ctx", {})
        kind, name = details["type"], str(loc[-1]) if loc else ""
        where = owner or (getattr(model, "type", "") if model and len(details["loc"]) == 1 else "")
        title = f"`{where}`" if where else f"`{loc[-2]}`" if len(loc) > 1 else f"`{at[-1]}`" if at else "the spec"
        if kind == "extra_forbidden":
            help = suggest(name, _fields_at(model, details["loc"], value))
            self.report(
                "NS203", f"unknown field `{name}` for {title}", place, key=True, help=help, caption=f"not a field of {title}"
            )
        elif kind == "missing":
            self.report("NS202", f"{title} needs `{name}`", place[:-1], key=True, caption=f"`{name}` is missing")
        elif kind.startswith("ns"):
            below = (str(context["below"]),) if "below" in context else ()
            self.report(kind.upper(), details["msg"], (*place, *below), help=str(context.get("help", "")), key=bool(below))
        elif kind == "literal_error":
            choices = str(context.get("expected", "")).replace("'", "`")
            self.report("NS205", f"`{name}` cannot be {describe(details['input'])}", place, help=f"write {choices}")
        elif kind == "value_error":
            self.report("NS205", str(context.get("error", details["msg"])), place)
        else:
            self.report("NS204", f"expected {_expected(kind)}, found {describe(details['input'])}", place)


class Skip(Exception):
    """A part could not be read; what is wrong has been reported already."""


class TooLarge(Exception):
    """Expanding would go on beyond what a network can be: reading stops there."""

    def __init__(self, at: Path, message: str) -> None:
        super().__init__(message)
        self.at = at


def _expected(kind: str) -> str:
    known = {
        "bool_type": "`true` or `false`",
        "int_type": "a whole number",
        "float_type": "a number",
        "string_type": "text (quote a number that is meant as text)",
        "tuple_type": "a list",
        "list_type": "a list",
        "dict_type": "a mapping",
        "model_type": "a mapping of fields",
        "model_attributes_type": "a mapping of fields",
    }
    return known.get(kind, "something else")


def _through_choices(loc: tuple[int | str, ...], value: object) -> tuple[Path, str]:
    """Pydantic's place with the component names put back in, and the component it ends in.

    `activation: {leaky_relu: {slope: 1}}` fails at (activation, slope) for Pydantic, but the file says
    (activation, leaky_relu, slope).
    """
    path: list[str | int] = []
    owner = ""
    for step in loc:
        if isinstance(value, Mapping) and step not in value and len(value) == 1:
            (name, inner), *_ = value.items()
            if isinstance(inner, Mapping) and not isinstance(step, int):
                path.append(name)
                owner, value = str(name), inner
        path.append(step)
        value = _inside(value, step)
        if step != loc[-1]:
            owner = ""
    return tuple(path), owner


def _fields_at(model: type[BaseModel] | None, loc: tuple[int | str, ...], value: object) -> list[str]:
    """The field names that were valid where an unknown one stood."""
    for step in loc[:-1]:
        field = _field(model, str(step))
        value = _inside(value, step)
        if field is None:
            if isinstance(step, int):
                continue
            return []
        catalogue = _catalogue_of(field)
        if catalogue is not None:
            chosen = value if isinstance(value, list) and isinstance(loc[-2], int) else None
            value = _inside(chosen, loc[-2]) if chosen is not None else value
            name = next(iter(value), "") if isinstance(value, Mapping) else ""
            model = catalogue.get(str(name))
            value = _inside(value, name)
        else:
            candidates = [field.annotation, *getattr(field.annotation, "__args__", ())]
            model = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
    return [info.alias or name for name, info in model.model_fields.items()] if model else []


def _field(model: type[BaseModel] | None, name: str) -> FieldInfo | None:
    if model is None:
        return None
    return next((info for key, info in model.model_fields.items() if name in (key, info.alias)), None)


def _inside(value: object, step: object) -> object:
    if isinstance(value, Mapping):
        return value.get(step)
    if isinstance(value, (list, tuple)) and isinstance(step, int) and step < len(value):
        return value[step]
    return None


def _catalogue_of(annotation: object) -> Mapping[str, type[Component]] | None:
    """The catalogue that a field's annotation chooses from, however deep it stands in the annotation."""
    parts = [*getattr(annotation, "metadata", ()), *getattr(annotation, "__metadata__", ())]
    for part in parts:
        if isinstance(part, CatalogueSchema):
            return part.catalogue()
    inner = [getattr(annotation, "annotation", None), *getattr(annotation, "__args__", ())]
    for each in inner:
        found = _catalogue_of(each) if each is not None else None
        if found is not None:
            return found
    return None


def dotted(path: Path) -> str:
    """A path as people write it: `train.optimizer`, `model.layers[2].dense`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text
