"""Pydantic's errors as faults of a spec: its places are the file's, and each says what was meant."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import chain, pairwise
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from netspec.components.base import Choice, Component, describe, written
from netspec.diagnostics import Path, closest, suggest
from netspec.diagnostics.suggest import LEFT_OUT
from netspec.spec.elsewhere import elsewhere

Model = type[BaseModel]
_MOST = 500
"""Faults of one value that are looked at: whoever reports them stops long before."""
_SCALARS = ("str", "int", "float", "bool")
_EXPECTED = {
    "bool_type": "`true` or `false`",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "text",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping of fields",
    "model_attributes_type": "a mapping of fields",
}
_TRUTH = {**dict.fromkeys(("no", "off", "n", "0"), "false"), **dict.fromkeys(("yes", "on", "y", "1"), "true")}


class Fault(NamedTuple):
    """One thing that is wrong with a value; `path` leads there from the value, `key` means the key there."""

    code: str
    message: str
    path: Path
    help: str = ""
    caption: str = ""
    key: bool = False
    found: object = None
    """The value that stands where another was due."""


def faults(error: ValidationError, model: Model, value: object, title: str, *, short: str = "") -> Iterator[Fault]:
    """Every fault of a value that `model` refuses; a misspelt field is told once, not as missing too.

    `title` is what holds the value; `short` helps where a short field's value is wrong.
    """
    details = _without_branches(error.errors(include_url=False)[:_MOST], value)
    missing = [d["loc"] for d in details if d["type"] == "missing" and not isinstance(d["loc"][-1], int)]
    meant: dict[tuple[int | str, ...], str] = {}
    for loc in (d["loc"] for d in details if d["type"] == "extra_forbidden"):
        lacking = [each[-1] for each in missing if each[:-1] == loc[:-1]]
        meant[loc] = _meant(str(loc[-1]), _names(_model_at(model, loc, value)), lacking)
        missing = [each for each in missing if each != (*loc[:-1], meant[loc])]
    yield from _missing_faults(missing, model, value, title)
    for d in details:
        if d["type"] != "missing" or (isinstance(d["loc"][-1], int) and _is_only(d, details)):
            fault = _fault(d, model, value, title, meant.get(d["loc"], ""))
            fault = fault._replace(found=d["input"] if d["type"] not in ("missing", "extra_forbidden") else None)
            if fault.code == "NS204" and not fault.help:
                fault = fault._replace(help=short or _example(_model_at(model, d["loc"], value), d["loc"]))
            yield fault


def _is_only(details: ErrorDetails, others: list[ErrorDetails]) -> bool:
    """Whether nothing else is wrong with the list that holds a place."""
    return not any(other is not details and other["loc"][: len(details["loc"]) - 1] == details["loc"][:-1] for other in others)


def _missing_faults(missing: list[tuple[int | str, ...]], model: Model, value: object, title: str) -> Iterator[Fault]:
    """One fault for each mapping that lacks fields."""
    for holder in dict.fromkeys(loc[:-1] for loc in missing):
        names = [str(loc[-1]) for loc in missing if loc[:-1] == holder]
        loc, owner = _through_choices((*holder, names[0]), value)
        told = " and ".join(f"`{name}`" for name in names)
        caption = f"{told} {'is' if len(names) == 1 else 'are'} missing"
        inner = _at(value, loc[:-1])
        alone = not inner or isinstance(inner, str)  # no other field stands there that a short form would lose
        help = _missing_help(_model_at(model, (*holder, names[0]), value), names, alone)
        key = not isinstance(inner, str)
        yield Fault("NS202", f"{_title(model, loc, owner, len(holder) + 1, title)} needs {told}", loc[:-1], help, caption, key)


def _title(model: Model, loc: Path, owner: str, depth: int, title: str) -> str:
    """What holds a field, in a message."""
    where = owner or (getattr(model, "type", "") if depth == 1 else "")
    return f"`{where}`" if where else f"`{loc[-2]}`" if len(loc) > 1 else title


def custom(kind: str, message: str, context: Mapping[str, Any] | None, path: Path = ()) -> Fault:
    """A fault that a component's own validator found: its type is the code.

    The context may say where it is: `below` a key, `at` a value (or a path to one), or with `key` at the component's own key.
    """
    given = context or {}
    steps = [given[place] for place in ("below", "at") if place in given]
    inside = tuple(chain.from_iterable(step if isinstance(step, tuple) else (step,) for step in steps))
    key = "below" in given or bool(given.get("key"))
    return Fault(kind.upper(), message, (*path, *inside), str(given.get("help", "")), key=key)


def _fault(details: ErrorDetails, model: Model, value: object, title: str, meant: str) -> Fault:
    loc, owner = _through_choices(details["loc"], value)
    context: dict[str, Any] = details.get("ctx", {})
    kind, name = details["type"], str(loc[-1]) if loc else ""
    title = _title(model, loc, owner, len(details["loc"]), title)
    holder = _model_at(model, details["loc"], value)
    if kind == "extra_forbidden":
        help = f"did you mean `{meant}`?" if meant else _unknown_help(holder, name)
        return Fault("NS203", f"unknown field `{name}` for {title}", loc, help, f"not a field of {title}", key=True)
    if kind == "missing":
        return Fault("NS204", f"expected one value more, found {loc[-1]}", loc[:-1])
    if kind in ("too_long", "too_short"):
        due, found = context.get("max_length", context.get("min_length")), context.get("actual_length")
        return Fault("NS204", f"expected {due} values, found {found}", loc)
    if kind.startswith("ns"):
        return custom(kind, details["msg"], context, loc)
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        return Fault("NS205", f"`{name}` cannot be {describe(details['input'])}", loc, suggest(details["input"], choices))
    if kind == "value_error":
        return Fault("NS205", str(context.get("error", details["msg"])), loc)
    expected = _expected(details)
    help = _kind_help(kind, name, details["input"], _model_at(model, (*details["loc"], ""), value), expected)
    return Fault("NS204", f"expected {expected}, found {describe(details['input'])}", loc, help)


def _expected(details: ErrorDetails) -> str:
    """The kind of value that was due."""
    own = re.match(r"expected (.*), found ", details["msg"])
    if details["type"] == "literal_error":
        return str(details.get("ctx", {}).get("expected", "")).replace("'", "`")
    return own[1] if own else _EXPECTED.get(details["type"], "something else")


def _kind_help(kind: str, name: str, value: object, model: Model | None, expected: str) -> str:
    """How a value of the wrong kind is written."""
    if kind == "bool_type" and str(value).lower() in _TRUTH:
        return f"write {_TRUTH[str(value).lower()]}"
    if kind in ("tuple_type", "list_type") and name and isinstance(value, (int, float, str)):
        return f"write `{name}: [{written(value)}]`"
    if re.search(r"\btext\b", expected) and isinstance(value, (int, float)):
        return f'quote it: "{written(value)}"'
    if kind.startswith("model") and model is not None:
        names = [f"{field}: ..." for field in _names(model)]
        return f"write `{{{', '.join([*names[:3], *(['...'] if len(names) > 3 else [])])}}}`"
    return ""


def _example(model: Model | None, loc: tuple[int | str, ...]) -> str:
    """What a field may hold, where it says so."""
    field = _field(model, str(loc[-1])) if loc else None
    return f"for example `{loc[-1]}: {written(field.examples[0])}`" if field and field.examples else ""


def _without_branches(details: list[ErrorDetails], value: object) -> list[ErrorDetails]:
    """The errors without those of union branches that were not meant: the branch that got furthest speaks for all."""
    plain: list[ErrorDetails] = []
    unions: dict[Path, list[ErrorDetails]] = {}
    for d in details:
        loc, union = _without_tags(d["loc"], value)
        clean: ErrorDetails = {**d, "loc": loc}
        if union is None:
            plain.append(clean)
        else:
            unions.setdefault(union, []).append(clean)
    for union, branches in unions.items():
        inside = [d for d in branches if len(d["loc"]) > len(union)]
        plain += _joined(inside or branches)
    return plain


def _joined(branches: list[ErrorDetails]) -> list[ErrorDetails]:
    """One error for each place, that says all that could have stood there."""
    found: dict[tuple[int | str, ...], list[ErrorDetails]] = {}
    for d in branches:
        found.setdefault(d["loc"], []).append(d)
    joined = []
    for same in found.values():
        expected = " or ".join(dict.fromkeys(_expected(d) for d in same))
        joined.append(same[0] if len(same) == 1 else {**same[0], "type": "union", "msg": f"expected {expected}, found it"})
    return joined


def _without_tags(loc: tuple[int | str, ...], value: object) -> tuple[tuple[int | str, ...], Path | None]:
    """A place without the names of union branches, and where the first union stands."""
    path: list[int | str] = []
    union: Path | None = None
    for step in loc:
        inside = isinstance(value, Mapping) and step in value
        if not inside and isinstance(step, str) and (step in _SCALARS or "[" in step):
            union = tuple(path) if union is None else union
            continue
        path.append(step)
        if isinstance(value, Mapping) and not inside and len(value) == 1:
            value = next(iter(value.values()))
        value = _inside(value, step)
    return tuple(path), union


def _through_choices(loc: tuple[int | str, ...], value: object) -> tuple[Path, str]:
    """Pydantic's place with the component names put back in, and the component it ends in.

    `activation: {leaky_relu: {slope: 1}}` fails at (activation, slope) for Pydantic, but the file says
    (activation, leaky_relu, slope).
    """
    path: list[str | int] = []
    owner = ""
    for depth, step in enumerate(loc):
        if isinstance(step, int) and not isinstance(value, (list, tuple)):
            continue  # one value stands where a list may stand
        if isinstance(value, str):
            owner = value  # a component by its name alone
        elif isinstance(value, Mapping) and step not in value and len(value) == 1 and depth > 0:
            (name, inner), *_ = value.items()
            if not isinstance(inner, Mapping) and inner is not None:
                path.append(name)  # the short field's value stands beside the name
                value = inner
                continue
            if isinstance(inner, Mapping) and not isinstance(step, int):
                path.append(name)
                owner, value = str(name), inner
        path.append(step)
        value = _inside(value, step)
        if step != loc[-1]:
            owner = ""
    return tuple(path), owner


def _model_at(model: Model | None, loc: tuple[int | str, ...], value: object) -> Model | None:
    """The model whose field the last step of a place is."""
    catalogue: Mapping[str, type[Component]] | None = None
    for step, following in pairwise(loc):
        value = _inside(value, step)
        if catalogue is None:
            field = _field(model, str(step))
            if field is None:
                if isinstance(step, int):
                    continue
                return None
            catalogue = _catalogue_of(field)
            if catalogue is None:
                candidates = [field.annotation, *getattr(field.annotation, "__args__", ())]
                model = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
                continue
        if isinstance(value, list) or (isinstance(value, Mapping) and following in value and following not in catalogue):
            continue  # a list of components, or one for each name
        name = next(iter(value), "") if isinstance(value, Mapping) else value
        model, catalogue = catalogue.get(str(name)), None
        value = _inside(value, name)
    return model


def _meant(word: str, names: list[str], missing: list[int | str]) -> str:
    """The field that an unknown one was meant to be: a close one, or the only one that is missing."""
    return closest(word, names) or (str(missing[0]) if len(missing) == 1 and word not in LEFT_OUT else "")


def _unknown_help(model: Model | None, name: str) -> str:
    """The way out where a field is unknown and none is close to it."""
    names = _names(model)
    if model is not None and not names:
        return f"remove it: `{getattr(model, 'type', name)}` takes no fields"
    return suggest(name, names, list_up_to=0) or (elsewhere(name, model) if model else "") or suggest(name, names)


def _missing_help(model: Model | None, names: list[str], alone: bool) -> str:
    """How fields that are missing are written, and for one what it is."""
    fields = {name: _field(model, name) for name in names}
    shown = {name: written(next(iter(field.examples or ()), "...")) if field else "..." for name, field in fields.items()}
    added = "add " + " and ".join(f"`{name}: {example}`" for name, example in shown.items())
    (name, field), *others = fields.items()
    if others or field is None or not field.description:
        return added
    what = field.description[0].lower() + field.description[1:].rstrip(".")
    if alone and model is not None and issubclass(model, Component) and model.type and model.short == name:
        return f"write `{model.type}: {shown[name]}` ({what})"
    return f"{added} ({what})"


def _names(model: Model | None) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items()] if model else []


def _field(model: Model | None, name: str) -> FieldInfo | None:
    if model is None:
        return None
    return next((info for key, info in model.model_fields.items() if name in (key, info.alias)), None)


def _at(value: object, path: Path) -> object:
    """The value that a path leads to; None where it leads nowhere."""
    for step in path:
        value = _inside(value, step)
    return value


def _inside(value: object, step: object) -> object:
    if isinstance(value, (list, tuple)):
        return value[step] if isinstance(step, int) and step < len(value) else None
    if isinstance(step, int):
        return value  # one value stands where a list may stand
    return value.get(step) if isinstance(value, Mapping) else None


def _catalogue_of(annotation: object) -> Mapping[str, type[Component]] | None:
    """The catalogue that a field's annotation chooses from, however deep it stands in the annotation."""
    parts = [*getattr(annotation, "metadata", ()), *getattr(annotation, "__metadata__", ())]
    for part in parts:
        if isinstance(part, Choice):
            return part.catalogue()
    inner = [getattr(annotation, "annotation", None), *getattr(annotation, "__args__", ())]
    for each in inner:
        found = _catalogue_of(each) if each is not None else None
        if found is not None:
            return found
    return None
