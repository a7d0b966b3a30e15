"""The networks of the benchmarks as torch and Keras train them, each in its fast form; None where a peer is missing."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Runner = Callable[[int], None]
"""Runs so many steps and waits for them."""


def is_mlp(work: dict[str, Any]) -> bool:
    return "mlp" in work["model"]


def recurrent(work: dict[str, Any]) -> str | None:
    """`lstm` or `gru` where the workload has one."""
    layers = [] if is_mlp(work) else work["model"]["layers"]
    return next((name for layer in layers if isinstance(layer, dict) for name in layer if name in ("lstm", "gru")), None)


def sizes_of(work: dict[str, Any]) -> list[int]:
    return [*work["input"], *work["model"]["mlp"]["hidden"], work["model"]["mlp"]["output"]]


def data_of(work: dict[str, Any]) -> tuple[Array, Array]:
    """Inputs and targets [rows, ...] of the kinds that the workload has."""
    generator = np.random.default_rng(0)
    rows = work["rows"]
    if isinstance(work["input"], dict):
        ids = generator.integers(0, work["input"]["vocabulary"], (rows, *work["input"]["shape"]))
        return ids.astype(np.int32), generator.integers(0, 2, rows).astype(np.int32)
    x = generator.standard_normal((rows, *work["input"]), dtype=np.float32)
    if recurrent(work):
        return x, x[:, -1].copy()
    return x, generator.integers(0, 3 if work["input"] == [4] else 10, rows).astype(np.int32)


def order_of(work: dict[str, Any], steps: int) -> Array:
    return np.random.default_rng(1).integers(0, work["rows"], (steps, work["batch"])).astype(np.int32)


def torch_model(work: dict[str, Any]) -> Any:
    """The network as torch people write it."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    if is_mlp(work):
        layers: list[Any] = []
        for a, b in pairwise(sizes_of(work)):
            layers += [nn.Linear(a, b), nn.ReLU()]
        return nn.Sequential(*layers[:-1])
    kind = recurrent(work)
    if kind is None:
        blocks: list[Any] = []
        for a, b, pool in ((1, 32, False), (32, 64, True), (64, 128, True)):
            blocks += [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), *([nn.MaxPool2d(2)] if pool else [])]
        model = nn.Sequential(*blocks, nn.Flatten(), nn.Linear(6272, 256), nn.ReLU(), nn.Linear(256, 10))
        return model.to(memory_format=torch.channels_last)

    class Sequence(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            *rest, last = work["model"]["layers"]
            units = rest[-1][kind]
            words = isinstance(work["input"], dict)
            self.embed = nn.Embedding(work["input"]["vocabulary"], rest[0]["embedding"]) if words else nn.Identity()
            width = rest[0]["embedding"] if words else work["input"][-1]
            self.recur = {"lstm": nn.LSTM, "gru": nn.GRU}[kind](width, units, batch_first=True)
            self.head = nn.Linear(units, last["dense"])

        def forward(self, x: Any) -> Any:
            every, _ = self.recur(self.embed(x))
            return self.head(every[:, -1])

    return Sequence()


def torch_device() -> str:
    """Where torch works: where JAX does, and there in JAX' precision (a GPU's matrix units round to TF32)."""
    import jax
    import torch

    if jax.default_backend() != "gpu":
        return "cpu"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    return "cuda"


def torch_eager(work: dict[str, Any]) -> Runner | None:
    """torch in its fast form: index batches, fused Adam, channels_last for convolutions."""
    try:
        import torch
    except ModuleNotFoundError:
        return None
    device = torch_device()
    model = torch_model(work).to(device)
    x, y = (torch.from_numpy(array).to(device) for array in data_of(work))
    if x.ndim == 4:
        x = x.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
    x, y = (x if x.is_floating_point() else x.long()), (y if y.is_floating_point() else y.long())
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    order = torch.from_numpy(order_of(work, work["steps"])).long().to(device)
    loss_of = torch.nn.MSELoss() if y.is_floating_point() else torch.nn.CrossEntropyLoss()

    def loop(steps: int) -> None:
        for index in range(steps):
            rows = order[index]
            optimizer.zero_grad(set_to_none=True)
            loss_of(model(x[rows]), y[rows]).backward()
            optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()

    return loop


def keras_model(work: dict[str, Any]) -> Any:
    """The network as Keras people write it."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    kind = recurrent(work)
    if is_mlp(work):
        *hidden, last = sizes_of(work)[1:]
        found = [*(layers.Dense(units, activation="relu") for units in hidden), layers.Dense(last)]
        shape = work["input"]
    elif kind is not None:
        *rest, last = work["model"]["layers"]
        words = isinstance(work["input"], dict)
        shape = work["input"]["shape"] if words else work["input"]
        embed = [layers.Embedding(work["input"]["vocabulary"], rest[0]["embedding"])] if words else []
        found = [*embed, {"lstm": layers.LSTM, "gru": layers.GRU}[kind](rest[-1][kind]), layers.Dense(last["dense"])]
    else:
        found, shape = [], work["input"]
        for filters, pool in ((32, False), (64, True), (128, True)):
            found += [layers.Conv2D(filters, 3, padding="same"), layers.BatchNormalization(), layers.ReLU()]
            found += [layers.MaxPooling2D()] if pool else []
        found += [layers.Flatten(), layers.Dense(256, activation="relu"), layers.Dense(10)]
    return keras.Sequential([layers.Input(shape), *found])


def keras_fit(work: dict[str, Any]) -> Runner | None:
    """Keras on JAX: `fit` with many steps an execution; convolutions step by step, which is faster on a CPU."""
    try:
        import keras
    except ModuleNotFoundError:
        return None
    if keras.backend.backend() != "jax":
        raise SystemExit("set KERAS_BACKEND=jax")
    x, y = data_of(work)
    rows = order_of(work, work["steps"]).reshape(-1)
    x, y = x[rows], y[rows]
    convolves = not is_mlp(work) and recurrent(work) is None
    loss = "mse" if y.dtype.kind == "f" else keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model = keras_model(work)
    model.compile(keras.optimizers.Adam(1e-3), loss, steps_per_execution=1 if convolves else min(32, work["steps"]))
    return lambda steps: model.fit(x[: steps * work["batch"]], y[: steps * work["batch"]], batch_size=work["batch"], verbose=0)
