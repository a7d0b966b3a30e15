"""Losses, optimizers and schedules in float64 NumPy, from the papers that the reference names.

A loss takes what the network gives before its last activation, [batch, ...], and targets; an optimizer is a generator that
takes gradients and gives weights; a schedule takes the number of updates that came before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import Any

import numpy as np

from tests.reference.interpreter import sigmoid, softmax

Array = np.ndarray[Any, Any]


# Losses


def mean_squared_error(_: Any, x: Array, y: Array) -> Array:
    return (x - y) ** 2


def mean_absolute_error(_: Any, x: Array, y: Array) -> Array:
    return np.abs(x - y)


def huber(op: Any, x: Array, y: Array) -> Array:
    """Huber 1964."""
    far = np.abs(x - y)
    return np.where(far <= op.delta, far**2 / 2, op.delta * (far - op.delta / 2))


def quantile(op: Any, x: Array, y: Array) -> Array:
    """Koenker and Bassett 1978: what lies above costs q, what lies below 1 - q."""
    return np.where(y >= x, op.quantile * (y - x), (1 - op.quantile) * (x - y))


def cross_entropy(op: Any, x: Array, y: Array) -> Array:
    """Szegedy et al. 2016: (1 - e) of the truth, and e spread over all classes."""
    classes = x.shape[-1]
    truth = np.eye(classes)[y] if y.dtype.kind in "iu" else y
    truth = (1 - op.label_smoothing) * truth + op.label_smoothing / classes
    return -(truth * np.log(softmax(x))).sum(axis=-1)


def binary_cross_entropy(op: Any, x: Array, y: Array) -> Array:
    truth, p = (1 - op.label_smoothing) * y + op.label_smoothing / 2, sigmoid(x)
    return -(truth * np.log(p) + (1 - truth) * np.log(1 - p))


def focal(op: Any, x: Array, y: Array) -> Array:
    """Lin et al. 2017, equation 5."""
    p = np.where(y == 1, sigmoid(x), 1 - sigmoid(x))
    weight = 1.0 if op.alpha is None else np.where(y == 1, op.alpha, 1 - op.alpha)
    return -weight * (1 - p) ** op.gamma * np.log(p)


def hinge(_: Any, x: Array, y: Array) -> Array:
    """Crammer and Singer 2001; of one output, max(0, 1 - y x) with y of -1 and 1."""
    if x.shape[-1] == 1:
        return np.maximum(0, 1 - np.where(y == 1, 1, -1) * x)
    rows = []
    for scores, truth in zip(x, y.astype(int), strict=True):
        others = [score for label, score in enumerate(scores) if label != truth]
        rows.append(max(0.0, 1 + max(others) - scores[truth]))
    return np.asarray(rows)


def kl_divergence(_: Any, x: Array, y: Array) -> Array:
    """Of the truth from what is said: sum of y log(y / p)."""
    p = softmax(x)
    return np.where(y > 0, y * (np.log(np.where(y > 0, y, 1)) - np.log(p)), 0).sum(axis=-1)


def cosine(_: Any, x: Array, y: Array) -> Array:
    return 1 - (x * y).sum(axis=-1) / np.linalg.norm(x, axis=-1) / np.linalg.norm(y, axis=-1)


LOSSES: dict[str, Callable[[Any, Array, Array], Array]] = {
    each.__name__: each
    for each in (mean_squared_error, mean_absolute_error, huber, quantile, cross_entropy, binary_cross_entropy, focal, hinge, kl_divergence, cosine)
}  # fmt: skip


# Optimizers

Steps = Generator[Array, tuple[Array, float], None]


def sgd(op: Any, w: Array) -> Steps:
    """Sutskever et al. 2013."""
    velocity = np.zeros_like(w)
    while True:
        g, rate = yield w
        velocity = (op.momentum or 0) * velocity + g
        w = w - rate * (g + (op.momentum or 0) * velocity if op.nesterov else velocity)


def adam(op: Any, w: Array) -> Steps:
    """Kingma and Ba 2015, algorithm 1; with a weight decay, Loshchilov and Hutter 2019, algorithm 2."""
    m, v, t = np.zeros_like(w), np.zeros_like(w), 0
    while True:
        g, rate = yield w
        t += 1
        m, v = op.b1 * m + (1 - op.b1) * g, op.b2 * v + (1 - op.b2) * g**2
        update = m / (1 - op.b1**t) / (np.sqrt(v / (1 - op.b2**t)) + op.eps)
        w = w - rate * (update + getattr(op, "weight_decay", 0.0) * w)


def rmsprop(op: Any, w: Array) -> Steps:
    """Tieleman and Hinton 2012; centred, Graves 2013."""
    mean, square, velocity = np.zeros_like(w), np.zeros_like(w), np.zeros_like(w)
    while True:
        g, rate = yield w
        square = op.decay * square + (1 - op.decay) * g**2
        mean = op.decay * mean + (1 - op.decay) * g
        spread = square - mean**2 if op.centered else square
        velocity = (op.momentum or 0) * velocity + rate * g / np.sqrt(spread + op.eps)
        w = w - velocity


def adagrad(op: Any, w: Array) -> Steps:
    """Duchi et al. 2011."""
    total = np.full_like(w, op.initial_accumulator_value)
    while True:
        g, rate = yield w
        total = total + g**2
        w = w - rate * g / np.sqrt(total + op.eps)


def adadelta(op: Any, w: Array) -> Steps:
    """Zeiler 2012, algorithm 1."""
    squares, moves = np.zeros_like(w), np.zeros_like(w)
    while True:
        g, rate = yield w
        squares = op.rho * squares + (1 - op.rho) * g**2
        move = np.sqrt(moves + op.eps) / np.sqrt(squares + op.eps) * g
        moves = op.rho * moves + (1 - op.rho) * move**2
        w = w - rate * move


def lion(op: Any, w: Array) -> Steps:
    """Chen et al. 2023, algorithm 2."""
    m = np.zeros_like(w)
    while True:
        g, rate = yield w
        w = w - rate * (np.sign(op.b1 * m + (1 - op.b1) * g) + op.weight_decay * w)
        m = op.b2 * m + (1 - op.b2) * g


OPTIMIZERS: dict[str, Callable[[Any, Array], Steps]] = {
    "sgd": sgd, "adam": adam, "adamw": adam, "rmsprop": rmsprop, "adagrad": adagrad, "adadelta": adadelta, "lion": lion,
}  # fmt: skip


# Schedules: `op`, the peak, the updates of an epoch, the epochs, and how many updates came before


def _cosine(low: float, high: float, share: float) -> float:
    """From high to low by half a cosine."""
    return low + (high - low) * (1 + math.cos(math.pi * min(share, 1))) / 2


def _warmup_cosine(op: Any, peak: float, each: int, epochs: int, n: int) -> float:
    rise = op.warmup_epochs * each
    if n < rise:
        return peak * (op.start + (1 - op.start) * n / rise)
    return _cosine(peak * op.end, peak, (n - rise) / (each * epochs - rise))


def _exponential(op: Any, peak: float, each: int, _: int, n: int) -> float:
    power = n / (op.every_epochs * each)
    return float(peak * op.rate ** (math.floor(power) if op.staircase else power))


def _one_cycle(op: Any, peak: float, each: int, epochs: int, n: int) -> float:
    """Smith and Topin 2018: up from peak / start, then down to that divided by end."""
    low, top = peak / op.start, int(op.rise * each * epochs)
    if n < top:
        return _cosine(peak, low, n / top)
    return _cosine(low / op.end, peak, (n - top) / (each * epochs - top))


SCHEDULES: dict[str, Callable[[Any, float, int, int, int], float]] = {
    "constant": lambda op, peak, each, epochs, n: peak,
    "cosine": lambda op, peak, each, epochs, n: _cosine(peak * op.end, peak, n / (each * epochs)),
    "warmup_cosine": _warmup_cosine,
    "exponential": _exponential,
    "step": lambda op, peak, each, epochs, n: peak * op.factor ** sum(n >= epoch * each for epoch in op.epochs),
    "linear": lambda op, peak, each, epochs, n: peak * (1 + (op.end - 1) * min(n / (each * epochs), 1)),
    "one_cycle": _one_cycle,
}
