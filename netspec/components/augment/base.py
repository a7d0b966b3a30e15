"""What an augmentation is: a random change of a training batch, inside the compiled step."""

from typing import TYPE_CHECKING, ClassVar

from netspec.components.base import Component
from netspec.diagnostics import Problem
from netspec.tensor import TensorType

if TYPE_CHECKING:
    import jax


class Augment(Component):
    """A random change of examples; `geometric` ones also move the target of an image-to-image pair."""

    geometric: ClassVar[bool] = True
    rank: ClassVar[int | None] = 3
    """The input's rank that it works on; None for any."""

    def check(self, x: TensorType) -> None:
        """Raises Problem NS402 where the input cannot be changed this way."""
        if self.rank is not None and x.rank != self.rank:
            message = f"`{self.type}` needs images [height, width, channels], but the input is {x}"
            raise Problem("NS402", message, help="remove it; `gaussian_noise` works on any input")

    def apply(self, x: "jax.Array", key: "jax.Array", fill: "jax.Array") -> "jax.Array":
        """A changed batch [batch, ...]; `fill` [channels] or a number is what stands outside the picture."""
        raise NotImplementedError
