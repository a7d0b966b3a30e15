"""What a network costs before it runs: memory of a training step, from shapes in plain integers."""

from __future__ import annotations

from typing import NamedTuple

from netspec.graph.ir import Graph, Node
from netspec.spec.training import AdversarialSection, Side, TrainSection
from netspec.tensor import Dim, product, total


class MemoryParts(NamedTuple):
    """Bytes of one training step by what they hold."""

    weights: Dim
    gradients: Dim
    optimizer: Dim
    average: Dim
    activations: Dim
    backward: Dim
    batch: Dim

    @property
    def total(self) -> Dim:
        """All of them."""
        return total(self)


def memory_parts(graph: Graph, train: TrainSection | AdversarialSection | None) -> MemoryParts:
    """Weights, gradients, the optimizer's arrays, activations and the batch.

    Every layer's output is counted once for the forward pass and the largest twice more for the
    backward pass; of a block under `remat` only its last output is kept. What XLA fuses away makes
    the truth smaller.
    """
    trainable, everything = graph.parameter_count()
    # Each side of a pair has its own optimizer.
    side: TrainSection | Side | None = getattr(train, graph.name) if isinstance(train, AdversarialSection) else train
    slots = side.optimizer.slots if side else 2
    batch = train.batch_size if train else 1
    kept = [node for node, after in zip(graph.nodes, (*graph.nodes[1:], None), strict=True) if _is_kept(node, after)]
    outputs = [product(t.shape) * t.dtype.bytes for node in kept for t in node.outputs]
    inputs = total(product(t.shape) * t.dtype.bytes for t in graph.inputs.values())
    known = [size for size in outputs if isinstance(size, int)]
    return MemoryParts(
        everything * 4,
        trainable * 4,
        trainable * 4 * slots,
        trainable * 4 if getattr(side, "ema", None) is not None else 0,
        total(outputs) * batch,
        2 * max(known, default=0) * batch,
        inputs * batch,
    )


def _is_kept(node: Node, after: Node | None) -> bool:
    """Whether a node's value waits for the backward pass."""
    if node.remat is not None:
        return after is None or after.remat != node.remat
    return not node.op.elementwise


def training_memory(graph: Graph, train: TrainSection | AdversarialSection | None) -> Dim:
    """Bytes of one training step, estimated."""
    return memory_parts(graph, train).total
