"""Models, components and catalogues as JSON Schema.

A component is one definition whose keywords each apply to one type, so that its short form, its fields and a
variable (`$x`) need no branches: branches turn every mistake into the same message, and end completion.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from netspec.components.base import Component
from netspec.components.canonical import ordered_fields
from netspec.components.layers import Layer
from netspec.spec.fields import layer_fields
from netspec.spec.schema.convert import converted
from netspec.spec.schema.examples import (
    default_of,
    examples_of,
    fields_shown,
    first_line,
    least_value,
    needs_value,
    prose,
    required_of,
)
from netspec.spec.schema.hints import foreign, hints, refused
from netspec.spec.schema.kinds import (
    BOUNDS,
    Schema,
    either,
    exactly,
    expecting,
    flow,
    listed,
    mapping,
    noted,
    phrase_of,
    placeholders,
    ref,
    resolved,
    shown,
    slug,
    snippet,
    texts,
    types_of,
    where_mapping,
)

Catalogue = Mapping[str, type[Component]]
_SHORT = ("pattern", "minItems", "maxItems", "items", "anyOf", "errorMessage", *BOUNDS)


def choice(kind: str, catalogue: Catalogue, *, keyed: bool = False, in_list: bool = False) -> Schema:
    """A name, or one name with its value.

    `keyed` also admits keys that are no names, each with a choice of its own; `in_list` leaves completion to `choice_list`.
    """
    article = "an" if kind[0] in "aeiou" else "a"
    told = f"{article} {kind}: its name, or its name with its value"
    one = {"required": [f"one {kind}"], "errorMessage": f"Expected one {kind}."}
    others = hints(foreign(catalogue))
    keys: Schema = {"additionalProperties": ref(slug(kind)) if keyed else False}
    if others and not keyed:
        keys["propertyNames"] = {"allOf": others}
    prefix = "layer" if kind in ("activation", "normalization") else slug(kind)
    quiet = [name for name, each in catalogue.items() if in_list or not each.model_fields]
    values = {name: ref(f"{prefix}.{name}") for name in catalogue}
    values |= {name: {"allOf": [values[name]], "doNotSuggest": True} for name in quiet}
    return {
        "title": kind,
        "allOf": [
            expecting(told, {"type": ["string", "object"]}),
            {"minProperties": 1} if keyed else exactly(1, one),
            *others,
            where_mapping({"properties": values, **keys}),
        ],
        "anyOf": _names(f"{article} {kind}", catalogue, offered=not in_list),
    }


def choice_list(kind: str, catalogue: Catalogue) -> Schema:
    """A list of choices.

    Completion looks for items in `allOf` and `anyOf`, and offers each as "- (array item)", inside brackets too. It does
    not look into `then`, so what it is to offer for an item is given here; without braces, which fits `- ` as well as
    brackets. Before the list has begun it offers its items too, but for a list with an example.
    """
    offered = [snippet(_body(name, each), name, first_line(each)) for name, each in catalogue.items()]
    item = {"if": {}, "then": ref(slug(kind)), "defaultSnippets": offered}
    bare = [name for name, each in catalogue.items() if not needs_value(each)]
    return listed(item, **({"examples": [bare[:1]]} if bare else {}))


def _body(name: str, component: type[Component]) -> str:
    """A component's name, with a value where it needs one."""
    return f"{name}: {placeholders(least_value(component))}" if needs_value(component) else name


def _names(kind: str, catalogue: Catalogue, *, offered: bool) -> list[Schema]:
    """What a text may be where a component is due: a name that needs no value; the others are offered with one."""
    bare = {name: each for name, each in catalogue.items() if not needs_value(each)}
    valued = {name: each for name, each in catalogue.items() if name not in bare}
    told = [either(bare)] if bare else []
    more: Schema = {"enumDescriptions": [first_line(each) for each in bare.values()]} if bare else {}
    if valued:
        name, component = next(iter(valued.items()))
        told.append(f"{either(valued)} with its value, such as `{flow({name: least_value(component)})}`")
    if valued and offered:
        bodies = {name: f"{{{_body(name, each)}}}" for name, each in valued.items()}
        more["defaultSnippets"] = [snippet(body, name, first_line(valued[name])) for name, body in bodies.items()]
    return texts(bare, f"{kind}: {'; or '.join(told)}", **more)


