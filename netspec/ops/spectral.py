"""Spectral normalisation: a kernel divided by its largest singular value (Miyato et al. 2018)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax import lax

if TYPE_CHECKING:
    from netspec.emit import Array


class SpectralNorm(nnx.Module):
    """Wraps a module with a `kernel` [..., out]; `u` [out] follows its first right singular vector.

    One step of power iteration a call while training; at inference `u` stays.
    """

    def __init__(self, inner: Any, *, rngs: nnx.Rngs) -> None:
        self.inner = inner
        size = inner.kernel.shape[-1]
        self.u = nnx.BatchStat(_unit(jax.random.normal(rngs.params(), (size,))))
        self.use_running_average = False

    def __call__(self, x: jax.Array) -> jax.Array:
        kernel = self.inner.kernel[...]
        matrix = kernel.reshape(-1, kernel.shape[-1])
        u = self.u[...].astype(matrix.dtype)
        fixed = lax.stop_gradient(matrix)
        if not self.use_running_average:
            u = _unit(_unit(fixed @ u) @ fixed)
            self.u[...] = u.astype(jnp.float32)
        v = _unit(fixed @ u)
        graph, state = nnx.split(self.inner)
        layer = nnx.merge(graph, state)
        sigma = v @ matrix @ u
        layer.kernel[...] = kernel / jnp.where(sigma == 0, 1, sigma)  # a kernel of zeros has nothing to divide by
        result: jax.Array = layer(x)
        return result


def _unit(x: jax.Array) -> jax.Array:
    return x * lax.rsqrt((x * x).sum() + 1e-12)


def normalized_kernel(kernel: Array, u: Array) -> Any:
    """The kernel that inference multiplies by, in float64 and cast once."""
    matrix = np.asarray(kernel, np.float64).reshape(-1, kernel.shape[-1])
    direction = np.asarray(u, np.float64)
    v = matrix @ direction
    v = v / np.sqrt((v * v).sum() + 1e-12)
    return (matrix / (float(v @ matrix @ direction) or 1.0)).reshape(kernel.shape).astype(np.float32)
