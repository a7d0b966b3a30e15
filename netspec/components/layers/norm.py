"""Normalisation. The default epsilon is Keras' 1e-3; all but batch norm work in two passes."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from netspec.components.fields import Bool, Count, Fraction, Positive
from netspec.components.initializers import Initializer, Ones, Zeros
from netspec.components.layers.base import Arrays, Forward, Weight, WeightedLayer, divisors_help, static_size
from netspec.diagnostics import Problem
from netspec.emit import Emitter, Value
from netspec.tensor import TensorType

if TYPE_CHECKING:
    from flax import nnx


class Normalization(WeightedLayer):
    """What all of them share: epsilon, and a learnt scale and bias for each channel."""

    epsilon: Positive = Field(1e-3, description="Added to the variance before the root.")
    use_scale: Bool = Field(True, description="Multiplies by a learnt factor for each channel.")
    use_bias: Bool = Field(True, description="Adds a learnt bias for each channel.")
    scale_initializer: Initializer = Field(default_factory=Ones, description="How the factors start.")
    bias_initializer: Initializer = Field(default_factory=Zeros, description="How the bias starts.")

    def parameters(self, inputs: Sequence[TensorType]) -> dict[str, Weight]:
        weight = Weight((inputs[0].shape[-1],), self.trainable)
        return {**({"scale": weight} if self.use_scale else {}), **({"bias": weight} if self.use_bias else {})}

    def options(self, x: TensorType, rngs: "nnx.Rngs") -> dict[str, Any]:
        """Flax' keyword arguments."""
        return {
            "num_features": static_size(x.shape[-1], "the number of channels"),
            "epsilon": self.epsilon,
            "use_scale": self.use_scale,
            "use_bias": self.use_bias,
            "scale_init": self.scale_initializer.jax(),
            "bias_init": self.bias_initializer.jax(),
            "rngs": rngs,
        }

    def scaled(self, g: Emitter, y: Value, weights: Arrays) -> Value:
        """The learnt scale and bias of each channel, in whatever layout `y` has."""
        if self.use_scale:
            y = g.op("Mul", [y, g.channel_constant(y, weights["scale"], "scale")])
        if self.use_bias:
            y = g.op("Add", [y, g.channel_constant(y, weights["bias"], "bias")])
        return y


class BatchNorm(Normalization):
    """Normalises each channel over the batch, and by running statistics at inference (Ioffe and Szegedy 2015).

    With `trainable: false` it uses its running statistics while training too, and leaves them as they are.

    Exported as a factor and a shift, folded into the layer above where that is possible.

    ```yaml
    input: [4, 4, 3]
    model: {layers: [batch_norm]}
    ```
    """

    type = "batch_norm"
    lengths = "refuses"
    momentum: Fraction = Field(0.99, description="Share of the old running statistics that a step keeps.")

    def parameters(self, inputs: Sequence[TensorType]) -> dict[str, Weight]:
        statistic = Weight((inputs[0].shape[-1],), trainable=False, statistic=True)
        return {**super().parameters(inputs), "mean": statistic, "var": statistic}

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        from netspec.ops.norm import BatchNorm as BatchNormModule

        return BatchNormModule(**self.options(inputs[0], rngs), momentum=self.momentum, frozen=not self.trainable)

    def factor_and_shift(self, weights: Arrays) -> tuple[Any, Any]:
        """What the layer is at inference, `y = x * factor + shift`, for each channel in float64."""
        mean, variance = weights["mean"].astype("float64"), weights["var"].astype("float64")
        factor = (variance + self.epsilon) ** -0.5
        if self.use_scale:
            factor = factor * weights["scale"]
        shift = -mean * factor
        return factor, shift + weights["bias"] if self.use_bias else shift

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        x = inputs[0]
        factor, shift = self.factor_and_shift(weights)
        y = g.op("Mul", [x, g.channel_constant(x, factor.astype("float32"), "factor")])
        return g.op("Add", [y, g.channel_constant(x, shift.astype("float32"), "shift")])


class LayerNorm(Normalization):
    """Normalises the last axis of each position (Ba et al. 2016). ONNX: LayerNormalization, or its steps.

    ```yaml
    input: [6, 8]
    model: {layers: [layer_norm]}
    ```
    """

    type = "layer_norm"
    time_major = True
    lengths = "passes"

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        from flax import nnx

        return nnx.LayerNorm(**self.options(inputs[0], rngs), use_fast_variance=False)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        x = inputs[0]
        return self.scaled(g, g.normalize(x, [g.axis(x, x.type.rank)], self.epsilon), weights)


class GroupNorm(Normalization):
    """Normalises groups of channels over all positions (Wu and He 2018).

    ```yaml
    input: [4, 4, 6]
    model: {layers: [{group_norm: {groups: 3}}]}
    ```
    """

    type = "group_norm"
    lengths = "refuses"
    short = "groups"
    groups: Count = Field(32, description="Number of groups; it divides the number of channels.")

    def output(self, x: TensorType) -> TensorType:
        channels = x.shape[-1]
        if isinstance(channels, int) and channels % self.groups:
            message = f"{self.groups} groups do not divide {channels} channels"
            raise Problem("NS409", message, help=divisors_help(channels), field="groups")
        return x

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        from flax import nnx

        return nnx.GroupNorm(**self.options(inputs[0], rngs), num_groups=self.groups, use_fast_variance=False)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        x = g.channels_first(inputs[0])
        grouped = g.op("Reshape", [x, g.integers([0, self.groups, -1])])
        y = g.op("Reshape", [g.normalize(grouped, [2], self.epsilon), g.op("Shape", [x])], layout=x.layout)
        return self.scaled(g, y, weights)


class InstanceNorm(Normalization):
    """Normalises each channel of each example over its positions (Ulyanov et al. 2016).

    ```yaml
    input: [4, 4, 3]
    model: {layers: [instance_norm]}
    ```
    """

    type = "instance_norm"
    lengths = "refuses"

    def output(self, x: TensorType) -> TensorType:
        if x.rank < 2:
            raise Problem("NS402", f"`instance_norm` needs spatial axes, but gets {x}", help="use `layer_norm` for a vector")
        return x

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        from flax import nnx

        options = self.options(inputs[0], rngs)
        # One channel a group: the same formula, over the positions of one example.
        return nnx.GroupNorm(**options, num_groups=options["num_features"], use_fast_variance=False)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        x = inputs[0]
        axes = [g.axis(x, axis) for axis in range(1, x.type.rank)]
        return self.scaled(g, g.normalize(x, axes, self.epsilon), weights)


class RmsNorm(Normalization):
    """Divides by the root mean square of the last axis (Zhang and Sennrich 2019).

    ```yaml
    input: [6, 8]
    model: {layers: [rms_norm]}
    ```
    """

    type = "rms_norm"
    time_major = True
    lengths = "passes"
    use_bias: Bool = Field(False, description="Adds a learnt bias for each channel.")

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        from netspec.ops.norm import RmsNorm as RmsNormModule

        return RmsNormModule(**self.options(inputs[0], rngs))

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        x = inputs[0]
        axes = [g.axis(x, x.type.rank)]
        return self.scaled(g, g.normalize(x, axes, self.epsilon, centred=False), weights)


LAYERS = (BatchNorm, LayerNorm, GroupNorm, InstanceNorm, RmsNorm)
