"""Where the memory of a training step goes, as an estimate from shapes."""

from __future__ import annotations

from netspec.graph import Program
from netspec.graph.costs import MemoryParts, memory_parts
from netspec.report.table import size
from netspec.spec import Spec
from netspec.tensor import product

_LARGEST = 10


def report(spec: Spec, program: Program) -> str:
    """The parts of the estimate, and the layers whose outputs are largest."""
    lines = []
    for graph in program.graphs.values():
        parts: MemoryParts = memory_parts(graph, spec.training)
        batch = spec.training.batch_size if spec.training else 1
        lines += [f"{graph.name}: a training step at batch size {batch}", ""]
        lines += [f"  {name:<12}{size(value)}" for name, value in parts._asdict().items()]
        lines += [f"  {'in all':<12}{size(parts.total)}", ""]
        sizes = {node.name: product(node.output.shape) * node.output.dtype.bytes * batch for node in graph.nodes}
        known = {name: value for name, value in sizes.items() if isinstance(value, int)}
        largest = sorted(known, key=lambda name: -known[name])[:_LARGEST]
        width = max((len(name) for name in largest), default=0)
        lines += ["largest outputs", "", *(f"  {name:<{width}}  {size(known[name])}" for name in largest), ""]
    return "\n".join(lines)
