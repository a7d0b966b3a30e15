"""Kinds of value that the frame of the language has beside those of components: layers, names, variables, references."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, BeforeValidator, ValidationInfo, WithJsonSchema
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from netspec.components.base import describe, quoted
from netspec.components.fields import NAME, name_help

if TYPE_CHECKING:
    from netspec.spec.items import Item


@dataclass(frozen=True)
class HoldsLayers:
    """Says of a field that layers stand in it: a list, lists by name, or perhaps a list. `layers.LayerReader` reads them."""

    form: Literal["list", "named", "perhaps"] = "list"


def _named_lists(value: object, info: ValidationInfo) -> object:
    if not isinstance(value, Mapping) or len(value) < 2:
        found = "one" if isinstance(value, Mapping) and value else describe(value)
        help = f"for example `{info.field_name}: {{wide: [...], deep: [...]}}`"
        message = "`{field}` takes two or more named lists of layers, found {found}"
        raise PydanticCustomError("ns204", message, {"field": info.field_name, "found": found, "help": help})
    return value


if TYPE_CHECKING:
    Layers: TypeAlias = tuple[Item, ...]
    NamedLayers: TypeAlias = Mapping[str, tuple[Item, ...]]
else:
    Layers = Annotated[Any, HoldsLayers(), WithJsonSchema({"x-netspec": "layers"})]
    """A list of layers."""
    NamedLayers = Annotated[
        Any, BeforeValidator(_named_lists), HoldsLayers("named"), WithJsonSchema({"x-netspec": "named_layers"})
    ]
    """Lists of layers by name, two at least."""


def fields_with_words(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model by the words that a spec uses."""
    return {info.alias or name: info for name, info in model.model_fields.items()}


def layer_fields(model: type[BaseModel]) -> dict[str, HoldsLayers]:
    """The fields of a component that hold layers, and in which form."""
    marks = {name: _mark(info) for name, info in model.model_fields.items()}
    return {name: mark for name, mark in marks.items() if mark is not None}


def _mark(info: FieldInfo) -> HoldsLayers | None:
    return next((mark for mark in info.metadata if isinstance(mark, HoldsLayers)), None)


def _reference(value: object) -> object:
    if not isinstance(value, str):
        context = {"found": describe(value), "help": "write the `name` of a layer or block that stands above"}
        raise PydanticCustomError("ns204", "expected the name of a layer, found {found}", context)
    return value


Reference = Annotated[str, BeforeValidator(_reference), WithJsonSchema({"x-netspec": "reference"})]
"""The name of a layer or block that stands above."""


def _word(value: object) -> object:
    if not isinstance(value, str) or not NAME.match(value):
        message = "a block's type cannot be {found}"
        raise PydanticCustomError("ns210", message, {"found": quoted(value), "help": name_help(value)})
    return value


Word = Annotated[str, BeforeValidator(_word), WithJsonSchema({"x-netspec": "word"})]
"""A name that automatic names begin with."""


def _input_names(value: object) -> object:
    """The names that sources have inside a block, each once."""
    if not isinstance(value, (list, tuple)) or not value:
        raise PydanticCustomError(
            "ns204",
            "`inputs` takes a list of names, found {found}",
            {"found": describe(value), "help": "write `inputs: [below, skip]`"},
        )
    seen: set[str] = set()
    for index, name in enumerate(value):
        if not isinstance(name, str) or not NAME.match(name) or name == "above":
            help = "`above` is the layer above: choose another name" if name == "above" else name_help(name)
            message = "a block's input cannot be called {found}"
            raise PydanticCustomError("ns210", message, {"found": quoted(name), "help": help, "at": index})
        if name in seen:
            context = {"name": name, "help": "give each input a name of its own", "at": index}
            raise PydanticCustomError("ns304", "`{name}` is an input twice", context)
        seen.add(name)
    return tuple(value)


InputNames = Annotated[tuple[str, ...], BeforeValidator(_input_names), WithJsonSchema({"x-netspec": "names"})]
"""Names for what a block reads, in the order of its call's `from`."""


def _variables(value: object, info: ValidationInfo) -> object:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        context = {"field": info.field_name, "found": describe(value), "help": "write `vars: {filters: required, strides: 1}`"}
        raise PydanticCustomError("ns204", "`{field}` takes names with defaults, found {found}", context)
    return variables_named(value)


def variables_named(value: Mapping[str, object]) -> Mapping[str, object]:
    """The variables, if each can be called what it is called. Raises PydanticCustomError NS210."""
    wrong = next((name for name in value if not NAME.match(name)), None)
    if wrong is not None:
        context = {"name": wrong, "help": name_help(wrong), "below": wrong}
        raise PydanticCustomError("ns210", "a variable cannot be called `{name}`", context)
    return value


def _rounds(value: object, info: ValidationInfo) -> object:
    """Variables with a list of values each, all of one length."""
    field = info.field_name
    if not isinstance(value, Mapping) or not value or not all(isinstance(each, list) and each for each in value.values()):
        context = {"field": field, "found": describe(value), "help": f"for example `{field}: {{rate: [1, 2, 4, 8]}}`"}
        raise PydanticCustomError("ns204", "`{field}` takes variables with lists of values, found {found}", context)
    variables_named(value)
    lengths = {name: len(each) for name, each in value.items()}
    if len(set(lengths.values())) > 1:
        told = " and ".join(f"`{name}` has {length}" for name, length in lengths.items())
        context = {"field": field, "told": told, "help": "each list has one value for each round"}
        raise PydanticCustomError("ns205", "the lists of `{field}` differ in length: {told}", context)
    return value


class BindsVariables:
    """Says of a field that its keys are variables, which what stands below sees."""


Defaults = Annotated[dict[str, Any], BeforeValidator(_variables), BindsVariables(), WithJsonSchema({"x-netspec": "variables"})]
"""Variables with their defaults; `required` for one that has none."""
Rounds = Annotated[dict[str, Any], BeforeValidator(_rounds), BindsVariables(), WithJsonSchema({"x-netspec": "rounds"})]
"""Variables with a value for each round."""


def binding_fields(model: type[BaseModel]) -> tuple[str, ...]:
    """The fields of a component that bind variables."""
    fields = model.model_fields.items()
    return tuple(name for name, info in fields if any(isinstance(mark, BindsVariables) for mark in _marks(info)))


def _marks(info: FieldInfo) -> list[object]:
    """What is said of a field, of what it may be beside nothing too."""
    inner = (getattr(part, "__metadata__", ()) for part in getattr(info.annotation, "__args__", ()))
    return [*info.metadata, *chain(*inner)]
