"""A part of a trained program with what it takes to ask it: its own preprocessing, and what its outputs mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from netspec.components.transforms.pipeline import ColumnPipe, InputPipe, Preprocess
from netspec.data.scores import output_plans
from netspec.graph.ir import Graph, Port, Program
from netspec.graph.objective import losses_by_output
from netspec.graph.outputs import OutputPlan
from netspec.graph.pieces import between, named_port, piece
from netspec.spec import Spec
from netspec.tensor import TensorType


@dataclass(frozen=True)
class Shipment:
    """A graph, the preprocessing of its inputs, and the plan of each output."""

    graph: Graph
    preprocess: Preprocess
    plans: Mapping[str, OutputPlan]


def shipment(
    spec: Spec, program: Program, preprocess: Preprocess, part: str = "", output: str = "", threshold: float | None = None
) -> Shipment:
    """What a part of a spec is asked by, or with `output` that one value of it.

    `threshold` is where the reconstruction error turns from usual to strange. Raises Problem NS303 for what is not there.
    """
    graph = piece(spec, program, part)
    if output:
        graph = between(graph, {name: Port(name) for name in graph.inputs}, {output: named_port(graph, output)})
    if not spec.gan and graph.inputs.keys() <= preprocess.inputs.keys():
        mirrors = {name: input for name, input in preprocess.mirrors.items() if name in graph.outputs}
        own = replace(preprocess, mirrors=mirrors, targets={k: v for k, v in preprocess.targets.items() if k in graph.outputs})
        losses = {name: loss for name, loss in losses_by_output(spec, program.main).items() if name in graph.outputs}
        plans = output_plans(graph, losses, own)
        if threshold is not None and "anomaly" in plans:
            plans["anomaly"] = replace(plans["anomaly"], threshold=threshold)
        return Shipment(graph, own, plans)
    pipes = {name: preprocess.inputs.get(name) or _plain(name, type) for name, type in graph.inputs.items()}
    return Shipment(graph, Preprocess(pipes, {}), {name: _plan(spec, graph, preprocess, name) for name in graph.outputs})


def _plain(name: str, type: TensorType) -> InputPipe:
    """A latent vector or a code: it comes as the network reads it."""
    return InputPipe((ColumnPipe(name, "array"),), (), type)


def _plan(spec: Spec, graph: Graph, preprocess: Preprocess, output: str) -> OutputPlan:
    """A generator's or decoder's output in the data's units; a discriminator's as the chance that an example is real."""
    if output == "decoder" or graph.name == "generator":
        return OutputPlan("numbers", inverse=next(iter(preprocess.inputs.values())).undone)
    link = spec.adversarial.loss.link if spec.adversarial is not None else ()
    port = graph.outputs[output]
    if graph.name != "discriminator" or not link:
        return OutputPlan("numbers")
    return OutputPlan("probabilities" if graph.node[port.node].op.type in link else "logits", link[0])
