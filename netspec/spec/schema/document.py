"""The JSON Schema of a spec, for editors: draft-07-safe, with completion, hover and messages in mind.

`python -m tests.editor.language_server` tries what an editor makes of it.
"""

from __future__ import annotations

from netspec.components.augment import AUGMENTS
from netspec.components.initializers import INITIALIZERS
from netspec.components.layers import ACTIVATIONS, LAYERS
from netspec.components.layers.norm import LAYERS as NORMS
from netspec.components.objectives import ADVERSARIAL_LOSSES, LOSSES, METRICS, OPTIMIZERS, SCHEDULES
from netspec.components.sources import SOURCES
from netspec.components.transforms import TRANSFORMS
from netspec.spec.composites import COMPOSITES, Composite
from netspec.spec.families import FAMILIES
from netspec.spec.load import SECTIONS
from netspec.spec.schema.fields import Catalogue, choice, choice_list, component_schema, model_schema
from netspec.spec.schema.hints import refused
from netspec.spec.schema.kinds import (
    LEAVES,
    OR_VARIABLE,
    VARIABLE,
    Schema,
    exactly,
    expecting,
    mapping,
    named,
    noted,
    ref,
    shown,
    slug,
    snippet,
    source,
    words,
)
from netspec.spec.schema.layers import WORDS, Items, block, shared_definitions
from netspec.spec.sections import DimSection
from netspec.spec.training import AdversarialSection, TrainSection

IDENTIFIER = "netspec-v1.schema.json"
CATALOGUES: dict[str, Catalogue] = {
    "activation": ACTIVATIONS,
    "normalization": {norm.type: norm for norm in NORMS},
    "initializer": INITIALIZERS,
    "source": SOURCES,
    "preprocessing step": TRANSFORMS,
    "augmentation": AUGMENTS,
    "loss": LOSSES,
    "loss of a pair": ADVERSARIAL_LOSSES,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "metric": METRICS,
}
LISTED = ("preprocessing step", "augmentation", "metric")
"""Catalogues that specs choose from by lists."""
_TRAIN = "How the network is trained."
_MODEL = "What the network is: `layers`, or a family that expands to layers."


