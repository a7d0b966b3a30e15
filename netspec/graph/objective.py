"""What training aims at, seen from the graph: which loss belongs to which output, and does it fit."""

from __future__ import annotations

from collections.abc import Mapping

from netspec.components.objectives import Loss
from netspec.graph.ir import Graph, Port
from netspec.spec.load import Spec


def losses_by_output(spec: Spec, graph: Graph) -> dict[str, Loss]:
    """The loss of each output that has one."""
    if spec.train is None:
        return {}
    loss = spec.train.loss
    if isinstance(loss, Mapping):
        return {name: each for name, each in loss.items() if name in graph.outputs}
    return {"decoder" if spec.autoencoder else next(iter(graph.outputs)): loss}


def logits(graph: Graph, output: str, loss: Loss) -> Port:
    """What the loss reads: where the output ends in the loss's own activation, what goes into that."""
    port = graph.outputs[output]
    node = graph.node.get(port.node)
    return node.inputs[0] if node is not None and node.op.type in loss.link else port


def ends_in_link(graph: Graph, output: str, loss: Loss) -> bool:
    """Whether the network's output is already a probability of the loss's kind."""
    return logits(graph, output, loss) != graph.outputs[output]
