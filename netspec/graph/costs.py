"""What a network costs before it runs: memory of a training step, from shapes in plain integers."""

from __future__ import annotations

from netspec.graph.ir import Graph
from netspec.spec.sections import TrainSection
from netspec.tensor import Dim, product, total


def training_memory(graph: Graph, train: TrainSection | None) -> Dim:
    """Bytes of one training step: weights, gradients, the optimizer's arrays, activations and the batch.

    Every layer's output is counted once for the forward pass and the largest twice more for the
    backward pass; what XLA fuses away makes the truth smaller.
    """
    trainable, everything = graph.parameter_count()
    slots = train.optimizer.slots if train else 2
    average = 1 if train and train.ema is not None else 0
    batch = train.batch_size if train else 1
    weights = everything * 4 + trainable * 4 * (1 + slots + average)
    outputs = [product(t.shape) * t.dtype.bytes for node in graph.nodes if not node.op.elementwise for t in node.outputs]
    inputs = total(product(t.shape) * t.dtype.bytes for t in graph.inputs.values())
    known = [size for size in outputs if isinstance(size, int)]
    return weights + (total(outputs) + inputs + 2 * max(known, default=0)) * batch
