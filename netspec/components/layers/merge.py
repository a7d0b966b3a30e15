"""Layers that join several tensors into one. In a spec a merging layer's value is its inputs."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from netspec.components.fields import Int, Texts
from netspec.components.layers.activation import logical_axis
from netspec.components.layers.base import Arrays, Forward, Layer, Lengths
from netspec.diagnostics import Problem
from netspec.emit import Emitter, Value
from netspec.tensor import Dim, TensorType, deciding_multiple, total

if TYPE_CHECKING:
    from flax import nnx


class Merge(Layer):
    """A layer with two inputs or more."""

    short = "inputs"
    lengths: ClassVar[Lengths] = "passes"
    time_major: ClassVar[bool] = True
    least_inputs = 2
    most_inputs: ClassVar[int | None] = None
    operator: ClassVar[str] = ""
    inputs: Texts = Field((), description="Names of the layers to join; `above` is the layer above.")

    def combine(self) -> Callable[[Any, Any], Any]:
        """The JAX function of two arrays."""
        raise NotImplementedError

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        return (TensorType(reduce(self._joined, (x.shape for x in inputs)), inputs[0].dtype),)

    def _joined(self, a: tuple[Dim, ...], b: tuple[Dim, ...]) -> tuple[Dim, ...]:
        if len(a) != len(b):
            raise different_ranks(self.type, TensorType(a), TensorType(b))
        return tuple(self._one(x, y, TensorType(a), TensorType(b)) for x, y in zip(a, b, strict=True))

    def _one(self, x: Dim, y: Dim, a: TensorType, b: TensorType) -> Dim:
        if x == y or y == 1:
            return x
        if x == 1:
            return y
        raise disagreement(self.type, x, y, a, b)

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        combine = self.combine()
        return lambda *arrays: reduce(combine, arrays)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        return reduce(lambda a, b: g.op(self.operator, [a, b]), g.agree(inputs))


def different_ranks(layer: str, a: TensorType, b: TensorType) -> Problem:
    """The problem of two tensors whose numbers of axes differ."""
    help = "bring both to one number of axes: by `- flatten`, `- global_avg_pool` or `- reshape: [...]`"
    return Problem("NS404", f"`{layer}` cannot join {a} and {b}", caption="different numbers of axes", help=help)


def disagreement(layer: str, x: Dim, y: Dim, a: TensorType, b: TensorType) -> Problem:
    """The problem of two lengths that differ, or that nobody can prove equal."""
    if isinstance(x, int) and isinstance(y, int):
        help = "make them equal: `padding: same` keeps a size, `crop: {like: NAME}` cuts the larger one"
        if a.shape[:-1] == b.shape[:-1]:
            help = "give both the same size" + (", or join them by `concat`" if layer != "concat" else "")
        return Problem("NS404", f"`{layer}` cannot join {a} and {b}", caption=f"{x} is not {y}", help=help)
    decided = deciding_multiple(x, y)
    help = "one name is one length: use the same name, or the same number, for both"
    if decided:
        help = f"`dims: {{{decided[0]}: {{multiple_of: {decided[1]}}}}}` would prove it"
    return Problem("NS407", f"`{layer}` joins {a} and {b}, but `{x}` and `{y}` may differ", help=help)


class Add(Merge):
    """The sum. ONNX: Add.

    ```yaml
    input: [4]
    model: {layers: [{dense: 4, name: a}, {dense: 4, name: b}, {add: [a, b]}]}
    ```
    """

    type = "add"
    operator = "Add"

    def combine(self) -> Callable[[Any, Any], Any]:
        return lambda a, b: a + b


class Subtract(Merge):
    """The first less the second. ONNX: Sub.

    ```yaml
    input: [4]
    model: {layers: [{dense: 4, name: a}, {dense: 4, name: b}, {subtract: [a, b]}]}
    ```
    """

    type = "subtract"
    operator = "Sub"
    most_inputs = 2

    def combine(self) -> Callable[[Any, Any], Any]:
        return lambda a, b: a - b


class Multiply(Merge):
    """The product, element by element. ONNX: Mul.

    ```yaml
    input: [4]
    model: {layers: [{dense: 4, name: a}, {dense: 4, name: b}, {multiply: [a, b]}]}
    ```
    """

    type = "multiply"
    operator = "Mul"

    def combine(self) -> Callable[[Any, Any], Any]:
        return lambda a, b: a * b


class Average(Merge):
    """The mean of the inputs. ONNX: Add and Mul.

    ```yaml
    input: [4]
    model: {layers: [{dense: 4, name: a}, {dense: 4, name: b}, {average: [a, b]}]}
    ```
    """

    type = "average"

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        return lambda *arrays: reduce(lambda a, b: a + b, arrays) * (1 / len(arrays))

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        summed = reduce(lambda a, b: g.op("Add", [a, b]), g.agree(inputs))
        return g.op("Mul", [summed, g.constant(1 / len(inputs))])


class Maximum(Merge):
    """The larger of the inputs, element by element. ONNX: Max.

    ```yaml
    input: [4]
    model: {layers: [{dense: 4, name: a}, {dense: 4, name: b}, {maximum: [a, b]}]}
    ```
    """

    type = "maximum"
    operator = "Max"

    def combine(self) -> Callable[[Any, Any], Any]:
        import jax.numpy as jnp

        return jnp.maximum

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        return g.op("Max", g.agree(inputs))


class Concat(Merge):
    """The inputs one behind the other along an axis. ONNX: Concat.

    ```yaml
    input: [4]
    model: {layers: [{dense: 4, name: a}, {dense: 2, name: b}, {concat: [a, b]}]}
    ```
    """

    type = "concat"
    takes_ids = True
    axis: Int = Field(-1, description="The axis that grows; 1 is the first after the batch, -1 the last.")

    def length_rule(self, inputs: Sequence[TensorType]) -> Lengths:
        # Behind a sequence that ends early its filling would stand, and then the next one.
        return "refuses" if logical_axis(self.type, self.axis, inputs[0]) == 1 else "passes"

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        first = inputs[0]
        if len({(x.dtype, x.vocabulary) for x in inputs}) > 1:
            help = (
                "add `- embedding: 64` to the way of the ids"
                if len({x.dtype for x in inputs}) > 1
                else "give both one `vocabulary`"
            )
            raise Problem("NS408", "`concat` cannot join ids with numbers, or with ids of another vocabulary", help=help)
        axis = logical_axis(self.type, self.axis, first) - 1
        for other in inputs[1:]:
            if other.rank != first.rank:
                raise different_ranks(self.type, first, other)
            for i, (x, y) in enumerate(zip(first.shape, other.shape, strict=True)):
                if i != axis and x != y:
                    raise disagreement(self.type, x, y, first, other)
        joined = total(x.shape[axis] for x in inputs)
        return (TensorType((*first.shape[:axis], joined, *first.shape[axis + 1 :]), first.dtype, first.vocabulary),)

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        import jax.numpy as jnp

        axis = logical_axis(self.type, self.axis, inputs[0])
        return lambda *arrays: jnp.concatenate(arrays, axis=axis)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        values = g.agree(inputs)
        axis = logical_axis(self.type, self.axis, values[0].type)
        return g.op("Concat", values, axis=g.axis(values[0], axis))


LAYERS = (Add, Subtract, Multiply, Average, Maximum, Concat)
