"""The keys of a file that are no sections, and what stands below them: inputs, blocks, the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from netspec.components.base import Component, describe
from netspec.components.fields import NAME, Bool, Size, number_help, parse_count
from netspec.spec.fields import BindsVariables, Defaults, InputNames, Layers
from netspec.spec.section import Section
from netspec.spec.sections import DimSection
from netspec.tensor import Dim, DType, TensorType, named

_FREE = "leave the batch axis out: it is always there; another axis of any length has a name, such as `time`"


def _axes(value: object) -> object:
    if not isinstance(value, (list, tuple)):
        message = "an input needs a shape" if value is None else f"expected a list of sizes, found {describe(value)}"
        help = f"write [{value}]" if type(value) is int else number_help(value) or "for example [28, 28, 1]"
        raise PydanticCustomError("ns204", "{message}", {"message": message, "help": f"{help}, without the batch axis"})
    if not 1 <= len(value) <= 4:
        help = "leave the batch axis out: it is always there" if value else "a single number is `[1]`"
        context = {"count": len(value), "help": help}
        raise PydanticCustomError("ns402", "an input has one to four axes, found {count}", context)
    return value


def _axis(value: object) -> Dim:
    if isinstance(value, str) and NAME.match(value):
        return named(value)
    count = parse_count(value)
    if count is None:
        context = {"found": describe(value), "help": number_help(value) or _FREE}
        raise PydanticCustomError("ns204", "expected a size (a positive integer or a name), found {found}", context)
    if count < 1:
        raise PydanticCustomError("ns205", "a size is at least 1, found {count}", {"count": count, "help": _FREE})
    return count


Axis = Annotated[Dim, BeforeValidator(_axis), WithJsonSchema({"x-netspec": "size"})]


class InputSection(Component):
    """The shape of one example: `[28, 28, 1]`, or `{shape: [time], vocabulary: words}` for ids.

    ```yaml
    input: {shape: [time], vocabulary: words}
    model: {layers: [{embedding: 8}, global_avg_pool, {dense: 2}]}
    ```
    """

    short = "shape"
    shape: Annotated[tuple[Axis, ...], BeforeValidator(_axes), WithJsonSchema({"x-netspec": "shape"})] = Field(
        description="Sizes, without the batch axis; channels last.", examples=[[28, 28, 1]]
    )
    dtype: Literal["float32", "int32"] = Field("float32", description="What it holds; ids are `int32`.")
    vocabulary: Size | None = Field(None, description="The number of ids, where the input holds ids.", examples=[1000])

    @model_validator(mode="after")
    def _ids_are_whole(self) -> Self:
        if self.vocabulary is not None and self.dtype != "int32" and "dtype" in self.model_fields_set:
            context = {"help": "remove `dtype`", "at": "dtype"}
            raise PydanticCustomError("ns213", "a `vocabulary` belongs to ids, which are `int32`", context)
        return self

    def tensor(self, dims: Mapping[str, DimSection]) -> TensorType:
        """The input's type, with what is known of its dims."""
        dtype = "int32" if self.vocabulary is not None else self.dtype
        vocabulary = None if self.vocabulary is None else _known(self.vocabulary, dims)
        return TensorType(tuple(_known(dim, dims) for dim in self.shape), DType(dtype), vocabulary)


def _known(dim: Dim, dims: Mapping[str, DimSection]) -> Dim:
    known = dims.get(str(dim))
    return named(str(dim), known.multiple_of) if known else dim


class BlockSection(Component):
    """Layers with variables of their own; the last one is the block's output.

    ```yaml
    input: [16]
    blocks: {unit: {vars: {width: required}, layers: [{dense: $width}, relu]}}
    model: {layers: [{unit: 32}, {unit: {width: 8}}]}
    ```
    """

    vars: Defaults = Field(
        default_factory=dict,
        description="Variables with their defaults; `required` has none.",
        examples=[{"filters": "required"}],
    )
    inputs: InputNames = Field((), description="Names of what the call's `from` gives, in order.", examples=[["below", "skip"]])
    layers: Layers = Field(description="Its layers, which see its own variables and the file's.", examples=[[{"dense": 16}]])
    remat: Bool = Field(False, description="Computes the inner values again in the backward pass instead of keeping them.")


def _names(value: object) -> object:
    if not isinstance(value, (list, tuple)) or not value or not all(isinstance(name, str) for name in value):
        help = f"write `outputs: [{value}]`" if isinstance(value, str) else "for example `outputs: [kind, price]`"
        context = {"found": describe(value), "help": help}
        raise PydanticCustomError("ns204", "`outputs` takes a list of layer names, found {found}", context)
    return value


class ModelSection(Section):
    """What the network is: one kind of network, such as `layers`, or a family that expands to layers."""

    outputs: Annotated[tuple[str, ...], BeforeValidator(_names)] | None = Field(
        None,
        description="The layers whose values the network gives, where it is not just the last one.",
        examples=[["kind", "price"]],
    )


_NAME = {"type": "string", "pattern": "^[a-z][a-z0-9_-]*$", "maxLength": 100}


class SpecFile(Section):
    """A neural network: what it is, what feeds it, how it is trained, what it promises."""

    netspec: Literal[1] = Field(description="The version of the language.", examples=[1])
    name: Annotated[str, WithJsonSchema({"x-netspec": "file_name", **_NAME})] = Field(
        description="Names the run folder and the ONNX graph.", examples=["digits-cnn"]
    )
    description: str = Field("", description="What it is, in a sentence.", examples=["A small CNN for digits."])
    vars: Annotated[dict[str, Any], BindsVariables(), WithJsonSchema({"x-netspec": "variables"})] = Field(
        default_factory=dict,
        description="Variables: `$width` anywhere below, arithmetic as `$(width * 2)`; `--set width=64` overrides.",
        examples=[{"width": 32}],
    )
    dims: dict[str, DimSection] = Field(
        default_factory=dict, description="What is known of named dims.", examples=[{"time": {"min": 4, "max": 512}}]
    )
    input: InputSection | None = Field(
        None, description="The one input, without the batch axis; channels last.", examples=[[28, 28, 1]]
    )
    inputs: dict[str, InputSection] | None = Field(
        None,
        description="Several inputs by name; every layer that starts a path then says `from`.",
        examples=[{"photo": [64, 64, 3]}],
    )
    blocks: dict[str, BlockSection] = Field(
        default_factory=dict,
        description="Reusable pieces, called like a layer.",
        examples=[{"unit": {"vars": {"filters": "required"}, "layers": [{"dense": "$filters"}]}}],
    )
    model: ModelSection = Field(
        description="What the network is: `layers`, or a family that expands to layers.",
        examples=[{"mlp": {"hidden": [64], "output": 10}}],
    )
