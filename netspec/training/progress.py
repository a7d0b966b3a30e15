"""How far a training is: epochs that are over, and the position inside the one under way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import numpy as np

Array = np.ndarray[Any, Any]
_FIGURE, _ROWS = "epoch/figure/", "epoch/rows"


@dataclass
class Progress:
    """What the loop must remember beside the state, in every checkpoint."""

    epoch: int = 0
    """Epochs that are over."""
    position: int = 0
    """Steps of the epoch under way that are done."""
    best_value: float | None = None
    best_epoch: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)
    skipped: int = 0

    def json(self) -> dict[str, Any]:
        """Plain data."""
        return dict(vars(self))


@dataclass
class Tally:
    """What the steps of an epoch told so far: for each figure its values, and how many rows each step had."""

    figures: dict[str, list[Any]] = field(default_factory=dict)
    rows: list[Array] = field(default_factory=list)

    @property
    def steps(self) -> int:
        """Steps that have been done."""
        return sum(len(each) for each in self.rows)

    def add(self, figures: Mapping[str, jax.Array | Array], rows: int) -> None:
        """Take in the figures [steps] of some steps of so many rows each."""
        steps = 0
        for name, values in figures.items():
            self.figures.setdefault(name, []).append(values)
            steps = len(values)
        self.rows.append(np.full(steps, rows))

    def last(self) -> dict[str, Any]:
        """The values that were added last, by figure."""
        return {name: values[-1] for name, values in self.figures.items()}

    def means(self) -> dict[str, float]:
        """The mean of each figure, where every row counts the same."""
        weights = np.concatenate(self.rows)
        return {name: float(np.average(self._whole(name), weights=weights)) for name in self.figures}

    def _whole(self, name: str) -> Array:
        return np.concatenate([np.asarray(each) for each in self.figures[name]])

    def arrays(self) -> dict[str, Array]:
        """Host arrays, for a checkpoint."""
        if not self.rows:
            return {}
        return {_ROWS: np.concatenate(self.rows), **{_FIGURE + name: self._whole(name) for name in self.figures}}

    @staticmethod
    def of(arrays: Mapping[str, Array]) -> Tally:
        """What `arrays` wrote."""
        if _ROWS not in arrays:
            return Tally()
        figures = {name.removeprefix(_FIGURE): [array] for name, array in arrays.items() if name.startswith(_FIGURE)}
        return Tally(figures, [arrays[_ROWS]])
