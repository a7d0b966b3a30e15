"""A graph as the tree that its author wrote: scopes with what is inside, and what each comes to."""

from __future__ import annotations

from dataclasses import dataclass, field

from netspec.graph import Graph, Node
from netspec.report.summary import items, parameters
from netspec.tensor import Dim, TensorType, total


@dataclass(eq=False)
class Row:
    """A layer with its activation, or a scope with the rows inside it. `sources` are full names of items and inputs."""

    name: str
    type: str
    nodes: list[Node] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    depth: int = 0

    @property
    def own(self) -> str:
        """The name inside its scope."""
        return self.name.rpartition(".")[2]

    @property
    def output(self) -> TensorType:
        """The type of its last value."""
        return self.last.output

    @property
    def last(self) -> Node:
        """The node that gives its value: a scope's own, or the last one inside."""
        return self.nodes[-1] if self.nodes else self.rows[-1].last

    @property
    def first(self) -> Node:
        """The first node inside."""
        return self.rows[0].first if self.rows else self.nodes[0]

    def parameters(self) -> Dim:
        """Trainable parameters that first appear here."""
        return parameters(self.nodes) + total(row.parameters() for row in self.rows)

    def flops(self) -> Dim:
        """Multiply-adds counted as two, for one example."""
        return total(node.flops for node in self.nodes) + total(row.flops() for row in self.rows)


def tree(graph: Graph) -> list[Row]:
    """The rows of a graph, from the top."""
    top: list[Row] = []
    scopes: dict[str, Row] = {}

    def inside(name: str) -> list[Row]:
        holder = name.rpartition(".")[0]
        if holder not in graph.scopes:
            return top
        if holder not in scopes:
            scopes[holder] = Row(holder, graph.scopes[holder], depth=holder.count("."))
            inside(holder).append(scopes[holder])
        return scopes[holder].rows

    for name, nodes in items(graph):
        if name in scopes:
            scopes[name].nodes += nodes
        else:
            inside(name).append(Row(name, " + ".join(node.op.type for node in nodes), nodes, depth=name.count(".")))
    return top


def flattened(rows: list[Row], depth: int | None = None) -> list[Row]:
    """All rows in order, scopes before what is inside; only the outermost `depth` levels if given."""
    found: list[Row] = []
    for row in rows:
        found.append(row)
        if row.rows and (depth is None or depth > 1):
            found += flattened(row.rows, None if depth is None else depth - 1)
    return found
