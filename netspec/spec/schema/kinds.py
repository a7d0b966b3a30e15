"""The small pieces of the schema: kinds of values, each with words for what it expects, and editors' keywords.

Language servers know four keywords beyond draft 07, and validators pass over them: `errorMessage` replaces the
message for a wrong type or word ("Expected one of integer, string"), `patternErrorMessage` the one that shows a
regular expression, `defaultSnippets` adds to completion, `doNotSuggest` takes from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from netspec.diagnostics.suggest import FOREIGN_WORDS

Schema: TypeAlias = dict[str, Any]

VARIABLE = r"^\$"
SIZE = r"^(\$.*|[a-z][a-z0-9_]*|[0-9.]+[kMG])$"
COUNT = r"^(\$.*|[0-9.]+[kMG])$"
QUANTITY = r"^(\$.*|[0-9.]+ ?[kKMG]?B?)$"
NAME = "^[a-z][a-z0-9_]*$"
SOURCE = r"^(\$.*|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*)$"

OR_VARIABLE = "or a variable (`$x`)"
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")


def ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name}"}


def all_of(name: str, description: str) -> Schema:
    """A reference with words of its own: draft 07 ignores what stands beside `$ref`."""
    return {"allOf": [ref(name)], "description": description}


def slug(kind: str) -> str:
    return kind.replace(" ", "_")


def expecting(phrase: str, schema: Schema) -> Schema:
    """A schema whose message says what is expected. Its keywords must be about one value: fields have their own messages."""
    return {**schema, "errorMessage": f"Expected {phrase}."}


def phrase_of(schema: Schema) -> str:
    """What `expecting` was told; '' where nothing was."""
    return str(schema.get("errorMessage", "")).removeprefix("Expected ").removesuffix(".")


SIZES = expecting(
    "a positive whole number, `8k`, the name of a dim, or a variable (`$width`)",
    {"type": ["integer", "string"], "minimum": 1, "pattern": SIZE},
)


def count(bounds: Schema) -> Schema:
    return expecting(f"a whole number, `8k`, {OR_VARIABLE}", {"type": ["integer", "string"], "pattern": COUNT, **bounds})


def number(bounds: Schema) -> Schema:
    return expecting(f"a number, {OR_VARIABLE}", {"type": ["number", "string"], "pattern": VARIABLE, **bounds})


def switch() -> Schema:
    return expecting(f"`true` or `false`, {OR_VARIABLE}", {"type": ["boolean", "string"], "pattern": VARIABLE})


def quantity() -> Schema:
    return expecting(
        "a number such as `50k`, `2M` or `200KB`, " + OR_VARIABLE, {"type": ["number", "string"], "pattern": QUANTITY}
    )


def listed(items: Schema, **more: Any) -> Schema:
    return expecting(f"a list, {OR_VARIABLE}", {"type": ["array", "string"], "pattern": VARIABLE, "items": items, **more})


def mapping(phrase: str, **keywords: Any) -> Schema:
    """A mapping; its type stands apart, so that the message for another type is not the one for a missing field."""
    return {"allOf": [expecting(phrase, {"type": "object"})], **keywords}


def named(values: Schema, description: str) -> Schema:
    """A mapping from names to values."""
    keys = {"pattern": NAME, "patternErrorMessage": "Use lower case letters, digits and `_`, and start with a letter."}
    found = mapping("names with their values", propertyNames=keys, description=description)
    return {**found, "additionalProperties": values} if values else found


def words(valid: Iterable[str], phrase: str = "", **more: Any) -> Schema:
    """One of some words, or a variable; `more` admits other types than text."""
    valid = list(valid)
    phrase = phrase or f"{either(valid)}, {OR_VARIABLE}"
    found = {"type": ["string"], **more, "anyOf": word_branches(valid, phrase)}
    return expecting(phrase, found)


def word_branches(valid: Iterable[str], phrase: str, **more: Any) -> list[Schema]:
    """What a text may be, for `anyOf`.

    Other types pass the last branch, so that only `type` speaks of them; the first one is what editors complete.
    """
    said = expecting(phrase, {"enum": list(valid), **more})
    return [said, {"type": "string", "pattern": VARIABLE}, {"not": {"type": "string"}}]


def either(words: Iterable[str]) -> str:
    """`a`, `b` or `c`."""
    *most, last = (f"`{word}`" for word in words)
    return f"{', '.join(most)} or {last}" if most else last


def none_of(words: Iterable[str]) -> str:
    """The pattern of every text but these."""
    return f"^(?!({'|'.join(map(re.escape, words))})$)"


def foreign(ours: Iterable[str]) -> dict[str, list[str]]:
    """For each of our words those that other frameworks use for it."""
    ours = list(ours)
    found: dict[str, list[str]] = {}
    for word, meant in FOREIGN_WORDS.items():
        if meant in ours and word not in ours:
            found.setdefault(meant, []).append(word)
    return found


def hints(others: Mapping[str, Iterable[str]]) -> list[Schema]:
    """For `allOf`: refuses other frameworks' words, each with the right one."""
    return [
        {"pattern": none_of(words), "patternErrorMessage": f"netspec calls this `{meant}`."} for meant, words in others.items()
    ]


def snippet(body: str, label: str, description: str = "") -> Schema:
    return {"label": label, "body": body, **({"description": description} if description else {})}


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
