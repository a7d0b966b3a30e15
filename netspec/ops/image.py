"""Resampling of images [batch, height, width, channels]."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def sample_bilinear(x: jax.Array, rows: jax.Array, columns: jax.Array, fill: jax.Array) -> jax.Array:
    """The image at real positions `rows`, `columns` [batch, height', width']; outside it is `fill`."""
    height, width = x.shape[1:3]
    top, left = jnp.floor(rows), jnp.floor(columns)
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    batch = jnp.arange(x.shape[0])[:, None, None]

    def pixel(row: jax.Array, column: jax.Array) -> jax.Array:
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        at = x[batch, jnp.clip(row, 0, height - 1).astype(int), jnp.clip(column, 0, width - 1).astype(int)]
        return jnp.where(inside[..., None], at, fill)

    upper = pixel(top, left) * (1 - right) + pixel(top, left + 1) * right
    lower = pixel(top + 1, left) * (1 - right) + pixel(top + 1, left + 1) * right
    return (upper * (1 - down) + lower * down).astype(x.dtype)
