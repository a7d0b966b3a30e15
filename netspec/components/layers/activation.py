"""Activations and other element-wise functions, and the two softmaxes.

Each is a layer of its own and a word for the `activation` field of others. Formulas follow
`jax.nn`; the ONNX forms are exact, attribute by attribute.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, model_validator

from netspec.components.fields import Bool, Float, Int, NotNegative
from netspec.components.initializers import Constant, Initializer
from netspec.components.layers.base import Arrays, Forward, Layer, Lengths, Weight, WeightedLayer, static_size
from netspec.diagnostics import Problem
from netspec.emit import Emitter, Value
from netspec.tensor import TensorType

if TYPE_CHECKING:
    import jax
    from flax import nnx

Unary = Callable[[Any], Any]


class Activation(Layer):
    """A function of each element: shapes pass, in any layout."""

    elementwise = True
    operator: ClassVar[str] = ""
    """The ONNX operator of the same definition, where there is one without attributes."""

    def function(self) -> Unary:
        """The JAX function."""
        raise NotImplementedError

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        return self.function()

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        return g.op(self.operator, [inputs[0]])


class Linear(Activation):
    """`x` itself.

    ```yaml
    input: [4]
    model: {layers: [linear]}
    ```
    """

    type = "linear"

    def function(self) -> Unary:
        return lambda x: x

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        return inputs[0]


class BinaryStep(Activation):
    """1 where `x >= threshold`, else 0; its gradient passes straight through (Bengio et al. 2013).

    ONNX: GreaterOrEqual and Cast.

    ```yaml
    input: [4]
    model: {layers: [{binary_step: {threshold: 0.5}}]}
    ```
    """

    type = "binary_step"
    short = "threshold"
    discontinuous = True
    threshold: Float = Field(0.0, description="The step fires at this value and above.")

    def function(self) -> Unary:
        from netspec.ops.activation import binary_step

        return binary_step(self.threshold)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        fires = g.op("GreaterOrEqual", [inputs[0], g.constant(self.threshold)])
        return g.op("Cast", [fires], to=1)  # 1 is TensorProto.FLOAT


class Sigmoid(Activation):
    """`1 / (1 + exp(-x))`.

    ```yaml
    input: [4]
    model: {layers: [sigmoid]}
    ```
    """

    type = "sigmoid"
    operator = "Sigmoid"

    def function(self) -> Unary:
        import jax

        return jax.nn.sigmoid


class HardSigmoid(Activation):
    """`clip(x / 6 + 1 / 2, 0, 1)`. ONNX: HardSigmoid with alpha 1/6.

    ```yaml
    input: [4]
    model: {layers: [hard_sigmoid]}
    ```
    """

    type = "hard_sigmoid"

    def function(self) -> Unary:
        import jax

        return jax.nn.hard_sigmoid

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        return g.op("HardSigmoid", [inputs[0]], alpha=1 / 6, beta=0.5)


class Tanh(Activation):
    """The hyperbolic tangent.

    ```yaml
    input: [4]
    model: {layers: [tanh]}
    ```
    """

    type = "tanh"
    operator = "Tanh"

    def function(self) -> Unary:
        import jax.numpy as jnp

        return jnp.tanh


class Relu(Activation):
    """`max(x, 0)`.

    ```yaml
    input: [4]
    model: {layers: [relu]}
    ```
    """

    type = "relu"
    operator = "Relu"

    def function(self) -> Unary:
        import jax

        return jax.nn.relu


class Relu6(Activation):
    """`min(max(x, 0), 6)`. ONNX: Clip.

    ```yaml
    input: [4]
    model: {layers: [relu6]}
    ```
    """

    type = "relu6"

    def function(self) -> Unary:
        import jax

        return jax.nn.relu6

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        return g.op("Clip", [inputs[0], g.constant(0.0), g.constant(6.0)])


class LeakyRelu(Activation):
    """`x` where positive, `negative_slope * x` elsewhere (Maas et al. 2013).

    ```yaml
    input: [4]
    model: {layers: [{leaky_relu: 0.2}]}
    ```
    """

    type = "leaky_relu"
    short = "negative_slope"
    negative_slope: NotNegative = Field(0.3, description="Slope for negative values.")

    def function(self) -> Unary:
        import jax

        slope = self.negative_slope
        return lambda x: jax.nn.leaky_relu(x, slope)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        return g.op("LeakyRelu", [inputs[0]], alpha=self.negative_slope)


class Prelu(WeightedLayer):
    """Leaky relu with a learnt slope for each channel (He et al. 2015). ONNX: PRelu.

    ```yaml
    input: [4]
    model: {layers: [prelu]}
    ```
    """

    type = "prelu"
    elementwise = True
    alpha_initializer: Initializer = Field(default_factory=lambda: Constant(value=0.25), description="How the slopes start.")

    def parameters(self, inputs: Sequence[TensorType]) -> dict[str, Weight]:
        return {"alpha": Weight((inputs[0].shape[-1],), self.trainable)}

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        from netspec.ops.activation import Prelu as PreluModule

        size = static_size(inputs[0].shape[-1], "the number of channels")
        return PreluModule(size, alpha_init=self.alpha_initializer.jax(), rngs=rngs)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        return g.op("PRelu", [inputs[0], g.channel_constant(inputs[0], weights["alpha"], "alpha")])


class Elu(Activation):
    """`x` where positive, `alpha (exp(x) - 1)` elsewhere (Clevert et al. 2016).

    ```yaml
    input: [4]
    model: {layers: [elu]}
    ```
    """

    type = "elu"
    short = "alpha"
    alpha: NotNegative = Field(1.0, description="The limit for large negative values, negated.")

    def function(self) -> Unary:
        import jax

        alpha = self.alpha
        return lambda x: jax.nn.elu(x, alpha)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        return g.op("Elu", [inputs[0]], alpha=self.alpha)


class Selu(Activation):
    """The self-normalising elu (Klambauer et al. 2017).

    ```yaml
    input: [4]
    model: {layers: [selu]}
    ```
    """

    type = "selu"
    operator = "Selu"

    def function(self) -> Unary:
        import jax

        return jax.nn.selu


class Gelu(Activation):
    """`x Φ(x)` (Hendrycks and Gimpel 2016), exact or by tanh.

    ONNX: Gelu from opset 20, its expansion by Erf or Tanh before.

    ```yaml
    input: [4]
    model: {layers: [{gelu: {approximate: true}}]}
    ```
    """

    type = "gelu"
    short = "approximate"
    approximate: Bool = Field(False, description="`true` is the tanh form.")

    def function(self) -> Unary:
        import jax

        approximate = self.approximate
        return lambda x: jax.nn.gelu(x, approximate=approximate)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        return g.gelu(inputs[0], tanh=self.approximate)


class Silu(Activation):
    """`x sigmoid(x)`, also called swish. ONNX: Sigmoid and Mul.

    ```yaml
    input: [4]
    model: {layers: [silu]}
    ```
    """

    type = "silu"

    def function(self) -> Unary:
        import jax

        return jax.nn.silu

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        return g.op("Mul", [inputs[0], g.op("Sigmoid", [inputs[0]])])


class HardSilu(Activation):
    """`x hard_sigmoid(x)` (Howard et al. 2019). ONNX: HardSwish.

    ```yaml
    input: [4]
    model: {layers: [hard_silu]}
    ```
    """

    type = "hard_silu"
    operator = "HardSwish"

    def function(self) -> Unary:
        import jax

        return jax.nn.hard_silu


class Mish(Activation):
    """`x tanh(softplus(x))` (Misra 2019). ONNX: Mish.

    ```yaml
    input: [4]
    model: {layers: [mish]}
    ```
    """

    type = "mish"
    operator = "Mish"

    def function(self) -> Unary:
        import jax

        return jax.nn.mish


class Softplus(Activation):
    """`log(1 + exp(x))`.

    ```yaml
    input: [4]
    model: {layers: [softplus]}
    ```
    """

    type = "softplus"
    operator = "Softplus"

    def function(self) -> Unary:
        import jax

        return jax.nn.softplus


class Softsign(Activation):
    """`x / (1 + |x|)`.

    ```yaml
    input: [4]
    model: {layers: [softsign]}
    ```
    """

    type = "softsign"
    operator = "Softsign"

    def function(self) -> Unary:
        import jax

        return jax.nn.soft_sign


class Abs(Activation):
    """`|x|`.

    ```yaml
    input: [4]
    model: {layers: [abs]}
    ```
    """

    type = "abs"
    operator = "Abs"

    def function(self) -> Unary:
        import jax.numpy as jnp

        return jnp.abs


class Square(Activation):
    """`x * x`. ONNX: Mul.

    ```yaml
    input: [4]
    model: {layers: [square]}
    ```
    """

    type = "square"

    def function(self) -> Unary:
        import jax.numpy as jnp

        return jnp.square

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        return g.op("Mul", [inputs[0], inputs[0]])


class Exp(Activation):
    """The exponential.

    ```yaml
    input: [4]
    model: {layers: [exp]}
    ```
    """

    type = "exp"
    operator = "Exp"

    def function(self) -> Unary:
        import jax.numpy as jnp

        return jnp.exp


class Clip(Activation):
    """Cuts values off below `min` and above `max`.

    ```yaml
    input: [4]
    model: {layers: [{clip: {min: -1, max: 1}}]}
    ```
    """

    type = "clip"
    min: Float = Field(description="The least value.")
    max: Float = Field(description="The greatest value.")

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"`min` {self.min:g} is above `max` {self.max:g}")
        return self

    def function(self) -> Unary:
        import jax.numpy as jnp

        least, most = self.min, self.max
        return lambda x: jnp.clip(x, least, most)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        return g.op("Clip", [inputs[0], g.constant(self.min), g.constant(self.max)])


class _Normalizing(Activation):
    """A softmax along one axis."""

    elementwise = False
    axis: Int = Field(-1, description="The axis that sums to one; 1 is the first after the batch, -1 the last.")

    def length_rule(self, inputs: Sequence[TensorType]) -> Lengths:
        x = inputs[0]
        return "refuses" if x.rank > 1 and logical_axis(self.type, self.axis, x) == 1 else "passes"

    def output(self, x: TensorType) -> TensorType:
        logical_axis(self.type, self.axis, x)
        return x

    def jax_function(self) -> "Callable[..., jax.Array]":
        """`jax.nn.softmax` or its logarithm."""
        raise NotImplementedError

    def function(self) -> Unary:
        function, axis = self.jax_function(), self.axis
        return lambda x: function(x, axis=axis)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        x = inputs[0]
        return g.op(self.operator, [x], axis=g.axis(x, logical_axis(self.type, self.axis, x.type)))


class Softmax(_Normalizing):
    """`exp(x)` divided by its sum along an axis.

    ```yaml
    input: [4]
    model: {layers: [softmax]}
    ```
    """

    type = "softmax"
    operator = "Softmax"

    def jax_function(self) -> "Callable[..., jax.Array]":
        import jax

        return jax.nn.softmax


class LogSoftmax(_Normalizing):
    """The logarithm of softmax, computed without overflow.

    ```yaml
    input: [4]
    model: {layers: [log_softmax]}
    ```
    """

    type = "log_softmax"
    operator = "LogSoftmax"

    def jax_function(self) -> "Callable[..., jax.Array]":
        import jax

        return jax.nn.log_softmax


def logical_axis(layer: str, axis: int, x: TensorType) -> int:
    """An axis as 1..rank. Raises NS405 for 0 (the batch) and for axes that `x` does not have."""
    if axis == 0:
        raise Problem("NS405", "axis 0 is the batch", help="1 is the first axis after it, -1 the last", field="axis")
    if not -x.rank <= axis <= x.rank:
        help = f"axes count from 1 to {x.rank}, the batch axis not counted; -1 is the last"
        raise Problem("NS405", f"`{layer}` has no axis {axis} in {x}", help=help, field="axis")
    return axis if axis > 0 else x.rank + 1 + axis


LAYERS: tuple[type[Layer], ...] = (
    Linear, BinaryStep, Sigmoid, HardSigmoid, Tanh, Relu, Relu6, LeakyRelu, Prelu, Elu, Selu, Gelu, Silu, HardSilu, Mish,
    Softplus, Softsign, Softmax, LogSoftmax, Abs, Square, Exp, Clip,
)  # fmt: skip

ACTIVATIONS: dict[str, type[Layer]] = {layer.type: layer for layer in LAYERS}
