"""Layers of latent codes: drawing a code, pricing it, and how far a reconstruction is from what it was made of."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from netspec.components.fields import NotNegative
from netspec.components.layers.base import Arrays, Forward, Lengths, Priced
from netspec.components.layers.merge import Merge, different_ranks, disagreement
from netspec.emit import Emitter, Value
from netspec.tensor import TensorType

if TYPE_CHECKING:
    import jax
    from flax import nnx


class Sampling(Merge, Priced):
    """A code drawn from a normal distribution while training, its mean at inference (Kingma and Welling 2013).

    It joins the mean and the logarithm of the variance, both `[...]`; the draw is `mean + exp(log_variance / 2) * noise`.
    Training adds its divergence from the standard normal distribution to the loss, as `train.kl` says.
    ONNX: the mean itself.

    ```yaml
    input: [4]
    model: {layers: [{dense: 2, name: mean, from: input}, {dense: 2, name: spread, from: input}, {sampling: [mean, spread]}]}
    ```
    """

    type = "sampling"
    most_inputs = 2
    stochastic = True
    price: ClassVar[Literal["kl", "activity"]] = "kl"

    def cost(self, *inputs: "jax.Array") -> "jax.Array":
        import jax.numpy as jnp

        mean, log_variance = inputs
        each = jnp.exp(log_variance) + mean**2 - 1.0 - log_variance
        return 0.5 * each.reshape(len(each), -1).sum(-1)

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        import jax
        import jax.numpy as jnp

        def draw(mean: "jax.Array", log_variance: "jax.Array", rngs: "jax.Array | None" = None) -> "jax.Array":
            if rngs is None:
                return mean
            return mean + jnp.exp(0.5 * log_variance) * jax.random.normal(rngs, mean.shape, mean.dtype)

        return draw

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        return inputs[0]


class ActivityRegularization(Priced):
    """Passes its input on, and adds the size of its values to the loss while training: a sparse code.

    The sum over all axes of `[...]`, averaged over the batch.

    ```yaml
    input: [4]
    model: {layers: [{activity_regularization: {l1: 1.0e-4}}]}
    ```
    """

    type = "activity_regularization"
    short = "l1"
    elementwise = True
    price: ClassVar[Literal["kl", "activity"]] = "activity"
    l1: NotNegative = Field(0.0, description="Weight of the sum of absolute values.")
    l2: NotNegative = Field(0.0, description="Weight of the sum of squares.")

    def cost(self, *inputs: "jax.Array") -> "jax.Array":
        (x,) = inputs
        flat = x.reshape(len(x), -1)
        return self.l1 * abs(flat).sum(-1) + self.l2 * (flat**2).sum(-1)

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        return lambda x: x

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        return inputs[0]


class ReconstructionError(Merge):
    """The mean of the squared differences between two tensors of one shape: `[...]` twice becomes `[1]`. ONNX: ReduceMean.

    ```yaml
    input: [4]
    model: {layers: [{dense: 4, name: again}, {reconstruction_error: [again, input]}]}
    ```
    """

    type = "reconstruction_error"
    most_inputs = 2
    lengths: ClassVar[Lengths] = "refuses"
    time_major = False

    def infer(self, inputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
        a, b = inputs
        if a.rank != b.rank:
            raise different_ranks(self.type, a, b)
        for x, y in zip(a.shape, b.shape, strict=True):
            if x != y:
                raise disagreement(self.type, x, y, a, b)
        return (TensorType((1,)),)

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        return lambda a, b: ((a - b) ** 2).reshape(len(a), -1).mean(-1, keepdims=True)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        a, b = g.agree(inputs)
        difference = g.op("Sub", [a, b])
        flat = g.op("Flatten", [g.op("Mul", [difference, difference])], axis=1, layout="channels_last")
        return g.op("ReduceMean", [flat, g.integers([1])], keepdims=1)


LAYERS = (Sampling, ActivityRegularization, ReconstructionError)
