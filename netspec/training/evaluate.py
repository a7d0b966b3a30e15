"""Judging weights on a part of the data: the loss, and the spec's metrics in original units."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from netspec.compiler.network import Functional, Weights, lengths_of
from netspec.components.objectives import Loss, Metric
from netspec.components.transforms.pipeline import Preprocess
from netspec.data.prepare import Part
from netspec.data.scores import Rows, Scorer, output_plans, readable
from netspec.data.stream import in_lanes
from netspec.graph.ir import Port
from netspec.graph.objective import logits
from netspec.training.batches import Batch, in_buckets, on_device
from netspec.training.steps.costs import Costs
from netspec.training.steps.supervised import masked_sum

Array = np.ndarray[Any, Any]
_LEAST_BATCH = 256
_COSTS, _DIVERGENCE = ".costs", ".divergence"
"""What is summed beside the losses of outputs, under names that no output has."""


class Evaluator:
    """Runs the network forward over a part, batch by batch."""

    def __init__(
        self,
        network: Functional,
        losses: Mapping[str, Loss],
        metrics: Sequence[Metric],
        preprocess: Preprocess,
        batch_size: int,
        costs: Costs | None = None,
    ) -> None:
        self.costs = costs if costs is not None and costs.nodes else None
        self.network, self.losses, self.metrics, self.preprocess = network, losses, metrics, preprocess
        self.plans = output_plans(network.graph, losses, preprocess)
        self.batch = max(batch_size, _LEAST_BATCH)
        self.forward = jax.jit(self._forward)
        self.carried = jax.jit(self._carried)

    def _forward(self, weights: Weights, batch: Batch) -> tuple[dict[str, jax.Array], dict[str, tuple[Any, Any]]]:
        """The outputs of a batch, and for each loss its sum and how many positions it was summed over."""
        values, _ = self.network.values(weights, batch.inputs, lengths=batch.lengths)
        return self._judged(values, batch)

    def _judged(
        self, values: Mapping[Port, jax.Array], batch: Batch
    ) -> tuple[dict[str, jax.Array], dict[str, tuple[Any, Any]]]:
        graph = self.network.graph
        sums = {}
        for name, loss in self.losses.items():
            if name in batch.targets:
                given = values[logits(graph, name, loss.link)].reshape(values[graph.outputs[name]].shape)
                each = loss.each(given, batch.targets[name])
                sums[name] = masked_sum(each, lengths_of(graph.output_types[name], batch.lengths))
        if self.costs is not None:
            sums[_COSTS] = (self.costs.each(values, batch.lengths).sum(), len(batch.inputs[0]))
            if self.costs.draws:
                sums[_DIVERGENCE] = (self.costs.divergence(values, batch.lengths).sum(), len(batch.inputs[0]))
        return {name: values[port] for name, port in graph.outputs.items()}, sums

    def part(self, weights: Weights, part: Part, name: str, go_on: Callable[[], None] = lambda: None) -> dict[str, float]:
        """`<name>_loss` and `<name>_<metric>` over a part; with several outputs their names stand between.

        `go_on` is asked before each batch, and raises where it is not to go on.
        """
        scorer = Scorer(self.network.graph, self.losses, self.metrics, self.plans, self.preprocess)
        totals: dict[str, list[float]] = {}
        for outputs, sums, targets, behind in self._batches(weights, part):
            go_on()
            for output, (summed, count) in sums.items():
                total = totals.setdefault(output, [0.0, 0.0])
                total[0] += float(np.asarray(summed, np.float64))
                total[1] += float(count)
            shown = {key: readable(np.asarray(value), self.plans[key], behind.raw) for key, value in outputs.items()}
            scorer.update(shown, targets, behind)
        means = {output: summed / count for output, (summed, count) in totals.items()}
        divergence = {f"{name}_kl": means.pop(_DIVERGENCE)} if _DIVERGENCE in means else {}
        loss = sum(means[output] * (self.losses[output].weight if output in self.losses else 1.0) for output in means)
        return {f"{name}_loss": loss} | divergence | scorer.results(name)

    def _batches(self, weights: Weights, part: Part) -> Iterator[tuple[Any, Any, Any, Rows]]:
        """Outputs, sums of losses, targets and rows of each batch."""
        if part.stream is not None:
            yield from self._lanes(weights, part)
            return
        for rows, bound in in_buckets(part, self.batch):
            targets = {key: y[rows, :bound] if key in part.steps else y[rows] for key, y in part.targets.items()}
            lengths = {dim: each[rows] for dim, each in part.lengths.items()}
            inputs = {key: x[rows, :bound] if key in part.ragged else x[rows] for key, x in part.inputs.items()}
            batch = on_device(inputs, targets, lengths)
            outputs, sums = self.forward(weights, batch)
            raw = {key: column.values[rows] for key, column in part.raw.items()}
            yield outputs, sums, targets, Rows(raw, lengths)

    def _lanes(self, weights: Weights, part: Part) -> Iterator[tuple[Any, Any, Any, Rows]]:
        """One long text read in a few lanes side by side, states carried from window to window."""
        (inputs,), (targets,) = part.inputs.values(), part.targets.values()
        (name,) = part.targets
        carry: dict[str, Any] | None = None
        for rows, goes_on in in_lanes(len(inputs)):
            batch = on_device({"input": inputs[rows]}, {name: targets[rows]}, {})
            outputs, sums, carry = self.carried(weights, batch, carry if goes_on else None)
            yield outputs, sums, {name: targets[rows]}, Rows({}, {})

    def _carried(self, weights: Weights, batch: Batch, carry: dict[str, Any] | None) -> tuple[Any, Any, dict[str, Any]]:
        values, after = self.network.onward(weights, batch.inputs, carry)
        return *self._judged(values, batch), after
