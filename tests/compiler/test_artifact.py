"""`netspec compile`: what is written is the network, for any batch and any free length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from netspec.compiler.artifact import compile_program
from netspec.compiler.network import Functional
from netspec.graph import build
from tests.support import close, spec_of, weights_of

CNN: dict[str, Any] = {
    "input": [8, 8, 1],
    "model": {"layers": [{"conv2d": {"filters": 2, "kernel_size": 3}}, "batch_norm", "relu", "flatten", {"dense": 3}]},
}
LSTM: dict[str, Any] = {"input": ["time", 4], "model": {"layers": [{"lstm": 3}, {"dense": 2}]}}


@pytest.mark.parametrize("document", [CNN, LSTM], ids=["cnn", "lstm"])
@pytest.mark.parametrize("backend", ["cpu", "gpu"])
def test_the_stablehlo_is_the_network(
    document: dict[str, Any], backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a GPU is at hand: several steps a round need a number of rounds, and a free `time` has none."""
    spec = spec_of(document)
    program, _ = build(spec)
    assert program is not None
    with monkeypatch.context() as context:
        context.setattr(jax, "default_backend", lambda: backend)
        made = compile_program(spec, program, tmp_path, emit=["stablehlo"], platforms=["cpu", "cuda"])
    (binary,) = (file for file in made.files if file.suffix == ".bin")
    loaded = export.deserialize(bytearray(binary.read_bytes()))
    graph = program.main
    weights = {name: jnp.asarray(array) for name, array in weights_of(graph).items()}
    (port,) = graph.outputs.values()
    for batch, time in ((1, 1), (3, 23)):
        shape = [size if isinstance(size, int) else time for size in graph.inputs["input"].shape]
        x = np.random.default_rng(0).standard_normal((batch, *shape), dtype=np.float32)
        values, _ = Functional(graph).values(weights, (jnp.asarray(x),))
        close(np.asarray(loaded.call(weights, jnp.asarray(x))["output"]), np.asarray(values[port]))
