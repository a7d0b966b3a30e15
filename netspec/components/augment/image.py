"""Augmentations of images [batch, height, width, channels], and noise for anything."""

from typing import TYPE_CHECKING

from pydantic import Field

from netspec.components.augment.base import Augment
from netspec.components.fields import Count, Fraction, NotNegative, Positive
from netspec.diagnostics import Problem
from netspec.tensor import TensorType

if TYPE_CHECKING:
    import jax


class FlipHorizontal(Augment):
    """Mirrors left and right.

    ```yaml
    flip_horizontal
    ```
    """

    type = "flip_horizontal"
    short = "probability"
    probability: Fraction = Field(0.5, description="Share of examples that are mirrored.")

    def apply(self, x: "jax.Array", key: "jax.Array", fill: "jax.Array") -> "jax.Array":
        import jax

        flipped = jax.random.bernoulli(key, self.probability, (x.shape[0], 1, 1, 1))
        return jax.numpy.where(flipped, x[:, :, ::-1], x)


class FlipVertical(Augment):
    """Mirrors top and bottom.

    ```yaml
    flip_vertical
    ```
    """

    type = "flip_vertical"
    short = "probability"
    probability: Fraction = Field(0.5, description="Share of examples that are mirrored.")

    def apply(self, x: "jax.Array", key: "jax.Array", fill: "jax.Array") -> "jax.Array":
        import jax

        flipped = jax.random.bernoulli(key, self.probability, (x.shape[0], 1, 1, 1))
        return jax.numpy.where(flipped, x[:, ::-1], x)


class Rotate(Augment):
    """Turns about the centre by a random angle, blending the four nearest pixels.

    ```yaml
    rotate: 15
    ```
    """

    type = "rotate"
    short = "degrees"
    degrees: Positive = Field(description="The largest angle, either way.")

    def apply(self, x: "jax.Array", key: "jax.Array", fill: "jax.Array") -> "jax.Array":
        import jax
        import jax.numpy as jnp

        from netspec.ops.image import sample_bilinear

        n, height, width, _ = x.shape
        angle = jnp.deg2rad(jax.random.uniform(key, (n, 1, 1), x.dtype, -self.degrees, self.degrees))
        rows, columns = jnp.meshgrid(jnp.arange(height) - (height - 1) / 2, jnp.arange(width) - (width - 1) / 2, indexing="ij")
        sin, cos = jnp.sin(angle), jnp.cos(angle)
        from_rows = cos * rows - sin * columns + (height - 1) / 2
        from_columns = sin * rows + cos * columns + (width - 1) / 2
        return sample_bilinear(x, from_rows, from_columns, fill)


class RandomCrop(Augment):
    """Moves the picture by up to some pixels each way: a border is added, then a window of the old size cut.

    ```yaml
    random_crop: 4
    ```
    """

    type = "random_crop"
    short = "padding"
    padding: Count = Field(description="Pixels of border on each side.")

    def check(self, x: TensorType) -> None:
        super().check(x)
        if any(isinstance(size, int) and size <= self.padding for size in x.shape[:2]):
            raise Problem("NS205", f"a border of {self.padding} is as large as the image {x}", field="padding")

    def apply(self, x: "jax.Array", key: "jax.Array", fill: "jax.Array") -> "jax.Array":
        import jax
        import jax.numpy as jnp

        border = self.padding
        n, height, width, channels = x.shape
        padded = jnp.broadcast_to(fill, (n, height + 2 * border, width + 2 * border, channels)).astype(x.dtype)
        padded = padded.at[:, border : border + height, border : border + width].set(x)
        corners = jax.random.randint(key, (n, 2), 0, 2 * border + 1)

        def window(image: "jax.Array", corner: "jax.Array") -> "jax.Array":
            return jax.lax.dynamic_slice(image, (corner[0], corner[1], 0), (height, width, channels))

        return jax.vmap(window)(padded, corners)


class Noise(Augment):
    """Adds normal noise, in units of the prepared input.

    ```yaml
    gaussian_noise: 0.05
    ```
    """

    type = "gaussian_noise"
    short = "stddev"
    geometric = False
    rank = None
    stddev: NotNegative = Field(description="Standard deviation of the noise.")

    def apply(self, x: "jax.Array", key: "jax.Array", fill: "jax.Array") -> "jax.Array":
        import jax

        return x + self.stddev * jax.random.normal(key, x.shape, x.dtype)


AUGMENTS: tuple[type[Augment], ...] = (FlipHorizontal, FlipVertical, Rotate, RandomCrop, Noise)
