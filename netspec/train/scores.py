"""Metrics over outputs, whoever computed them: the same code judges a run and an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from netspec.components.objectives import Loss, Metric
from netspec.components.transforms.pipeline import Preprocess
from netspec.graph.ir import Graph
from netspec.graph.objective import ends_in_link

Array = np.ndarray[Any, Any]


class Scorer:
    """Feeds batches to every metric that fits an output, in original units and as probabilities."""

    def __init__(self, graph: Graph, losses: Mapping[str, Loss], metrics: Sequence[Metric], preprocess: Preprocess) -> None:
        self.graph, self.losses, self.preprocess = graph, losses, preprocess
        outputs = [name for name in graph.outputs if name in preprocess.targets]
        self.tallies = {(output, m.type): m.start() for output in outputs for m in metrics if self._fits(m, output)}

    def _fits(self, metric: Metric, output: str) -> bool:
        if metric.needs != "classes":
            return True
        # One output without a classification loss is a step neuron's or the like: 0 and 1 are classes too.
        return self.preprocess.targets[output].classes is not None or len(self.graph.outputs) == 1

    def update(self, outputs: Mapping[str, Array], targets: Mapping[str, Array]) -> None:
        """Take in a batch of raw network outputs and prepared targets."""
        shown = {name: self.readable(name, value) for name, value in outputs.items()}
        for (output, _), tally in self.tallies.items():
            pipe = self.preprocess.targets[output]
            tally.update(shown[output], pipe.inverse(targets[output]))

    def readable(self, output: str, value: Array) -> Array:
        """An output as probabilities, or as numbers in the target's own units."""
        loss = self.losses.get(output)
        if loss is not None and loss.link and not ends_in_link(self.graph, output, loss):
            value = probabilities(value, loss.link[0])
        elif loss is not None and loss.link and self.graph.node[self.graph.outputs[output].node].op.type == "log_softmax":
            value = np.exp(value)
        return self.preprocess.targets[output].inverse(value) if output in self.preprocess.targets else value

    def results(self, part: str) -> dict[str, float]:
        """Every metric under its full name."""
        several = len({output for output, _ in self.tallies}) > 1
        return {
            f"{part}_{output}_{metric}" if several else f"{part}_{metric}": tally.result()
            for (output, metric), tally in self.tallies.items()
        }


def probabilities(logits: Array, link: str) -> Array:
    """Softmax over the last axis, or the sigmoid of each, in float64 and cast back."""
    wide = logits.astype(np.float64)
    if link == "sigmoid":
        return (0.5 * (1 + np.tanh(wide / 2))).astype(logits.dtype)
    shifted = np.exp(wide - wide.max(-1, keepdims=True))
    return (shifted / shifted.sum(-1, keepdims=True)).astype(logits.dtype)
