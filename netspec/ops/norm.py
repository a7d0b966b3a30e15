"""Batch norm in one pass, rms norm with a bias, and a learnt scale."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax


def at_least_float32(x: jax.Array) -> jax.Array:
    """Half precision widened; float32 and float64 as they are."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


class BatchNorm(nnx.Module):
    """Batch normalisation of the last axis of [batch, ..., channels] (Ioffe and Szegedy 2015).

    Mean and variance come from one pass, shifted by the running mean `c`: `E[(x-c)^2] - (mean-c)^2`
    does not cancel when the data lie far from zero, as the plain form does. A frozen one always uses its running
    statistics, and leaves them as they are.
    """

    def __init__(
        self,
        num_features: int,
        *,
        momentum: float,
        epsilon: float,
        use_scale: bool,
        use_bias: bool,
        scale_init: Any,
        bias_init: Any,
        rngs: nnx.Rngs,
        frozen: bool = False,
    ) -> None:
        self.scale = nnx.Param(scale_init(rngs.params(), (num_features,))) if use_scale else None
        self.bias = nnx.Param(bias_init(rngs.params(), (num_features,))) if use_bias else None
        self.frozen = frozen
        self.mean = nnx.BatchStat(jnp.zeros((num_features,)))
        self.var = nnx.BatchStat(jnp.ones((num_features,)))
        self.momentum = momentum
        self.epsilon = epsilon
        self.use_running_average = False

    def __call__(self, x: jax.Array) -> jax.Array:
        c = self.mean[...]
        centred = at_least_float32(x) - lax.stop_gradient(c)
        if self.use_running_average or self.frozen:
            offset, variance = jnp.zeros_like(c), self.var[...]
        else:
            axes = tuple(range(x.ndim - 1))
            offset = centred.mean(axes)
            variance = jnp.maximum((centred * centred).mean(axes) - offset * offset, 0.0)
            self._remember(lax.stop_gradient(c + offset), lax.stop_gradient(variance))
        factor = lax.rsqrt(variance + self.epsilon)
        if self.scale is not None:
            factor = factor * self.scale[...]
        shift = -offset * factor
        if self.bias is not None:
            shift = shift + self.bias[...]
        return (centred * factor + shift).astype(x.dtype)

    def _remember(self, mean: jax.Array, variance: jax.Array) -> None:
        keep = self.momentum
        self.mean[...] = keep * self.mean[...] + (1 - keep) * mean
        self.var[...] = keep * self.var[...] + (1 - keep) * variance


class RmsNorm(nnx.Module):
    """`x / sqrt(mean(x^2) + epsilon)` over the last axis (Zhang and Sennrich 2019), with Flax' names."""

    def __init__(
        self,
        num_features: int,
        *,
        epsilon: float,
        use_scale: bool,
        use_bias: bool,
        scale_init: Any,
        bias_init: Any,
        rngs: nnx.Rngs,
    ) -> None:
        self.scale = nnx.Param(scale_init(rngs.params(), (num_features,))) if use_scale else None
        self.bias = nnx.Param(bias_init(rngs.params(), (num_features,))) if use_bias else None
        self.epsilon = epsilon

    def __call__(self, x: jax.Array) -> jax.Array:
        wide = at_least_float32(x)
        y = wide * lax.rsqrt((wide * wide).mean(-1, keepdims=True) + self.epsilon)
        if self.scale is not None:
            y = y * self.scale[...]
        if self.bias is not None:
            y = y + self.bias[...]
        return y.astype(x.dtype)


class Scale(nnx.Module):
    """A learnt factor, and a bias where `bias_init` is given, for each channel of [..., channels]."""

    def __init__(self, size: int, *, scale_init: Any, bias_init: Any | None, rngs: nnx.Rngs) -> None:
        self.scale = nnx.Param(scale_init(rngs.params(), (size,)))
        self.bias = None if bias_init is None else nnx.Param(bias_init(rngs.params(), (size,)))

    def __call__(self, x: jax.Array) -> jax.Array:
        y = x * self.scale[...].astype(x.dtype)
        return y if self.bias is None else y + self.bias[...].astype(x.dtype)
