"""Where a field belongs that stands in the wrong section."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cache

from pydantic import BaseModel

from netspec.components.objectives import METRICS, OPTIMIZERS
from netspec.diagnostics.suggest import FOREIGN_WORDS
from netspec.spec.fields import fields_with_words
from netspec.spec.language import SECTIONS, sections_in, top_level
from netspec.spec.networks import NETWORKS
from netspec.spec.section import Section
from netspec.spec.sections import ExpectSection


def elsewhere(name: str, model: type[BaseModel] | None) -> str:
    """A help line for a field that `model` (None: the top of the file) does not have; '' where no other place has it."""
    if model is ExpectSection and name.rpartition("_")[2] in METRICS:
        return f"a metric stands under `metrics`: `metrics: {{test_{name.rpartition('_')[2]}: ...}}`"
    if model in OPTIMIZERS.values():
        having = [f"`{kind}`" for kind, optimizer in OPTIMIZERS.items() if name in optimizer.model_fields]
        return f"`{name}` is a field of {' and '.join(having)}" if having else ""
    if model is not None and not issubclass(model, Section):
        return ""
    inside = [field for field, section in sections_in(model) if name in section.model_fields] if model else []
    if len(inside) > 1:  # the sides of a pair
        return f"each side has its own: `{inside[0]}: {{{name}: ...}}`"
    word = name if name in _places() else FOREIGN_WORDS.get(name, "")
    return f"`{word}` belongs to {' or '.join(_places()[word])}" if word in _places() else ""


@cache
def _places() -> dict[str, list[str]]:
    """The places of each field that stands in one or two of them."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for kind in NETWORKS:
        found[kind].append("`model`")
    for field, place in _fields("train.optimizer", OPTIMIZERS["adamw"]):
        found[field].append(place)
    for section in SECTIONS:
        common, *others = top_level()[section]
        for field, place in _fields(section, common):
            if field not in NETWORKS:  # those are under `model`
                found[field].append(place)
        for other in others:
            kinds = " or ".join(f"`{kind}`" for kind, network in NETWORKS.items() if network.training is other)
            for field in fields_with_words(other).keys() - fields_with_words(common).keys():
                found[field].append(f"`{section}` of a {kinds}")
    return {field: places for field, places in found.items() if len(places) < 3}


def _fields(where: str, model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """The fields of a section and of the sections inside it, each with its place."""
    for name in fields_with_words(model):
        yield name, f"`{where}`"
    for name, section in sections_in(model):
        yield from _fields(f"{where}.{name}", section)
