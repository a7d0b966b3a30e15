"""The items of a list of layers: layers, the scopes that hold layers of their own, and calls of blocks.

There are two kinds of item. In a file without `blocks` nothing can be called, so every word that is no layer is a
mistake and said to be one. In a file with `blocks` any word may be a block's: other frameworks' words are refused
there only where no block could have that name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from netspec.components.layers import LAYERS, MERGES
from netspec.spec.schema.examples import first_line, least_value, required_of
from netspec.spec.schema.hints import any_of, foreign, hints, refused
from netspec.spec.schema.kinds import (
    A_NAME,
    COUNT,
    NAME,
    OR_VARIABLE,
    SOURCE,
    VARIABLE,
    Schema,
    exactly,
    expecting,
    flow,
    mapping,
    named,
    names,
    noted,
    placeholders,
    ref,
    shown,
    snippet,
    source,
    where_mapping,
    words,
)

SCOPES = {
    "residual": ("Adds its input to what its layers make of it: `y = x + f(x)`.", "\n    - $1"),
    "parallel": (
        "Several named paths from the same tensor, merged.",
        "\n    paths:\n      ${1:wide}:\n        - $2\n      ${3:deep}:\n        - $4\n    merge: ${5:concat}",
    ),
    "repeat": ("The layers several times, each round with its own weights.", "\n    times: ${1:3}\n    layers:\n      - $2"),
    "share": ("The named layer or block once more: the same weights.", "${1:tower}\n  from: ${2:right}"),
    "block": ("Layers as a scope of their own.", "\n    layers:\n      - $1"),
}
"""Items that hold layers: what they are, and what completion writes after the colon."""
SIBLINGS = ("name", "from")
WORDS = (*LAYERS, *SCOPES, "activation")
"""What an item of a list of layers can be, beside a call."""
_FIELDS = sorted({name for layer in LAYERS.values() for name in layer.model_fields} - {*WORDS, *SIBLINGS})
_NEEDS_VALUE = [name for name, layer in LAYERS.items() if required_of(layer)]
_BARE = [name for name in LAYERS if name not in _NEEDS_VALUE]


@dataclass(frozen=True)
class Items:
    """The definitions of one kind of item; `calls` tells whether it may call a block."""

    calls: bool

    def definitions(self) -> Schema:
        """Every definition by name."""
        scopes = {
            "residual": self._residual(),
            "parallel": self._parallel(),
            "repeat": self._repeat(),
            "block": self._block_in_place(),
        }
        return {
            self._name("layers"): self._layers(),
            self._name("layer"): self._item(),
            **{self._name(f"scope.{name}"): {"title": name, **scope} for name, scope in scopes.items()},
        }

    @property
    def layers(self) -> Schema:
        """A list of layers."""
        return ref(self._name("layers"))

    def _name(self, name: str) -> str:
        return f"{name}_with_calls" if self.calls else name

    def _layers(self) -> Schema:
        # Not a plain reference: see `choice_list`.
        each = {"if": {}, "then": ref(self._name("layer"))}
        said = expecting("a list of layers: start each with `- `", {"type": "array"})
        return {"allOf": [said], "items": each, "minItems": 1, "description": "Layers, top to bottom."}

    def _item(self) -> Schema:
        """One type for the item: its layer's key with the value, `name` and `from`; other keys are calls of blocks.

        The layers stand in `layer_values` for validation and hover, and once more in `new_layer` for completion,
        which is to offer them only where the item has no value yet.
        """
        scopes = {name: ref(self._name(f"scope.{name}")) for name in SCOPES if name != "share"}
        quiet = {name: {"allOf": [scope], "doNotSuggest": True} for name, scope in scopes.items()}
        example = flow({"conv2d": least_value(LAYERS["conv2d"])})[1:-1]
        return {
            "description": "A layer's name, or its name with its value; beside it perhaps `name` and `from`.",
            "allOf": [
                expecting("a layer: its name, or its name with its value", {"type": ["string", "object"]}),
                *self._alone(),
                ref("layer_alone"),
                refused(_NEEDS_VALUE, f"This layer needs a value: write `- dense: 64` or `- {example}`."),
                where_mapping({"properties": quiet, "propertyNames": {"allOf": self._keys()}, "allOf": [ref("layer_values")]}),
                {"if": {"type": "object", "required": ["share"]}, "then": _READS_AGAIN},
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

    def _residual(self) -> Schema:
        told = "`project` fits the input by a 1x1 convolution and batch norm where shapes differ; or layers."
        phrase = f"`project`, a list of layers, {OR_VARIABLE}"
        each = ref(self._name("layer"))
        shortcut = words(["project"], phrase, type=["string", "array"], items=each)
        expected = "a list of layers; or fields, such as `{layers: [...], shortcut: project}`"
        return {
            "allOf": [expecting(expected, {"type": ["array", "object"]})],
            "items": {"if": {}, "then": each},
            "description": SCOPES["residual"][0],
            "properties": {
                "layers": self.layers,
                "shortcut": noted(shortcut, {"description": told, "examples": ["project"]}),
            },
            "required": ["layers"],
            "additionalProperties": False,
        }

    def _parallel(self) -> Schema:
        paths = named(self.layers, "The paths by name; their order counts.", told="two or more named lists of layers")
        merge = words(MERGES, type=["string", "object"])
        merging = {"properties": {"concat": ref("layer.concat")}, "additionalProperties": False}
        notes = {"description": "How their results are joined.", "default": "concat"}
        return mapping(
            "fields, such as `{paths: {wide: [...], deep: [...]}, merge: concat}`",
            description=SCOPES["parallel"][0],
            properties={
                "paths": {"anyOf": [{**paths, "minProperties": 2}], "description": paths["description"]},
                "merge": {"allOf": [merge, merging], **notes},
            },
            required=["paths"],
            additionalProperties=False,
        )

    def _repeat(self) -> Schema:
        values = expecting(
            "a list with a value for each round", {"type": ["array", "string"], "minItems": 1, "pattern": VARIABLE}
        )
        variables = expecting(
            "variables with lists, such as `{rate: [1, 2, 4]}`", {"type": ["object", "string"], "pattern": VARIABLE}
        )
        over = {"allOf": [variables], "additionalProperties": values, "minProperties": 1}
        told = "Variables with a value for each round: `{rate: [1, 2, 4]}` is `$rate` inside."
        lists = {"defaultSnippets": [snippet("{${1:rate}: [${2:1, 2, 4}]}", "{rate: [1, 2, 4]}")]}
        times = expecting(f"a whole number, {OR_VARIABLE}", {"type": ["integer", "string"], "minimum": 1, "pattern": COUNT})
        return mapping(
            "fields, such as `{times: 3, layers: [...]}`",
            description=SCOPES["repeat"][0],
            properties={
                "times": noted(times, {"description": "How many rounds.", "examples": [3]}),
                "over": noted(over, {"description": told, **lists}),
                "layers": self.layers,
            },
            required=["layers"],
            additionalProperties=False,
            **{"if": {"required": ["over"]}, "then": {"properties": {"times": False}}, "else": {"required": ["times"]}},
        )

    def _block_in_place(self) -> Schema:
        kind = expecting(A_NAME, {"type": "string", "pattern": NAME})
        return mapping(
            "fields, such as `{layers: [...]}`",
            description=SCOPES["block"][0],
            properties={
                "layers": self.layers,
                "type": noted(kind, {"description": "The word in automatic names.", "default": "block"}),
                "inputs": {**names("What it reads."), "defaultSnippets": [_TWO_INPUTS]},
                "remat": _remat(),
            },
            required=["layers"],
            additionalProperties=False,
        )


_READS_AGAIN = {"required": ["from"], "errorMessage": "`share` needs `from`: what the layer reads this time."}
_TWO_INPUTS = snippet("[${1:below}, ${2:skip}]", "[below, skip]")


def block() -> Schema:
    """A block of the file."""
    variables = named({}, "Variables with their defaults; `required` has none.", told="names with their defaults")
    return mapping(
        "fields, such as `{layers: [...]}`",
        title="block",
        description="Layers with variables of their own; the last one is the block's output.",
        properties={
            "vars": {**variables, "defaultSnippets": [snippet("{${1:filters}: ${2:required}}", "{filters: required}")]},
            "inputs": {**names("Names of what the call's `from` gives, in order."), "defaultSnippets": [_TWO_INPUTS]},
            "layers": Items(calls=True).layers,
            "remat": _remat(),
        },
        required=["layers"],
        additionalProperties=False,
    )


def shared_definitions() -> Schema:
    """What both kinds of item have in common."""
    values = {
        **{name: ref(f"layer.{name}") for name in LAYERS},
        "share": {**source(), "description": SCOPES["share"][0]},
        "activation": ref("activation"),
    }
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
    for name, (told, body) in SCOPES.items():
        found[name] = {"description": told, "defaultSnippets": [snippet(body, f"{name}: ...")]}
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


def _remat() -> Schema:
    told = "Computes the inner values again in the backward pass instead of keeping them."
    return noted(ref("switch"), {"description": told, "default": False})


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
