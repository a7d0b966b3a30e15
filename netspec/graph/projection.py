"""The shortcut of a residual whose body changes the shape."""

from __future__ import annotations

from collections.abc import Mapping

from netspec.components.layers import LAYERS, Layer
from netspec.diagnostics import Problem
from netspec.tensor import TensorType


def projection_layers(source: TensorType, target: TensorType) -> tuple[Layer, ...]:
    """A bias-free 1x1 convolution (dense for vectors) and batch norm. Raises NS404 where strides cannot do it."""
    if source.rank != target.rank:
        help = "give `shortcut` a list of layers"
        raise Problem("NS404", f"no projection leads from {source} to {target}", help=help)
    norm = LAYERS["batch_norm"]()
    filters = target.shape[-1]
    if source.rank == 1:
        return LAYERS["dense"].model_validate({"units": filters, "use_bias": False}), norm
    strides = []
    for before, after in zip(source.shape[:-1], target.shape[:-1], strict=True):
        stride = next((s for s in range(1, 9) if (before + s - 1) // s == after), None)
        if stride is None:
            help = "keep the axes by `padding: same`, or give `shortcut` a list of layers"
            raise Problem("NS404", f"no stride leads from {source} to {target}", help=help)
        strides.append(stride)
    fields: Mapping[str, object] = {
        "filters": filters,
        "kernel_size": 1,
        "strides": strides,
        "use_bias": False,
        "padding": "same",
    }
    return LAYERS[f"conv{source.rank - 1}d"].model_validate(fields), norm
