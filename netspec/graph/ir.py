"""The IR: frozen nodes in a graph, graphs in a program. Everything behind `validate` works on this."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from netspec.components.layers import Layer, Weight, WeightedLayer
from netspec.diagnostics import Problem
from netspec.spec.items import Origin
from netspec.tensor import Dim, TensorType, names_in, total


class Port(NamedTuple):
    """One output of a node, or with a graph input's name that input."""

    node: str
    output: int = 0


@dataclass(frozen=True, eq=False)
class Node:
    """A layer in its place. `item` is the spec item that it came from: several nodes may share one."""

    name: str
    op: Layer
    inputs: tuple[Port, ...]
    input_types: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    item: str
    origin: Origin
    weight_scope: str
    remat: str | None = None
    """The block whose values are computed again in the backward pass instead of being kept."""

    @property
    def output(self) -> TensorType:
        """The type of the first port."""
        return self.outputs[0]

    @cached_property
    def weights(self) -> Mapping[str, Weight]:
        """Weights by their name inside the node."""
        return self.op.parameters(self.input_types)

    def check_starts(self) -> None:
        """Raises Problem NS205 where an initializer cannot start a weight of its shape."""
        if isinstance(self.op, WeightedLayer):
            for name, weight in self.weights.items():
                field = self.op.initializer_of(name)
                if field:
                    getattr(self.op, field).check(weight.shape, field)

    @cached_property
    def flops(self) -> Dim:
        """Multiply-adds counted as two, for one example."""
        return self.op.flops(self.input_types)


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in an order in which each stands after its inputs."""

    name: str
    inputs: Mapping[str, TensorType]
    nodes: tuple[Node, ...]
    outputs: Mapping[str, Port]
    scopes: Mapping[str, str] = field(default_factory=dict)
    """What each scope is (`residual`, `repeat`, a block's name), in the order in which they begin."""
    ragged: frozenset[str] = frozenset()
    """The named dims along which examples have lengths of their own; the data say which."""

    @cached_property
    def node(self) -> Mapping[str, Node]:
        """Nodes by name."""
        return {node.name: node for node in self.nodes}

    def type_of(self, port: Port) -> TensorType:
        """The type of a port, or of a graph input."""
        if port.node in self.node:
            return self.node[port.node].outputs[port.output]
        return self.inputs[port.node]

    @property
    def output_types(self) -> dict[str, TensorType]:
        """The output types by output name."""
        return {name: self.type_of(port) for name, port in self.outputs.items()}

    def consumers(self, port: Port) -> tuple[Node, ...]:
        """The nodes that read a port."""
        return tuple(node for node in self.nodes if port in node.inputs)

    @property
    def names(self) -> frozenset[str]:
        """Every dim name that is not bound to a length."""
        types = [*self.inputs.values(), *(t for node in self.nodes for t in node.outputs)]
        return frozenset().union(*(t.names for t in types))

    @property
    def weight_names(self) -> frozenset[str]:
        """The dim names that weights depend on: they must be bound before training."""
        dims = (dim for _, weight in self.weights() for dim in weight.shape)
        return frozenset().union(*(names_in(dim) for dim in dims))

    def weights(self) -> Iterator[tuple[str, Weight]]:
        """Every weight under its full name, `stem/kernel`; a shared one once."""
        seen: set[str] = set()
        for node in self.nodes:
            for name, weight in node.weights.items():
                full = f"{node.weight_scope}/{name}"
                if full not in seen:
                    seen.add(full)
                    yield full, weight

    def parameter_count(self) -> tuple[Dim, Dim]:
        """Trainable parameters, and all weights with the running statistics."""
        weights = list(self.weights())
        return total(w.elements for _, w in weights if w.trainable), total(w.elements for _, w in weights)

    @property
    def flops(self) -> Dim:
        """Multiply-adds counted as two, for one example."""
        return total(node.flops for node in self.nodes)

    def ragged_along(self, type: TensorType) -> bool:
        """Whether examples of a type have lengths of their own."""
        return bool(self.ragged and type.shape and names_in(type.shape[0]) & self.ragged)

    def bind(self, lengths: Mapping[str, Dim]) -> Graph:
        """The same graph with named dims replaced by their lengths. Raises Problem where a shape breaks."""
        if not lengths:
            return self
        inputs = {name: t.bound(lengths) for name, t in self.inputs.items()}
        types = {Port(name): t for name, t in inputs.items()}
        nodes = []
        for node in self.nodes:
            op = node.op.bound(lengths)
            given = tuple(types[port] for port in node.inputs)
            nodes.append(replace(node, op=op, input_types=given, outputs=op.infer(given)))
            nodes[-1].check_starts()
            types |= {Port(node.name, index): t for index, t in enumerate(nodes[-1].outputs)}
        return replace(self, inputs=inputs, nodes=tuple(nodes))


@dataclass(frozen=True, eq=False)
class Program:
    """The graphs of a spec: one for ordinary networks, two with disjoint weights for a GAN pair."""

    graphs: Mapping[str, Graph]
    entry: str
    reader: str = ""
    """The graph that reads the data, where that is not the entry: a generator draws what it makes."""

    @property
    def main(self) -> Graph:
        """The graph that prediction and export mean unless told otherwise."""
        return self.graphs[self.entry]

    @property
    def fed(self) -> Graph:
        """The graph that reads the data."""
        return self.graphs[self.reader or self.entry]

    def with_ragged(self, names: Iterable[str]) -> Program:
        """The program for sequences of different lengths along these dims. Raises Problem NS414 where a layer cannot."""
        ragged = frozenset(names)
        graphs = {name: replace(graph, ragged=ragged & graph.names) for name, graph in self.graphs.items()}
        for graph in graphs.values():
            check_ragged(graph)
        return replace(self, graphs=graphs)

    def bind(self, lengths: Mapping[str, Dim]) -> Program:
        """The program with named dims replaced by their lengths."""
        return replace(self, graphs={name: graph.bind(lengths) for name, graph in self.graphs.items()})


def check_ragged(graph: Graph) -> None:
    """Every layer on a ragged axis passes lengths on or uses them. Raises RaggedProblem."""
    for node in graph.nodes:
        along = [type for type in node.input_types if _ragged_axes(graph, type)]
        if not along:
            continue
        misplaced = any(_ragged_axes(graph, type) != [0] for type in along)
        if misplaced or node.op.length_rule(node.input_types) == "refuses":
            raise RaggedProblem(node, along[0])


def _ragged_axes(graph: Graph, type: TensorType) -> list[int]:
    return [axis for axis, dim in enumerate(type.shape) if names_in(dim) & graph.ragged]


class RaggedProblem(Problem):
    """A layer that cannot have sequences of different lengths; it knows its node."""

    def __init__(self, node: Node, type: TensorType) -> None:
        super().__init__(
            "NS414",
            f"`{node.op.type}` cannot work on {type}, whose sequences have lengths of their own",
            help=(
                "end the sequence first: a recurrent layer, or `- global_avg_pool`",
                "layers that keep lengths are dense, embedding, layer_norm, causal or same conv1d, and activations",
            ),
        )
        self.node = node
