"""Fields and components as JSON Schema.

Pydantic writes the fields; what it cannot know stands in marks (`x-netspec`), which become types here. A
component is one definition whose keywords each apply to one type, so that its short form, its fields and a
variable (`$x`) need no branches: branches turn every mistake into the same message.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from netspec.components.base import Component
from netspec.components.canonical import canonical, ordered_fields
from netspec.source import read_text

Schema: TypeAlias = dict[str, Any]

VARIABLE = r"^\$"
SIZE = r"^(\$.*|[a-z][a-z0-9_]*|[0-9.]+[kMG])$"
COUNT = r"^(\$.*|[0-9.]+[kMG])$"
QUANTITY = r"^(\$.*|[0-9.]+ ?[kKMG]?B?)$"
NAME = "^[a-z][a-z0-9_]*$"
SOURCE = r"^(\$.*|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*)$"


SIZES: Schema = {"type": ["integer", "string"], "minimum": 1, "pattern": SIZE}
SIZE_WORDS = "A positive whole number, `8k`, the name of a dim, or a variable (`$width`)."


def ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def all_of(name: str, description: str) -> Schema:
    """A reference with words of its own: draft 07 ignores what stands beside `$ref`."""
    return {"allOf": [ref(name)], "description": description}


def slug(kind: str) -> str:
    return kind.replace(" ", "_")


def choice(kind: str, catalogue: Mapping[str, type[Component]]) -> Schema:
    """A name, or one name with its value."""
    prefix = "layer" if kind in ("activation", "normalization") else slug(kind)
    return {
        "anyOf": [
            {"type": "string", "enum": list(catalogue)},
            {
                "type": "object",
                "properties": {name: ref(f"{prefix}.{name}") for name in catalogue},
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
            },
            {"type": "string", "pattern": VARIABLE},
        ],
        "description": f"A{'n' if kind[0] in 'aeiou' else ''} {kind}: its name, or its name with its value.",
    }


def component_schema(component: type[Component]) -> Schema:
    """A component's value: its fields, its short form, nothing where it needs nothing, or a variable."""
    fields = model_schema(component)
    required = fields.get("required", [])
    found: Schema = {**fields, "type": ["object"]}
    if not required:
        found["type"].append("null")
    short = component.short
    if short is None:
        return found
    value = dict(fields["properties"].get(short, {}))
    for note in ("description", "default", "examples", "title"):
        value.pop(note, None)
    if value == {"allOf": [ref("size")]}:
        value = dict(SIZES)
    plain = value.get("type")
    if plain is None or "properties" in value or component.all_short:
        return {
            "anyOf": [found, value or {"type": ["string", "number", "array", "boolean", "null"]}],
            "description": found["description"],
        }
    found["type"] += [name for name in ([plain] if isinstance(plain, str) else plain) if name not in found["type"]]
    found |= {key: each for key, each in value.items() if key != "type"}
    return found


