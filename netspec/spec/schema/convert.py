"""Pydantic's schema of a field as ours: marks become types, and a variable may stand wherever a value may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netspec.components.layers import MERGES
from netspec.components.layers.merge import Concat
from netspec.spec.schema.kinds import (
    A_NAME,
    BOUNDS,
    LEAVES,
    NAME,
    OR_VARIABLE,
    VARIABLE,
    Schema,
    count,
    expecting,
    listed,
    mapping,
    named,
    names,
    noted,
    number,
    phrase_of,
    ref,
    resolved,
    shown,
    slug,
    source,
    types_of,
    words,
)

_VARIABLE_TOO = f", {OR_VARIABLE}"


def converted(schema: Schema, nested: Schema) -> Schema:
    """A field's schema as ours; `nested` holds the models that it refers to."""
    if "x-netspec-catalogue" in schema:
        return ref(slug(schema["x-netspec-catalogue"]))
    if "x-netspec" in schema:
        return _marked(schema["x-netspec"], schema)
    if "$ref" in schema:
        return converted(nested[schema["$ref"].rpartition("/")[2]], nested)
    if "allOf" in schema and len(schema["allOf"]) == 1:
        return converted(schema["allOf"][0], nested)
    if "anyOf" in schema:
        return _joined([converted(each, nested) for each in schema["anyOf"]])
    if "enum" in schema or "const" in schema:
        return words(schema.get("enum") or [schema["const"]])
    return _typed(schema, nested)


def _joined(branches: list[Schema]) -> Schema:
    """Branches of different types as one schema, whose keywords each apply to one type; a catalogue stays a branch."""
    empty = {"type": "null"} in branches
    branches = [resolved(branch) for branch in branches if branch != {"type": "null"}]
    if "$ref" in branches[0]:
        # A title keeps hover from taking the two for one: see `texts`.
        return {"anyOf": [branches[0], {"type": "null", "title": "nothing"}]}
    value, rest = _together(branches)
    if empty:
        value["type"].append("null")
    phrases = [_phrase(branch) for branch in branches]
    ending = _VARIABLE_TOO if any(phrase.endswith(_VARIABLE_TOO) for phrase in phrases) else ""
    told = "; or ".join(phrase.removesuffix(_VARIABLE_TOO) for phrase in phrases if phrase) + ending
    said = expecting(told, value) if told else value
    return {"allOf": [said], **rest} if rest else said


def _together(branches: list[Schema]) -> tuple[Schema, Schema]:
    """The branches' keywords for values, and those for the fields of a mapping."""
    value: Schema = {"type": []}
    rest: Schema = {}
    any_text = {"type": "string"} in branches
    for branch in branches:
        kinds = types_of({**_inner(branch), **branch})
        value["type"] += [kind for kind in kinds if kind not in value["type"]]
        for key, each in branch.items():
            if key not in ("type", "allOf", "errorMessage") and not (key == "pattern" and any_text):
                (rest if "object" in kinds else value)[key] = each
    return value, rest


def _inner(branch: Schema) -> Schema:
    """Where a mapping's type stands."""
    found: Schema = branch.get("allOf", [{}])[0]
    return found


def _phrase(branch: Schema) -> str:
    return phrase_of(branch) or phrase_of(_inner(branch)) or ("a text" if branch == {"type": "string"} else "")


def _marked(mark: str, schema: Schema) -> Schema:
    """What a mark stands for."""
    bounds = {key: each for key, each in schema.items() if key in BOUNDS}
    if mark in _FRAME:
        return _FRAME[mark]()
    if mark == "padding":
        return _padding(schema["enum"])
    if mark == "number":
        return number(bounds)
    if mark == "count" and bounds != {"minimum": 1}:
        return count(bounds)
    return ref({**{leaf: leaf for leaf in LEAVES}, "steps": "preprocessing_steps", "losses": "losses"}[mark])


def _shortcut() -> Schema:
    phrase = f"`project`, a list of layers, {OR_VARIABLE}"
    return words(["project"], phrase, type=["string", "array"], items=ref("layer"))