def component_schema(component: type[Component]) -> Schema:
    """A component's value: its fields, its short form, nothing where it needs nothing, or a variable."""
    found = {**model_schema(component, component.type), **_alternatives(component)}
    value = _short_value(component, found["properties"])
    fields = f"fields, such as `{flow(fields_shown(component))}`" if component.model_fields else ""
    told = "; or ".join(phrase for phrase in (phrase_of(value), fields) if phrase)
    value["errorMessage"] = f"Expected {told}." if told else f"`{component.type}` takes no value."
    value["type"] = ["object", *([] if required_of(component) else ["null"]), *value.get("type", [])]
    if component.all_short:
        # A mapping too is the short field's value: its keys are no fields.
        found["additionalProperties"] = value.pop("additionalProperties", True)
        found.pop("required")
    return {**found, "allOf": [value]}


def _alternatives(component: type[Component]) -> Schema:
    """Exactly one of two fields."""
    fields: tuple[str, ...] = getattr(component, "alternatives", ())
    if not fields:
        return {}
    one, other = fields
    return {"if": {"required": [other]}, "then": {"properties": {one: False}}, "else": {"required": [one]}}


def _short_value(component: type[Component], properties: Mapping[str, Schema]) -> Schema:
    """What may stand in place of the fields."""
    if component.short is None:
        return {}
    if component.short in layer_fields(component):
        # Not a plain reference: see `choice_list`.
        return expecting("a list of layers", {"type": ["array"], "items": {"if": {}, "then": ref("layer")}})
    value = dict(properties[component.short])
    while "type" not in value and len(inner := _branches(value)) == 1:
        value = {**value, "allOf": [], "anyOf": [], **resolved(inner[0])}
    kinds = types_of(value) or ["string", "number", "array", "boolean"]
    kept = {key: each for key, each in value.items() if key in _SHORT and each != []}
    if component.all_short:
        kept["additionalProperties"] = value.get("additionalProperties", True)
    return {**kept, "type": [kind for kind in kinds if kind not in ("object", "null")]}


def _branches(schema: Schema) -> list[Schema]:
    """Where a field's type stands, `null` aside: beside its notes, see `noted`."""
    return [each for each in schema.get("allOf") or schema.get("anyOf") or [] if each.get("type") != "null"]


def model_schema(model: type[BaseModel], title: str) -> Schema:
    """A model's fields with their descriptions, defaults and examples."""
    raw = model.model_json_schema()
    examples, required = examples_of(model), required_of(model)
    properties: Schema = {}
    for name, info in ordered_fields(model).items():
        key = info.alias or name
        field = converted(raw["properties"][key], raw.get("$defs", {}))
        properties[key] = noted(field, _notes(info, field, examples.get(key)), required=info.is_required())
    keys = [*_misplaced(model), *hints(foreign(properties))]
    return mapping(
        f"fields, such as `{flow(fields_shown(model))}`",
        title=title,
        description=prose(model),
        properties=properties,
        additionalProperties=False,
        **({"required": required} if required else {}),
        **({"propertyNames": {"allOf": keys}} if keys else {}),
    )


def _misplaced(model: type[BaseModel]) -> list[Schema]:
    """A layer's `name` and `from` are often written among its fields."""
    fields = {info.alias or name for name, info in model.model_fields.items()}
    if not issubclass(model, Layer) or fields & {"name", "from"}:
        return []
    return [refused(["name", "from"], f"`name` and `from` stand beside `{model.type}`, not inside it.")]


def _notes(info: FieldInfo, field: Schema, example: Any) -> Schema:
    notes: Schema = {"description": info.description}
    default = default_of(info)
    if default is not None:
        notes["default"] = default
    # A catalogue offers its names with values, and a mapping its fields: an example would only come on top.
    more = isinstance(example, dict) and ("$ref" in field or "properties" in field)
    return notes if example is None or more else {**notes, **shown(example)}
