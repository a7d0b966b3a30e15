"""Losses of GAN pairs: what the discriminator makes small, and what the generator does.

Both are means over a batch of the discriminator's outputs, [batch, 1], before any activation.
"""

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from netspec.components.base import Component
from netspec.components.fields import NotNegative, Positive

if TYPE_CHECKING:
    import jax


class AdversarialLoss(Component):
    """What the two sides of a pair aim at.

    `link` is the activation whose inverse the loss works on: a discriminator that ends in it is judged by what goes in.
    """

    link: ClassVar[tuple[str, ...]] = ()
    smooths: ClassVar[bool] = False
    """Whether the discriminator has a target for real examples, which `label_smoothing` can lower."""

    def discriminator(self, real: "jax.Array", fake: "jax.Array", smoothing: float = 0.0) -> "jax.Array":
        """The discriminator's loss from its outputs [batch, 1] for real and generated examples."""
        raise NotImplementedError

    def generator(self, fake: "jax.Array") -> "jax.Array":
        """The generator's loss from the discriminator's outputs [batch, 1] for what it made."""
        raise NotImplementedError

    @property
    def cut(self) -> float | None:
        """Above it an output calls an example real; None for a critic, whose outputs have no zero."""
        return 0.0

    @property
    def bound(self) -> float | None:
        """The bound that every weight of the discriminator is cut to after each update."""
        return None

    @property
    def gradient_penalty(self) -> float:
        """Weight of `(|gradient| - 1)^2` at points between real and generated examples."""
        return 0.0


class NonSaturating(AdversarialLoss):
    """Cross-entropy for both sides; the generator makes its examples more likely to pass (Goodfellow et al. 2014).

    ```yaml
    non_saturating
    ```
    """

    type = "non_saturating"
    link = ("sigmoid",)
    smooths = True

    def discriminator(self, real: "jax.Array", fake: "jax.Array", smoothing: float = 0.0) -> "jax.Array":
        import jax

        # Cross-entropy with the target 1 - s: softplus(-x) + s * x.
        return (jax.nn.softplus(-real) + smoothing * real).mean() + jax.nn.softplus(fake).mean()

    def generator(self, fake: "jax.Array") -> "jax.Array":
        import jax

        return jax.nn.softplus(-fake).mean()


class LeastSquares(AdversarialLoss):
    """Squared distances from 1 for what is real and 0 for what is not (Mao et al. 2016).

    ```yaml
    least_squares
    ```
    """

    type = "least_squares"
    smooths = True

    def discriminator(self, real: "jax.Array", fake: "jax.Array", smoothing: float = 0.0) -> "jax.Array":
        return 0.5 * ((real - (1.0 - smoothing)) ** 2).mean() + 0.5 * (fake**2).mean()

    def generator(self, fake: "jax.Array") -> "jax.Array":
        return 0.5 * ((fake - 1.0) ** 2).mean()

    @property
    def cut(self) -> float | None:
        return 0.5


class AdversarialHinge(AdversarialLoss):
    """Margins of 1 on either side of zero (Lim and Ye 2017).

    ```yaml
    hinge
    ```
    """

    type = "hinge"

    def discriminator(self, real: "jax.Array", fake: "jax.Array", smoothing: float = 0.0) -> "jax.Array":
        import jax

        return jax.nn.relu(1.0 - real).mean() + jax.nn.relu(1.0 + fake).mean()

    def generator(self, fake: "jax.Array") -> "jax.Array":
        return -fake.mean()


class _Critic(AdversarialLoss):
    """The difference of means, whose outputs have no zero."""

    def discriminator(self, real: "jax.Array", fake: "jax.Array", smoothing: float = 0.0) -> "jax.Array":
        return fake.mean() - real.mean()

    def generator(self, fake: "jax.Array") -> "jax.Array":
        return -fake.mean()

    @property
    def cut(self) -> float | None:
        return None


class Wasserstein(_Critic):
    """The difference of a critic's means, its weights cut to a small range (Arjovsky et al. 2017).

    ```yaml
    wasserstein: {clip: 0.01}
    ```
    """

    type = "wasserstein"
    short = "clip"
    clip: Positive = Field(0.01, description="The bound that every weight of the critic is cut to.")

    @property
    def bound(self) -> float | None:
        return self.clip


class WassersteinGp(_Critic):
    """The difference of a critic's means, with a penalty on gradients that are not of length 1 (Gulrajani et al. 2017).

    ```yaml
    wasserstein_gp: {penalty: 10}
    ```
    """

    type = "wasserstein_gp"
    short = "penalty"
    penalty: NotNegative = Field(10.0, description="Weight of the gradient penalty.")

    @property
    def gradient_penalty(self) -> float:
        return self.penalty


ADVERSARIAL_LOSSES: dict[str, type[AdversarialLoss]] = {
    loss.type: loss for loss in (NonSaturating, LeastSquares, AdversarialHinge, Wasserstein, WassersteinGp)
}
