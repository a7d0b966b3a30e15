"""What is shown or proven is computed in full float32, on a GPU too."""

from __future__ import annotations

import re
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from netspec.compiler.exact import exactly
from netspec.compiler.network import Functional
from tests.support import graph_of, weights_of

NETWORKS: dict[str, list[Any]] = {
    "cnn": [
        {"conv2d": {"filters": 2, "kernel_size": 3}},
        {"conv_transpose2d": {"filters": 2, "kernel_size": 2}},
        "flatten",
        {"dense": 3},
    ],
    "lstm": [{"reshape": [8, 8]}, {"lstm": {"units": 3, "bidirectional": True}}, {"dense": 2}],
    "attention": [{"reshape": [8, 8]}, {"multi_head_attention": {"heads": 2}}, "flatten", {"dense": 2}],
}


@pytest.mark.parametrize("layers", NETWORKS.values(), ids=NETWORKS.keys())
def test_no_product_is_rounded(layers: list[Any]) -> None:
    graph = graph_of({"input": [8, 8, 1], "model": {"layers": layers}})
    x = jnp.zeros((2, 8, 8, 1))

    def products(compiled: Any) -> list[str]:
        text = compiled.lower(weights_of(graph), (x,)).as_text()
        return [line for line in text.splitlines() if re.search(r"stablehlo\.(dot_general|convolution)", line)]

    found = products(exactly(Functional(graph).values))
    assert len(found) >= len(layers) - 1
    assert all("HIGHEST" in line for line in found), found
    assert not any("HIGHEST" in line for line in products(jax.jit(Functional(graph).values)))
