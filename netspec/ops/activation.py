"""Activations that `jax.nn` lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
