"""An interpreter of a graph in float64 NumPy: plain loops, nothing of JAX, Flax or ONNX, nothing of the package's own forms.

Written from what the reference of the language says (Keras' words, Keras' shapes of weights) and from the papers that it
names; it reads a node's fields, its inputs and its weights, and no code of the layer. Arrays are [batch, ...], channels
last. Sequences of unequal lengths are its business only in so far as each row is given alone, as long as it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from scipy.special import erf

from netspec.graph import Graph, Port

Array = np.ndarray[Any, Any]
Weights = Mapping[str, Array]
Rule = Callable[[Any, Sequence[Array], Weights], Array]

RULES: dict[str, Rule] = {}


def interpreted(graph: Graph, weights: Weights, inputs: Sequence[Array]) -> dict[Port, Array]:
    """Every port's value at inference."""
    values = {Port(name): _wide(x) for name, x in zip(graph.inputs, inputs, strict=True)}
    for node in graph.nodes:
        own = {name: _wide(weights[f"{node.weight_scope}/{name}"]) for name in node.weights}
        values[Port(node.name)] = RULES[node.op.type](node.op, [values[port] for port in node.inputs], own)
    return values


def _wide(array: Array) -> Array:
    return np.asarray(array, np.int64 if array.dtype.kind in "iu" else np.float64)


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Registers what a layer of one of the names answers."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


def activated(op: Any, x: Array) -> Array:
    """The result of a layer's own activation, where it has one."""
    return x if op.activation is None else RULES[op.activation.type](op.activation, [x], {})


# Element by element


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))


def softplus(x: Array) -> Array:
    """log(1 + exp(x))."""
    return np.logaddexp(0, x)


def hard_sigmoid(x: Array) -> Array:
    """Keras 3: relu6(x + 3) / 6."""
    return np.clip(x / 6 + 0.5, 0, 1)


def selu(x: Array) -> Array:
    """Klambauer et al. 2017, their constants."""
    scale, alpha = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
    return scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def gelu(op: Any, x: Array) -> Array:
    """Hendrycks and Gimpel 2016: x times the normal distribution function, or its form by tanh."""
    if op.approximate:
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


_CURVES: dict[str, Callable[[Any, Array], Array]] = {
    "linear": lambda op, x: x,
    "identity": lambda op, x: x,
    "dropout": lambda op, x: x,
    "spatial_dropout": lambda op, x: x,
    "gaussian_noise": lambda op, x: x,
    "activity_regularization": lambda op, x: x,
    "binary_step": lambda op, x: (x >= op.threshold).astype(np.float64),
    "sigmoid": lambda op, x: sigmoid(x),
    "hard_sigmoid": lambda op, x: hard_sigmoid(x),
    "tanh": lambda op, x: np.tanh(x),
    "relu": lambda op, x: np.maximum(x, 0),
    "relu6": lambda op, x: np.clip(x, 0, 6),
    "leaky_relu": lambda op, x: np.where(x > 0, x, op.negative_slope * x),
    "elu": lambda op, x: np.where(x > 0, x, op.alpha * np.expm1(np.minimum(x, 0))),
    "selu": lambda op, x: selu(x),
    "gelu": gelu,
    "silu": lambda op, x: x * sigmoid(x),
    "hard_silu": lambda op, x: x * hard_sigmoid(x),
    "mish": lambda op, x: x * np.tanh(softplus(x)),
    "softplus": lambda op, x: softplus(x),
    "softsign": lambda op, x: x / (1 + np.abs(x)),
    "abs": lambda op, x: np.abs(x),
    "square": lambda op, x: x * x,
    "exp": lambda op, x: np.exp(x),
    "clip": lambda op, x: np.clip(x, float(op.min), float(op.max)),
}
for _name, _curve in _CURVES.items():
    RULES[_name] = lambda op, inputs, _, curve=_curve: curve(op, inputs[0])


@rule("softmax")
def _softmax(op: Any, inputs: Sequence[Array], _: Weights) -> Array:
    return softmax(inputs[0], op.axis)


@rule("log_softmax")
def _log_softmax(op: Any, inputs: Sequence[Array], _: Weights) -> Array:
    x = inputs[0] - inputs[0].max(axis=op.axis, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=op.axis, keepdims=True))


def softmax(x: Array, axis: int = -1) -> Array:
    """Exponentials that sum to one along an axis; axis 1 is the first behind the batch."""
    x = np.exp(x - x.max(axis=axis, keepdims=True))
    return x / x.sum(axis=axis, keepdims=True)


