"""What a field or a component looks like: the documentation's example, or the default."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from netspec.components.base import Component
from netspec.components.canonical import canonical, ordered_fields
from netspec.components.sources import Source
from netspec.source import read_text


def required_of(model: type[BaseModel]) -> list[str]:
    """The fields that a model cannot do without."""
    return [info.alias or name for name, info in model.model_fields.items() if info.is_required()]


def default_of(info: FieldInfo) -> Any:
    """A field's default as a spec would write it; None where it has none."""
    if info.is_required():
        return None
    default = info.get_default(call_default_factory=True)
    value = canonical(default)
    if isinstance(default, Component):
        ((name, fields),) = value.items()
        return {name: fields} if fields else name
    return value


def examples_of(model: type[BaseModel]) -> dict[str, Any]:
    """A value for every field that has one: the documentation's, the field's own, or its default."""
    shown = documented(model)
    found = {}
    for name, info in ordered_fields(model).items():
        key = info.alias or name
        example = shown[key] if key in shown else info.examples[0] if info.examples else default_of(info)
        if example is not None:
            found[key] = example
    return found


def fields_shown(model: type[BaseModel]) -> dict[str, Any]:
    """The fields that show what a mapping looks like: those that it needs, or the first."""
    fields, required = examples_of(model), [*required_of(model), *getattr(model, "alternatives", ())[:1]]
    return {name: fields[name] for name in [name for name in fields if name in required] or list(fields)[:1]}


def needs_value(component: type[Component]) -> bool:
    """Whether a component's name says too little alone. A source always reads from somewhere, one way or another."""
    return bool(required_of(component)) or issubclass(component, Source)


def least_value(component: type[Component]) -> Any:
    """A component's shortest value: its short field, else the fields that it needs; None where it needs nothing."""
    required, example = required_of(component), documented(component)
    if component.short is not None and set(required) <= {component.short}:
        # A documented example without the short field shows a component that is not written so (`idx` files).
        return examples_of(component).get(component.short) if component.short in example or not example else example
    return fields_shown(component) if required else None


def documented(model: type[BaseModel]) -> dict[str, Any]:
    """The fields that the docstring's YAML block shows for this component."""
    match = re.search(r"```yaml\n(.*?)\n\s*```", inspect.cleandoc(model.__doc__ or ""), re.DOTALL)
    if not match:
        return {}
    word, short = getattr(model, "type", ""), getattr(model, "short", None)
    found: Any = next(_values_under(read_text(match[1] + "\n", "example").data, word), {})
    all_short = getattr(model, "all_short", False)
    return found if isinstance(found, dict) and not all_short else {short: found} if short else {}


def _values_under(data: Any, word: str) -> Iterator[Any]:
    if isinstance(data, dict):
        if data.get(word) is not None:
            yield data[word]
        for value in data.values():
            yield from _values_under(value, word)
    elif isinstance(data, list):
        for value in data:
            yield from _values_under(value, word)


def prose(model: type[BaseModel]) -> str:
    """A docstring without its example."""
    text = inspect.cleandoc(model.__doc__ or "")
    return re.sub(r"\n*```yaml\n.*?\n```", "", text, flags=re.DOTALL).strip()


def first_line(model: type[BaseModel]) -> str:
    return prose(model).split("\n")[0]
