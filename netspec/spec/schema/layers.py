"""The items of a list of layers: layers, the scopes that hold layers of their own, and calls of blocks.

There are two kinds of item. In a file without `blocks` nothing can be called, so every word that is no layer is a
mistake and said to be one. In a file with `blocks` any word may be a block's: other frameworks' words are refused
there only where no block could have that name. Definitions that hold layers are made once and repeated `with_calls`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from netspec.components.base import Component
from netspec.components.layers import LAYERS
from netspec.spec.fields import layer_fields
from netspec.spec.language import items
from netspec.spec.networks import NETWORKS
from netspec.spec.schema.examples import first_line, least_value, required_of
from netspec.spec.schema.fields import component_schema
from netspec.spec.schema.hints import any_of, foreign, hints, refused
from netspec.spec.schema.kinds import (
    A_NAME,
    NAME,
    SOURCE,
    Schema,
    exactly,
    expecting,
    flow,
    noted,
    placeholders,
    ref,
    shown,
    snippet,
    source,
    where_mapping,
)
from netspec.spec.scopes import SCOPES
from netspec.spec.top_level import BlockSection

SIBLINGS = ("name", "from")
WORDS = items()
"""What an item of a list of layers can be, beside a call."""
_FIELDS = sorted({name for layer in LAYERS.values() for name in layer.model_fields} - {*WORDS, *SIBLINGS})
_NEEDS_VALUE = [name for name, layer in LAYERS.items() if required_of(layer)]
_BARE = [name for name in LAYERS if name not in _NEEDS_VALUE]
_CALLS = "_with_calls"


def definitions() -> Schema:
    """What holds layers, in both kinds: layers, items, scopes, networks and blocks."""
    found: Schema = {
        "layers": _layers(),
        "layer": _Item(calls=False).schema(),
        **{f"scope.{name}": component_schema(scope) for name, scope in SCOPES.items()},
        **{f"network.{name}": component_schema(network) for name, network in NETWORKS.items()},
    }
    calling = {**found, "layer": _Item(calls=True).schema()}
    block = {**component_schema(BlockSection), "title": "block"}
    return {
        **found,
        **{name + _CALLS: with_calls(calling[name]) for name in _holders()},
        "block": with_calls(block),
        **_shared(),
    }


@cache
def _holders() -> frozenset[str]:
    """The definitions that hold layers, which may be calls of blocks."""
    kinds: dict[str, Mapping[str, type[Component]]] = {"scope": SCOPES, "network": NETWORKS}
    holding = {f"{kind}.{name}" for kind, all in kinds.items() for name, each in all.items() if layer_fields(each)}
    return frozenset({"layers", "layer", *holding})


def with_calls(schema: Any) -> Any:
    """A schema whose references to what holds layers are to those definitions that may call blocks."""
    if isinstance(schema, list):
        return [with_calls(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    meant = str(schema.get("$ref", "")).removeprefix("#/definitions/")
    return ref(meant + _CALLS) if meant in _holders() else {key: with_calls(each) for key, each in schema.items()}


def _layers() -> Schema:
    # Not a plain reference: see `choice_list`.
    each = {"if": {}, "then": ref("layer")}
    said = expecting("a list of layers: start each with `- `", {"type": "array"})
    return {"allOf": [said], "items": each, "minItems": 1, "description": "Layers, top to bottom."}


@dataclass(frozen=True)
class _Item:
    """One kind of item; `calls` tells whether it may call a block."""

    calls: bool

    def schema(self) -> Schema:
        """One type for the item: its layer's key with the value, `name` and `from`; other keys are calls of blocks.

        The layers stand in `layer_values` for validation and hover, and once more in `new_layer` for completion,
        which is to offer them only where the item has no value yet.
        """
        quiet = {name: {"allOf": [ref(f"scope.{name}")], "doNotSuggest": True} for name in SCOPES}
        example = flow({"conv2d": least_value(LAYERS["conv2d"])})[1:-1]
        again = [name for name, scope in SCOPES.items() if scope.needs_from]
        return {
            "description": "A layer's name, or its name with its value; beside it perhaps `name` and `from`.",
            "allOf": [
                expecting("a layer: its name, or its name with its value", {"type": ["string", "object"]}),
                *self._alone(),
                ref("layer_alone"),
                refused(_NEEDS_VALUE, f"This layer needs a value: write `- dense: 64` or `- {example}`."),
                where_mapping({"properties": quiet, "propertyNames": {"allOf": self._keys()}, "allOf": [ref("layer_values")]}),
                *({"if": {"type": "object", "required": [name]}, "then": _reads_again(name)} for name in again),
                _one_layer(),
            ],
            "if": {
                "type": "object",
                "properties": {name: {} for name in SIBLINGS},
                "additionalProperties": {"type": "null"},
            },
            "then": ref("new_layer"),
        }

    def _alone(self) -> list[Schema]:
        """What an item may be that is a word."""
        ours = ["[a-z][a-z0-9_]*"] if self.calls else [any_of(WORDS)]
        return [self._pattern([r"\$.*", *ours, any_of(self._theirs())]), *hints(self._refused())]

    def _keys(self) -> list[Schema]:
        """What a key of an item may be."""
        if self.calls:
            return [self._pattern(["[a-z][a-z0-9_]*", any_of(self._theirs())]), *hints(self._refused())]
        known = self._pattern([any_of([*WORDS, *SIBLINGS, *_FIELDS, *self._theirs()])])
        return [known, refused(_FIELDS, "This is a field: indent it by two more than its layer."), *hints(self._refused())]

    def _pattern(self, alternatives: list[str]) -> Schema:
        """The first test of a word; what gets a better message from another test passes it."""
        told = f"Expected {A_NAME}." if self.calls else "netspec has no such layer, and this file has no `blocks`."
        return {"pattern": f"^({'|'.join(alternatives)})$", "patternErrorMessage": told}

    def _refused(self) -> dict[str, list[str]]:
        """Other frameworks' words for each of ours, as far as no block can have that name."""
        found = {
            ours: [word for word in theirs if not (self.calls and re.match(NAME, word))]
            for ours, theirs in foreign(WORDS).items()
        }
        return {ours: theirs for ours, theirs in found.items() if theirs}

    def _theirs(self) -> list[str]:
        return [word for theirs in self._refused().values() for word in theirs]


