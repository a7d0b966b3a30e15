"""Losses. Each says which outputs it fits, so that `validate` can tell, and gives one number an example."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from netspec.components.base import Component
from netspec.components.fields import Float, Fraction, NotNegative, Positive
from netspec.diagnostics import Problem
from netspec.tensor import TensorType

if TYPE_CHECKING:
    import jax

TargetKind = Literal["classes", "binary", "numbers"]


class Loss(Component):
    """A function of outputs and targets; training takes its weighted mean over the batch.

    `link` is the activation whose inverse the loss works on: where the network ends in it, the loss
    is computed from what goes into the activation, stable and in one pass.
    """

    link: ClassVar[tuple[str, ...]] = ()
    target: ClassVar[TargetKind] = "numbers"
    weight: Positive = Field(1.0, description="Factor on this loss where there are several.")

    def check(self, output: TensorType) -> None:
        """Raises Problem NS505 where the output's shape cannot fit."""

    def target_shape(self, output: TensorType) -> tuple[Any, ...]:
        """The shape of one example's target, the batch axis not counted."""
        return output.shape

    def each(self, output: "jax.Array", target: "jax.Array") -> "jax.Array":
        """The loss at each position: [batch, ...] and its target to [batch, ...]. Logits where the loss has a link."""
        raise NotImplementedError


class MeanSquaredError(Loss):
    """The mean of squared differences (`optax.squared_error`).

    ```yaml
    mean_squared_error
    ```
    """

    type = "mean_squared_error"

    def each(self, output: "jax.Array", target: "jax.Array") -> "jax.Array":
        return (output - target) ** 2


class MeanAbsoluteError(Loss):
    """The mean of absolute differences.

    ```yaml
    mean_absolute_error
    ```
    """

    type = "mean_absolute_error"

    def each(self, output: "jax.Array", target: "jax.Array") -> "jax.Array":
        return abs(output - target)


class Huber(Loss):
    """Squared near zero, linear beyond `delta` (`optax.huber_loss`).

    ```yaml
    huber: {delta: 1.0}
    ```
    """

    type = "huber"
    short = "delta"
    delta: Positive = Field(1.0, description="Where the square turns into a line.")

    def each(self, output: "jax.Array", target: "jax.Array") -> "jax.Array":
        import optax

        return optax.huber_loss(output, target, delta=self.delta)


class Quantile(Loss):
    """The pinball loss, whose minimum is a quantile of the target (Koenker and Bassett 1978).

    ```yaml
    quantile: 0.9
    ```
    """

    type = "quantile"
    short = "quantile"
    quantile: Fraction = Field(0.5, description="Which quantile; 0.5 is the median.")

    def each(self, output: "jax.Array", target: "jax.Array") -> "jax.Array":
        import jax.numpy as jnp

        above = target - output
        return jnp.maximum(self.quantile * above, (self.quantile - 1) * above)


class CrossEntropy(Loss):
    """Softmax cross-entropy, of integer labels or of probabilities (`optax.softmax_cross_entropy`).

    ```yaml
    cross_entropy: {label_smoothing: 0.1}
    ```
    """

    type = "cross_entropy"
    link = ("softmax", "log_softmax")
    target = "classes"
    label_smoothing: Fraction = Field(0.0, description="Share of each target that is spread over all classes.")

    def check(self, output: TensorType) -> None:
        if output.rank == 0 or output.shape[-1] == 1:
            raise Problem(
                "NS505",
                f"`{self.type}` needs one output for each class, but the network gives {output}",
                help="use `binary_cross_entropy` for one output, or give the last layer as many units as there are classes",
            )

    def target_shape(self, output: TensorType) -> tuple[Any, ...]:
        return output.shape[:-1]

    def each(self, output: "jax.Array", target: "jax.Array") -> "jax.Array":
        import jax
        import optax

        if target.ndim == output.ndim and not jax.numpy.issubdtype(target.dtype, jax.numpy.integer):
            labels = optax.smooth_labels(target, self.label_smoothing) if self.label_smoothing else target
            return optax.softmax_cross_entropy(output, labels)
        if not self.label_smoothing:
            return optax.softmax_cross_entropy_with_integer_labels(output, target)
        hot = jax.nn.one_hot(target, output.shape[-1], dtype=output.dtype)
        return optax.softmax_cross_entropy(output, optax.smooth_labels(hot, self.label_smoothing))


