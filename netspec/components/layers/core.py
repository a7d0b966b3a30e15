"""Core layers: dense, noise, and those that only move elements."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from netspec.components.base import describe
from netspec.components.fields import Bool, Int, NotNegative, Rate, Size
from netspec.components.initializers import Initializer, Ones, Uniform, Zeros
from netspec.components.layers.base import (
    Arrays,
    Forward,
    KernelLayer,
    Layer,
    Weight,
    WeightedLayer,
    static_size,
)
from netspec.diagnostics import Problem
from netspec.emit import Emitter, Flattened, Value
from netspec.tensor import INTEGERS, Dim, DType, TensorType, product

if TYPE_CHECKING:
    from flax import nnx


class Dense(KernelLayer):
    """A matrix product on the last axis, plus a bias: `y = x @ kernel + bias`.

    `[..., in]` becomes `[..., units]`; the kernel is `[in, units]`. ONNX: Gemm, or MatMul and Add.

    ```yaml
    input: [4]
    model: {layers: [{dense: {units: 3, activation: relu}}]}
    ```
    """

    type = "dense"
    time_major = True
    lengths = "passes"
    short = "units"
    units: Size = Field(description="Size of the last axis of the result.")

    def output(self, x: TensorType) -> TensorType:
        return TensorType((*x.shape[:-1], self.units))

    def parameters(self, inputs: Sequence[TensorType]) -> dict[str, Weight]:
        return self.kernel_and_bias((inputs[0].shape[-1], self.units), self.units)

    def flops(self, inputs: Sequence[TensorType]) -> Dim:
        return product(inputs[0].shape) * self.units * 2

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        from flax import nnx

        size = static_size(inputs[0].shape[-1], "the input's last axis")
        units = static_size(self.units, "`units`")
        return self.normalized(nnx.Linear(size, units, use_bias=self.use_bias, rngs=rngs, **self.initializers()), rngs)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        x, weights = inputs[0], self.inference_weights(weights)
        kernel = weights["kernel"]
        if x.type.rank > 1:
            y = g.op("MatMul", [g.features_last(x), g.weight("kernel", kernel)])
            return g.op("Add", [y, g.weight("bias", weights["bias"])]) if self.use_bias else y
        if isinstance(x.layout, Flattened):
            # The vector lies channels first: move the kernel's rows instead of the data.
            *spatial, channels = x.layout.shape
            kernel = kernel.reshape(*spatial, channels, -1)
            kernel = kernel.transpose(len(spatial), *range(len(spatial)), len(spatial) + 1).reshape(-1, kernel.shape[-1])
        bias = [g.weight("bias", weights["bias"])] if self.use_bias else []
        return g.op("Gemm" if bias else "MatMul", [x, g.weight("kernel", kernel), *bias], layout="channels_last")


class Dropout(Layer):
    """Sets a random share of elements to zero while training and scales up the rest (Srivastava et al. 2014).

    ```yaml
    input: [4]
    model: {layers: [{dropout: 0.5}]}
    ```
    """

    type = "dropout"
    short = "rate"
    stochastic = True
    elementwise = True
    rate: Rate = Field(description="Share of elements set to zero, from 0 up to but not including 1.")

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        from flax import nnx

        return nnx.Dropout(self.rate)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        return inputs[0]


class SpatialDropout(Layer):
    """Drops whole channels of an image or series while training (Tompson et al. 2015).

    ```yaml
    input: [8, 8, 3]
    model: {layers: [{spatial_dropout: 0.5}]}
    ```
    """

    type = "spatial_dropout"
    short = "rate"
    stochastic = True
    elementwise = True
    rate: Rate = Field(description="Share of channels set to zero, from 0 up to but not including 1.")

    def output(self, x: TensorType) -> TensorType:
        if x.rank < 2:
            raise Problem("NS402", f"`spatial_dropout` needs spatial axes, but gets {x}", help="use `dropout` for a vector")
        return x

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        from flax import nnx

        return nnx.Dropout(self.rate, broadcast_dims=tuple(range(1, inputs[0].rank)))

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        return inputs[0]


class GaussianNoise(Layer):
    """Adds normal noise while training.

    ```yaml
    input: [4]
    model: {layers: [{gaussian_noise: 0.1}]}
    ```
    """

    type = "gaussian_noise"
    short = "stddev"
    stochastic = True
    elementwise = True
    stddev: NotNegative = Field(description="Standard deviation of the noise.")

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        from netspec.ops.noise import GaussianNoise as Noise

        return Noise(self.stddev)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        return inputs[0]


class Flatten(Layer):
    """One vector an example, in row-major order, channels last. ONNX: Flatten.

    ```yaml
    input: [4, 4, 2]
    model: {layers: [flatten]}
    ```
    """

    type = "flatten"
    takes_ids = True
    lengths = "refuses"

    def output(self, x: TensorType) -> TensorType:
        return TensorType((x.elements,), x.dtype, x.vocabulary)

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        return lambda x: x.reshape(x.shape[0], -1)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        x = inputs[0]
        if x.type.rank == 1:
            return x
        sizes = [dim for dim in x.type.shape if isinstance(dim, int)]
        moved = x.layout == "channels_first" and sum(size > 1 for size in x.type.shape[:-1] if isinstance(size, int)) > 0
        if moved and len(sizes) < x.type.rank:
            x, moved = g.channels_last(x), False
        return g.op("Flatten", [x], axis=1, layout=Flattened(tuple(sizes)) if moved else "channels_last")


def _target_shape(value: object) -> tuple[int, ...]:
    if not isinstance(value, (list, tuple)) or not value or not all(type(size) is int for size in value):
        found = describe(value)
        raise PydanticCustomError("ns204", "expected a list of sizes such as [7, 7, 64], found {found}", {"found": found})
    wrong = next((size for size in value if size < 1 and size != -1), None)
    if wrong is not None or list(value).count(-1) > 1:
        message = "only one size can be -1" if wrong is None else f"a size is at least 1, found {wrong}"
        help = "-1 stands for what the other sizes leave; the batch axis is not written"
        raise PydanticCustomError("ns205", "{message}", {"message": message, "help": help})
    return tuple(value)


class Reshape(Layer):
    """The same elements in another shape, in row-major order, channels last. ONNX: Reshape.

    ```yaml
    input: [12]
    model: {layers: [{reshape: [2, 2, 3]}]}
    ```
    """

    type = "reshape"
    takes_ids = True
    short = "shape"
    lengths = "refuses"
    shape: Annotated[tuple[int, ...], BeforeValidator(_target_shape)] = Field(
        description="The new shape without the batch axis; one size may be -1, what is left."
    )

    def output(self, x: TensorType) -> TensorType:
        known = product(size for size in self.shape if size != -1)
        assert isinstance(known, int)
        if -1 not in self.shape:
            if known != x.elements:
                message = f"{x} has {x.elements} elements, but {list(self.shape)} has {known}"
                raise Problem("NS406", message, help=self._fitting(x), field="shape")
            return TensorType(self.shape, x.dtype, x.vocabulary)
        rest = x.elements // known
        if rest * known != x.elements:
            message = f"the {x.elements} elements of {x} do not divide by {known}"
            raise Problem("NS406", message, help="the sizes beside -1 must divide the number of elements", field="shape")
        return TensorType(tuple(rest if size == -1 else size for size in self.shape), x.dtype, x.vocabulary)

    def _fitting(self, x: TensorType) -> str:
        """The shape with the last size that would keep every element, where there is one."""
        others = product(self.shape[:-1])
        last = x.elements // others if isinstance(x.elements, int) and isinstance(others, int) else 0
        if last and last * others == x.elements:
            return f"write {[*self.shape[:-1], last]}, or make the layer above fit"
        return "-1 in place of one size is what the others leave"

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        shape = self.shape
        return lambda x: x.reshape(x.shape[0], *shape)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        shape = g.shape_of(self.output(inputs[0].type).shape)
        return g.op("Reshape", [g.channels_last(inputs[0]), shape], layout="channels_last")


class Permute(Layer):
    """Reorders the axes; 1 is the first after the batch. ONNX: Transpose.

    ```yaml
    input: [4, 6]
    model: {layers: [{permute: [2, 1]}]}
    ```
    """

    type = "permute"
    takes_ids = True
    short = "axes"
    lengths = "refuses"
    axes: tuple[Int, ...] = Field(description="The old position of each new axis, counted from 1.")

    def output(self, x: TensorType) -> TensorType:
        if sorted(self.axes) != list(range(1, x.rank + 1)):
            expected = ", ".join(str(axis) for axis in range(1, x.rank + 1))
            batch = "; 0 is the batch, which stays first and is not written" if 0 in self.axes else ""
            help = f"the position that each axis has now, counted from 1{batch}"
            raise Problem("NS405", f"`axes` must hold each of {expected} once for {x}", help=help, field="axes")
        return TensorType(tuple(x.shape[axis - 1] for axis in self.axes), x.dtype, x.vocabulary)

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        axes = (0, *self.axes)
        return lambda x: x.transpose(axes)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        return g.op("Transpose", [g.channels_last(inputs[0])], perm=[0, *self.axes], layout="channels_last")


class Embedding(WeightedLayer):
    """A learnt vector for each id: `[...]` of ids becomes `[..., output_dim]`. ONNX: Gather.

    ```yaml
    input: {shape: [6], vocabulary: 20}
    model: {layers: [{embedding: 8}]}
    ```
    """

    type = "embedding"
    takes_ids = True
    lengths = "passes"
    short = "output_dim"
    output_dim: Size = Field(description="Length of each vector.")
    input_dim: Size | None = Field(None, description="Number of ids; by default the input's `vocabulary`.", examples=[1000])
    embeddings_initializer: Initializer = Field(default_factory=Uniform, description="How the vectors start.")

    def output(self, x: TensorType) -> TensorType:
        if x.dtype not in INTEGERS:
            raise Problem(
                "NS408",
                f"`embedding` needs ids, but gets numbers {x}",
                help="write the input as `{shape: [...], vocabulary: N}`",
            )
        self._rows(x)
        return TensorType((*x.shape, self.output_dim))

    def _rows(self, x: TensorType) -> Dim:
        rows = x.vocabulary if self.input_dim is None else self.input_dim
        if rows is None:
            raise Problem("NS202", "`embedding` does not know how many ids there are", help="set `vocabulary` on the input")
        if isinstance(rows, int) and isinstance(x.vocabulary, int) and rows < x.vocabulary:
            raise Problem("NS205", f"`input_dim` is {rows}, but the input has {x.vocabulary} ids", field="input_dim")
        return rows

    def parameters(self, inputs: Sequence[TensorType]) -> dict[str, Weight]:
        return {"embedding": Weight((self._rows(inputs[0]), self.output_dim), self.trainable)}

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        from flax import nnx

        rows = static_size(self._rows(inputs[0]), "the vocabulary")
        width = static_size(self.output_dim, "`output_dim`")
        return nnx.Embed(rows, width, embedding_init=self.embeddings_initializer.jax(), rngs=rngs)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        return g.op("Gather", [g.weight("embedding", weights["embedding"]), g.channels_last(inputs[0])], axis=0)


class Identity(Layer):
    """Passes its input on unchanged.

    ```yaml
    input: [4]
    model: {layers: [identity]}
    ```
    """

    type = "identity"
    takes_ids = True
    elementwise = True

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        return lambda x: x

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        return inputs[0]


class Scale(WeightedLayer):
    """A learnt factor for each channel, and a bias if asked for: `y = x * scale + bias`.

    ```yaml
    input: [4, 4, 3]
    model: {layers: [{scale: {use_bias: true}}]}
    ```
    """

    type = "scale"
    lengths = "passes"
    use_bias: Bool = Field(False, description="Adds a learnt bias for each channel.")
    scale_initializer: Initializer = Field(default_factory=Ones, description="How the factors start.")
    bias_initializer: Initializer = Field(default_factory=Zeros, description="How the bias starts.")

    def output(self, x: TensorType) -> TensorType:
        return TensorType(x.shape, DType.float32)

    def parameters(self, inputs: Sequence[TensorType]) -> dict[str, Weight]:
        weight = Weight((inputs[0].shape[-1],), self.trainable)
        return {"scale": weight, **({"bias": weight} if self.use_bias else {})}

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        from netspec.ops.norm import Scale as ScaleModule

        size = static_size(inputs[0].shape[-1], "the number of channels")
        bias_init = self.bias_initializer.jax() if self.use_bias else None
        return ScaleModule(size, scale_init=self.scale_initializer.jax(), bias_init=bias_init, rngs=rngs)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        x = inputs[0]
        y = g.op("Mul", [x, g.channel_constant(x, weights["scale"], "scale")])
        return g.op("Add", [y, g.channel_constant(x, weights["bias"], "bias")]) if self.use_bias else y


LAYERS: tuple[type[Layer], ...] = (
    Dense, Dropout, SpatialDropout, GaussianNoise, Flatten, Reshape, Permute, Embedding, Identity, Scale,
)  # fmt: skip
