"""Models and components as JSON Schema.

Pydantic writes the fields; what it cannot know stands in marks (`x-netspec`), which become types here. A
component is one definition whose keywords each apply to one type, so that its short form, its fields and a
variable (`$x`) need no branches: branches turn every mistake into the same message, and end completion.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from netspec.components.base import Component
from netspec.components.canonical import canonical, ordered_fields
from netspec.source import read_text
from netspec.spec.schema.kinds import (
    BOUNDS,
    COUNT,
    OR_VARIABLE,
    Schema,
    count,
    either,
    expecting,
    flow,
    foreign,
    hints,
    listed,
    mapping,
    none_of,
    number,
    phrase_of,
    placeholders,
    quantity,
    ref,
    slug,
    snippet,
    switch,
    word_branches,
    words,
)  # fmt: skip

SCALARS = ("boolean", "string", "number", "integer")
SHORT_KEYWORDS = ("type", "pattern", "minItems", "maxItems", "items", "anyOf", *BOUNDS)


def required_of(model: type[BaseModel]) -> list[str]:
    """The fields that a model cannot do without."""
    return [info.alias or name for name, info in model.model_fields.items() if info.is_required()]


def choice(kind: str, catalogue: Mapping[str, type[Component]], **more: Any) -> Schema:
    """A name, or one name with its value; `more` admits other types."""
    prefix = "layer" if kind in ("activation", "normalization") else slug(kind)
    bare = [name for name, each in catalogue.items() if not required_of(each)]
    valued = {name: each for name, each in catalogue.items() if name not in bare}
    article = "an" if kind[0] in "aeiou" else "a"
    phrase = f"{article} {kind}: {_names_due(bare, valued)}"
    about = {"enumDescriptions": [_first_line(catalogue[name]) for name in bare]}
    offered = [snippet(f"{{{name}: {placeholders(value_of(each))}}}", name, _first_line(each)) for name, each in valued.items()]
    others = foreign(catalogue)
    return {
        "title": kind,
        "properties": {name: ref(f"{prefix}.{name}") for name in catalogue},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
        "allOf": [
            expecting(f"{article} {kind}: its name, or its name with its value", {"type": ["string", "object"], **more}),
            *hints(others),
        ],
        "propertyNames": {"allOf": hints(others)},
        "anyOf": word_branches(bare, phrase, **about, defaultSnippets=offered),
    }


def _names_due(bare: list[str], valued: Mapping[str, type[Component]]) -> str:
    """The names that may stand alone, and those that need a value."""
    if not valued:
        return either(bare)
    example, model = next(iter(valued.items()))
    with_value = f"{either(valued)} with its value, such as `{{{example}: {flow(value_of(model))}}}`"
    return f"{either(bare)}; or {with_value}" if bare else with_value


def value_of(component: type[Component]) -> Any:
    """The least value that a component needs, as its documentation shows it; None where it needs none."""
    required = required_of(component)
    short = component.short
    if not required and short is None:
        return None
    fields = _examples(component)
    if short is not None and set(required) <= {short}:
        return fields.get(short)
    return {name: fields[name] for name in fields if name in required}


def component_schema(component: type[Component]) -> Schema:
    """A component's value: its fields, its short form, nothing where it needs nothing, or a variable."""
    found = model_schema(component)
    value: Schema = {"type": [], **_short_value(component, found["properties"])}
    phrases = [phrase_of(value), f"fields, such as `{flow(_fields_shown(component))}`" if component.model_fields else ""]
    value["type"] = ["object", *([] if required_of(component) else ["null"]), *value["type"]]
    told = "; or ".join(phrase for phrase in phrases if phrase)
    said = expecting(told, value) if told else {**value, "errorMessage": f"`{component.type}` takes no value."}
    if component.all_short:
        found["additionalProperties"] = value.pop("additionalProperties", True)
    return {**found, "title": component.type, "allOf": [said]}


def _short_value(component: type[Component], properties: Mapping[str, Schema]) -> Schema:
    """What may stand in place of the fields."""
    if component.short is None:
        return {}
    value = dict(properties[component.short])
    for inner in ("allOf", "anyOf"):
        if len(value.get(inner, ())) == 1:
            value = {**value.pop(inner)[0], **value}
    if value.get("$ref") == ref("size")["$ref"]:
        value = dict(_LEAVES["size"])
    kinds = value.get("type", ["string", "number", "array", "boolean"])
    kept = {key: each for key, each in value.items() if key in (*SHORT_KEYWORDS, "errorMessage")}
    if component.all_short:
        kept["additionalProperties"] = value.get("additionalProperties", True)
    return {**kept, "type": [kind for kind in kinds if kind not in ("object", "null")]}