class BinaryCrossEntropy(Loss):
    """Sigmoid cross-entropy of each output (`optax.sigmoid_binary_cross_entropy`).

    ```yaml
    binary_cross_entropy
    ```
    """

    type = "binary_cross_entropy"
    link = ("sigmoid",)
    target = "binary"
    label_smoothing: Fraction = Field(0.0, description="Moves targets this far towards 0.5.")

    def each(self, output: "jax.Array", target: "jax.Array") -> "jax.Array":
        import optax

        smoothed = target * (1 - self.label_smoothing) + 0.5 * self.label_smoothing
        return optax.sigmoid_binary_cross_entropy(output, smoothed)


class Focal(Loss):
    """Binary cross-entropy that looks away from easy examples (Lin et al. 2017; `optax.sigmoid_focal_loss`).

    ```yaml
    focal: {gamma: 2.0, alpha: 0.25}
    ```
    """

    type = "focal"
    link = ("sigmoid",)
    target = "binary"
    gamma: NotNegative = Field(2.0, description="How much easy examples count less.")
    alpha: Fraction | None = Field(None, description="Weight of the positive class; the negative gets the rest.")

    def each(self, output: "jax.Array", target: "jax.Array") -> "jax.Array":
        import optax

        return optax.sigmoid_focal_loss(output, target, alpha=self.alpha, gamma=self.gamma)


class Hinge(Loss):
    """`max(0, 1 - y x)` with targets 0 and 1 read as -1 and 1; several classes by the margin of Crammer and Singer (2001).

    ```yaml
    hinge
    ```
    """

    type = "hinge"
    target = "classes"

    def target_shape(self, output: TensorType) -> tuple[Any, ...]:
        return output.shape if output.shape[-1:] == (1,) else output.shape[:-1]

    def each(self, output: "jax.Array", target: "jax.Array") -> "jax.Array":
        import jax.numpy as jnp
        import optax

        if output.shape[-1] == 1:
            return optax.hinge_loss(output, 2.0 * target - 1.0)
        return optax.losses.multiclass_hinge_loss(output, target.astype(jnp.int32))


class KlDivergence(Loss):
    """The Kullback-Leibler divergence of the softmax of the output from target probabilities (`optax.kl_divergence`).

    ```yaml
    kl_divergence
    ```
    """

    type = "kl_divergence"
    link = ("softmax", "log_softmax")

    def check(self, output: TensorType) -> None:
        if output.rank == 0 or output.shape[-1] == 1:
            help = "use `binary_cross_entropy` for one share, or give the last layer as many units as there are shares"
            raise Problem("NS505", f"`{self.type}` needs shares that add up to one, but the network gives {output}", help=help)

    def each(self, output: "jax.Array", target: "jax.Array") -> "jax.Array":
        import jax
        import optax

        return optax.kl_divergence(jax.nn.log_softmax(output), target)


class Cosine(Loss):
    """One less the cosine of the angle between output and target (`optax.cosine_distance`).

    ```yaml
    cosine
    ```
    """

    type = "cosine"
    epsilon: Float = Field(1e-8, description="Added to the lengths, against division by zero.")

    def check(self, output: TensorType) -> None:
        if output.rank == 0 or output.shape[-1] == 1:
            help = "use `mean_squared_error`, or give the last layer more units"
            raise Problem("NS505", f"`{self.type}` compares directions, and {output} has none but its sign", help=help)

    def each(self, output: "jax.Array", target: "jax.Array") -> "jax.Array":
        import optax

        return optax.cosine_distance(output, target, epsilon=self.epsilon)


_ALL: Sequence[type[Loss]] = (
    MeanSquaredError, MeanAbsoluteError, Huber, Quantile, CrossEntropy, BinaryCrossEntropy, Focal, Hinge, KlDivergence, Cosine,
)  # fmt: skip

LOSSES: dict[str, type[Loss]] = {loss.type: loss for loss in _ALL}
