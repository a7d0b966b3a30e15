"""Activations that `jax.nn` lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax


def binary_step(threshold: float) -> Callable[[jax.Array], jax.Array]:
    """`x >= threshold` as 0 and 1, whose gradient is that of the identity (straight through)."""

    def step(x: jax.Array) -> jax.Array:
        fired = (x >= threshold).astype(x.dtype)
        return lax.stop_gradient(fired) + (x - lax.stop_gradient(x))

    return step


class Prelu(nnx.Module):
    """Leaky relu whose slope `alpha` is learnt for each channel of [..., channels]."""

    def __init__(self, size: int, *, alpha_init: Any, rngs: nnx.Rngs) -> None:
        self.alpha = nnx.Param(alpha_init(rngs.params(), (size,)))

    def __call__(self, x: jax.Array) -> jax.Array:
        return jnp.where(x >= 0, x, x * self.alpha[...].astype(x.dtype))


class Curve(NamedTuple):
    """An activation inside a recurrent cell: its value, and its slope told by that value alone."""

    value: Callable[[jax.Array], jax.Array]
    slope: Callable[[jax.Array], jax.Array]


CURVES: dict[str, Curve] = {
    "tanh": Curve(jnp.tanh, lambda y: 1 - y * y),
    "sigmoid": Curve(jax.nn.sigmoid, lambda y: y * (1 - y)),
    "relu": Curve(jax.nn.relu, lambda y: jnp.where(y > 0, 1.0, 0.0).astype(y.dtype)),
    "linear": Curve(lambda x: x, jnp.ones_like),
    "hard_sigmoid": Curve(jax.nn.hard_sigmoid, lambda y: jnp.where((y > 0) & (y < 1), 1 / 6, 0.0).astype(y.dtype)),
    "softsign": Curve(jax.nn.soft_sign, lambda y: (1 - jnp.abs(y)) ** 2),
    "softplus": Curve(jax.nn.softplus, lambda y: 1 - jnp.exp(-y)),
}
"""The activations that ONNX' recurrent operators know too."""
