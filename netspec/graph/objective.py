"""What training aims at, seen from the graph: which loss belongs to which output, and does it fit."""

from __future__ import annotations

from collections.abc import Mapping

from netspec.components.objectives import Loss
from netspec.graph.ir import Graph, Node, Port
from netspec.spec.load import Spec


def losses_by_output(spec: Spec, graph: Graph) -> dict[str, Loss]:
    """The loss of each output that has one."""
    if spec.train is None:
        return {}
    loss = spec.train.loss
    if isinstance(loss, Mapping):
        return {name: each for name, each in loss.items() if name in graph.outputs}
    return {"decoder" if spec.autoencoder else next(iter(graph.outputs)): loss}


_MOVES = ("reshape", "flatten", "identity")
"""Layers that keep every element, in its order."""


def final_node(graph: Graph, output: str) -> Node | None:
    """The layer that gives an output its values: what only shapes them anew is passed over."""
    node = graph.node.get(graph.outputs[output].node)
    while node is not None and node.op.type in _MOVES and node.inputs[0].node in graph.node:
        node = graph.node[node.inputs[0].node]
    return node


def logits(graph: Graph, output: str, link: tuple[str, ...]) -> Port:
    """What a loss reads: where the output ends in the loss's own activation, what goes into that.

    A sigmoid is found behind a reshape too, so what is read may have another shape than the output: the same elements in
    the same order. A softmax is not, for its axis may have become another.
    """
    port = graph.outputs[output]
    node = graph.node.get(port.node)
    if node is not None and node.op.type in link:
        return node.inputs[0]
    final = final_node(graph, output)
    return final.inputs[0] if final is not None and final.op.type == "sigmoid" and "sigmoid" in link else port


def final_activation(graph: Graph, output: str, link: tuple[str, ...]) -> str:
    """The activation of a loss' kind that an output ends in; '' where it ends in none of them."""
    read = logits(graph, output, link)
    if read == graph.outputs[output]:
        return ""
    node = graph.node[graph.outputs[output].node]
    return node.op.type if node.op.type in link else "sigmoid"
