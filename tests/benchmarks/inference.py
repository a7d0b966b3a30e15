"""One example through ONNX Runtime, beside what torch and Keras export: `python -m tests.benchmarks.inference`.

The same network and weights of the same kind, batch 1, one thread; contenders take turns, medians count.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
import onnxruntime

from tests.benchmarks.peers import keras_model, torch_model
from tests.benchmarks.turns import present, show, turns
from tests.support import graph_of, lowered_of, weights_of

ROUNDS, REPEATS = 15, 40
WORKLOADS: dict[str, dict[str, Any]] = {
    "LSTM 128, 100 steps of 128": {"input": [100, 128], "model": {"layers": [{"lstm": 128}, {"dense": 2}]}},
    "GRU 64, 50 steps of 1": {"input": [50, 1], "model": {"layers": [{"gru": 64}, {"dense": 1}]}},
}


def opened(content: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def runner_of(content: bytes, x: np.ndarray[Any, Any]) -> Callable[[], Any]:
    session = opened(content)
    fed = {session.get_inputs()[0].name: x}
    return lambda: session.run(None, fed)


def repeated(runner: Callable[[], Any]) -> Callable[[], None]:
    """Many calls, for one is short."""

    def calls() -> None:
        for _ in range(REPEATS):
            runner()

    return calls


def torch_export(work: dict[str, Any]) -> bytes | None:
    """What `torch.onnx.export` writes, batch and time dynamic."""
    try:
        import torch
    except ModuleNotFoundError:
        return None
    file = io.BytesIO()
    example = torch.zeros(1, *work["input"])
    axes = {"input": {0: "batch", 1: "time"}}
    model = torch_model(work).eval()
    torch.onnx.export(model, (example,), file, input_names=["input"], dynamic_axes=axes, dynamo=False)
    return file.getvalue()


def keras_export(work: dict[str, Any]) -> bytes | None:
    """What Keras on JAX writes (by jax2onnx), batch dynamic."""
    try:
        import keras
    except ModuleNotFoundError:
        return None
    if keras.backend.backend() != "jax":
        raise SystemExit("set KERAS_BACKEND=jax")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        model = keras_model(work)
        model(np.zeros((1, *work["input"]), np.float32))
        model.export(file, format="onnx", verbose=False)
        return file.read_bytes()


def main() -> None:
    for name, work in WORKLOADS.items():
        graph = graph_of({"input": work["input"], "model": work["model"]})
        contents: dict[str, bytes | None] = {
            "netspec": ir.to_proto(lowered_of(graph, weights_of(graph)).model).SerializeToString(),
            "torch": torch_export(work),
            "keras": keras_export(work),
        }
        x = np.random.default_rng(0).standard_normal((1, *work["input"]), dtype=np.float32)
        runners = {who: repeated(runner_of(content, x)) for who, content in present(contents).items()}
        show(name, turns(runners, ROUNDS), lambda median: f"{median / REPEATS * 1e6:,.0f} microseconds")


if __name__ == "__main__":
    main()
