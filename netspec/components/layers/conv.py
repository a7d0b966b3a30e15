"""Convolutions. Images are [batch, *spatial, channels]; kernels are Flax': [*spatial, in, out]."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from netspec.components.fields import CausalPadding, Count, Padding, Size, Window
from netspec.components.layers.base import (
    Arrays,
    Forward,
    KernelLayer,
    Lengths,
    Weight,
    divisors_help,
    expect_rank,
    static_size,
)
from netspec.components.layers.window import Pads, explicit_pads, onnx_pads, per_axis, slide
from netspec.diagnostics import Problem
from netspec.emit import Array, Emitter, Value
from netspec.tensor import Dim, TensorType, product

if TYPE_CHECKING:
    from flax import nnx


_SHAPES = {
    1: "a series [time, channels]",
    2: "an image [height, width, channels]",
    3: "a volume [depth, height, width, channels]",
}


class Convolution(KernelLayer):
    """What every convolution shares: the window and the way it slides."""

    rank: ClassVar[int] = 2
    lengths = "refuses"
    kernel_size: Window = Field(description="Size of the window: one number, or one for each spatial axis.")
    strides: Window = Field(1, description="Step of the window: one number, or one for each spatial axis.")
    padding: Padding = Field(
        "valid",
        description="`valid` adds nothing, `same` keeps size / strides; or a number, or a [before, after] pair an axis.",
    )
    dilation_rate: Window = Field(1, description="Distance between the window's elements.")

    def kernel_shape(self) -> tuple[int, ...]:
        """The window, one size for each spatial axis."""
        return per_axis(self, "kernel_size", self.rank)

    def windows(self) -> tuple[int, ...]:
        """The window with its dilation counted."""
        dilation = per_axis(self, "dilation_rate", self.rank)
        return tuple((k - 1) * d + 1 for k, d in zip(self.kernel_shape(), dilation, strict=True))

    def pads(self) -> str | Pads:
        """`same`, `valid`, `causal`, or a pair for each axis."""
        return explicit_pads(self, self.padding, self.rank) or str(self.padding)

    def spatial_output(self, x: TensorType) -> tuple[Dim, ...]:
        """The spatial axes after the window slid over them."""
        expect_rank(self, x, self.rank + 1, _SHAPES[self.rank])
        strides, pads = per_axis(self, "strides", self.rank), self.pads()
        return tuple(
            slide(
                x.shape[i],
                window,
                strides[i],
                pads if isinstance(pads, str) else pads[i],
                what="a window",
                where=str(x),
            )
            for i, window in enumerate(self.windows())
        )

    def conv(self, size: int, filters: int, rngs: "nnx.Rngs", *, groups: int = 1, **changes: Any) -> "nnx.Module":
        """Flax' convolution over netspec's own gradient formulas."""
        from flax import nnx

        from netspec.ops.conv import conv_general_dilated

        pads = self.pads()
        options: dict[str, Any] = {
            "kernel_size": self.kernel_shape(),
            "strides": per_axis(self, "strides", self.rank),
            "padding": pads.upper() if isinstance(pads, str) else pads,
            "kernel_dilation": per_axis(self, "dilation_rate", self.rank),
            "use_bias": self.use_bias,
            **self.initializers(),
            **changes,
        }
        module = nnx.Conv(
            size, filters, feature_group_count=groups, conv_general_dilated=conv_general_dilated, rngs=rngs, **options
        )
        return self.normalized(module, rngs)

    def emit_conv(self, g: Emitter, x: Value, kernel: Array, bias: "Array | None", *, groups: int = 1, name: str = "") -> Value:
        """A Conv node with explicit pads; `auto_pad` only where a free axis leaves no other way."""
        strides, dilation = per_axis(self, "strides", self.rank), per_axis(self, "dilation_rate", self.rank)
        pads = onnx_pads(x.type.shape[:-1], self.windows(), strides, self.pads())
        first = g.channels_first(x)
        placing: dict[str, Any] = {"pads": pads}
        if pads is None and any(d > 1 for d in dilation):
            first, placing = padded_same(g, first, self.windows(), strides), {}  # `auto_pad` knows of no dilation
        elif pads is None:
            placing = {"auto_pad": "SAME_UPPER"}
        inputs = [first, g.weight(f"{name}kernel", channels_first_kernel(kernel))]
        if bias is not None:
            inputs.append(g.weight(f"{name}bias", bias))
        return g.op("Conv", inputs, strides=strides, dilations=dilation, group=groups, **placing)


def padded_same(g: Emitter, x: Value, windows: Sequence[int], strides: Sequence[int]) -> Value:
    """[batch, channels, *spatial] with the zeros of `same`, reckoned from its real sizes. ONNX: Shape, Pad.

    `windows` are the windows' reaches, dilation included.
    """
    befores, afters = [], []
    for axis, (window, stride) in enumerate(zip(windows, strides, strict=True), start=2):
        size = g.op("Shape", [x], start=axis, end=axis + 1)
        steps = g.op("Div", [g.op("Add", [size, g.integers([stride - 1])]), g.integers([stride])])
        before_last = g.op("Mul", [g.op("Sub", [steps, g.integers([1])]), g.integers([stride])])
        reach = g.op("Add", [before_last, g.integers([window])])
        missing = g.op("Max", [g.op("Sub", [reach, size]), g.integers([0])])
        befores.append(g.op("Div", [missing, g.integers([2])]))
        afters.append(g.op("Sub", [missing, befores[-1]]))
    none = g.integers([0, 0])
    return g.op("Pad", [x, g.op("Concat", [none, *befores, none, *afters], axis=0), g.constant(0.0)])


def channels_first_kernel(kernel: Array) -> Array:
    """[*spatial, in, out] as ONNX' [out, in, *spatial]."""
    spatial = range(kernel.ndim - 2)
    return kernel.transpose(kernel.ndim - 1, kernel.ndim - 2, *spatial)


