"""The interpreter itself against torch: the judge is judged by somebody else. Skipped where torch is not installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from netspec.components.objectives.losses import LOSSES
from tests.reference import objectives
from tests.reference.interpreter import interpreted
from tests.support import graph_of, inputs_of, weights_of

torch = pytest.importorskip("torch")
functional = torch.nn.functional
Tensor = Any
Weights = dict[str, Tensor]


def conv(w: Tensor) -> Tensor:
    """[*window, in, out] as torch's [out, in, *window]."""
    return w.permute(-1, -2, *range(w.ndim - 2))


def recurrent(cls: Any, w: Weights, x: Tensor, order: tuple[int, ...], both: bool = False) -> Tensor:
    """torch's module with our weights; `order` is where torch's gates stand among ours."""
    parts = ("forward/", "backward/") if both else ("",)
    units = w[f"{parts[0]}recurrent_kernel"].shape[0]
    module = cls(x.shape[-1], units, batch_first=True, bidirectional=both).double()

    def gated(array: Tensor) -> Tensor:
        pieces = array.split(units, dim=-1)
        return torch.cat([pieces[i] for i in order], dim=-1)

    for part, ending in zip(parts, ("", "_reverse"), strict=False):
        zero = torch.zeros(units * len(order), dtype=torch.float64)
        values = {
            "weight_ih_l0": gated(w[f"{part}kernel"]).T,
            "weight_hh_l0": gated(w[f"{part}recurrent_kernel"]).T,
            "bias_ih_l0": gated(w[f"{part}bias"]),
            "bias_hh_l0": gated(w.get(f"{part}recurrent_bias", zero)),
        }
        for name, value in values.items():
            getattr(module, name + ending).data.copy_(value)
    return module(x)[0]


def attention(w: Weights, x: Tensor) -> Tensor:
    module = torch.nn.MultiheadAttention(x.shape[-1], 2, batch_first=True).double()
    module.in_proj_weight.data.copy_(torch.cat([w[f"{name}/kernel"].T for name in ("query", "key", "value")]))
    module.in_proj_bias.data.copy_(torch.cat([w[f"{name}/bias"] for name in ("query", "key", "value")]))
    module.out_proj.weight.data.copy_(w["output/kernel"].T)
    module.out_proj.bias.data.copy_(w["output/bias"])
    hidden = torch.triu(torch.ones(x.shape[1], x.shape[1], dtype=torch.bool), 1)
    return module(x, x, x, attn_mask=hidden)[0]


def first(x: Tensor) -> Tensor:
    """Channels first."""
    return x.movedim(-1, 1)


def last(x: Tensor) -> Tensor:
    """Channels last."""
    return x.movedim(1, -1)


