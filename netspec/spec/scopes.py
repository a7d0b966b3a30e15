"""Scopes: the items of a list of layers that hold layers of their own, or stand for some.

A scope is its class here, a line in `SCOPES`, and its rule in `graph.rules`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from netspec.components.base import Choice, Component, describe, quoted
from netspec.components.fields import Bool, Count
from netspec.components.layers import MERGES, Merge
from netspec.components.layers.merge import Concat
from netspec.diagnostics import suggest
from netspec.source import Plain
from netspec.spec.fields import HoldsLayers, InputNames, Layers, NamedLayers, Reference, Rounds, Word
from netspec.spec.section import refused


class Scope(Component):
    """An item that holds layers, or stands for some. `snippet` is what completion writes after its key."""

    snippet: ClassVar[str] = ""
    needs_from: ClassVar[bool] = False
    """What it reads is always said."""
    alternatives: ClassVar[tuple[str, ...]] = ()
    """Fields of which exactly one stands."""
    multiplies: ClassVar[str] = ""
    """The field that says how often its layers stand."""

    @property
    def word(self) -> str:
        """What automatic names begin with."""
        return self.type

    def rounds(self) -> Sequence[Mapping[str, Plain]] | None:
        """The variables of each round that its layers are read for; None where they are read once."""
        return None


def _shortcut(value: object) -> object:
    if value in ("project", None) or isinstance(value, (list, tuple)):
        return value
    raise refused(f"`shortcut` cannot be {describe(value)}", "write `project`, or a list of layers")


if TYPE_CHECKING:
    Shortcut: TypeAlias = Literal["project"] | Layers | None
    MergeChoice: TypeAlias = Merge
else:
    Shortcut = Annotated[Any, BeforeValidator(_shortcut), HoldsLayers("perhaps"), WithJsonSchema({"x-netspec": "shortcut"})]
    MergeChoice = Annotated[
        Any, BeforeValidator(lambda value: _merge(value)), Choice(lambda: MERGES), WithJsonSchema({"x-netspec": "merge"})
    ]


def _merge(value: object) -> Merge:
    """A way to join tensors by its name, or `concat` with its fields."""
    if isinstance(value, Merge):
        return value
    if isinstance(value, str) and value in MERGES:
        return MERGES[value]()
    if isinstance(value, Mapping) and list(value) == [Concat.type]:
        return Concat.model_validate(Concat.fields_from(value[Concat.type]))
    context = {"found": quoted(value), "help": suggest(value, MERGES)}
    raise PydanticCustomError("ns206", "unknown merge {found}", context)


class Residual(Scope):
    """Adds its input to what its layers make of it: `y = x + f(x)`.

    ```yaml
    input: [16]
    model: {layers: [{residual: [{dense: 16}, relu]}]}
    ```
    """

    type = "residual"
    short = "layers"
    snippet = "\n    - $1"
    layers: Layers = Field(description="What is made of the input.", examples=[[{"dense": 16}]])
    shortcut: Shortcut = Field(
        None,
        description="`project` fits the input by a 1x1 convolution and batch norm where shapes differ; or layers.",
        examples=["project"],
    )


class Parallel(Scope):
    """Several named paths from the same tensor, merged.

    ```yaml
    input: [16]
    model: {layers: [{parallel: {paths: {wide: [{dense: 32}], deep: [{dense: 8}, {dense: 8}]}, merge: concat}}]}
    ```
    """

    type = "parallel"
    snippet = "\n    paths:\n      ${1:wide}:\n        - $2\n      ${3:deep}:\n        - $4\n    merge: ${5:concat}"
    paths: NamedLayers = Field(
        description="The paths by name; their order counts.", examples=[{"wide": [{"dense": 32}], "deep": [{"dense": 8}]}]
    )
    merge: MergeChoice = Field("concat", validate_default=True, description="How their results are joined.")


class Repeat(Scope):
    """The layers several times, each round with its own weights.

    ```yaml
    input: [16]
    model: {layers: [{repeat: {times: 3, layers: [{dense: 16}, relu]}}]}
    ```
    """

    type = "repeat"
    alternatives = ("times", "over")
    multiplies = "times"
    snippet = "\n    times: ${1:3}\n    layers:\n      - $2"
    times: Count | None = Field(None, description="How many rounds.", examples=[3])
    over: Rounds | None = Field(
        None,
        description="Variables with a value for each round: `{rate: [1, 2, 4]}` is `$rate` inside.",
        examples=[{"rate": [1, 2, 4]}],
    )
    layers: Layers = Field(description="The layers of a round.", examples=[[{"dense": 16}]])

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.times is None) == (self.over is None):
            both = self.times is not None
            message = "`times` and `over` exclude each other" if both else "`repeat` needs `times` or `over`"
            help = "write `times: 3`, or `over: {rate: [1, 2, 4]}` for a variable that changes from round to round"
            context = {"message": message, "help": help, **({"below": "over"} if both else {"key": True})}
            raise PydanticCustomError("ns213" if both else "ns202", "{message}", context)
        return self

    def rounds(self) -> Sequence[Mapping[str, Plain]] | None:
        if self.over is None:
            return None
        return [dict(zip(self.over, each, strict=True)) for each in zip(*self.over.values(), strict=True)]


class Share(Scope):
    """The named layer or block once more: the same weights.

    ```yaml
    inputs: {left: [8], right: [8]}
    model: {layers: [{dense: 4, name: tower, from: left}, {share: tower, from: right, name: other}, {add: [tower, other]}]}
    ```
    """

    type = "share"
    short = "target"
    snippet = "${1:tower}\n  from: ${2:right}"
    needs_from = True
    target: Reference = Field(description="The layer or block whose weights are meant.", examples=["tower"])


class Block(Scope):
    """Layers as a scope of their own, the form that a block's call expands to.

    ```yaml
    input: [16]
    model: {layers: [{block: {layers: [{dense: 16}, relu]}, name: stem}]}
    ```
    """

    type = "block"
    snippet = "\n    layers:\n      - $1"
    kind: Word = Field("block", alias="type", description="The word in automatic names.")
    layers: Layers = Field(description="Its layers; the last one is its output.", examples=[[{"dense": 16}]])
    inputs: InputNames = Field((), description="What it reads.", examples=[["below", "skip"]])
    remat: Bool = Field(False, description="Computes the inner values again in the backward pass instead of keeping them.")

    @property
    def word(self) -> str:
        return self.kind

    @classmethod
    def called(cls, kind: str, layers: Layers, inputs: tuple[str, ...] = (), remat: bool = False) -> Block:
        """What a call of a block of the file stands for."""
        return cls.model_construct(kind=kind, layers=layers, inputs=inputs, remat=remat)  # all of it is validated already


SCOPES: dict[str, type[Scope]] = {scope.type: scope for scope in (Residual, Parallel, Repeat, Share, Block)}
