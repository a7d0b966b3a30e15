"""The small pieces of the schema: kinds of values, each with words for what it expects.

Language servers know some keywords beyond draft 07, and validators pass over them: `errorMessage` replaces the
message for a wrong type or word ("Incorrect type. Expected one of integer, string."), `patternErrorMessage` the one
that shows a regular expression, `defaultSnippets` adds to completion and `doNotSuggest` takes from it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]

VARIABLE = r"^\$"
SIZE = r"^(\$.*|[a-z][a-z0-9_]*|[0-9.]+[kMG])$"
COUNT = r"^(\$.*|[0-9.]+[kMG])$"
QUANTITY = r"^(\$.*|[0-9.]+ ?[kKMG]?B?)$"
NAME = "^[a-z][a-z0-9_]*$"
SOURCE = r"^(\$.*|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*)$"

A_NAME = "a name of lower case letters, digits and `_` that starts with a letter"
OR_VARIABLE = "or a variable (`$x`)"
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def slug(kind: str) -> str:
    return kind.replace(" ", "_")


def expecting(phrase: str, schema: Schema) -> Schema:
    """A schema whose message says what is expected.

    Its keywords must be about one value: beside `required`, the message would replace the one for a missing field.
    """
    return {**schema, "errorMessage": f"Expected {phrase}."}


def phrase_of(schema: Schema) -> str:
    """What `expecting` was told; '' where nothing was."""
    return str(schema.get("errorMessage", "")).removeprefix("Expected ").removesuffix(".")


def count(bounds: Schema) -> Schema:
    return expecting(f"a whole number, `8k`, {OR_VARIABLE}", {"type": ["integer", "string"], "pattern": COUNT, **bounds})


def number(bounds: Schema) -> Schema:
    return expecting(f"a number, {OR_VARIABLE}", {"type": ["number", "string"], "pattern": VARIABLE, **bounds})


def _window() -> Schema:
    told = f"a whole number, or a list of one for each spatial axis, {OR_VARIABLE}"
    lengths = {"items": ref("count"), "minItems": 1, "maxItems": 3}
    return expecting(told, {"type": ["integer", "array", "string"], "minimum": 1, "pattern": COUNT, **lengths})


LEAVES: dict[str, Schema] = {
    "size": expecting(
        "a positive whole number, `8k`, the name of a dim, or a variable (`$width`)",
        {"type": ["integer", "string"], "minimum": 1, "pattern": SIZE},
    ),
    "count": count({"minimum": 1}),
    "window": _window(),
    "amounts": expecting(
        f"a whole number, or a [before, after] pair for each axis, {OR_VARIABLE}",
        {"type": ["integer", "array", "string"], "minimum": 0, "pattern": COUNT},
    ),
    "texts": expecting("a text, or a list of texts", {"type": ["string", "array"], "items": {"type": "string"}}),
    "quantity": expecting(
        f"a number such as `50k`, `2M` or `200KB`, {OR_VARIABLE}", {"type": ["number", "string"], "pattern": QUANTITY}
    ),
    "switch": expecting(f"`true` or `false`, {OR_VARIABLE}", {"type": ["boolean", "string"], "pattern": VARIABLE}),
}
"""Kinds of values that many fields share, as definitions."""


def resolved(schema: Schema) -> Schema:
    """A schema, or the leaf that it refers to."""
    return LEAVES.get(str(schema.get("$ref", "")).rpartition("/")[2], schema)


def types_of(schema: Schema) -> list[str]:
    """The types that a schema admits; none where it does not say."""
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)


def listed(items: Schema, **more: Any) -> Schema:
    return expecting(f"a list, {OR_VARIABLE}", {"type": ["array", "string"], "pattern": VARIABLE, "items": items, **more})


def names() -> Schema:
    """A list of names."""
    each = expecting(A_NAME, {"type": "string", "pattern": NAME})
    return expecting("a list of names", {"type": "array", "items": each, "minItems": 1})


def source() -> Schema:
    return expecting("the name of a layer or input", {"type": "string", "pattern": SOURCE})


def mapping(phrase: str, **keywords: Any) -> Schema:
    """A mapping; its type stands apart, so that the message for another type is not the one for a missing field."""
    return {"allOf": [expecting(phrase, {"type": "object"})], **keywords}


def where_mapping(keywords: Schema) -> Schema:
    """Keywords about a mapping's keys, for a value that may also be a text.

    Completion of a text inside brackets (`metrics: [acc`) ends where the text meets a schema with `properties`.
    """
    return {"if": {"type": "object"}, "then": keywords}


def named(values: Schema, *, told: str = "names with their values") -> Schema:
    """A mapping from names to values."""
    keys = {"pattern": NAME, "patternErrorMessage": f"Expected {A_NAME}."}
    found = mapping(told, propertyNames=keys)
    return {**found, "additionalProperties": values} if values else found


def words(valid: Iterable[str], phrase: str = "", **more: Any) -> Schema:
    """One of some words, or a variable; `more` admits other types than text."""
    valid = list(valid)
    phrase = phrase or f"{either(valid)}, {OR_VARIABLE}"
    return expecting(phrase, {"type": ["string"], **more, "anyOf": texts(valid, phrase)})


def texts(valid: Iterable[str], phrase: str, **more: Any) -> list[Schema]:
    """What a text may be, for `anyOf`: one of some words, or a variable.

    Editors complete what the first branch holds; other types than text pass the last, so that only `type` speaks of them.
    Hover takes branches for matched that look alike (title, description, properties), and shows their titles instead of
    the field's description: each branch has something of its own.
    """
    valid, variable = list(valid), {"type": "string", "pattern": VARIABLE}
    first = expecting(phrase, {**({"enum": valid} if valid else variable), "description": "", **more})
    second = [{**variable, "title": "a variable"}] if valid else []
    return [first, *second, {"not": {"type": "string"}, "properties": {}}]


def either(words: Iterable[str]) -> str:
    """`a`, `b` or `c`."""
    *most, last = (f"`{word}`" for word in words)
    return f"{', '.join(most)} or {last}" if most else last


def exactly(keys: int, missing: Schema) -> Schema:
    """So many keys, else the message of `missing`: the counts' own would only tell how many there are.

    `maxProperties` beside `properties` would also keep completion from a new key: it counts as one already.
    """
    return {"if": {"minProperties": keys, "maxProperties": keys}, "else": missing}


def snippet(body: str, label: str, description: str = "") -> Schema:
    return {"label": label, "body": body, **({"description": description} if description else {})}


def shown(example: Any) -> Schema:
    """A note that shows a value. Among `examples`, completion would offer a mapping as "[object Object]"."""
    if isinstance(example, (dict, list)):
        return {"defaultSnippets": [snippet(placeholders(example) if example else "[$1]", flow(example))]}
    return {"examples": [example]}


def noted(field: Schema, notes: Schema, *, required: bool = False) -> Schema:
    """A field with its notes.

    Completing a mapping's key writes its required fields into the text, and every optional one whose type and default
    show. So a required field's type stands in `anyOf`, which counts as one, and an optional field's in `allOf`.
    """
    if "properties" in field:
        return {**field, **notes}
    return {"anyOf" if required else "allOf": [field], **notes}


def flow(value: Any) -> str:
    """A value as one line of YAML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def placeholders(value: Any) -> str:
    """A value as a snippet's body: each text and number is a place that the Tab key goes to."""
    places = iter(range(1, 100))

    def held(value: Any) -> str:
        if isinstance(value, dict):
            return "{" + ", ".join(f"{key}: {held(each)}" for key, each in value.items()) + "}"
        if isinstance(value, list):
            return "[" + ", ".join(map(held, value)) + "]"
        return f"${{{next(places)}:{flow(value)}}}"

    return held(value)
