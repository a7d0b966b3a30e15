"""Sizes are checked before memory is taken."""

from __future__ import annotations

import os

import jax

from netspec.diagnostics import Diagnostic, SpecError
from netspec.graph import Graph
from netspec.graph.costs import training_memory
from netspec.spec import Spec
from netspec.tensor import product

_SHARE = 0.8
_LARGEST = 5


def available_memory() -> int:
    """Bytes that the device, or for a CPU the machine, has in all."""
    device = jax.devices()[0]
    stats = device.memory_stats() if device.platform != "cpu" else None
    if stats and "bytes_limit" in stats:
        return int(stats["bytes_limit"])
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def refuse_oversized(spec: Spec, graph: Graph) -> None:
    """Raises SpecError NS007, with the largest layers, where a training step cannot fit."""
    needed, limit = training_memory(graph, spec.training), int(available_memory() * _SHARE)
    if not isinstance(needed, int) or needed <= limit:
        return
    sizes = {node.name: _bytes(graph, node.name) for node in graph.nodes}
    largest = sorted(sizes, key=lambda name: -sizes[name])[:_LARGEST]
    shown = ", ".join(f"`{name}` {sizes[name] / 1e9:.3g} GB" for name in largest)
    raise SpecError(
        Diagnostic(
            "NS007",
            f"a training step would take {needed / 1e9:.3g} GB, and {limit / 1e9:.3g} GB are allowed here",
            file=spec.document.file,
            help=(f"the largest: {shown}", "make them smaller, or lower `batch_size`"),
        )
    )


def _bytes(graph: Graph, name: str) -> int:
    node = graph.node[name]
    weights = sum(size for w in node.weights.values() if isinstance(size := product(w.shape), int))
    outputs = sum(size for t in node.outputs if isinstance(size := product(t.shape), int))
    return 4 * (weights + outputs)
