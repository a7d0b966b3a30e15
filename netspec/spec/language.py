"""The language, declared once: the keys of a file, and every kind of component with its catalogue.

Whoever needs to know the words of the language walks this: the reader, the JSON Schema, the reference page, `--set`,
hints at misplaced fields, `diff` and the generators of tests. A new word is its class and a line in its catalogue; what
runs has its rule beside that: a scope in `graph.rules`, a layer in the tests' interpreter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import get_args

from pydantic import BaseModel

from netspec.components.augment import AUGMENTS
from netspec.components.base import Choice, Component
from netspec.components.initializers import INITIALIZERS
from netspec.components.layers import ACTIVATIONS, LAYERS
from netspec.components.layers.norm import LAYERS as NORMS
from netspec.components.objectives import ADVERSARIAL_LOSSES, LOSSES, METRICS, OPTIMIZERS, SCHEDULES
from netspec.components.sources import SOURCES
from netspec.components.transforms import TRANSFORMS
from netspec.spec.fields import binding_fields
from netspec.spec.networks import NETWORKS
from netspec.spec.scopes import SCOPES
from netspec.spec.sections import SECTIONS
from netspec.spec.top_level import BlockSection, SpecFile

VERSION = 1


@dataclass(frozen=True)
class Kind:
    """One kind of component: its word in messages, what is said of it, and its catalogue."""

    name: str
    title: str
    where: str
    catalogue: Mapping[str, type[Component]]
    in_lists: bool = False
    """Specs choose from it by lists."""
    of_layers: bool = False
    """Its components are layers, which are described as such."""


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("layer", "Layers", "Each item of a list of layers is one of these.", LAYERS),
        Kind("scope", "Scopes", "Items of a list of layers that hold layers of their own, or stand for some.", SCOPES),
        Kind("network", "Networks", "`model` holds one of these.", NETWORKS),
        Kind(
            "activation", "Activations", "For every field that is called `activation`, or ends so.", ACTIVATIONS, of_layers=True
        ),
        Kind(
            "normalization",
            "Normalizations",
            "For the field `normalization`.",
            {norm.type: norm for norm in NORMS},
            of_layers=True,
        ),
        Kind("source", "Sources", "`data.source` is one of these.", SOURCES),
        Kind(
            "preprocessing step", "Preprocessing steps", "Under `data.preprocess`, by input, column or kind.", TRANSFORMS, True
        ),
        Kind(
            "augmentation",
            "Augmentations",
            "`data.augment` lists them; they change training batches inside the compiled step.",
            AUGMENTS,
            True,
        ),
        Kind("loss", "Losses", "`train.loss`, or one for each output by name.", LOSSES),
        Kind("loss of a pair", "Losses of a pair", "`train.loss` where `model` is a `gan`.", ADVERSARIAL_LOSSES),
        Kind("optimizer", "Optimizers", "`train.optimizer`: optax's names and defaults.", OPTIMIZERS),
        Kind("schedule", "Schedules", "`train.schedule`; lengths are epochs.", SCHEDULES),
        Kind("metric", "Metrics", "`train.metrics`; their figures are called `<part>_<metric>`.", METRICS, True),
        Kind("initializer", "Initializers", "For every field that ends in `_initializer`.", INITIALIZERS),
    )
}
"""Every kind of component that a spec can name."""


def keys() -> tuple[str, ...]:
    """The top-level keys of a file, in order."""
    return (*SpecFile.model_fields, *SECTIONS)


def items() -> tuple[str, ...]:
    """The words that an item of a list of layers can be, calls of blocks aside."""
    return (*LAYERS, *SCOPES, "activation")


def sections_in(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """The sections that stand in the fields of a model, by the field's word."""
    for name, info in model.model_fields.items():
        if not any(isinstance(mark, Choice) for mark in info.metadata):
            yield from ((info.alias or name, inner) for inner in _models(info.annotation))


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    """The models that a field holds itself, however deep they stand in its type; what is chosen by name is none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    if not any(isinstance(mark, Choice) for mark in getattr(annotation, "__metadata__", ())):
        for part in get_args(annotation):
            yield from _models(part)


@cache
def top_level() -> dict[str, tuple[type[BaseModel], ...]]:
    """What each key of a file holds, where that is fields; a key that hangs on the network holds one of several."""
    found: dict[str, tuple[type[BaseModel], ...]] = {name: (model,) for name, model in sections_in(SpecFile)}
    found |= {name: (section,) for name, section in SECTIONS.items()}
    found["train"] = tuple(dict.fromkeys(network.training for network in NETWORKS.values()))
    return found


@cache
def binders() -> frozenset[str]:
    """The fields whose keys are variables, wherever they stand."""
    models: tuple[type[BaseModel], ...] = (SpecFile, BlockSection, *SCOPES.values())
    return frozenset(name for model in models for name in binding_fields(model))


__all__ = ["KINDS", "SECTIONS", "VERSION", "Kind", "SpecFile", "binders", "items", "keys", "sections_in", "top_level"]
