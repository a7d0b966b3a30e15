"""A network in figures, as `show --json` gives them."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from netspec.graph import Graph, Node, Program
from netspec.graph.costs import training_memory
from netspec.spec import Spec
from netspec.tensor import Dim, Shape, total


def summary(spec: Spec, program: Program) -> dict[str, Any]:
    """`name`, `inputs`, `outputs`, `parameters`, `flops`, `memory_bytes`, `layers`; formulas are texts.

    Of several networks, such as a pair, each is below its name in `networks`, and the figures beside are those of all.
    """
    if len(program.graphs) == 1:
        return {"name": spec.name, **_network(spec, program.main)}
    networks = {name: _network(spec, graph) for name, graph in program.graphs.items()}
    return {"name": spec.name, "networks": networks, **sums(spec, program)}


def sums(spec: Spec, program: Program) -> dict[str, Any]:
    """What all networks of a program come to: `parameters`, `flops`, `memory_bytes`."""
    graphs = program.graphs.values()
    counts = [graph.parameter_count() for graph in graphs]
    return {
        "parameters": {
            "trainable": plain(total(trainable for trainable, _ in counts)),
            "total": plain(total(everything for _, everything in counts)),
        },
        "flops": plain(total(graph.flops for graph in graphs)),
        "memory_bytes": plain(total(training_memory(graph, spec.training) for graph in graphs)),
    }


def _network(spec: Spec, graph: Graph) -> dict[str, Any]:
    trainable, everything = graph.parameter_count()
    return {
        "inputs": {name: shape(t.shape) for name, t in graph.inputs.items()},
        "outputs": {name: shape(t.shape) for name, t in graph.output_types.items()},
        "parameters": {"trainable": plain(trainable), "total": plain(everything)},
        "flops": plain(graph.flops),
        "memory_bytes": plain(training_memory(graph, spec.training)),
        "layers": [_layer(name, nodes) for name, nodes in items(graph)],
    }


def items(graph: Graph) -> list[tuple[str, list[Node]]]:
    """The nodes of each spec item, an activation with its layer."""
    return [(name, list(nodes)) for name, nodes in groupby(graph.nodes, key=lambda node: node.item)]


def parameters(nodes: list[Node]) -> Dim:
    """Trainable parameters that first appear in these nodes."""
    own = (node for node in nodes if node.name == node.weight_scope or node.item == node.weight_scope)
    return total(weight.elements for node in own for weight in node.weights.values() if weight.trainable)


def _layer(name: str, nodes: list[Node]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": name,
        "type": nodes[0].op.type,
        "inputs": [port.node for port in nodes[0].inputs],
        "output": shape(nodes[-1].output.shape),
        "parameters": plain(parameters(nodes)),
        "flops": plain(total(node.flops for node in nodes)),
    }
    if len(nodes) > 1:
        found["activation"] = nodes[-1].op.type
    return found


def plain(dim: Dim) -> int | str:
    """A number, or a formula as text."""
    return dim if isinstance(dim, int) else str(dim)


def shape(dims: Shape) -> list[int | str]:
    """A shape as plain data."""
    return [plain(dim) for dim in dims]