@rule("prelu")
def _prelu(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    return np.where(inputs[0] > 0, inputs[0], weights["alpha"] * inputs[0])


# Products, shapes, tables


def spectral(kernel: Array, weights: Weights, prefix: str = "") -> Array:
    """Miyato et al. 2018: divided by v W u, where v is W u brought to length one and u is what training left."""
    if f"{prefix}u" not in weights:
        return kernel
    matrix, u = kernel.reshape(-1, kernel.shape[-1]), weights[f"{prefix}u"]
    v = matrix @ u
    return kernel / (v / np.linalg.norm(v) @ matrix @ u)


@rule("dense")
def _dense(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    return activated(op, inputs[0] @ spectral(weights["kernel"], weights) + weights.get("bias", 0))


@rule("flatten")
def _flatten(_: Any, inputs: Sequence[Array], __: Weights) -> Array:
    return np.stack([row.ravel(order="C") for row in inputs[0]])


@rule("reshape")
def _reshape(op: Any, inputs: Sequence[Array], _: Weights) -> Array:
    return np.stack([row.ravel(order="C").reshape([int(size) for size in op.shape]) for row in inputs[0]])


@rule("permute")
def _permute(op: Any, inputs: Sequence[Array], _: Weights) -> Array:
    return inputs[0].transpose(0, *op.axes)


@rule("embedding")
def _embedding(_: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    return weights["embedding"][inputs[0]]


@rule("positional_embedding")
def _positions(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    x = inputs[0]
    if op.kind == "learnt":
        return x + weights["embedding"][: x.shape[1]]
    added = np.empty(x.shape[1:])
    for position in range(x.shape[1]):
        for feature in range(x.shape[2]):
            angle = position / 10000 ** (2 * (feature // 2) / x.shape[2])
            added[position, feature] = math.sin(angle) if feature % 2 == 0 else math.cos(angle)
    return x + added


@rule("scale")
def _scale(_: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    return inputs[0] * weights["scale"] + weights.get("bias", 0)


# Windows


def several(value: Any, axes: int) -> tuple[int, ...]:
    """One number for all axes, or one for each."""
    return tuple(int(each) for each in value) if isinstance(value, (tuple, list)) else (int(value),) * axes


def margins(padding: Any, sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int]) -> list[tuple[int, int]]:
    """What is added before and behind each spatial axis; `kernel` is as wide as dilation makes it."""
    if padding == "valid":
        return [(0, 0)] * len(sizes)
    if padding == "causal":
        return [(kernel[0] - 1, 0)]
    if padding == "same":  # TensorFlow's: what is odd goes behind
        needed = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(sizes, kernel, strides, strict=True)]
        return [(each // 2, each - each // 2) for each in needed]
    if isinstance(padding, int):
        return [(padding, padding)] * len(sizes)
    pairs = [tuple(each) if isinstance(each, (tuple, list)) else each for each in padding]
    if len(sizes) == 1 and not isinstance(pairs[0], tuple):
        pairs = [tuple(pairs)]
    return [each if isinstance(each, tuple) else (each, each) for each in pairs]


def taps(
    x: Array, kernel: Sequence[int], strides: Sequence[int], dilation: Sequence[int], padding: Any, fill: float
) -> list[tuple[tuple[int, ...], Array]]:
    """For each element of a window its place in it, and what stands there in every window: [batch, *windows, channels]."""
    sizes = x.shape[1:-1]
    wide = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    border = margins(padding, sizes, wide, strides)
    x = np.pad(x, [(0, 0), *border, (0, 0)], constant_values=fill)
    counts = [(n - w) // s + 1 for n, w, s in zip(x.shape[1:-1], wide, strides, strict=True)]
    found = []
    for place in product(*map(range, kernel)):
        at = [slice(p * d, p * d + (c - 1) * s + 1, s) for p, d, c, s in zip(place, dilation, counts, strides, strict=True)]
        found.append((place, x[(slice(None), *at, slice(None))]))
    return found


def convolved(x: Array, kernel: Array, op: Any, groups: int, padding: Any = None) -> Array:
    """Cross-correlation with a kernel [*window, in / groups, out]."""
    axes = x.ndim - 2
    size, strides, dilation = kernel.shape[:axes], several(op.strides, axes), several(op.dilation_rate, axes)
    total: Any = 0
    for place, piece in taps(x, size, strides, dilation, op.padding if padding is None else padding, 0.0):
        matrix = kernel[place]
        inner, outer = matrix.shape[0], matrix.shape[1] // groups
        several_groups = [
            piece[..., g * inner : (g + 1) * inner] @ matrix[:, g * outer : (g + 1) * outer] for g in range(groups)
        ]
        total = total + np.concatenate(several_groups, axis=-1)
    return total


@rule("conv1d", "conv2d", "conv3d")
def _conv(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    return activated(op, convolved(inputs[0], spectral(weights["kernel"], weights), op, op.groups) + weights.get("bias", 0))


@rule("depthwise_conv2d")
def _depthwise(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    x = inputs[0]
    return activated(op, convolved(x, spectral(weights["kernel"], weights), op, x.shape[-1]) + weights.get("bias", 0))


@rule("separable_conv2d")
def _separable(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    x = inputs[0]
    between = convolved(x, spectral(weights["depthwise/kernel"], weights, "depthwise/"), op, x.shape[-1])
    kernel = spectral(weights["pointwise/kernel"], weights, "pointwise/")
    return activated(op, between @ kernel[0, 0] + weights.get("pointwise/bias", 0))


@rule("conv_transpose1d", "conv_transpose2d")
def _transposed(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    """The gradient of a convolution: each input element adds the kernel [*window, out, in], times itself, to the result."""
    x, kernel = inputs[0], spectral(weights["kernel"], weights)
    axes = x.ndim - 2
    size, strides, dilation = kernel.shape[:axes], several(op.strides, axes), several(op.dilation_rate, axes)
    wide = [(k - 1) * d + 1 for k, d in zip(size, dilation, strict=True)]
    whole = [(n - 1) * s + max(w, s) for n, s, w in zip(x.shape[1:-1], strides, wide, strict=True)]
    total = np.zeros((len(x), *whole, kernel.shape[-2]))
    for place in product(*map(range, size)):
        at = [
            slice(p * d, p * d + (n - 1) * s + 1, s) for p, d, n, s in zip(place, dilation, x.shape[1:-1], strides, strict=True)
        ]
        total[(slice(None), *at, slice(None))] += x @ kernel[place].T
    if op.padding == "same":  # TensorFlow's: as long as strides make it, what a forward convolution added is cut off
        sizes = [n * s for n, s in zip(x.shape[1:-1], strides, strict=True)]
        cuts = [(before, before + n) for (before, _), n in zip(margins("same", sizes, wide, strides), sizes, strict=True)]
    elif op.padding == "valid":
        cuts = [(0, n) for n in whole]
    else:  # torch's: so much is cut off at each side
        exact = [(n - 1) * s + w for n, s, w in zip(x.shape[1:-1], strides, wide, strict=True)]
        cuts = [
            (before, n - behind) for (before, behind), n in zip(margins(op.padding, exact, wide, strides), exact, strict=True)
        ]
    cut = total[(slice(None), *(slice(a, b) for a, b in cuts), slice(None))]
    return activated(op, cut + weights.get("bias", 0))


@rule("max_pool1d", "max_pool2d", "max_pool3d")
def _max_pool(op: Any, inputs: Sequence[Array], _: Weights) -> Array:
    return np.max([piece for _, piece in _pooled(op, inputs[0], -np.inf)], axis=0)


@rule("avg_pool1d", "avg_pool2d", "avg_pool3d")
def _avg_pool(op: Any, inputs: Sequence[Array], _: Weights) -> Array:
    """What was added at the border does not count."""
    return np.nanmean([piece for _, piece in _pooled(op, inputs[0], np.nan)], axis=0)


def _pooled(op: Any, x: Array, fill: float) -> list[tuple[tuple[int, ...], Array]]:
    axes = x.ndim - 2
    size = several(op.pool_size, axes)
    strides = size if op.strides is None else several(op.strides, axes)
    return taps(x, size, strides, (1,) * axes, op.padding, fill)


@rule("global_max_pool", "global_avg_pool")
def _global_pool(op: Any, inputs: Sequence[Array], _: Weights) -> Array:
    x = inputs[0]
    join = np.max if op.type == "global_max_pool" else np.mean
    return join(x, axis=tuple(range(1, x.ndim - 1)), keepdims=op.keepdims)


@rule("upsample")
def _upsample(op: Any, inputs: Sequence[Array], _: Weights) -> Array:
    """Nearest, or linear between the middles of pixels, the edge's value beyond the last middle."""
    x = inputs[0]
    for axis, factor in enumerate(several(op.size, x.ndim - 2), start=1):
        places = (np.arange(x.shape[axis] * factor) + 0.5) / factor - 0.5
        if op.interpolation == "nearest":
            x = x.take(np.round(places - 1e-9).astype(int).clip(0, x.shape[axis] - 1), axis)
            continue
        low = np.floor(places).astype(int)
        share = (places - low).reshape([-1 if each == axis else 1 for each in range(x.ndim)])
        last = x.shape[axis] - 1
        x = x.take(low.clip(0, last), axis) * (1 - share) + x.take((low + 1).clip(0, last), axis) * share
    return x


@rule("pad")
def _pad(op: Any, inputs: Sequence[Array], _: Weights) -> Array:
    x = inputs[0]
    axes = x.ndim - 2
    border = [(0, 0), *margins(op.amounts, x.shape[1:-1], (1,) * axes, (1,) * axes)]
    channels = op.channels if isinstance(op.channels, (tuple, list)) else (op.channels, op.channels)
    if op.mode == "constant":
        return np.pad(x, [*border, tuple(channels)], constant_values=op.value)
    return np.pad(x, [*border, tuple(channels)], mode=op.mode)


@rule("crop")
def _crop(op: Any, inputs: Sequence[Array], _: Weights) -> Array:
    x = inputs[0]
    axes = x.ndim - 2
    if op.like is None:
        cuts = margins(op.amounts, x.shape[1:-1], (1,) * axes, (1,) * axes)
    else:
        more = [n - m for n, m in zip(x.shape[1:-1], inputs[1].shape[1:-1], strict=True)]
        cuts = [(each // 2, each - each // 2) for each in more]
    return x[(slice(None), *(slice(a, n - b) for (a, b), n in zip(cuts, x.shape[1:-1], strict=True)), slice(None))]


# Normalisation


@rule("batch_norm")
def _batch_norm(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    x = (inputs[0] - weights["mean"]) / np.sqrt(weights["var"] + op.epsilon)
    return x * weights.get("scale", 1) + weights.get("bias", 0)


@rule("layer_norm", "group_norm", "instance_norm", "rms_norm")
def _norm(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    x = inputs[0]
    channels = x.shape[-1]
    if op.type == "rms_norm":
        normed = x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + op.epsilon)
    elif op.type == "layer_norm":
        normed = standardised(x, (-1,), op.epsilon)
    else:
        groups = op.groups if op.type == "group_norm" else channels
        parted = x.reshape(*x.shape[:-1], groups, channels // groups)
        axes = (*range(1, x.ndim - 1), parted.ndim - 1)
        normed = standardised(parted, axes, op.epsilon).reshape(x.shape)
    return normed * weights.get("scale", 1) + weights.get("bias", 0)


def standardised(x: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    """No mean, and the variance (of all, not of all but one) as the unit."""
    middle = x.mean(axis=axes, keepdims=True)
    return (x - middle) / np.sqrt(((x - middle) ** 2).mean(axis=axes, keepdims=True) + epsilon)


# Joining


@rule("add")
def _add(_: Any, inputs: Sequence[Array], __: Weights) -> Array:
    return sum(inputs[1:], inputs[0])


@rule("subtract")
def _subtract(_: Any, inputs: Sequence[Array], __: Weights) -> Array:
    return inputs[0] - inputs[1]


@rule("multiply")
def _multiply(_: Any, inputs: Sequence[Array], __: Weights) -> Array:
    return math.prod(inputs[1:], start=inputs[0])


@rule("average")
def _average(_: Any, inputs: Sequence[Array], __: Weights) -> Array:
    return sum(inputs[1:], inputs[0]) / len(inputs)


@rule("maximum")
def _maximum(_: Any, inputs: Sequence[Array], __: Weights) -> Array:
    return np.max(np.broadcast_arrays(*inputs), axis=0)


@rule("concat")
def _concat(op: Any, inputs: Sequence[Array], _: Weights) -> Array:
    return np.concatenate(inputs, axis=op.axis)


@rule("sampling")
def _sampling(_: Any, inputs: Sequence[Array], __: Weights) -> Array:
    return inputs[0]


@rule("reconstruction_error")
def _reconstruction_error(_: Any, inputs: Sequence[Array], __: Weights) -> Array:
    return np.asarray([[((a - b) ** 2).mean()] for a, b in zip(*inputs, strict=True)])


# Sequences

_GATES: dict[str, Callable[[Array], Array]] = {
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "relu": lambda x: np.maximum(x, 0),
    "linear": lambda x: x,
    "hard_sigmoid": hard_sigmoid,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "softplus": softplus,
}


def _rnn(op: Any, x: Array, state: tuple[Array, ...], weights: Weights) -> tuple[Array, ...]:
    (h,) = state
    return (_GATES[op.activation](x @ weights["kernel"] + h @ weights["recurrent_kernel"] + weights.get("bias", 0)),)


def _gru(op: Any, x: Array, state: tuple[Array, ...], weights: Weights) -> tuple[Array, ...]:
    """Cho et al. 2014; the gates in the order reset, update, candidate."""
    (h,), inner, outer = state, _GATES[op.recurrent_activation], _GATES[op.activation]
    given_r, given_z, given_n = np.split(x @ weights["kernel"] + weights.get("bias", 0), 3, axis=1)
    u_r, u_z, u_n = np.split(weights["recurrent_kernel"], 3, axis=1)
    if op.reset_after:
        bias_r, bias_z, bias_n = np.split(weights.get("recurrent_bias", np.zeros(3 * op.units)), 3)
        r, z = inner(given_r + h @ u_r + bias_r), inner(given_z + h @ u_z + bias_z)
        candidate = outer(given_n + r * (h @ u_n + bias_n))
    else:
        r, z = inner(given_r + h @ u_r), inner(given_z + h @ u_z)
        candidate = outer(given_n + (r * h) @ u_n)
    return (z * h + (1 - z) * candidate,)


def _lstm(op: Any, x: Array, state: tuple[Array, ...], weights: Weights) -> tuple[Array, ...]:
    """Keras' order of gates: input, forget, candidate, output."""
    (h, c), inner, outer = state, _GATES[op.recurrent_activation], _GATES[op.activation]
    given = x @ weights["kernel"] + h @ weights["recurrent_kernel"] + weights.get("bias", 0)
    i, f, candidate, o = np.split(given, 4, axis=1)
    c = inner(f) * c + inner(i) * outer(candidate)
    return (inner(o) * outer(c), c)


_CELLS = {"rnn": _rnn, "gru": _gru, "lstm": _lstm}


@rule("rnn", "gru", "lstm")
def _recurrent(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    x = inputs[0]
    if not op.bidirectional:
        outputs = _steps(op, x[:, ::-1] if op.go_backwards else x, weights)
        return outputs if op.return_sequences else outputs[:, -1]
    there = _steps(op, x, {name.removeprefix("forward/"): w for name, w in weights.items() if name.startswith("forward/")})
    back = _steps(op, x[:, ::-1], {n.removeprefix("backward/"): w for n, w in weights.items() if n.startswith("backward/")})
    both = (there, back[:, ::-1]) if op.return_sequences else (there[:, -1], back[:, -1])
    merges: dict[str, Callable[[Array, Array], Array]] = {
        "concat": lambda a, b: np.concatenate([a, b], axis=-1),
        "add": lambda a, b: a + b,
        "average": lambda a, b: (a + b) / 2,
        "multiply": lambda a, b: a * b,
    }
    return merges[op.merge_mode](*both)


def _steps(op: Any, x: Array, weights: Weights) -> Array:
    state: tuple[Array, ...] = (np.zeros((len(x), op.units)),) * (2 if op.type == "lstm" else 1)
    outputs = []
    for position in range(x.shape[1]):
        state = _CELLS[op.type](op, x[:, position], state, weights)
        outputs.append(state[0])
    return np.stack(outputs, axis=1)


@rule("multi_head_attention")
def _attention(op: Any, inputs: Sequence[Array], weights: Weights) -> Array:
    """Vaswani et al. 2017, section 3.2: one row, one head, one query after the other."""
    x = inputs[0]
    query, key, value = (x @ weights[f"{name}/kernel"] + weights.get(f"{name}/bias", 0) for name in ("query", "key", "value"))
    size = query.shape[-1] // op.heads
    joined = np.zeros_like(query)
    for row, head, step in product(range(len(x)), range(op.heads), range(x.shape[1])):
        at = slice(head * size, (head + 1) * size)
        seen = slice(0, step + 1) if op.causal else slice(None)
        shares = softmax(key[row, seen, at] @ query[row, step, at] / math.sqrt(size))
        joined[row, step, at] = shares @ value[row, seen, at]
    return joined @ weights["output/kernel"] + weights.get("output/bias", 0)
