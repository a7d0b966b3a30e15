"""The JSON Schema of a spec, for editors: draft-07-safe, with completion, hover and messages in mind.

Every word comes from `spec.language`; `python -m tests.editor.language_server` tries what an editor makes of it.
"""

from __future__ import annotations

from typing import get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from netspec.components.base import Component
from netspec.spec.language import KINDS, SECTIONS, VERSION, SpecFile, top_level
from netspec.spec.networks import NETWORKS
from netspec.spec.schema.convert import converted
from netspec.spec.schema.examples import first_line, required_of
from netspec.spec.schema.fields import choice, choice_list, component_schema, model_schema
from netspec.spec.schema.hints import refused
from netspec.spec.schema.kinds import (
    LEAVES,
    Schema,
    exactly,
    expecting,
    mapping,
    named,
    noted,
    ref,
    shown,
    slug,
    source,
)
from netspec.spec.schema.layers import WORDS, definitions, with_calls
from netspec.spec.top_level import BlockSection, InputSection, ModelSection

IDENTIFIER = "netspec-v1.schema.json"
_INSIDE = ("layer", "scope", "network")
"""Kinds that are chosen by a key of a mapping, not by a field: `layers` has their definitions."""
_DEFINED: dict[type[BaseModel], str] = {InputSection: "input", BlockSection: "block"}


def schema() -> Schema:
    """The whole schema."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$id": IDENTIFIER,
        "title": "netspec, version 1",
        "description": first_line(SpecFile),
        "type": "object",
        "required": required_of(SpecFile),
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
                "then": {"properties": {"model": with_calls(_model())}},
                "else": {"properties": {"model": _model()}},
            },
            *_trainings(),
        ],
        "definitions": dict(sorted(_definitions().items())),
    }


def _trainings() -> list[Schema]:
    """What `train` may hold, which hangs on the network."""
    common, *others = top_level()["train"]
    rest: Schema = {"properties": {"train": model_schema(common, "train")}}
    for section in others:
        kinds = [{"required": [name]} for name, network in NETWORKS.items() if network.training is section]
        model = {"type": "object", **(kinds[0] if len(kinds) == 1 else {"anyOf": kinds})}
        told = {"properties": {"train": model_schema(section, "train")}}
        rest = {"if": {"required": ["model"], "properties": {"model": model}}, "then": told, "else": rest}
    return [rest]


def _definitions() -> Schema:
    chosen = {name: kind for name, kind in KINDS.items() if name not in _INSIDE}
    losses = KINDS["loss"]
    found: Schema = {
        **LEAVES,
        **definitions(),
        "input": {**component_schema(InputSection), "title": "input"},
        # A key that is no loss is an output's name.
        "losses": choice(losses.name, losses.catalogue, keyed=True),
        "preprocessing_steps": _steps(),
        **{slug(name): choice(name, kind.catalogue, in_list=kind.in_lists) for name, kind in chosen.items()},
        **{f"{slug(name)}_list": choice_list(name, kind.catalogue) for name, kind in chosen.items() if kind.in_lists},
    }
    for name, kind in KINDS.items():
        if name == "layer" or not (name in _INSIDE or kind.of_layers):
            found |= {f"{slug(name)}.{word}": component_schema(component) for word, component in kind.catalogue.items()}
    return found


def _steps() -> Schema:
    """One preprocessing step, or a list of them."""
    found = choice("preprocessing step", KINDS["preprocessing step"].catalogue)
    kind = expecting("a preprocessing step, or a list of them", {"type": ["string", "object", "array"]})
    several = {"if": {"type": "array"}, "then": ref("preprocessing_step_list")}
    return {**found, "allOf": [kind, *found["allOf"][1:]], **several}


def _top() -> Schema:
    """The keys of a file. `model` and `train` hang on others: see `schema`."""
    found: Schema = {"$schema": {"type": "string", "description": "Where this schema lies; for JSON specs."}}
    raw = SpecFile.model_json_schema()
    for key, info in SpecFile.model_fields.items():
        found[key] = _key(info, converted(raw["properties"][key], raw["$defs"]))
    found["netspec"] = {"const": VERSION, "description": SpecFile.model_fields["netspec"].description, "default": VERSION}
    found["inputs"] |= {"minProperties": 1}
    taken = refused(WORDS, "A block cannot be called like a layer: choose another name.")
    found["blocks"]["propertyNames"] = {"allOf": [found["blocks"]["propertyNames"], taken]}
    for key in SECTIONS:
        section, *others = top_level()[key]
        quiet = {"description": first_line(section), "doNotSuggest": True}
        found[key] = quiet if others else model_schema(section, key)
    return found


def _key(info: FieldInfo, plain: Schema) -> Schema:
    """What stands below a key that is no section."""
    example = next(iter(info.examples or ()), None)
    notes = {"description": info.description, **(shown(example) if example is not None else {})}
    model = _model_of(info.annotation)
    if model is ModelSection:
        return {"description": info.description, "doNotSuggest": True}
    if model is None:
        return {**plain, **notes}
    value = ref(_DEFINED[model]) if model in _DEFINED else model_schema(model, first_line(model).rstrip("."))
    if info.annotation is not None and dict in {getattr(part, "__origin__", None) for part in _parts(info.annotation)}:
        return {**named(value), **notes}
    return noted(value, notes)


def _parts(annotation: object) -> list[object]:
    return [annotation, *get_args(annotation)]


def _model_of(annotation: object) -> type[BaseModel] | None:
    """The model that a key holds, itself or by name."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_of(part)) is not None), None)


def _model() -> Schema:
    kinds = {name: ref(f"network.{name}") for name in NETWORKS}
    lists = {name: ref("layers") for name, network in NETWORKS.items() if _is_list(network)}
    outputs = noted(
        expecting("a list of layers' names", {"type": "array", "items": source(), "minItems": 1}),
        {"description": ModelSection.model_fields["outputs"].description, **shown(["kind", "price"])},
    )
    several = {"required": ["one kind of network"], "errorMessage": "`model` holds exactly one kind of network."}
    having = [name for name, network in NETWORKS.items() if network.names_outputs]
    told = f"`outputs` stands beside {' or '.join(f'`{name}`' for name in having)} only: what else there is has one output."
    alone = {"anyOf": [{"required": [name]} for name in having], "errorMessage": told}
    return mapping(
        "one kind of network: " + ", ".join(f"`{name}`" for name in kinds),
        title="model",
        description=SpecFile.model_fields["model"].description,
        properties={**kinds, **lists, "outputs": outputs},
        additionalProperties=False,
        **{
            "if": {"required": ["outputs"]},
            "then": {"allOf": [alone, exactly(2, several)]},
            "else": exactly(1, several),
        },
    )


def _is_list(network: type[Component]) -> bool:
    """Whether a list of layers is all that a network has."""
    return list(network.model_fields) == [network.short]
