"""What an output of a network means to whoever reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from netspec.components.objectives.metrics import Reading
from netspec.components.transforms.fitted import Fitted

if TYPE_CHECKING:
    import numpy

Array: TypeAlias = "numpy.ndarray[tuple[int, ...], numpy.dtype[Any]]"
OutputKind = Literal["numbers", "margins", "scores", "logits", "log_probabilities", "probabilities", "labels"]


@dataclass(frozen=True)
class OutputPlan:
    """What an output is, and the names of its classes.

    `link` turns logits into probabilities: `softmax` where the largest wins, `sigmoid` where each output
    decides for itself; margins (of the hinge loss) are told apart in the same two ways, at zero.
    `inverse` are the target's steps that lead from the network's numbers back to the target's own units.
    """

    kind: OutputKind = "numbers"
    link: str = ""
    classes: tuple[str, ...] | None = None
    inverse: tuple[Fitted, ...] = ()
    context: str | None = None
    """The raw column whose last steps come before a forecast."""
    threshold: float | None = None
    """Where a score turns from usual to strange; the validation part says so."""
    one_of: bool | None = None
    """Whether the largest of the last axis wins; None where `link` says it."""
    layout: Literal["channels_last", "channels_first"] = "channels_last"
    """How a file gives it; a network gives channels last."""

    def channels_last(self, answer: Array) -> Array:
        """A file's answer [batch, ...] with its channels behind, as everything else has them."""
        import numpy as np

        return np.moveaxis(answer, 1, -1) if self.layout == "channels_first" else answer

    @property
    def positive(self) -> str | None:
        """Of two classes the one that figures of one class are about: the last."""
        return self.classes[1] if self.classes is not None and len(self.classes) == 2 else None

    @property
    def reading(self) -> Reading:
        """How the output is read as classes."""
        return Reading(self.link == "softmax" if self.one_of is None else self.one_of, self.cut)

    @property
    def cut(self) -> float:
        """Where a single output, once it is readable, turns from the first class to the second."""
        if self.threshold is not None:
            return self.threshold
        return 0.0 if self.kind == "margins" else 0.5

    def json(self) -> dict[str, Any]:
        """Plain data, for a file's metadata; what is undone in the graph is not told."""
        return {
            "kind": self.kind,
            "link": self.link,
            "classes": None if self.classes is None else list(self.classes),
            "threshold": self.threshold,
            "one_of": self.one_of,
            "layout": self.layout,
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> OutputPlan:
        """The plan that `json` wrote."""
        classes = None if data["classes"] is None else tuple(data["classes"])
        return OutputPlan(
            data["kind"],
            data["link"],
            classes,
            threshold=data.get("threshold"),
            one_of=data.get("one_of"),
            layout=data.get("layout", "channels_last"),
        )