def model_schema(model: type[BaseModel]) -> Schema:
    """A model's fields with their descriptions, defaults and examples."""
    raw = model.model_json_schema()
    nested = raw.get("$defs", {})
    shown = _documented_example(model)
    properties: Schema = {}
    for name, info in ordered_fields(model).items():
        key = info.alias or name
        field = dict(raw["properties"][key])
        converted = _converted(field, nested)
        notes: Schema = {"description": info.description}
        default = _default(info)
        if default is not None:
            notes["default"] = default
        example = shown[key] if key in shown else info.examples[0] if info.examples else default
        if example is not None:
            notes["examples"] = [example]
        if set(converted) == {"$ref"}:
            converted = {"allOf": [converted]}
        properties[key] = {**converted, **notes}
    required = [info.alias or name for name, info in model.model_fields.items() if info.is_required()]
    return {
        "type": "object",
        "description": _prose(model),
        "properties": properties,
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _default(info: FieldInfo) -> Any:
    """A field's default as a spec would write it; None where it has none."""
    if info.is_required():
        return None
    value = canonical(info.get_default(call_default_factory=True))
    if isinstance(value, dict) and len(value) == 1 and isinstance(next(iter(value.values())), dict) and info.annotation is Any:
        name, fields = next(iter(value.items()))
        return {name: fields} if fields else name
    return value


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


def words(words: Iterable[object]) -> Schema:
    """One of some words, or a variable."""
    return {"anyOf": [{"enum": list(words)}, {"type": "string", "pattern": VARIABLE}]}


def switch() -> Schema:
    return {"type": ["boolean", "string"], "pattern": VARIABLE}


def _number(bounds: Schema) -> Schema:
    return {"type": ["number", "string"], "pattern": VARIABLE, **bounds}


def _marked(mark: str, schema: Schema) -> Schema:
    """What a mark stands for."""
    bounds = {k: v for k, v in schema.items() if k in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")}
    whole = {"type": ["integer", "string"], "pattern": COUNT, **bounds}
    lists = {"type": ["array", "string"], "pattern": VARIABLE}
    return {
        "size": ref("size"),
        "count": whole,
        "number": _number(bounds),
        "window": {
            "type": ["integer", "array", "string"],
            "minimum": 1,
            "items": whole,
            "minItems": 1,
            "maxItems": 3,
            "pattern": COUNT,
        },
        "amounts": {"type": ["integer", "array", "string"], "minimum": 0, "pattern": COUNT},
        "padding": {
            "type": ["string", "integer", "array"],
            "pattern": r"^(\$.*|" + "|".join(schema.get("enum", ())) + ")$",
            "minimum": 0,
            "defaultSnippets": [{"label": word, "body": word} for word in schema.get("enum", ())],
        },
        "texts": {"type": ["string", "array"], "items": {"type": "string"}},
        "steps": {"anyOf": [ref("preprocessing_step"), {**lists, "items": ref("preprocessing_step")}]},
        "losses": {"anyOf": [ref("loss"), {"type": "object", "additionalProperties": ref("loss"), "minProperties": 1}]},
        "quantity": {"type": ["number", "string"], "pattern": QUANTITY},
    }[mark]  # fmt: skip


def _converted(schema: Schema, nested: Schema) -> Schema:
    """Pydantic's schema with marks made types, and variables allowed wherever a number, a switch or a word stands."""
    if "x-netspec-catalogue" in schema:
        return ref(slug(schema["x-netspec-catalogue"]))
    if "x-netspec" in schema:
        return _marked(schema["x-netspec"], schema)
    if "$ref" in schema:
        return _converted(nested[schema["$ref"].rpartition("/")[2]], nested)
    if "allOf" in schema and len(schema["allOf"]) == 1:
        return _converted(schema["allOf"][0], nested)
    if "anyOf" in schema:
        return _any_of([_converted(each, nested) for each in schema["anyOf"] if each != {"type": "null"}], schema)
    if "enum" in schema or "const" in schema:
        return words(schema.get("enum") or [schema["const"]])
    return _typed(schema, nested)


def _any_of(branches: list[Schema], schema: Schema) -> Schema:
    nullable = {"type": "null"} in schema["anyOf"] and schema.get("default") is not None
    if nullable:
        branches = [*branches, {"type": "null"}]
    return branches[0] if len(branches) == 1 else {"anyOf": branches}


def _typed(schema: Schema, nested: Schema) -> Schema:
    kind = schema.get("type")
    if kind == "boolean":
        return switch()
    if kind in ("integer", "number"):
        return {"type": [kind, "string"], "pattern": VARIABLE}
    if kind == "array":
        items = schema.get("items")
        positions = schema.get("prefixItems")
        found: Schema = {"type": ["array", "string"], "pattern": VARIABLE}
        if isinstance(items, dict):
            found["items"] = _converted(items, nested)
        elif positions:
            found |= {"items": _converted(positions[0], nested), "minItems": len(positions), "maxItems": len(positions)}
        return found
    if kind == "object" and "properties" in schema:
        properties = {
            key: {**_converted(value, nested), **{n: value[n] for n in ("description", "default") if value.get(n) is not None}}
            for key, value in schema["properties"].items()
        }
        kept: Schema = {k: schema[k] for k in ("required", "description") if k in schema}
        return {"type": "object", "properties": properties, "additionalProperties": False, **kept}
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return {"type": "object", "additionalProperties": _converted(schema["additionalProperties"], nested)}
    return {"type": kind} if kind else {}
