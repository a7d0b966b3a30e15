"""The reference page has every word of the language: each is looked for, walking the models, not a list."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

import pytest
from pydantic import BaseModel

from netspec.components.base import Component
from netspec.report.reference import reference
from netspec.spec.language import KINDS, SECTIONS, SpecFile, top_level

PAGE = reference()


def models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models(part)


def words(model: type[BaseModel], seen: set[type[BaseModel]]) -> Iterator[tuple[str, str]]:
    """Every field of a model and of the models inside it, as (field, description)."""
    if model in seen:
        return
    seen.add(model)
    for name, info in model.model_fields.items():
        yield info.alias or name, info.description or ""
        for inner in models(info.annotation):
            yield from words(inner, seen)


def everything() -> dict[str, list[tuple[str, str]]]:
    seen: set[type[BaseModel]] = set()
    found = {"the file": list(words(SpecFile, seen))}
    for key, kinds in top_level().items():
        found[key] = [word for kind in kinds for word in words(kind, seen)]
    for kind in KINDS.values():
        for word, component in kind.catalogue.items():
            found[f"{kind.name} {word}"] = list(words(component, seen))
    return found


@pytest.mark.parametrize(("where", "fields"), list(everything().items()), ids=list(everything()))
def test_every_field_has_its_row(where: str, fields: list[tuple[str, str]]) -> None:
    for name, description in fields:
        assert f"| `{name}`" in PAGE, name
        assert description in PAGE, name


def test_every_component_and_section_has_its_heading() -> None:
    for kind in KINDS.values():
        for word in kind.catalogue:
            assert f"#### `{word}`\n" in PAGE, word
    for key in SECTIONS:
        assert f"### `{key}`\n" in PAGE, key


def test_every_component_of_the_package_is_in_a_catalogue() -> None:
    """A class with a word that no catalogue lists is a word that nobody can write."""

    def below(cls: type[Component]) -> Iterator[type[Component]]:
        for each in cls.__subclasses__():
            yield each
            yield from below(each)

    listed = {id(component) for kind in KINDS.values() for component in kind.catalogue.values()}
    ours = [each for each in below(Component) if each.type and each.__module__.startswith("netspec.")]
    assert [each.__name__ for each in ours if id(each) not in listed] == []
