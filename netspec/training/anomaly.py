"""Where a reconstruction error turns from usual to strange: a quantile of what the validation part has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from netspec.compiler.exact import exactly
from netspec.compiler.network import Functional
from netspec.data.prepare import Dataset
from netspec.graph.ir import Graph
from netspec.spec import Spec

_BATCH = 1024


def threshold(spec: Spec, graph: Graph, dataset: Dataset, weights: Mapping[str, np.ndarray[Any, Any]]) -> float | None:
    """The score below which `anomaly.quantile` of the validation part lies, else of the training part; None without one."""
    if spec.autoencoder is None or spec.autoencoder.anomaly is None:
        return None
    part = dataset.parts.get("validation", dataset.train)
    network, port = Functional(graph), graph.outputs["anomaly"]
    forward = exactly(lambda weights, inputs: network.values(weights, inputs)[0][port])
    held = {name: jnp.asarray(array) for name, array in weights.items()}
    scores = [
        np.asarray(forward(held, tuple(jnp.asarray(x[start : start + _BATCH]) for x in part.inputs.values())))
        for start in range(0, part.rows, _BATCH)
    ]
    return float(np.quantile(np.concatenate(scores), spec.autoencoder.anomaly.quantile))
