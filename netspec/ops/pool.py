"""Pooling and resizing of [batch, *spatial, channels]."""

from __future__ import annotations

from functools import partial
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

Sizes = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]


def _tiles(x: jax.Array, windows: Sizes) -> list[jax.Array]:
    """Each element of every window that does not overlap another, as a strided slice."""
    ends = [n // w * w for n, w in zip(x.shape[1:-1], windows, strict=True)]
    offsets = product(*(range(w) for w in windows))
    return [
        x[(slice(None), *(slice(i, end, w) for i, end, w in zip(offset, ends, windows, strict=True)))] for offset in offsets
    ]


@partial(jax.custom_vjp, nondiff_argnums=(1,))
def tile_max(x: jax.Array, windows: Sizes) -> jax.Array:
    """The maximum of each tile; ties send their gradient to the first, as autodiff's does."""
    tiles = _tiles(x, windows)
    y = tiles[0]
    for tile in tiles[1:]:
        y = jnp.maximum(y, tile)
    return y


def _tile_max_backward(windows: Sizes, kept: tuple[jax.Array, jax.Array], g: jax.Array) -> tuple[jax.Array]:
    x, y = kept
    taken = jnp.zeros(y.shape, bool)
    parts = []
    for tile in _tiles(x, windows):
        first = (tile == y) & ~taken
        taken = taken | first
        parts.append(jnp.where(first, g, 0))
    rank = len(windows)
    # [*windows, batch, *tiles, channels] -> [batch, tile, window, tile, window, ..., channels]
    stacked = jnp.stack(parts).reshape(*windows, *g.shape)
    order = [rank] + [axis for i in range(rank) for axis in (rank + 1 + i, i)] + [2 * rank + 1]
    whole = tuple(n * w for n, w in zip(g.shape[1:-1], windows, strict=True))
    dx = stacked.transpose(order).reshape(g.shape[0], *whole, g.shape[-1])
    rest = [(0, n - m) for n, m in zip(x.shape[1:-1], whole, strict=True)]
    return (jnp.pad(dx, [(0, 0), *rest, (0, 0)]) if any(after for _, after in rest) else dx,)


def _tile_max_forward(x: jax.Array, windows: Sizes) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    y = tile_max(x, windows)
    return y, (x, y)


tile_max.defvjp(_tile_max_forward, _tile_max_backward)


def _widths(x: jax.Array, windows: Sizes, strides: Sizes, pads: str | Pads) -> Pads:
    if not isinstance(pads, str):
        return pads
    return tuple((int(a), int(b)) for a, b in lax.padtype_to_pads(x.shape[1:-1], windows, strides, pads.upper()))


def max_pool(x: jax.Array, windows: Sizes, strides: Sizes, pads: str | Pads) -> jax.Array:
    """The largest value in each window; padding never wins."""
    widths = _widths(x, windows, strides, pads)
    if windows == strides and not any(map(any, widths)):
        return tile_max(x, windows)
    return lax.reduce_window(
        x, np.array(-np.inf, x.dtype), lax.max, (1, *windows, 1), (1, *strides, 1), ((0, 0), *widths, (0, 0))
    )


def avg_pool(x: jax.Array, windows: Sizes, strides: Sizes, pads: str | Pads) -> jax.Array:
    """The mean of each window; padding does not count."""
    widths = _widths(x, windows, strides, pads)
    window, steps, border = (1, *windows, 1), (1, *strides, 1), ((0, 0), *widths, (0, 0))
    zero = np.array(0, x.dtype)  # NumPy: a traced zero would hide from JAX that this is a sum
    summed = lax.reduce_window(x, zero, lax.add, window, steps, border)
    if not any(map(any, widths)):
        count = 1
        for size in windows:
            count *= size
        return summed * (1 / count)
    ones = jnp.ones((1, *x.shape[1:-1], 1), x.dtype)
    return summed / lax.reduce_window(ones, zero, lax.add, window, steps, border)


def upsample(x: jax.Array, factors: Sizes, method: str) -> jax.Array:
    """Each position repeated (`nearest`), or blended with its neighbours (`bilinear`)."""
    if method == "nearest":
        for axis, factor in enumerate(factors, start=1):
            x = jnp.repeat(x, factor, axis=axis)
        return x
    spatial = (n * factor for n, factor in zip(x.shape[1:-1], factors, strict=True))
    return jax.image.resize(x, (x.shape[0], *spatial, x.shape[-1]), "linear")


def largest(x: jax.Array, *, axis: tuple[int, ...], keepdims: bool, where: jax.Array | None = None) -> jax.Array:
    """The maximum over axes, of what `where` chooses."""
    if where is None:
        return x.max(axis=axis, keepdims=keepdims)
    return jnp.where(where, x, -jnp.inf).max(axis=axis, keepdims=keepdims)
