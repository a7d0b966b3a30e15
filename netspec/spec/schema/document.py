"""The JSON Schema of a spec, for editors: draft-07-safe, with completion and hover in mind."""

from __future__ import annotations

import re
from collections.abc import Mapping

from netspec.components.augment import AUGMENTS
from netspec.components.base import Component
from netspec.components.initializers import INITIALIZERS
from netspec.components.layers import ACTIVATIONS, LAYERS, MERGES
from netspec.components.layers.norm import LAYERS as NORMS
from netspec.components.objectives import LOSSES, METRICS, OPTIMIZERS, SCHEDULES
from netspec.components.sources import SOURCES
from netspec.components.transforms import TRANSFORMS
from netspec.diagnostics.suggest import FOREIGN_WORDS
from netspec.spec.families import FAMILIES
from netspec.spec.load import SECTIONS
from netspec.spec.schema.fields import (
    COUNT,
    NAME,
    SIZE_WORDS,
    SIZES,
    SOURCE,
    VARIABLE,
    Schema,
    all_of,
    choice,
    component_schema,
    model_schema,
    ref,
    slug,
    switch,
    words,
)  # fmt: skip
from netspec.spec.sections import DimSection

IDENTIFIER = "netspec-v1.schema.json"
CATALOGUES: dict[str, Mapping[str, type[Component]]] = {
    "activation": ACTIVATIONS,
    "normalization": {norm.type: norm for norm in NORMS},
    "initializer": INITIALIZERS,
    "source": SOURCES,
    "preprocessing step": TRANSFORMS,
    "augmentation": AUGMENTS,
    "loss": LOSSES,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "metric": METRICS,
}


def schema() -> Schema:
    """The whole schema."""
    definitions: Schema = {
        "size": {**SIZES, "description": SIZE_WORDS},
        "layers": {"type": "array", "minItems": 1, "items": ref("layer"), "description": "Layers, top to bottom."},
        "layer": _layer_item(),
        "block": _block(),
        "input": _input(),
        **{slug(kind): choice(kind, catalogue) for kind, catalogue in CATALOGUES.items()},
    }
    catalogues: dict[str, Mapping[str, type[Component]]] = {"layer": LAYERS, "family": FAMILIES, **CATALOGUES}
    for prefix, catalogue in catalogues.items():
        for name, component in catalogue.items():
            if prefix not in ("activation", "normalization"):
                definitions[f"{slug(prefix)}.{name}"] = component_schema(component)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": IDENTIFIER,
        "title": "netspec, version 1",
        "description": "A neural network: what it is, what feeds it, how it is trained, what it promises.",
        "type": "object",
        "required": ["netspec", "name", "model"],
        "properties": _top(),
        "additionalProperties": False,
        "if": {"not": {"required": ["inputs"]}},
        "then": {"required": ["input"]},
        "definitions": dict(sorted(definitions.items())),
    }


def _top() -> Schema:
    sections = {name: model_schema(section) for name, section in SECTIONS.items()}
    return {
        "$schema": {"type": "string", "description": "Where this schema lies; for JSON specs."},
        "netspec": {"const": 1, "description": "The version of the language.", "default": 1},
        "name": {
            "type": "string",
            "pattern": "^[a-z][a-z0-9_-]*$",
            "maxLength": 100,
            "description": "Names the run folder and the ONNX graph.",
            "examples": ["digits-cnn"],
        },
        "description": {"type": "string", "description": "What it is, in a sentence.", "examples": ["A small CNN for digits."]},
        "vars": {
            "type": "object",
            "propertyNames": {"pattern": NAME},
            "description": "Variables: `$width` anywhere below, arithmetic as `$(width * 2)`; `--set width=64` overrides.",
            "examples": [{"width": 32}],
        },
        "dims": {
            "type": "object",
            "propertyNames": {"pattern": NAME},
            "additionalProperties": model_schema(DimSection),
            "description": "What is known of named dims.",
            "examples": [{"time": {"min": 4, "max": 512, "multiple_of": 4}}],
        },
        "input": {**all_of("input", "The one input, without the batch axis; channels last."), "examples": [[28, 28, 1]]},
        "inputs": {
            "type": "object",
            "propertyNames": {"pattern": NAME},
            "additionalProperties": ref("input"),
            "minProperties": 1,
            "description": "Several inputs by name; every layer that starts a path then says `from`.",
            "examples": [{"photo": [64, 64, 3], "facts": ["facts"]}],
        },
        "blocks": {
            "type": "object",
            "propertyNames": {"pattern": NAME, "not": {"enum": sorted(LAYERS)}},
            "additionalProperties": ref("block"),
            "description": "Reusable pieces, called like a layer.",
            "examples": [{"unit": {"vars": {"filters": "required"}, "layers": [{"dense": "$filters"}, "relu"]}}],
        },
        "model": _model_section(),
        **sections,
    }


def _model_section() -> Schema:
    properties: Schema = {
        "layers": ref("layers"),
        "outputs": {
            "type": "array",
            "items": {"type": "string", "pattern": SOURCE},
            "minItems": 1,
            "description": "The layers whose values the network gives, where it is not just the last one.",
            "examples": [["kind", "price"]],
        },
        **{name: ref(f"family.{name}") for name in FAMILIES},
    }
    return {
        "type": "object",
        "description": "What the network is: `layers`, or a family that expands to layers.",
        "properties": properties,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 2,
        "examples": [{"mlp": {"hidden": [64], "output": 10}}],
    }


