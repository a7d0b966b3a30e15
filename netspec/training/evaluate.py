"""Judging weights on a part of the data: the loss, and the spec's metrics in original units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netspec.compiler.network import Functional, Weights
from netspec.components.objectives import Loss, Metric
from netspec.components.transforms.pipeline import Preprocess
from netspec.data.prepare import Part
from netspec.data.scores import Scorer, output_plans, readable
from netspec.graph.objective import logits

_LEAST_BATCH = 256


class Evaluator:
    """Runs the network forward over a part, batch by batch."""

    def __init__(
        self,
        network: Functional,
        losses: Mapping[str, Loss],
        metrics: Sequence[Metric],
        preprocess: Preprocess,
        batch_size: int,
    ) -> None:
        self.network, self.losses, self.metrics, self.preprocess = network, losses, metrics, preprocess
        self.plans = output_plans(network.graph, losses, preprocess)
        self.batch = max(batch_size, _LEAST_BATCH)
        self.forward = jax.jit(self._forward)

    def _forward(
        self, weights: Weights, inputs: tuple[jax.Array, ...], targets: Mapping[str, jax.Array]
    ) -> tuple[dict[str, jax.Array], dict[str, jax.Array]]:
        values, _ = self.network.values(weights, inputs)
        outputs = {name: values[port] for name, port in self.network.graph.outputs.items()}
        each = {
            name: loss.weight * loss.apply(values[logits(self.network.graph, name, loss)], targets[name])
            for name, loss in self.losses.items()
            if name in targets
        }
        return outputs, each

    def part(self, weights: Weights, part: Part, name: str) -> dict[str, float]:
        """`<name>_loss` and `<name>_<metric>` over a part; with several outputs their names stand between."""
        scorer = Scorer(self.network.graph, self.losses, self.metrics, self.plans, self.preprocess)
        total = 0.0
        for start in range(0, part.rows, self.batch):
            stop = min(start + self.batch, part.rows)
            inputs = tuple(jnp.asarray(x[start:stop]) for x in part.inputs.values())
            targets = {key: y[start:stop] for key, y in part.targets.items()}
            outputs, each = self.forward(weights, inputs, targets)
            total += float(sum(np.asarray(loss, np.float64).sum() for loss in each.values()))
            scorer.update({key: readable(np.asarray(value), self.plans[key]) for key, value in outputs.items()}, targets)
        return {f"{name}_loss": total / part.rows} | scorer.results(name)

    def outputs(self, weights: Weights, inputs: Sequence[np.ndarray[Any, Any]]) -> Iterator[dict[str, np.ndarray[Any, Any]]]:
        """The network's own outputs for prepared inputs, batch by batch."""
        rows = len(inputs[0])
        for start in range(0, rows, self.batch):
            batch = tuple(jnp.asarray(x[start : start + self.batch]) for x in inputs)
            found, _ = self.forward(weights, batch, {})
            yield {key: np.asarray(value) for key, value in found.items()}