LSTM, GRU, RNN = torch.nn.LSTM, torch.nn.GRU, torch.nn.RNN
CASES: dict[str, tuple[Any, Any, Callable[[Weights, Tensor], Tensor]]] = {
    "dense": ([4], {"dense": 3}, lambda w, x: functional.linear(x, w["kernel"].T, w["bias"])),
    "conv1d": (
        [15, 4],
        {"conv1d": {"filters": 6, "kernel_size": 3, "strides": 2, "padding": 1, "dilation_rate": 2, "groups": 2}},
        lambda w, x: last(functional.conv1d(first(x), conv(w["kernel"]), w["bias"], 2, 1, 2, 2)),
    ),
    "conv2d": (
        [8, 9, 3],
        {"conv2d": {"filters": 4, "kernel_size": [3, 2], "strides": [1, 2], "padding": 1}},
        lambda w, x: last(functional.conv2d(first(x), conv(w["kernel"]), w["bias"], (1, 2), 1)),
    ),
    "conv3d": ([5, 6, 4, 2], {"conv3d": {"filters": 3, "kernel_size": 3}}, lambda w, x: last(functional.conv3d(first(x), conv(w["kernel"]), w["bias"]))),
    "depthwise_conv2d": (
        [7, 7, 3],
        {"depthwise_conv2d": {"kernel_size": 3, "padding": 1, "depth_multiplier": 2}},
        lambda w, x: last(functional.conv2d(first(x), conv(w["kernel"]), w["bias"], 1, 1, 1, 3)),
    ),
    "conv_transpose1d": (
        [6, 3],
        {"conv_transpose1d": {"filters": 4, "kernel_size": 5, "strides": 2, "padding": 2}},
        lambda w, x: last(functional.conv_transpose1d(first(x), w["kernel"].permute(2, 1, 0), w["bias"], 2, 2)),
    ),
    "conv_transpose2d": (
        [4, 5, 3],
        {"conv_transpose2d": {"filters": 2, "kernel_size": 4, "strides": 2, "padding": 1}},
        lambda w, x: last(functional.conv_transpose2d(first(x), w["kernel"].permute(3, 2, 0, 1), w["bias"], 2, 1)),
    ),
    "max_pool2d": ([9, 9, 3], {"max_pool2d": {"pool_size": 3, "strides": 2, "padding": 1}}, lambda w, x: last(functional.max_pool2d(first(x), 3, 2, 1))),
    "avg_pool2d": (
        [9, 9, 3],
        {"avg_pool2d": {"pool_size": 3, "strides": 2, "padding": 1}},
        lambda w, x: last(functional.avg_pool2d(first(x), 3, 2, 1, count_include_pad=False)),
    ),
    "upsample": (
        [4, 5, 3],
        {"upsample": {"size": [3, 2], "interpolation": "bilinear"}},
        lambda w, x: last(functional.interpolate(first(x), scale_factor=(3, 2), mode="bilinear", align_corners=False)),
    ),
    "upsample nearest": ([4, 5, 3], {"upsample": [3, 2]}, lambda w, x: last(functional.interpolate(first(x), scale_factor=(3, 2)))),
    "batch_norm": (
        [4, 4, 3],
        "batch_norm",
        lambda w, x: last(functional.batch_norm(first(x), w["mean"], w["var"], w["scale"], w["bias"], eps=1e-3)),
    ),
    "layer_norm": ([6, 8], "layer_norm", lambda w, x: functional.layer_norm(x, (8,), w["scale"], w["bias"], 1e-3)),
    "group_norm": ([4, 4, 6], {"group_norm": 3}, lambda w, x: last(functional.group_norm(first(x), 3, w["scale"], w["bias"], 1e-3))),
    "instance_norm": (
        [4, 4, 3],
        "instance_norm",
        lambda w, x: last(functional.instance_norm(first(x), weight=w["scale"], bias=w["bias"], eps=1e-3)),
    ),
    "rms_norm": ([6, 8], "rms_norm", lambda w, x: functional.rms_norm(x, (8,), w["scale"], 1e-3)),
    "prelu": ([6, 8], "prelu", lambda w, x: last(functional.prelu(first(x), w["alpha"]))),
    "embedding": ({"shape": [5], "vocabulary": 9}, {"embedding": 4}, lambda w, x: functional.embedding(x, w["embedding"])),
    "rnn": ([6, 3], {"rnn": {"units": 4, "return_sequences": True}}, lambda w, x: recurrent(RNN, w, x, (0,))),
    "gru": ([6, 3], {"gru": {"units": 4, "return_sequences": True}}, lambda w, x: recurrent(GRU, w, x, (0, 1, 2))),
    "lstm": ([6, 3], {"lstm": {"units": 4, "return_sequences": True}}, lambda w, x: recurrent(LSTM, w, x, (0, 1, 2, 3))),
    "lstm both": (
        [6, 3],
        {"lstm": {"units": 4, "return_sequences": True, "bidirectional": True}},
        lambda w, x: recurrent(LSTM, w, x, (0, 1, 2, 3), both=True),
    ),
    "attention": ([6, 8], {"multi_head_attention": {"heads": 2, "causal": True}}, attention),
    **{
        name: ([5], layer, lambda w, x, f=f: f(x))
        for name, layer, f in (
            ("hard_sigmoid", "hard_sigmoid", functional.hardsigmoid),
            ("hard_silu", "hard_silu", functional.hardswish),
            ("gelu", "gelu", functional.gelu),
            ("gelu tanh", {"gelu": True}, lambda x: functional.gelu(x, approximate="tanh")),
            ("elu", {"elu": 0.7}, lambda x: functional.elu(x, 0.7)),
            ("selu", "selu", functional.selu),
            ("mish", "mish", functional.mish),
            ("silu", "silu", functional.silu),
            ("softplus", "softplus", functional.softplus),
            ("softsign", "softsign", functional.softsign),
            ("relu6", "relu6", functional.relu6),
            ("leaky_relu", {"leaky_relu": 0.2}, lambda x: functional.leaky_relu(x, 0.2)),
            ("log_softmax", "log_softmax", lambda x: functional.log_softmax(x, -1)),
        )
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_interpreter_is_torch(name: str) -> None:
    shape, layer, theirs = CASES[name]
    graph = graph_of({"input": shape, "model": {"layers": [layer]}})
    weights, inputs = weights_of(graph), inputs_of(graph)
    (port,) = graph.outputs.values()
    ours = interpreted(graph, weights, inputs)[port]
    own = {key.split("/", 1)[1]: torch.tensor(array, dtype=torch.float64) for key, array in weights.items()}
    x = torch.tensor(inputs[0], dtype=torch.float64 if inputs[0].dtype.kind == "f" else torch.int64)
    with torch.no_grad():
        np.testing.assert_allclose(ours, theirs(own, x).numpy(), rtol=1e-9, atol=1e-9)


TORCH_LOSSES: dict[str, tuple[dict[str, Any], Callable[[Tensor, Tensor], Tensor]]] = {
    "huber": ({"delta": 0.4}, lambda x, y: functional.huber_loss(x, y, reduction="none", delta=0.4)),
    "cross_entropy": ({"label_smoothing": 0.2}, lambda x, y: functional.cross_entropy(x, y, reduction="none", label_smoothing=0.2)),
    "binary_cross_entropy": ({}, lambda x, y: functional.binary_cross_entropy_with_logits(x, y, reduction="none")),
    "kl_divergence": ({}, lambda x, y: functional.kl_div(functional.log_softmax(x, -1), y, reduction="none").sum(-1)),
    "cosine": ({}, lambda x, y: 1 - functional.cosine_similarity(x, y)),
}  # fmt: skip


@pytest.mark.parametrize("name", TORCH_LOSSES)
def test_a_formula_is_torchs(name: str) -> None:
    fields, theirs = TORCH_LOSSES[name]
    generator = np.random.default_rng(2)
    x, y = generator.normal(0, 2, (6, 5)), generator.normal(0, 2, (6, 5))
    y = {"cross_entropy": y.argmax(-1), "binary_cross_entropy": (y > 0) * 1.0, "kl_divergence": generator.dirichlet(np.ones(5), 6)}.get(name, y)  # fmt: skip
    ours = objectives.LOSSES[name](LOSSES[name].model_validate(fields), x, y)
    np.testing.assert_allclose(ours, theirs(torch.tensor(x), torch.tensor(y)).numpy(), rtol=1e-9, atol=1e-9)