def _merge() -> Schema:
    merging = {"properties": {Concat.type: ref(f"layer.{Concat.type}")}, "additionalProperties": False}
    return {"allOf": [words(MERGES, type=["string", "object"]), merging]}


def _named_layers() -> Schema:
    return {**named(ref("layers"), told="two or more named lists of layers"), "minProperties": 2}


def _rounds() -> Schema:
    lists = {"type": ["array", "string"], "minItems": 1, "pattern": VARIABLE}
    values = expecting("a list with a value for each round", lists)
    phrase = "variables with lists, such as `{rate: [1, 2, 4]}`"
    variables = expecting(phrase, {"type": ["object", "string"], "pattern": VARIABLE})
    return {"allOf": [variables], "additionalProperties": values, "minProperties": 1}


def _shape() -> Schema:
    sizes = {"items": ref("size"), "minItems": 1, "maxItems": 4}
    return expecting(f"a list of sizes, {OR_VARIABLE}", {"type": ["array", "string"], "pattern": VARIABLE, **sizes})


def _file_name() -> Schema:
    phrase = "a name of lower case letters, digits, `_` and `-` that starts with a letter"
    return expecting(phrase, {"type": "string", "pattern": "^[a-z][a-z0-9_-]*$", "maxLength": 100})


_FRAME: dict[str, Callable[[], Schema]] = {
    "layers": lambda: ref("layers"),
    "named_layers": _named_layers,
    "shortcut": _shortcut,
    "merge": _merge,
    "reference": source,
    "word": lambda: expecting(A_NAME, {"type": "string", "pattern": NAME}),
    "names": names,
    "variables": lambda: named({}),
    "rounds": _rounds,
    "shape": _shape,
    "file_name": _file_name,
}
"""The marks of `spec.fields` and `spec.top_level`."""


def _padding(valid: list[str]) -> Schema:
    told = ", ".join(f"`{word}`" for word in valid) + f", a number, a [before, after] pair for each axis, {OR_VARIABLE}"
    return words(valid, told, type=["string", "integer", "array"], minimum=0)


def _typed(schema: Schema, nested: Schema) -> Schema:
    kind = schema.get("type")
    if kind == "boolean":
        return ref("switch")
    if kind == "number":
        return number({})
    if kind == "integer":
        return expecting(f"a whole number, {OR_VARIABLE}", {"type": ["integer", "string"], "pattern": VARIABLE})
    if kind == "array":
        return _list(schema, nested)
    if kind == "object":
        return _mapping(schema, nested)
    return {"type": kind} if kind else {}


def _list(schema: Schema, nested: Schema) -> Schema:
    items, positions = schema.get("items"), schema.get("prefixItems")
    if positions:
        return listed(converted(positions[0], nested), minItems=len(positions), maxItems=len(positions))
    if isinstance(items, dict) and "x-netspec-catalogue" in items:
        return ref(f"{slug(items['x-netspec-catalogue'])}_list")
    return listed(converted(items, nested) if isinstance(items, dict) else {})


def _mapping(schema: Schema, nested: Schema) -> Schema:
    if "properties" not in schema:
        values = schema.get("additionalProperties")
        more: dict[str, Any] = {"additionalProperties": converted(values, nested)} if isinstance(values, dict) else {}
        return mapping("names with their values", **more)
    required = schema.get("required", [])
    fields = {
        key: noted(converted(value, nested), _notes(value), required=key in required)
        for key, value in schema["properties"].items()
    }
    told = ", ".join(f"{name}: ..." for name in required or list(fields)[:1])
    kept: Schema = {key: schema[key] for key in ("required", "description") if key in schema}
    return mapping(f"fields, such as `{{{told}}}`", properties=fields, additionalProperties=False, **kept)


def _notes(field: Schema) -> Schema:
    notes = {note: field[note] for note in ("description", "default") if field.get(note) is not None}
    example = next(iter(field.get("examples", [])), notes.get("default"))
    return notes if example is None else {**notes, **shown(example)}
