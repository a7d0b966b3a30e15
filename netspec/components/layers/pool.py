"""Pooling, and the layers that change the spatial size without weights."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from netspec.components.fields import Amounts, Bool, Float, Padding, Window
from netspec.components.layers.base import Arrays, Forward, Layer, expect_rank, static_size
from netspec.components.layers.window import Pads, explicit_pads, onnx_pads, per_axis, slide
from netspec.diagnostics import Problem
from netspec.emit import Emitter, Value
from netspec.tensor import TensorType

if TYPE_CHECKING:
    from flax import nnx

_SHAPES = {
    1: "a series [time, channels]",
    2: "an image [height, width, channels]",
    3: "a volume [depth, height, width, channels]",
}


class Pool(Layer):
    """What all pools share: a window that slides."""

    rank: ClassVar[int] = 2
    short = "pool_size"
    lengths = "refuses"
    operator: ClassVar[str] = "MaxPool"
    pool_size: Window = Field(2, description="Size of the window: one number, or one for each spatial axis.")
    strides: Window | None = Field(
        None, description="Step of the window; by default its size, so windows do not overlap.", examples=[2]
    )
    padding: Padding = Field("valid", description="`valid`, `same`, or a number, or a [before, after] pair an axis.")

    def windows(self) -> tuple[int, ...]:
        """The window, one size for each spatial axis."""
        return per_axis(self, "pool_size", self.rank)

    def steps(self) -> tuple[int, ...]:
        """The strides, one for each spatial axis."""
        return self.windows() if self.strides is None else per_axis(self, "strides", self.rank)

    def pads(self) -> str | Pads:
        """`same`, `valid`, or a pair for each axis."""
        pads = explicit_pads(self, self.padding, self.rank)
        if pads and any(max(pair) >= window for pair, window in zip(pads, self.windows(), strict=True)):
            raise Problem(
                "NS205",
                f"a padding of {max(max(pair) for pair in pads)} is not smaller than the pool of {list(self.windows())}",
                help="make it smaller, or write `padding: same`",
                field="padding",
            )
        return pads or str(self.padding)

    def output(self, x: TensorType) -> TensorType:
        expect_rank(self, x, self.rank + 1, _SHAPES[self.rank])
        windows, strides, pads = self.windows(), self.steps(), self.pads()
        spatial = (
            slide(
                x.shape[i],
                windows[i],
                strides[i],
                pads if isinstance(pads, str) else pads[i],
                what="a pool",
                where=str(x),
            )
            for i in range(self.rank)
        )
        return TensorType((*spatial, x.shape[-1]))

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        x = inputs[0]
        pads = onnx_pads(x.type.shape[:-1], self.windows(), self.steps(), self.pads())
        placing: dict[str, Any] = {"auto_pad": "SAME_UPPER"} if pads is None else {"pads": pads}
        return g.op(self.operator, [g.channels_first(x)], kernel_shape=self.windows(), strides=self.steps(), **placing)


class _MaxPool(Pool):
    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        from netspec.ops.pool import max_pool

        windows, strides, pads = self.windows(), self.steps(), self.pads()
        return lambda x: max_pool(x, windows, strides, pads)


class _AvgPool(Pool):
    operator = "AveragePool"

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        from netspec.ops.pool import avg_pool

        windows, strides, pads = self.windows(), self.steps(), self.pads()
        return lambda x: avg_pool(x, windows, strides, pads)


class MaxPool1d(_MaxPool):
    """The largest value in each window of a series. ONNX: MaxPool.

    ```yaml
    input: [8, 3]
    model: {layers: [{max_pool1d: 2}]}
    ```
    """

    type = "max_pool1d"
    rank = 1


class MaxPool2d(_MaxPool):
    """The largest value in each window of an image. ONNX: MaxPool.

    ```yaml
    input: [7, 7, 3]
    model: {layers: [{max_pool2d: {pool_size: 3, strides: 2, padding: same}}]}
    ```
    """

    type = "max_pool2d"


class MaxPool3d(_MaxPool):
    """The largest value in each window of a volume. ONNX: MaxPool.

    ```yaml
    input: [4, 4, 4, 3]
    model: {layers: [{max_pool3d: 2}]}
    ```
    """

    type = "max_pool3d"
    rank = 3


class AvgPool1d(_AvgPool):
    """The mean of each window of a series; padding does not count. ONNX: AveragePool.

    ```yaml
    input: [8, 3]
    model: {layers: [{avg_pool1d: 2}]}
    ```
    """

    type = "avg_pool1d"
    rank = 1


class AvgPool2d(_AvgPool):
    """The mean of each window of an image; padding does not count. ONNX: AveragePool.

    ```yaml
    input: [7, 7, 3]
    model: {layers: [{avg_pool2d: {pool_size: 2, padding: same}}]}
    ```
    """

    type = "avg_pool2d"


class AvgPool3d(_AvgPool):
    """The mean of each window of a volume; padding does not count. ONNX: AveragePool.

    ```yaml
    input: [4, 4, 4, 3]
    model: {layers: [{avg_pool3d: 2}]}
    ```
    """

    type = "avg_pool3d"
    rank = 3


class _GlobalPool(Layer):
    lengths = "uses"
    operator: ClassVar[str] = ""
    keepdims: Bool = Field(False, description="Keeps the spatial axes, each of size 1.")

    def reduction(self) -> Callable[..., Any]:
        """The JAX reduction, of an array with `axis`, `keepdims` and perhaps `where` and `initial`."""
        raise NotImplementedError

    def output(self, x: TensorType) -> TensorType:
        if x.rank < 2:
            raise Problem("NS402", f"`{self.type}` needs spatial axes, but gets {x}", caption="gets a vector")
        return TensorType((*(1 for _ in x.shape[:-1]), x.shape[-1]) if self.keepdims else x.shape[-1:])

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        import jax.numpy as jnp

        reduction, keepdims, rank = self.reduction(), self.keepdims, inputs[0].rank
        axes = tuple(range(1, rank))

        def pool(x: Any, *, lengths: Any = None) -> Any:
            if lengths is None:
                return reduction(x, axis=axes, keepdims=keepdims)
            valid = jnp.arange(x.shape[1])[None, :] < lengths[:, None]
            return reduction(x, axis=axes, keepdims=keepdims, where=valid.reshape(*valid.shape, *(1,) * (rank - 1)))

        return pool

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        x = inputs[0]
        if g.lengths_of(x) is not None:
            x = self.onnx_masked(g, x)
        axes = [g.axis(x, axis) for axis in range(1, x.type.rank)]
        y = g.op(
            self.operator,
            [x, g.integers(axes)],
            layout=None if self.keepdims else "channels_last",
            keepdims=int(self.keepdims),
        )
        return self.onnx_corrected(g, x, y)

    def onnx_masked(self, g: Emitter, x: Value) -> Value:
        """The sequence with what does not count made harmless."""
        raise NotImplementedError

    def onnx_corrected(self, g: Emitter, x: Value, y: Value) -> Value:
        """The result, for those steps alone that count."""
        return y


class GlobalMaxPool(_GlobalPool):
    """The largest value of each channel: `[*spatial, channels]` becomes `[channels]`. ONNX: ReduceMax.

    ```yaml
    input: [4, 4, 3]
    model: {layers: [global_max_pool]}
    ```
    """

    type = "global_max_pool"
    operator = "ReduceMax"

    def reduction(self) -> Callable[..., Any]:
        from netspec.ops.pool import largest

        return largest

    def onnx_masked(self, g: Emitter, x: Value) -> Value:
        return g.masked(x, float("-inf"))


class GlobalAvgPool(_GlobalPool):
    """The mean of each channel: `[*spatial, channels]` becomes `[channels]`. ONNX: ReduceMean.

    ```yaml
    input: [4, 4, 3]
    model: {layers: [global_avg_pool]}
    ```
    """

    type = "global_avg_pool"
    operator = "ReduceMean"

    def reduction(self) -> Callable[..., Any]:
        import jax.numpy as jnp

        return jnp.mean

    def onnx_masked(self, g: Emitter, x: Value) -> Value:
        return g.masked(x)

    def onnx_corrected(self, g: Emitter, x: Value, y: Value) -> Value:
        lengths = g.lengths_of(x)
        if lengths is None:
            return y
        # The mean was taken over all steps: those that were zeroed do not count.
        share = g.op("Div", [g.op("Cast", [g.steps_of(x)], to=1), g.op("Cast", [lengths], to=1)])
        ones = range(1, x.type.rank + 1 if self.keepdims else 2)
        return g.op("Mul", [y, g.op("Unsqueeze", [share, g.integers(list(ones))])])


def _spatial_rank(layer: Layer, x: TensorType) -> int:
    if not 2 <= x.rank <= 4:
        raise Problem("NS402", f"`{layer.type}` needs a series, an image or a volume, but gets {x}")
    return x.rank - 1


class Upsample(Layer):
    """Makes an image (or series, or volume) larger by whole factors. ONNX: Resize.

    ```yaml
    input: [4, 4, 3]
    model: {layers: [{upsample: {size: 2, interpolation: bilinear}}]}
    ```
    """

    type = "upsample"
    short = "size"
    lengths = "refuses"
    size: Window = Field(2, description="Factor: one number, or one for each spatial axis.")
    interpolation: Literal["nearest", "bilinear"] = Field("nearest", description="`nearest` repeats, `bilinear` blends.")

    def _factors(self, x: TensorType) -> tuple[int, ...]:
        return per_axis(self, "size", _spatial_rank(self, x))

    def output(self, x: TensorType) -> TensorType:
        factors = self._factors(x)
        return TensorType((*(size * factor for size, factor in zip(x.shape, factors, strict=False)), x.shape[-1]))

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        from netspec.ops.pool import upsample

        factors, method = self._factors(inputs[0]), self.interpolation
        return lambda x: upsample(x, factors, method)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        x = g.channels_first(inputs[0])
        scales = g.floats([1.0, 1.0, *(float(factor) for factor in self._factors(x.type))])
        if self.interpolation == "nearest":
            return g.op(
                "Resize", [x, None, scales], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
            )
        return g.op("Resize", [x, None, scales], mode="linear", coordinate_transformation_mode="half_pixel")


class Pad(Layer):
    """Adds a border. ONNX: Pad.

    ```yaml
    input: [4, 4, 3]
    model: {layers: [{pad: {amounts: [[1, 2], [0, 1]], mode: reflect}}]}
    ```
    """

    type = "pad"
    short = "amounts"
    lengths = "refuses"
    amounts: Amounts = Field(0, description="One number for every side, or a [before, after] pair for each spatial axis.")
    channels: Amounts = Field(0, description="Channels added, before and behind: one number, or a [before, after] pair.")
    mode: Literal["constant", "reflect", "edge"] = Field("constant", description="What the border holds.")
    value: Float = Field(0.0, description="The constant, for `mode: constant`.")

    def _pads(self, x: TensorType) -> Pads:
        return explicit_pads(self, self.amounts, _spatial_rank(self, x)) or ()

    def output(self, x: TensorType) -> TensorType:
        pads = self._pads(x)
        for size, pair in zip(x.shape, pads, strict=False):
            if self.mode == "reflect" and isinstance(size, int) and max(pair) >= size:
                message = f"`reflect` needs a border smaller than the axis of {size} in {x}"
                raise Problem("NS403", message, help="make it smaller, or write `mode: edge`", field="amounts")
        channels = x.shape[-1] + sum(self._channels())
        return TensorType((*(size + sum(pair) for size, pair in zip(x.shape, pads, strict=False)), channels), x.dtype)

    def _channels(self) -> tuple[int, int]:
        (pair,) = explicit_pads(self, self.channels, 1) or ((0, 0),)
        return pair

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        import jax.numpy as jnp

        widths = ((0, 0), *self._pads(inputs[0]), self._channels())
        options: dict[str, Any] = {"constant_values": self.value} if self.mode == "constant" else {}
        mode = self.mode
        return lambda x: jnp.pad(x, widths, mode=mode, **options)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        x = inputs[0]
        pads = self._pads(x.type)
        begins, ends = [0] * (x.type.rank + 1), [0] * (x.type.rank + 1)
        for axis, (before, after) in enumerate((*pads, self._channels()), start=1):
            begins[g.axis(x, axis)], ends[g.axis(x, axis)] = before, after
        # ONNX Runtime merges a Pad of exactly zero into a MaxPool behind it, where padding means minus
        # infinity: the smallest normal float32 keeps the two apart.
        value = [g.constant(self.value or 2.0**-126)] if self.mode == "constant" else []
        return g.op("Pad", [x, g.integers([*begins, *ends]), *value], mode=self.mode)


class Crop(Layer):
    """Cuts a border off: given amounts, or down to the size of another layer, centred. ONNX: Slice.

    ```yaml
    input: [6, 6, 3]
    model: {layers: [{crop: {amounts: [[1, 2], [0, 1]]}}]}
    ```
    """

    type = "crop"
    short = "amounts"
    lengths = "refuses"
    most_inputs = 2
    reference_fields = ("like",)
    amounts: Amounts | None = Field(None, description="One number for every side, or a [before, after] pair an axis.")
    like: str | None = Field(None, description="The name of a layer whose spatial size the result gets.", examples=["small"])

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.amounts is None) == (self.like is None):
            help = "write `crop: 2` for two elements from every side, or `crop: {like: NAME}` for the size of a layer"
            raise PydanticCustomError("ns205", "`crop` takes either `amounts` or `like`", {"help": help})
        return self

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x = inputs[0]
        pads = self._cuts(inputs)
        spatial = tuple(size - sum(pair) for size, pair in zip(x.shape, pads, strict=False))
        if any(isinstance(size, int) and size < 1 for size in spatial):
            raise Problem("NS403", f"the crop leaves nothing of {x}", help="cut off less: an amount counts on both sides")
        return (TensorType((*spatial, x.shape[-1]), x.dtype),)

    def _cuts(self, inputs: Sequence[TensorType]) -> Pads:
        x = inputs[0]
        rank = _spatial_rank(self, x)
        if self.like is None:
            return explicit_pads(self, self.amounts, rank) or ()
        target = inputs[1]
        if target.rank != x.rank:
            raise Problem("NS402", f"`like` needs as many axes as {x}, but `{self.like}` is {target}", field="like")
        cuts = []
        for size, goal in zip(x.shape[:-1], target.shape[:-1], strict=True):
            extra = static_size(size - goal, "the size to crop away")
            if extra < 0:
                message, help = (
                    f"`{self.like}` {target} is larger than {x}",
                    "crop the larger of the two, by `like` the smaller",
                )
                raise Problem("NS403", message, help=help, field="like")
            cuts.append((extra // 2, extra - extra // 2))
        return tuple(cuts)

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        cuts = self._cuts(inputs)
        index = (slice(None), *(slice(before, -after if after else None) for before, after in cuts))
        return lambda x, *reference: x[index]

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        x = inputs[0]
        cuts = self._cuts([value.type for value in inputs])
        axes = [g.axis(x, axis) for axis in range(1, x.type.rank)]
        ends = [-after if after else 2**31 - 1 for _, after in cuts]
        return g.op("Slice", [x, g.integers([before for before, _ in cuts]), g.integers(ends), g.integers(axes)])


LAYERS: tuple[type[Layer], ...] = (
    MaxPool1d, MaxPool2d, MaxPool3d, AvgPool1d, AvgPool2d, AvgPool3d, GlobalMaxPool, GlobalAvgPool, Upsample, Pad, Crop,
)  # fmt: skip
