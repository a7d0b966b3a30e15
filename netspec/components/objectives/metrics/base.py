"""What a metric is: streaming NumPy over batches of outputs and targets.

Outputs are what the exported graph gives (probabilities or numbers in original units), so the same
code judges a run and an ONNX file.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from netspec.components.base import Component

if TYPE_CHECKING:
    import numpy

Array: TypeAlias = "numpy.ndarray[tuple[int, ...], numpy.dtype[Any]]"


class Tally:
    """What a metric has seen so far."""

    def update(self, output: Array, target: Array) -> None:
        """Take in a batch: output [batch, ...] and target."""
        raise NotImplementedError

    def result(self) -> float:
        """The metric over everything seen."""
        raise NotImplementedError


@dataclass(frozen=True)
class Reading:
    """How an output is read as classes: known from the network and its loss, never guessed from a batch.

    `one_of`: the largest of the last axis wins. Otherwise each element decides for itself whether it is positive, from `cut`
    on (0.5 for probabilities, 0 for margins), and the last axis holds labels.
    """

    one_of: bool = False
    cut: float = 0.5

    def flat(self, output: Array, target: Array) -> tuple[Array, Array]:
        """Scores [positions, classes] with the true class of each [positions], or [positions, labels] with 0 or 1 for each."""
        import numpy as np

        scores = output.reshape(-1, output.shape[-1]) if output.ndim > 1 else output.reshape(-1, 1)
        if not self.one_of:
            return scores, (target.reshape(scores.shape) >= 0.5).astype(np.int64)
        if target.ndim == output.ndim and target.shape == output.shape:
            return scores, target.argmax(-1).reshape(-1)
        return scores, target.reshape(-1).astype(np.int64)

    def decided(self, scores: Array) -> Array:
        """What scores that are flat already say: a class for each position, or 0 or 1 for each label."""
        import numpy as np

        return scores.argmax(-1) if self.one_of else (scores >= self.cut).astype(np.int64)


EACH = Reading()
ONE_OF = Reading(one_of=True)


class Metric(Component):
    """A figure of how well outputs fit targets."""

    larger_is_better: ClassVar[bool] = True
    needs: ClassVar[str] = ""
    """`classes` for labels, `chances` for one of several classes, `scores` for one score an example, `numbers` for
    regression; '' for any."""
    of_positive: ClassVar[bool] = False
    """Where there are two classes, it is a figure of one of them."""

    @property
    def label(self) -> str:
        """What its figure is called, the part's name before it."""
        return self.type

    def start(self, reading: Reading = EACH) -> Tally:
        """A fresh tally of outputs that are read in this way."""
        raise NotImplementedError
