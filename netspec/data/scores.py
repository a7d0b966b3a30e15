"""Metrics over outputs, whoever computed them: the same code judges a run and an ONNX file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np

from netspec.components.objectives import Loss, Metric
from netspec.components.transforms.fitted import undo
from netspec.components.transforms.pipeline import Preprocess
from netspec.graph.figures import figure, metrics_by_output
from netspec.graph.ir import Graph
from netspec.graph.objective import final_activation
from netspec.graph.outputs import OutputPlan
from netspec.tensor import Dim, TensorType, bind, names_in

Array = np.ndarray[Any, Any]


class Rows(NamedTuple):
    """What figures need of the rows behind outputs: raw columns, and how many steps of each row count."""

    raw: Mapping[str, Array]
    lengths: Mapping[str, Array]

    def counting(self, type: TensorType, shape: tuple[int, ...]) -> Array | None:
        """Which steps [rows, time] of an output count; None where all do."""
        if not self.lengths or not type.rank or not names_in(type.shape[0]) & self.lengths.keys():
            return None
        lengths = np.asarray(bind(type.shape[0], cast(Mapping[str, Dim], self.lengths)))
        result: Array = np.arange(shape[1])[None, :] < lengths[:, None]
        return result

    def counted(self, type: TensorType, output: Array, target: Array) -> tuple[Array, Array]:
        """An output of that type and its target, of ragged sequences only the steps that count [steps, ...].

        A target may be filled up further than a batch of outputs is.
        """
        counting = self.counting(type, output.shape)
        return (output, target) if counting is None else (output[counting], target[:, : output.shape[1]][counting])


class Scorer:
    """Feeds batches to every metric that fits an output.

    Outputs come in readable form: probabilities, or numbers in the target's own units.
    """

    def __init__(
        self,
        graph: Graph,
        losses: Mapping[str, Loss],
        metrics: Sequence[Metric],
        plans: Mapping[str, OutputPlan],
        preprocess: Preprocess,
    ) -> None:
        self.graph = graph
        self.preprocess, self.plans = preprocess, plans
        self.targets = [name for name in (*preprocess.targets, *preprocess.mirrors) if name in graph.outputs]
        self.several = len(graph.outputs) > 1
        chosen = metrics_by_output(graph, losses, metrics)
        each = [(output, metric) for output in self.targets for metric in chosen.get(output, ())]
        self.tallies = {(output, metric): metric.start(plans[output].reading) for output, metric in each}

    def update(self, outputs: Mapping[str, Array], targets: Mapping[str, Array], rows: Rows) -> None:
        """Take in a batch of readable outputs and prepared targets, with the rows that they belong to."""
        for (output, _), tally in self.tallies.items():
            target = self._true(output, targets[output], rows)
            tally.update(*rows.counted(self.graph.output_types[output], outputs[output], target))

    def _true(self, output: str, target: Array, rows: Rows) -> Array:
        """A target in its own units."""
        if output in self.preprocess.mirrors:
            return undo(self.preprocess.undone(output), target)
        return self.preprocess.targets[output].inverse(target, rows.raw)

    def positive(self, part: str) -> dict[str, str]:
        """For each figure that is one of a single class of two, that class."""
        return {
            figure(part, output, metric, several=self.several): positive
            for output, metric in self.tallies
            if metric.of_positive and (positive := self.plans[output].positive) is not None
        }

    def results(self, part: str) -> dict[str, float]:
        """Every metric under its full name."""
        several = self.several
        return {
            figure(part, output, metric, several=several): tally.result() for (output, metric), tally in self.tallies.items()
        }


def output_plans(graph: Graph, losses: Mapping[str, Loss], preprocess: Preprocess) -> dict[str, OutputPlan]:
    """What each output of the network is: logits or probabilities of classes, or numbers to be undone."""
    plans = {}
    for name, port in graph.outputs.items():
        loss, pipe = losses.get(name), preprocess.targets.get(name)
        classes = _named(pipe.classes if pipe else None, graph.type_of(port))
        final = graph.node[port.node].op.type if port.node in graph.node else ""
        if loss is not None and loss.type == "hinge":
            plans[name] = OutputPlan("margins", "sigmoid" if graph.type_of(port).shape[-1] == 1 else "softmax", classes)
        elif final == "reconstruction_error":
            plans[name] = OutputPlan("scores", "sigmoid", classes)
        elif loss is None or not loss.link or name in preprocess.mirrors:
            context = pipe.context if pipe else None
            one_of = final in ("softmax", "log_softmax")
            plans[name] = OutputPlan("numbers", "", classes, preprocess.undone(name), context, one_of=one_of)
        elif not (link := final_activation(graph, name, loss.link)):
            plans[name] = OutputPlan("logits", loss.link[0], classes)
        else:
            plans[name] = OutputPlan("log_probabilities" if link == "log_softmax" else "probabilities", loss.link[0], classes)
    return plans


def _named(classes: tuple[str, ...] | None, output: TensorType) -> tuple[str, ...] | None:
    """A name for each output: those that no class of the data belongs to (NS544) have a number for theirs."""
    size = output.shape[-1] if output.rank else 1
    if classes is None or not isinstance(size, int):
        return classes
    return (*classes, *(f"unnamed_{index}" for index in range(len(classes), size)))


def readable(value: Array, plan: OutputPlan, raw: Mapping[str, Array]) -> Array:
    """An output as probabilities, or as numbers in the target's own units."""
    if plan.kind == "logits":
        return probabilities(value, plan.link)
    if plan.kind == "log_probabilities":
        return np.exp(value)
    return undo(plan.inverse, value, None if plan.context is None else raw[plan.context])


def probabilities(logits: Array, link: str) -> Array:
    """Softmax over the last axis, or the sigmoid of each, in float64 and cast back."""
    wide = logits.astype(np.float64)
    if link == "sigmoid":
        return (0.5 * (1 + np.tanh(wide / 2))).astype(logits.dtype)
    shifted = np.exp(wide - wide.max(-1, keepdims=True))
    return (shifted / shifted.sum(-1, keepdims=True)).astype(logits.dtype)
