"""Which figures a training computes, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netspec.components.objectives import Loss, Metric
from netspec.graph.ir import Graph

_DECIDES = frozenset({"binary_step", "sigmoid", "hard_sigmoid", "softmax", "log_softmax"})
"""Activations whose values can be read as classes whatever the loss is."""


def metrics_by_output(graph: Graph, losses: Mapping[str, Loss], metrics: Sequence[Metric]) -> dict[str, tuple[Metric, ...]]:
    """The metrics that make sense for each output that has a loss."""
    found = {name: tuple(metric for metric in metrics if fits(metric, graph, name, loss)) for name, loss in losses.items()}
    for name, port in graph.outputs.items():
        if port.node in graph.node and graph.node[port.node].op.type == "reconstruction_error":
            found[name] = tuple(metric for metric in metrics if metric.needs in ("classes", "scores"))
    return found


def fits(metric: Metric | type[Metric], graph: Graph, output: str, loss: Loss) -> bool:
    """Whether a metric can judge an output that is trained by a loss."""
    port = graph.outputs[output]
    final = graph.node[port.node].op.type if port.node in graph.node else ""
    if metric.needs == "classes":
        return loss.target in ("classes", "binary") or final in _DECIDES
    if metric.needs == "chances":
        return loss.target == "classes" and "softmax" in loss.link
    return metric.needs != "numbers" or loss.target != "classes"


def figure(part: str, output: str, metric: Metric, *, several: bool) -> str:
    """`test_accuracy`, or with several outputs `test_kind_accuracy`."""
    return f"{part}_{output}_{metric.label}" if several else f"{part}_{metric.label}"


def figures(graph: Graph, losses: Mapping[str, Loss], metrics: Sequence[Metric], part: str) -> list[str]:
    """Every figure of a part beside its loss."""
    several = len(graph.outputs) > 1
    chosen = metrics_by_output(graph, losses, metrics)
    return [figure(part, output, metric, several=several) for output, found in chosen.items() for metric in found]
