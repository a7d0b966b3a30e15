"""Watching a GAN pair: what the generator makes, how far it is from the data, and whether one side has won."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from netspec.compiler.network import Functional, Weights
from netspec.components.transforms.fitted import undo
from netspec.data.pictures import picture
from netspec.data.prepare import Dataset
from netspec.diagnostics import Diagnostic, Severity
from netspec.randomness import folded, generator, key
from netspec.spec.networks import Gan
from netspec.spec.training import AdversarialSection
from netspec.training.judge import Judged
from netspec.training.steps.adversarial import draw

Array = np.ndarray[Any, Any]
_COMPARED = 512
"""Examples of either kind that are compared each epoch."""
_COLLAPSED = 0.25
_WON = 0.995
_FORGOTTEN = 3.0
"""Times that an average's horizon has passed."""
_PATIENCE = 3
"""Epochs that something has to go on before it is told."""


class Features(Protocol):
    """A classifier as a space in which examples are compared."""

    def of(self, raw: Array) -> Array:
        """The features [rows, features] of examples in original units."""
        ...


@dataclass
class Exhibition:
    """Judges a pair by what its generator makes, always of the same latent vectors."""

    gan: Gan
    train: AdversarialSection
    generator: Functional
    dataset: Dataset
    steps_per_epoch: int
    features: Features | None = None
    streaks: dict[str, int] = field(default_factory=dict)

    @property
    def monitor(self) -> str:
        """The figure that decides which weights are best; without one they are the last."""
        if self.train.early_stopping is not None:
            return self.train.early_stopping.monitor
        return "frechet_distance" if self.features is not None else ""

    @property
    def larger_is_better(self) -> bool:
        """Whether the best is the largest."""
        return self.monitor in ("diversity", "coverage")

    @cached_property
    def _forward(self) -> Any:
        def forward(weights: Weights, latent: jax.Array, *told: jax.Array) -> jax.Array:
            values, _ = self.generator.values(weights, (latent, *told))
            (port,) = self.generator.graph.outputs.values()
            return values[port]

        return jax.jit(forward)

    @cached_property
    def _real(self) -> Array:
        """Some real examples as the network reads them, the same ones every time."""
        x = next(iter(self.dataset.train.inputs.values()))
        rows = generator(self.train.seed, "judged_rows").permutation(len(x))[: self._count]
        return np.asarray(x[np.sort(rows)])

    @property
    def _count(self) -> int:
        frechet = self.train.frechet.samples if self.train.frechet is not None else 0
        return max(_COMPARED, frechet)

    def made(self, weights: Weights, rows: int, name: str) -> Array:
        """Examples as the discriminator reads them; `name` decides the latent vectors."""
        latent = self.gan.latent
        own = folded(key(self.train.seed, "pictures"), name)
        drawn = draw(own, rows, latent.size, latent.distribution)
        told = []
        if "condition" in self.generator.graph.inputs:
            classes = self.dataset.train.inputs["condition"]
            # Row by row of the grid: the classes in order, each column another draw.
            told = [jnp.asarray(np.unique(classes)[np.arange(rows) % len(np.unique(classes))], jnp.int32)]
        return np.asarray(self._forward(weights, drawn, *told))

    def undone(self, prepared: Array) -> Array:
        """Examples in original units."""
        name = next(iter(self.dataset.preprocess.inputs))
        return undo(self.dataset.preprocess.inputs[name].undone, prepared)

    def before(self, weights: Weights) -> tuple[str, ...]:
        """The Frechet distance before the first step, where one is computed."""
        if self.features is None or self.train.frechet is None:
            return ()
        distance = frechet(self.features.of(self.undone(self.made(weights, self._count, "watched"))), self._real_features)
        return (f"Frechet distance before training {distance:.4g}, in the features of `{self.train.frechet.classifier}`",)

    def epoch(self, weights: Weights, number: int, told: Mapping[str, float], go_on: Callable[[], None]) -> Judged:
        """Figures of an epoch, its picture where one is due, and warnings."""
        rows, columns = self.train.samples.grid
        made = self.made(weights, max(self._count, rows * columns), "watched")
        real = self._real
        figures = {
            "diversity": diversity(made[:_COMPARED], real[:_COMPARED]),
            "coverage": coverage(made[:_COMPARED], real[:_COMPARED]),
        }
        if self.features is not None:
            figures["frechet_distance"] = frechet(self.features.of(self.undone(made)), self._real_features)
        shown = None
        if number % self.train.samples.every_epochs == 0 or number == self.train.epochs:
            shown = self._picture(weights, made)
        return Judged(figures, shown, tuple(self._warnings(number, {**told, **figures})))

    @cached_property
    def _real_features(self) -> Array:
        assert self.features is not None
        return self.features.of(self.undone(self._real))

    def _picture(self, weights: Weights, made: Array) -> Array | None:
        rows, columns = self.train.samples.grid
        shown = made
        if "condition" not in self.generator.graph.inputs and made.ndim > 2:
            shown = self.made(weights, rows * columns, "shown")
        return picture(self.undone(shown), self.undone(self._real), (rows, columns))

    def _warnings(self, number: int, figures: Mapping[str, float]) -> list[Diagnostic]:
        found = []
        # An average of weights is still near to where they began until it has forgotten that.
        settled = number * self.steps_per_epoch * (1 - (self.train.generator.ema or 0.0)) > _FORGOTTEN
        if settled and self._goes_on("collapse", figures["diversity"] < _COLLAPSED):
            message = f"what the generator makes is all alike: its diversity is {figures['diversity']:.2f} of the data's"
            help = (
                "add `r1: 1` or more to `train`, and `ema: 0.999` to `generator`",
                "lower both learning rates, or take a loss with a gradient penalty: `wasserstein_gp`",
            )
            found.append(Diagnostic("NS545", message, severity=Severity.warning, help=help))
        right = min(figures.get("accuracy_on_real", 0.0), figures.get("accuracy_on_fake", 0.0))
        if self._goes_on("won", right > _WON):
            message = f"the discriminator is right about {right:.1%} of all examples: the generator learns nothing from it"
            help = (
                "lower its learning rate, or give it fewer `steps`",
                "add `label_smoothing: 0.1` or `r1: 1`, or make it smaller",
            )
            found.append(Diagnostic("NS546", message, severity=Severity.warning, help=help))
        return found

    def _goes_on(self, what: str, holds: bool) -> bool:
        """Whether something has held for just so many epochs that it is to be told, once."""
        self.streaks[what] = self.streaks.get(what, 0) + 1 if holds else 0
        return self.streaks[what] == _PATIENCE


