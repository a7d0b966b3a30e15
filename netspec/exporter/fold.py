"""Folding batch norm into the layer above it.

1. A batch norm whose input is a convolution, transposed convolution or dense layer that nothing
   else reads disappears: its factor scales the kernel's output channels, its shift joins the bias.
2. The merged node keeps the batch norm's name for its value and the layer's name for its weights.

Factors are computed in float64 and the result is cast once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from netspec.components.layers.conv import Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, DepthwiseConv2d
from netspec.components.layers.core import Dense
from netspec.components.layers.norm import BatchNorm
from netspec.graph.ir import Graph, Node, Port

Weights = dict[str, np.ndarray[Any, Any]]
_TAKES = (Dense, Conv1d, Conv2d, Conv3d, DepthwiseConv2d, ConvTranspose1d, ConvTranspose2d)


def fold_batch_norm(graph: Graph, weights: Mapping[str, np.ndarray[Any, Any]]) -> tuple[Graph, Weights]:
    """The graph without the batch norms that a layer can take in, and the weights to go with it."""
    folded = dict(weights)
    gone: set[str] = set()
    nodes: list[Node] = []
    uses: dict[str, int] = {}
    for node in graph.nodes:
        uses[node.weight_scope] = uses.get(node.weight_scope, 0) + 1
    for node in graph.nodes:
        above = graph.node.get(node.inputs[0].node) if node.inputs else None
        if above is None or not isinstance(node.op, BatchNorm) or not _folds(graph, above, uses):
            nodes.append(node)
            continue
        assert isinstance(above.op, _TAKES)
        nodes.append(replace(above, name=node.name, op=above.op.model_copy(update={"use_bias": True, "spectral_norm": False})))
        folded |= _scaled(above, node, weights)
        gone.add(above.name)
    return replace(graph, nodes=tuple(node for node in nodes if node.name not in gone)), folded


def _folds(graph: Graph, above: Node, uses: Mapping[str, int]) -> bool:
    port = Port(above.name)
    alone = len(graph.consumers(port)) == 1 and port not in graph.outputs.values()
    return isinstance(above.op, _TAKES) and alone and uses[above.weight_scope] == 1


def _scaled(layer: Node, norm: Node, weights: Mapping[str, np.ndarray[Any, Any]]) -> Weights:
    """The layer's kernel and bias with the norm's factor and shift multiplied in."""
    own = {name: weights[f"{layer.weight_scope}/{name}"] for name in layer.weights}
    assert isinstance(norm.op, BatchNorm)
    assert isinstance(layer.op, _TAKES)
    own = dict(layer.op.inference_weights(own))
    factor, shift = norm.op.factor_and_shift({name: weights[f"{norm.weight_scope}/{name}"] for name in norm.weights})
    kernel = own["kernel"].astype(np.float64)
    # A transposed convolution keeps its output channels last but one.
    transposed = isinstance(layer.op, ConvTranspose1d | ConvTranspose2d)
    kernel = kernel * (factor[:, None] if transposed else factor)
    bias = own["bias"].astype(np.float64) * factor + shift if "bias" in own else shift
    scope = layer.weight_scope
    return {f"{scope}/kernel": kernel.astype(np.float32), f"{scope}/bias": bias.astype(np.float32)}