def schema() -> Schema:
    """The whole schema."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": IDENTIFIER,
        "title": "netspec, version 1",
        "description": "A neural network: what it is, what feeds it, how it is trained, what it promises.",
        "type": "object",
        "required": ["netspec", "name", "model"],
        "properties": _top(),
        "additionalProperties": False,
        "allOf": [
            {
                "if": {"required": ["inputs"]},
                "then": {"properties": {"input": False}},
                "else": {"required": ["input"]},
            },
            {
                "if": {"required": ["blocks"]},
                "then": {"properties": {"model": _model(Items(calls=True))}},
                "else": {"properties": {"model": _model(Items(calls=False))}},
            },
            {
                "if": {"required": ["model"], "properties": {"model": {"type": "object", "required": ["gan"]}}},
                "then": {"properties": {"train": model_schema(AdversarialSection, "train")}},
                "else": {"properties": {"train": model_schema(TrainSection, "train")}},
            },
        ],
        "definitions": dict(sorted(_definitions().items())),
    }


def _definitions() -> Schema:
    found: Schema = {
        **LEAVES,
        **shared_definitions(),
        **Items(calls=False).definitions(),
        **Items(calls=True).definitions(),
        "block": block(),
        "input": _input(),
        # A key that is no loss is an output's name.
        "losses": choice("loss", LOSSES, keyed=True),
        "preprocessing_steps": _steps(),
        **{slug(kind): choice(kind, catalogue, in_list=kind in LISTED) for kind, catalogue in CATALOGUES.items()},
        **{f"{slug(kind)}_list": choice_list(kind, CATALOGUES[kind]) for kind in LISTED},
    }
    catalogues: dict[str, Catalogue] = {"layer": LAYERS, "family": FAMILIES, **CATALOGUES}
    for prefix, catalogue in catalogues.items():
        for name, component in catalogue.items():
            if prefix not in ("activation", "normalization"):
                found[f"{slug(prefix)}.{name}"] = component_schema(component)
    return found


def _steps() -> Schema:
    """One preprocessing step, or a list of them."""
    found = choice("preprocessing step", TRANSFORMS)
    kind = expecting("a preprocessing step, or a list of them", {"type": ["string", "object", "array"]})
    several = {"if": {"type": "array"}, "then": ref("preprocessing_step_list")}
    return {**found, "allOf": [kind, *found["allOf"][1:]], **several}


def _top() -> Schema:
    name = expecting(
        "a name of lower case letters, digits, `_` and `-` that starts with a letter",
        {"type": "string", "pattern": "^[a-z][a-z0-9_-]*$", "maxLength": 100},
    )
    return {
        "$schema": {"type": "string", "description": "Where this schema lies; for JSON specs."},
        "netspec": {"const": 1, "description": "The version of the language.", "default": 1},
        "name": {**name, "description": "Names the run folder and the ONNX graph.", "examples": ["digits-cnn"]},
        "description": {"type": "string", "description": "What it is, in a sentence.", "examples": ["A small CNN for digits."]},
        "vars": {
            **named({}, "Variables: `$width` anywhere below, arithmetic as `$(width * 2)`; `--set width=64` overrides."),
            "defaultSnippets": [snippet("{${1:width}: ${2:32}}", "{width: 32}")],
        },
        "dims": {
            **named(model_schema(DimSection, "dim"), "What is known of named dims."),
            "defaultSnippets": [snippet("{${1:time}: {min: ${2:4}, max: ${3:512}}}", "{time: {min: 4, max: 512}}")],
        },
        "input": noted(
            ref("input"), {"description": "The one input, without the batch axis; channels last.", **shown([28, 28, 1])}
        ),
        "inputs": {
            **named(ref("input"), "Several inputs by name; every layer that starts a path then says `from`."),
            "minProperties": 1,
            "defaultSnippets": [snippet("{${1:photo}: [${2:64, 64, 3}]}", "{photo: [64, 64, 3]}")],
        },
        "blocks": _blocks(),
        # What it may hold hangs on whether the file has `blocks`: see `schema`.
        "model": {"description": _MODEL, "doNotSuggest": True},
        **{section: model_schema(model, section) for section, model in SECTIONS.items() if section != "train"},
        # What it may hold hangs on whether the model is a pair.
        "train": {"description": _TRAIN, "doNotSuggest": True},
    }


def _blocks() -> Schema:
    found = named(ref("block"), "Reusable pieces, called like a layer.")
    taken = refused(WORDS, "A block cannot be called like a layer: choose another name.")
    body = "\n  ${1:unit}:\n    vars: {${2:filters}: required}\n    layers:\n      - $3"
    return {
        **found,
        "propertyNames": {"allOf": [found["propertyNames"], taken]},
        "defaultSnippets": [snippet(body, "unit: {vars: ..., layers: ...}")],
    }


def _model(items: Items) -> Schema:
    families = {name: ref(f"family.{name}") for name in FAMILIES}
    kinds = {"layers": items.layers, **families, **{name: _composite(cls, items) for name, cls in COMPOSITES.items()}}
    outputs = {
        "allOf": [expecting("a list of layers' names", {"type": "array", "items": source(), "minItems": 1})],
        "description": "The layers whose values the network gives, where it is not just the last one.",
        **shown(["kind", "price"]),
    }
    several = {"required": ["one kind of network"], "errorMessage": "`model` holds exactly one kind of network."}
    told = "`outputs` stands beside `layers` or `autoencoder` only: what else there is has one output."
    alone = {"anyOf": [{"required": ["layers"]}, {"required": ["autoencoder"]}], "errorMessage": told}
    return mapping(
        "one kind of network: " + ", ".join(f"`{name}`" for name in kinds),
        title="model",
        description=_MODEL,
        properties={**kinds, "outputs": outputs},
        additionalProperties=False,
        **{
            "if": {"required": ["outputs"]},
            "then": {"allOf": [alone, exactly(2, several)]},
            "else": exactly(1, several),
        },
    )


def _composite(composite: type[Composite], items: Items) -> Schema:
    """Its fields, with the lists of layers of this kind of file."""
    found = component_schema(composite)
    lists = {part: noted(items.layers, found["properties"][part], required=True) for part in composite.parts}
    return {**found, "properties": {**found["properties"], **lists}}


def _input() -> Schema:
    sizes = {"items": ref("size"), "minItems": 1, "maxItems": 4}
    told = "a shape such as `[28, 28, 1]`; or fields, such as `{shape: [time], vocabulary: words}`"
    shape = expecting(f"a list of sizes, {OR_VARIABLE}", {"type": ["array", "string"], "pattern": VARIABLE, **sizes})
    return {
        "title": "input",
        "allOf": [expecting(told, {"type": ["array", "object", "string"], "pattern": VARIABLE, **sizes})],
        "properties": {
            "shape": noted(shape, {"description": "Sizes, without the batch axis.", **shown([28, 28, 1])}, required=True),
            "dtype": noted(words(["float32", "int32"]), {"description": "What it holds.", "default": "float32"}),
            "vocabulary": noted(
                ref("size"), {"description": "The number of ids, where the input holds ids.", "examples": [1000]}
            ),
        },
        "required": ["shape"],
        "additionalProperties": False,
        "description": "The shape of one example: `[28, 28, 1]`, or `{shape: [time], vocabulary: words}` for ids.",
    }