def _distances(a: Array, b: Array) -> Array:
    """The distance of each of [rows, ...] from each of [others, ...]."""
    x, y = a.reshape(len(a), -1).astype(np.float64), b.reshape(len(b), -1).astype(np.float64)
    squares = (x**2).sum(1)[:, None] + (y**2).sum(1)[None, :] - 2 * x @ y.T
    return np.sqrt(np.maximum(squares, 0.0))


def diversity(made: Array, real: Array) -> float:
    """How far made examples are from one another, as a share of how far real ones are; 0 where all are the same."""
    spread = [_distances(x, x).sum() / max(len(x) * (len(x) - 1), 1) for x in (made, real)]
    return float(spread[0] / max(spread[1], 1e-12))


def coverage(made: Array, real: Array, neighbours: int = 5) -> float:
    """Share of real examples that have a made one no further off than their fifth neighbour (Naeem et al. 2020)."""
    near = np.partition(_distances(real, real), min(neighbours, len(real) - 1), axis=1)[:, min(neighbours, len(real) - 1)]
    return float((_distances(real, made).min(axis=1) <= near).mean())


def frechet(made: Array, real: Array) -> float:
    """The Frechet distance of two sets of features [rows, features], each taken as normal (Heusel et al. 2017).

    `|m - n|^2 + tr(A + B - 2 sqrt(A B))`; the root's trace is that of the singular values of `sqrt(A) sqrt(B)`.
    """
    (m, a), (n, b) = ((x.mean(0), np.cov(x, rowvar=False)) for x in (made.astype(np.float64), real.astype(np.float64)))
    roots = np.linalg.svd(_root(np.atleast_2d(a)) @ _root(np.atleast_2d(b)), compute_uv=False)
    return float(((m - n) ** 2).sum() + np.trace(np.atleast_2d(a)) + np.trace(np.atleast_2d(b)) - 2 * roots.sum())


def _root(matrix: Array) -> Array:
    """The root of a covariance."""
    values, vectors = np.linalg.eigh(matrix)
    result: Array = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return result
