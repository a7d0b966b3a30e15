"""Noise that is there while training and gone at inference."""

from __future__ import annotations

import jax
from flax import nnx


class GaussianNoise(nnx.Module):
    """Adds normal noise of standard deviation `stddev` unless `deterministic`."""

    def __init__(self, stddev: float) -> None:
        self.stddev = stddev
        self.deterministic = False

    def __call__(self, x: jax.Array, *, rngs: jax.Array) -> jax.Array:
        if self.deterministic or self.stddev == 0:
            return x
        return x + self.stddev * jax.random.normal(rngs, x.shape, x.dtype)
