"""Where a field belongs that stands in the wrong section."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from functools import cache

from pydantic import BaseModel

from netspec.components.objectives import METRICS, OPTIMIZERS
from netspec.diagnostics.suggest import FOREIGN_WORDS
from netspec.spec.composites import COMPOSITES
from netspec.spec.families import FAMILIES
from netspec.spec.section import Section
from netspec.spec.sections import SECTIONS, ExpectSection
from netspec.spec.training import AdversarialSection, DiscriminatorSide, GeneratorSide, TrainSection

_SIDES: dict[str, type[Section]] = {"generator": GeneratorSide, "discriminator": DiscriminatorSide}


def elsewhere(name: str, model: type[BaseModel] | None) -> str:
    """A help line for a field that `model` (None: the top of the file) does not have; '' where no other place has it."""
    if model is ExpectSection and name.rpartition("_")[2] in METRICS:
        return f"a metric stands under `metrics`: `metrics: {{test_{name.rpartition('_')[2]}: ...}}`"
    if model is AdversarialSection and name in {*GeneratorSide.model_fields, *DiscriminatorSide.model_fields}:
        having = [side for side in ("generator", "discriminator") if name in _SIDES[side].model_fields]
        return f"each side has its own: `{having[0]}: {{{name}: ...}}`"
    if model in OPTIMIZERS.values():
        having = [f"`{kind}`" for kind, optimizer in OPTIMIZERS.items() if name in optimizer.model_fields]
        return f"`{name}` is a field of {' and '.join(having)}" if having else ""
    if model is not None and not issubclass(model, Section):
        return ""
    word = name if name in _places() else FOREIGN_WORDS.get(name, "")
    return f"`{word}` belongs to {' or '.join(_places()[word])}" if word in _places() else ""


@cache
def _places() -> dict[str, list[str]]:
    """The places of each field that stands in one or two of them."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for kind in ("layers", *FAMILIES, *COMPOSITES):
        found[kind].append("`model`")
    for field, place in _fields("train.optimizer", OPTIMIZERS["adamw"]):
        found[field].append(place)
    for section, model in SECTIONS.items():
        for field, place in _fields(section, model):
            if (section, field) != ("initialize", "layers"):  # those are under `model`
                found[field].append(place)
    for field in AdversarialSection.model_fields.keys() - TrainSection.model_fields.keys():
        found[field].append("`train` of a `gan`")
    return {field: places for field, places in found.items() if len(places) < 3}


def _fields(where: str, model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """The fields of a section and of the sections inside it, each with its place."""
    for name, field in model.model_fields.items():
        yield field.alias or name, f"`{where}`"
        for part in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(part, type) and issubclass(part, Section):
                yield from _fields(f"{where}.{name}", part)