def _reads_again(name: str) -> Schema:
    return {"required": ["from"], "errorMessage": f"`{name}` needs `from`: what the layer reads this time."}


def _shared() -> Schema:
    """What both kinds of item have in common."""
    values = {**{name: ref(f"layer.{name}") for name in LAYERS}, "activation": ref("activation")}
    quiet = {name: {"allOf": [value], "doNotSuggest": True, **_short_example(name)} for name, value in values.items()}
    bare = [snippet(name, name, first_line(LAYERS[name])) for name in _BARE]
    return {
        "layer_alone": {"if": {"type": "string"}, "then": {"allOf": [_about(name) for name in _BARE]}},
        "layer_values": {"properties": {**_siblings(), **quiet}},
        "new_layer": {"properties": _new_layer(), "defaultSnippets": [*bare, *_with_value()]},
    }


def _about(name: str) -> Schema:
    """What hover says of a layer that stands alone."""
    return {"if": {"const": name}, "then": {"description": first_line(LAYERS[name])}}


def _short_example(name: str) -> Schema:
    """A value for a layer that may stand alone; `_new_layer` shows one for the others."""
    value = None if name not in LAYERS or name in _NEEDS_VALUE else least_value(LAYERS[name])
    return {} if value is None or isinstance(value, (list, dict)) else shown(value)


def _new_layer() -> Schema:
    """What completion offers for a new item whose key needs a value, each with its shortest form."""
    found = _siblings()
    for name in _NEEDS_VALUE:
        value = least_value(LAYERS[name])
        offered = {"description": first_line(LAYERS[name]), "defaultSnippets": [snippet(placeholders(value), flow(value))]}
        found[name] = noted(ref(f"layer.{name}"), offered)
    for name, scope in SCOPES.items():
        found[name] = {"description": first_line(scope), "defaultSnippets": [snippet(scope.snippet, f"{name}: ...")]}
    return found


def _with_value() -> list[Schema]:
    """Layers that may stand alone, once more with their short value: under the same label both would become one."""
    found = []
    for name in _BARE:
        layer = LAYERS[name]
        if layer.short is not None and (value := least_value(layer)) is not None:
            found.append(snippet(f"{name}: {placeholders(value)}", f"{name}: {flow(value)}", first_line(layer)))
    return found


def _siblings() -> Schema:
    name = expecting(A_NAME, {"type": "string", "pattern": r"^(\$.*|[a-z][a-z0-9_]*)$"})
    told = "the name of a layer or input, or a list of names"
    sources = expecting(told, {"type": ["string", "array"], "pattern": SOURCE, "items": source()})
    about = "The layer or input that it reads; `above` is the layer above. Several inputs are a list."
    return {
        "name": {**name, "description": "The layer's name, for `from`."},
        "from": noted(sources, {"description": about, "examples": ["above"]}),
    }


def _one_layer() -> Schema:
    """Exactly one key beside `name` and `from`."""
    told = "One item holds one layer, with `name` and `from` beside it: start each layer with its own `- `."
    missing = {"required": ["one layer"], "errorMessage": told}

    def counted(siblings: tuple[str, ...], seen: int) -> Schema:
        if not siblings:
            return exactly(seen + 1, missing)
        first, *rest = siblings
        with_it, without = counted(tuple(rest), seen + 1), counted(tuple(rest), seen)
        return {"if": {"required": [first]}, "then": with_it, "else": without}

    return counted(SIBLINGS, 0)