def _input() -> Schema:
    shape = {"items": ref("size"), "minItems": 1, "maxItems": 4}
    return {
        "type": ["array", "object", "string"],
        "pattern": VARIABLE,
        **shape,
        "properties": {
            "shape": {
                "type": ["array", "string"],
                **shape,
                "pattern": VARIABLE,
                "description": "Sizes, without the batch axis.",
            },
            "dtype": {**words(["float32", "int32"]), "description": "What it holds.", "default": "float32"},
            "vocabulary": all_of("size", "The number of ids, where the input holds ids."),
        },
        "required": ["shape"],
        "additionalProperties": False,
        "description": "The shape of one example: `[28, 28, 1]`, or `{shape: [time], vocabulary: words}` for ids.",
    }


def _block() -> Schema:
    return {
        "type": "object",
        "description": "Layers with variables of their own; the last one is the block's output.",
        "properties": {
            "vars": {
                "type": "object",
                "propertyNames": {"pattern": NAME},
                "description": "Variables with their defaults; `required` has none.",
                "examples": [{"filters": "required", "strides": 1}],
            },
            "inputs": {
                "type": "array",
                "items": {"type": "string", "pattern": NAME},
                "minItems": 1,
                "description": "Names of what the call's `from` gives, in order.",
                "examples": [["below", "skip"]],
            },
            "layers": ref("layers"),
            "remat": {
                **switch(),
                "default": False,
                "description": "Computes the inner values again in the backward pass instead of keeping them.",
            },
        },
        "required": ["layers"],
        "additionalProperties": False,
    }


def _layer_item() -> Schema:
    """One type for the item: its layer's key with the value, `name` and `from`; other keys are calls of blocks."""
    siblings: Schema = {
        "name": {"type": "string", "pattern": r"^(\$.*|[a-z][a-z0-9_]*)$", "description": "The layer's name, for `from`."},
        "from": {
            "type": ["string", "array"],
            "pattern": SOURCE,
            "items": {"type": "string", "pattern": SOURCE},
            "description": "The layer or input that it reads; `above` is the layer above. Several inputs are a list.",
        },
    }
    layers = {name: ref(f"layer.{name}") for name in LAYERS}
    bare = [name for name, layer in LAYERS.items() if not any(info.is_required() for info in layer.model_fields.values())]
    ours = {*LAYERS, *siblings, *_SCOPES, "activation"}
    foreign = sorted(word for word in FOREIGN_WORDS if word not in ours and re.match(NAME, word))
    return {
        "type": ["string", "object"],
        "description": "A layer's name, or its name with its value; beside it perhaps `name` and `from`.",
        "pattern": r"^(\$.*|[a-z][a-z0-9_]*)$",
        "properties": {**siblings, **layers, **_SCOPES, "activation": ref("activation")},
        "propertyNames": {"pattern": NAME, "not": {"enum": foreign}},
        "defaultSnippets": [{"label": name, "body": name} for name in bare],
        "if": {"required": ["name", "from"]},
        "then": {"minProperties": 3, "maxProperties": 3},
        "else": {
            "if": {"anyOf": [{"required": ["name"]}, {"required": ["from"]}]},
            "then": {"minProperties": 2, "maxProperties": 2},
            "else": {"minProperties": 1, "maxProperties": 1},
        },
    }


_SCOPES: Schema = {
    "residual": {
        "type": ["array", "object"],
        "items": ref("layer"),
        "description": "Adds its input to what its layers make of it: `y = x + f(x)`.",
        "properties": {
            "layers": ref("layers"),
            "shortcut": {
                "type": ["string", "array"],
                "pattern": r"^(\$.*|project)$",
                "items": ref("layer"),
                "defaultSnippets": [{"label": "project", "body": "project"}],
                "description": "`project` fits the input by a 1x1 convolution and batch norm where shapes differ; or layers.",
            },
        },
        "required": ["layers"],
        "additionalProperties": False,
    },
    "parallel": {
        "type": "object",
        "description": "Several named paths from the same tensor, merged.",
        "properties": {
            "paths": {
                "type": "object",
                "propertyNames": {"pattern": NAME},
                "additionalProperties": ref("layers"),
                "minProperties": 2,
                "description": "The paths by name; their order counts.",
            },
            "merge": {
                "type": ["string", "object"],
                "pattern": r"^(\$.*|" + "|".join(sorted(MERGES)) + ")$",
                "description": "How their results are joined.",
                "default": "concat",
            },
        },
        "required": ["paths"],
        "additionalProperties": False,
    },
    "repeat": {
        "type": "object",
        "description": "The layers several times, each round with its own weights.",
        "properties": {
            "times": {"type": ["integer", "string"], "minimum": 1, "pattern": COUNT, "description": "How many rounds."},
            "over": {
                "type": ["object", "string"],
                "pattern": VARIABLE,
                "additionalProperties": {"type": ["array", "string"], "minItems": 1, "pattern": VARIABLE},
                "minProperties": 1,
                "description": "Variables with a value for each round: `{rate: [1, 2, 4]}` is `$rate` inside.",
            },
            "layers": ref("layers"),
        },
        "required": ["layers"],
        "additionalProperties": False,
    },
    "share": {"type": "string", "pattern": SOURCE, "description": "The named layer or block once more: the same weights."},
    "block": {
        "type": "object",
        "description": "Layers as a scope of their own.",
        "properties": {
            "layers": ref("layers"),
            "type": {"type": "string", "pattern": NAME, "description": "The word in automatic names.", "default": "block"},
            "inputs": {"type": "array", "items": {"type": "string", "pattern": NAME}, "description": "What it reads."},
            "remat": {"type": "boolean", "description": "Computes inner values again.", "default": False},
        },
        "required": ["layers"],
        "additionalProperties": False,
    },
}  # fmt: skip
