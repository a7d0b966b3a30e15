"""Who judges weights at the end of an epoch: figures, perhaps a picture, perhaps a warning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from netspec.compiler.network import Weights
from netspec.data.prepare import Part
from netspec.diagnostics import Diagnostic
from netspec.training.evaluate import Evaluator


@dataclass(frozen=True)
class Judged:
    """Figures for the epoch's line; a picture [height, width, channels] of bytes; warnings with advice."""

    figures: Mapping[str, float]
    picture: np.ndarray[Any, Any] | None = None
    warnings: tuple[Diagnostic, ...] = field(default=())


class Judge(Protocol):
    """Judges weights; `monitor` is the figure that decides which are best."""

    @property
    def monitor(self) -> str:
        """The figure that decides which weights are best."""
        ...

    @property
    def larger_is_better(self) -> bool:
        """Whether the best is the largest."""
        ...

    def before(self, weights: Weights) -> tuple[str, ...]:
        """What there is to say of the weights before the first step."""
        ...

    def epoch(self, weights: Weights, number: int, told: Mapping[str, float], go_on: Callable[[], None]) -> Judged:
        """What there is to say of these weights after epoch `number`, whose steps told these figures.

        `go_on` is asked between pieces of long work, and raises where it is not to go on.
        """
        ...


@dataclass(frozen=True)
class ByValidation:
    """The loss and the metrics of the validation part, where there is one."""

    evaluator: Evaluator
    part: Part | None
    monitor: str
    larger_is_better: bool

    def before(self, weights: Weights) -> tuple[str, ...]:
        """Nothing: they have learnt nothing."""
        return ()

    def epoch(self, weights: Weights, number: int, told: Mapping[str, float], go_on: Callable[[], None]) -> Judged:
        """The figures of the validation part."""
        return Judged({} if self.part is None else self.evaluator.part(weights, self.part, "validation", go_on))
