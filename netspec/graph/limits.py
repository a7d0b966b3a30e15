"""Sizes are checked before memory is taken: a network that cannot fit is refused from its shapes alone."""

from __future__ import annotations

from netspec.diagnostics import Diagnostic, Problem, SpecError
from netspec.graph.costs import training_memory
from netspec.graph.ir import Graph, Node, Program
from netspec.spec import Spec
from netspec.spec.reader import dotted
from netspec.tensor import product, total

SHARE = 0.8
"""The share of a device's memory that a training step may take."""
_LARGEST = 5


def refuse_oversized(spec: Spec, program: Program, memory: int) -> None:
    """Raises SpecError NS007, at the largest layer, where a step of all networks cannot fit into so many bytes.

    What has no length yet is passed over: it is judged again when the data have bound it.
    """
    needed = total(training_memory(graph, spec.training) for graph in program.graphs.values())
    limit = int(memory * SHARE)
    if not isinstance(needed, int) or needed <= limit:
        return
    nodes = [(graph, node) for graph in program.graphs.values() for node in graph.nodes]
    largest = sorted(nodes, key=lambda each: -_bytes(each[1]))[:_LARGEST]
    shown = ", ".join(f"`{node.name}` {_bytes(node) / 1e9:.3g} GB" for _, node in largest)
    at = largest[0][1].origin.path
    raise SpecError(
        Diagnostic(
            "NS007",
            f"a training step would take {needed / 1e9:.3g} GB, and {limit / 1e9:.3g} GB are allowed here",
            file=spec.document.file,
            span=spec.document.span(at, key=True),
            path=dotted(at),
            help=(f"the largest: {shown}", "make them smaller, or lower `batch_size`"),
        )
    )


MOST_FILE = (1 << 31) - (1 << 24)
"""Bytes of weights that one ONNX file holds: a protobuf message ends at 2 GiB, and the graph wants some room."""


def too_large_for_a_file(graph: Graph) -> Problem | None:
    """NS605 where the weights of a network do not fit into one ONNX file."""
    _, count = graph.parameter_count()
    if not isinstance(count, int) or 4 * count <= MOST_FILE:
        return None
    largest = max(graph.nodes, key=_bytes)
    message = f"the weights are {4 * count / 1e9:.3g} GB, and an ONNX file holds 2.1 GB at most"
    help = f"the largest layer is `{largest.name}`: make it smaller, or use the run folder instead of an exported file"
    return Problem("NS605", message, help=help)


def _bytes(node: Node) -> int:
    """What a node's weights and outputs take, as far as they have lengths."""
    shapes = [weight.shape for weight in node.weights.values()] + [output.shape for output in node.outputs]
    sizes = [product(shape) for shape in shapes]
    return 4 * sum(size for size in sizes if isinstance(size, int))