def model_schema(model: type[BaseModel], title: str = "") -> Schema:
    """A model's fields with their descriptions, defaults and examples."""
    raw = model.model_json_schema()
    nested = raw.get("$defs", {})
    shown = _examples(model)
    properties: Schema = {}
    for name, info in ordered_fields(model).items():
        key = info.alias or name
        default = _default(info)
        converted = _converted(raw["properties"][key], nested, nullable=default is not None)
        properties[key] = _field(converted, _notes(info, default, shown.get(key)), required=info.is_required())
    required = required_of(model)
    fields = flow(_fields_shown(model))
    found = mapping(
        f"fields, such as `{fields}`",
        description=_prose(model),
        properties=properties,
        additionalProperties=False,
        **({"title": title} if title else {}),
        **({"required": required} if required else {}),
    )
    refused = _misplaced(model) + hints(foreign(properties))
    return {**found, "propertyNames": {"allOf": refused}} if refused else found


def _misplaced(model: type[BaseModel]) -> list[Schema]:
    """A layer's `name` and `from` are often written among its fields."""
    from netspec.components.layers import Layer

    fields = {info.alias or name for name, info in model.model_fields.items()}
    if not issubclass(model, Layer) or fields & {"name", "from"}:
        return []
    said = f"`name` and `from` stand beside `{model.type}`, not inside it."
    return [{"pattern": none_of(["name", "from"]), "patternErrorMessage": said}]


def _notes(info: FieldInfo, default: Any, shown: Any) -> Schema:
    notes: Schema = {"description": info.description}
    if default is not None:
        notes["default"] = default
    example = shown if shown is not None else default
    if example is None:
        return notes
    if _is_plain(example):
        return {**notes, "examples": [example]}
    # Editors would offer a mapping among the examples as "[object Object]".
    return {**notes, "defaultSnippets": [snippet(placeholders(example), flow(example))]}


def _is_plain(example: Any) -> bool:
    each = example if isinstance(example, list) else [example]
    return not any(isinstance(item, (dict, list)) for item in each)


def _field(converted: Schema, notes: Schema, *, required: bool) -> Schema:
    """A field with its notes.

    Completing a mapping's key writes its required fields into the text, and optional ones that have a plain type and
    a default. So a required field shows a type or `anyOf`, and an optional one keeps its type inside `allOf`.
    """
    if set(converted) == {"$ref"}:
        return {"anyOf" if required else "allOf": [converted], **notes}
    kinds = converted.get("type")
    first = kinds[0] if isinstance(kinds, list) else kinds
    if "default" in notes and first in SCALARS:
        return {"allOf": [converted], **notes}
    return {**converted, **notes}


def _default(info: FieldInfo) -> Any:
    """A field's default as a spec would write it; None where it has none."""
    if info.is_required():
        return None
    value = canonical(info.get_default(call_default_factory=True))
    if isinstance(value, dict) and len(value) == 1 and isinstance(next(iter(value.values())), dict) and info.annotation is Any:
        name, fields = next(iter(value.items()))
        return {name: fields} if fields else name
    return value


def _examples(model: type[BaseModel]) -> dict[str, Any]:
    """A value for every field that has one: the documentation's, the field's own, or its default."""
    shown = _documented_example(model)
    found = {}
    for name, info in ordered_fields(model).items():
        key = info.alias or name
        example = shown[key] if key in shown else info.examples[0] if info.examples else _default(info)
        if example is not None:
            found[key] = example
    return found


def _fields_shown(model: type[BaseModel]) -> dict[str, Any]:
    """The fields that show what a mapping looks like: those required, or the first."""
    fields = _examples(model)
    names = [name for name in fields if name in required_of(model)] or list(fields)[:1]
    return {name: fields[name] for name in names}


def _documented_example(model: type[BaseModel]) -> dict[str, Any]:
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


def _prose(model: type[BaseModel]) -> str:
    text = inspect.cleandoc(model.__doc__ or "")
    return re.sub(r"\n*```yaml\n.*?\n```", "", text, flags=re.DOTALL).strip()


def _first_line(model: type[BaseModel]) -> str:
    return _prose(model).split("\n")[0]


_LEAVES: dict[str, Schema] = {}


def _marked(mark: str, schema: Schema) -> Schema:
    """What a mark stands for."""
    bounds = {key: each for key, each in schema.items() if key in BOUNDS}
    return schema