class _Conv(Convolution):
    filters: Size = Field(description="Number of output channels.")
    groups: Count = Field(1, description="Channels are split into this many groups that do not see each other.")

    def output(self, x: TensorType) -> TensorType:
        spatial = self.spatial_output(x)
        for name, size in (("input channels", x.shape[-1]), ("filters", self.filters)):
            if isinstance(size, int) and size % self.groups:
                message = f"{self.groups} groups do not divide the {size} {name}"
                raise Problem("NS409", message, help=divisors_help(size), field="groups")
        return TensorType((*spatial, self.filters))

    def parameters(self, inputs: Sequence[TensorType]) -> dict[str, Weight]:
        return self.kernel_and_bias((*self.kernel_shape(), inputs[0].shape[-1] // self.groups, self.filters), self.filters)

    def flops(self, inputs: Sequence[TensorType]) -> Dim:
        return product(self.output(inputs[0]).shape) * product(self.kernel_shape()) * (inputs[0].shape[-1] // self.groups) * 2

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        size = static_size(inputs[0].shape[-1], "the number of channels")
        return self.conv(size, static_size(self.filters, "`filters`"), rngs, groups=self.groups)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        weights = self.inference_weights(weights)
        return self.emit_conv(g, inputs[0], weights["kernel"], weights.get("bias"), groups=self.groups)


class Conv1d(_Conv):
    """A convolution over a series: `[time, in]` becomes `[time', filters]`. ONNX: Conv.

    ```yaml
    input: [16, 3]
    model: {layers: [{conv1d: {filters: 4, kernel_size: 3, padding: causal, dilation_rate: 2}}]}
    ```
    """

    type = "conv1d"
    rank = 1
    padding: CausalPadding = Field(  # type: ignore[assignment]  # wider than the others'
        "valid",
        description="`valid`, `same`, or `causal` (no step sees a later one); or a number, or one [before, after] pair.",
    )

    def length_rule(self, inputs: Sequence[TensorType]) -> Lengths:
        """A causal window sees only what came before; a `same` one must find zeros past the end, as at the border."""
        if self.padding in ("causal", "same") and per_axis(self, "strides", 1) == (1,):
            return "passes" if self.padding == "causal" else "masks"
        return "refuses"

    def stepwise(self, inputs: Sequence[TensorType]) -> bool:
        return per_axis(self, "kernel_size", 1) == (1,)


class Conv2d(_Conv):
    """A convolution over an image: `[height, width, in]` becomes `[height', width', filters]`. ONNX: Conv.

    ```yaml
    input: [8, 8, 3]
    model: {layers: [{conv2d: {filters: 4, kernel_size: 3, strides: 2, padding: same, activation: relu}}]}
    ```
    """

    type = "conv2d"


class Conv3d(_Conv):
    """A convolution over a volume: `[depth, height, width, in]`. ONNX: Conv.

    ```yaml
    input: [6, 6, 6, 2]
    model: {layers: [{conv3d: {filters: 4, kernel_size: 3}}]}
    ```
    """

    type = "conv3d"
    rank = 3


class DepthwiseConv2d(Convolution):
    """A convolution of each channel alone (Chollet 2017): `[height, width, in]` becomes `[..., in * depth_multiplier]`.

    ```yaml
    input: [8, 8, 3]
    model: {layers: [{depthwise_conv2d: {kernel_size: 3, padding: same, depth_multiplier: 2}}]}
    ```
    """

    type = "depthwise_conv2d"
    depth_multiplier: Count = Field(1, description="Output channels for each input channel.")

    def output(self, x: TensorType) -> TensorType:
        return TensorType((*self.spatial_output(x), x.shape[-1] * self.depth_multiplier))

    def parameters(self, inputs: Sequence[TensorType]) -> dict[str, Weight]:
        channels = inputs[0].shape[-1] * self.depth_multiplier
        return self.kernel_and_bias((*self.kernel_shape(), 1, channels), channels)

    def flops(self, inputs: Sequence[TensorType]) -> Dim:
        return product(self.output(inputs[0]).shape) * product(self.kernel_shape()) * 2

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        size = static_size(inputs[0].shape[-1], "the number of channels")
        return self.conv(size, size * self.depth_multiplier, rngs, groups=size)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        weights = self.inference_weights(weights)
        groups = static_size(inputs[0].type.shape[-1], "the number of channels")
        return self.emit_conv(g, inputs[0], weights["kernel"], weights.get("bias"), groups=groups)


class SeparableConv2d(Convolution):
    """A depthwise convolution, then a 1x1 convolution that mixes the channels (Chollet 2017).

    ```yaml
    input: [8, 8, 3]
    model: {layers: [{separable_conv2d: {filters: 4, kernel_size: 3, padding: same}}]}
    ```
    """

    type = "separable_conv2d"
    filters: Size = Field(description="Number of output channels.")
    depth_multiplier: Count = Field(1, description="Channels between the two steps for each input channel.")

    def output(self, x: TensorType) -> TensorType:
        return TensorType((*self.spatial_output(x), self.filters))

    def _middle(self, x: TensorType) -> Dim:
        return x.shape[-1] * self.depth_multiplier

    def parameters(self, inputs: Sequence[TensorType]) -> dict[str, Weight]:
        middle = self._middle(inputs[0])
        depthwise = self.model_copy(update={"use_bias": False}).kernel_and_bias((*self.kernel_shape(), 1, middle), 0)
        pointwise = self.kernel_and_bias((1, 1, middle, self.filters), self.filters)
        return {f"depthwise/{k}": w for k, w in depthwise.items()} | {f"pointwise/{k}": w for k, w in pointwise.items()}

    def flops(self, inputs: Sequence[TensorType]) -> Dim:
        *spatial, filters = self.output(inputs[0]).shape
        return product(spatial) * self._middle(inputs[0]) * (product(self.kernel_shape()) + filters) * 2

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        from netspec.ops.conv import Chain

        size = static_size(inputs[0].shape[-1], "the number of channels")
        middle, filters = size * self.depth_multiplier, static_size(self.filters, "`filters`")
        depthwise = self.conv(size, middle, rngs, groups=size, use_bias=False)
        one_by_one: dict[str, Any] = {"kernel_size": (1, 1), "strides": 1, "padding": "VALID", "kernel_dilation": 1}
        return Chain(depthwise=depthwise, pointwise=self.conv(middle, filters, rngs, **one_by_one))

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        parts = {part: self.inference_weights(_part(weights, part)) for part in ("depthwise", "pointwise")}
        groups = static_size(inputs[0].type.shape[-1], "the number of channels")
        x = self.emit_conv(g, inputs[0], parts["depthwise"]["kernel"], None, groups=groups, name="depthwise/")
        kernel = g.weight("pointwise/kernel", channels_first_kernel(parts["pointwise"]["kernel"]))
        bias = [g.weight("pointwise/bias", parts["pointwise"]["bias"])] if self.use_bias else []
        return g.op("Conv", [x, kernel, *bias])


def _part(weights: Arrays, part: str) -> Arrays:
    return {name.removeprefix(part + "/"): array for name, array in weights.items() if name.startswith(part + "/")}


class _ConvTranspose(Convolution):
    filters: Size = Field(description="Number of output channels.")

    def output(self, x: TensorType) -> TensorType:
        expect_rank(self, x, self.rank + 1, _SHAPES[self.rank])
        spatial = tuple(
            (size - 1) * stride + window - sum(cut) + extra
            for size, window, stride, cut, extra in zip(
                x.shape[:-1], self.windows(), self._strides(), self._cut(), self._extra(), strict=True
            )
        )
        if any(isinstance(size, int) and size < 1 for size in spatial):
            raise Problem("NS403", f"the padding leaves nothing of {x}", field="padding")
        return TensorType((*spatial, self.filters))

    def _strides(self) -> tuple[int, ...]:
        return per_axis(self, "strides", self.rank)

    def _cut(self) -> tuple[tuple[int, int], ...]:
        """What the forward convolution, whose data gradient this is, pads: it is cut off the result here."""
        pads = self.pads()
        if not isinstance(pads, str):
            return pads
        extra = [max(w - s, 0) if pads == "same" else 0 for w, s in zip(self.windows(), self._strides(), strict=True)]
        return tuple((n // 2, n - n // 2) for n in extra)

    def _extra(self) -> tuple[int, ...]:
        """What a stride wider than the window leaves empty at the end of each axis: ONNX' output_padding."""
        if not isinstance(self.padding, str):
            return (0,) * self.rank
        return tuple(max(s - w, 0) for w, s in zip(self.windows(), self._strides(), strict=True))

    def parameters(self, inputs: Sequence[TensorType]) -> dict[str, Weight]:
        return self.kernel_and_bias((*self.kernel_shape(), self.filters, inputs[0].shape[-1]), self.filters)

    def flops(self, inputs: Sequence[TensorType]) -> Dim:
        return product(inputs[0].shape) * product(self.kernel_shape()) * self.filters * 2

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        from netspec.ops.conv import ConvTranspose

        return self.normalized(
            ConvTranspose(
                static_size(inputs[0].shape[-1], "the number of channels"),
                static_size(self.filters, "`filters`"),
                kernel_size=self.kernel_shape(),
                strides=self._strides(),
                cut=self._cut(),
                extra=self._extra(),
                dilation=per_axis(self, "dilation_rate", self.rank),
                use_bias=self.use_bias,
                rngs=rngs,
                **self.initializers(),
            ),
            rngs,
        )

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        weights = self.inference_weights(weights)
        kernel = g.weight("kernel", channels_first_kernel(weights["kernel"]))  # [in, out, *spatial], as ONNX wants it
        bias = [g.weight("bias", weights["bias"])] if self.use_bias else []
        cut = self._cut()
        return g.op(
            "ConvTranspose",
            [g.channels_first(inputs[0]), kernel, *bias],
            strides=self._strides(),
            dilations=per_axis(self, "dilation_rate", self.rank),
            pads=[before for before, _ in cut] + [after for _, after in cut],
            output_padding=self._extra(),
        )


class ConvTranspose1d(_ConvTranspose):
    """The gradient of a 1d convolution as a layer: `[time, in]` grows by `strides`. ONNX: ConvTranspose.

    ```yaml
    input: [5, 3]
    model: {layers: [{conv_transpose1d: {filters: 4, kernel_size: 4, strides: 2, padding: same}}]}
    ```
    """

    type = "conv_transpose1d"
    rank = 1


class ConvTranspose2d(_ConvTranspose):
    """The gradient of a 2d convolution as a layer: an image grows by `strides`. ONNX: ConvTranspose.

    The kernel is `[height, width, filters, in]`, as in Keras.

    ```yaml
    input: [5, 5, 3]
    model: {layers: [{conv_transpose2d: {filters: 4, kernel_size: 3, strides: 2, padding: same}}]}
    ```
    """

    type = "conv_transpose2d"


LAYERS = (Conv1d, Conv2d, Conv3d, DepthwiseConv2d, SeparableConv2d, ConvTranspose1d, ConvTranspose2d)
