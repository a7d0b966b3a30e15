"""Attention and positions. Legend: B batch, T time, F features, N heads, S size of a head."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx


class MultiHeadAttention(nnx.Module):
    """Scaled dot-product self-attention, x_BTF to y_BTF; softmax over the steps that may be seen."""

    def __init__(
        self,
        features: int,
        size: int,
        *,
        heads: int,
        causal: bool,
        dropout: float,
        use_bias: bool,
        kernel_init: Any,
        bias_init: Any,
        rngs: nnx.Rngs,
    ) -> None:
        self.heads, self.size, self.causal, self.dropout = heads, size, causal, dropout
        options: dict[str, Any] = {"use_bias": use_bias, "kernel_init": kernel_init, "bias_init": bias_init, "rngs": rngs}
        self.query = nnx.Linear(features, heads * size, **options)
        self.key = nnx.Linear(features, heads * size, **options)
        self.value = nnx.Linear(features, heads * size, **options)
        self.output = nnx.Linear(heads * size, features, **options)

    def __call__(self, x_BTF: jax.Array, *, lengths: jax.Array | None = None, rngs: jax.Array | None = None) -> jax.Array:
        """`lengths` [B]: steps past them are not seen. `rngs` means training."""
        batch, steps, _ = x_BTF.shape

        def split(y: jax.Array) -> jax.Array:
            return y.reshape(batch, steps, self.heads, self.size)

        query, key, value = split(self.query(x_BTF)), split(self.key(x_BTF)), split(self.value(x_BTF))
        scores = jnp.einsum("btns,buns->bntu", query * self.size**-0.5, key)
        seen = self._seen(steps, lengths)
        if seen is not None:
            scores = jnp.where(seen, scores, jnp.finfo(scores.dtype).min)
        weights = jax.nn.softmax(scores, axis=-1)
        if rngs is not None and self.dropout:
            weights = weights * jax.random.bernoulli(rngs, 1 - self.dropout, weights.shape) / (1 - self.dropout)
        mixed = jnp.einsum("bntu,buns->btns", weights.astype(value.dtype), value)
        return self.output(mixed.reshape(batch, steps, self.heads * self.size))

    def _seen(self, steps: int, lengths: jax.Array | None) -> jax.Array | None:
        """Which steps may be seen, broadcast to [B, N, T, T]; None for all."""
        positions = jnp.arange(steps)
        seen = None if lengths is None else (positions[None, :] < lengths[:, None])[:, None, None, :]
        if self.causal:
            before = (positions[None, :] <= positions[:, None])[None, None]
            seen = before if seen is None else seen & before
        return seen


class Positions(nnx.Module):
    """A learnt vector for each position, added."""

    def __init__(self, length: int, features: int, *, embedding_init: Any, rngs: nnx.Rngs) -> None:
        self.embedding = nnx.Param(embedding_init(rngs.params(), (length, features)))

    def __call__(self, x_BTF: jax.Array) -> jax.Array:
        return numbered(x_BTF, self.embedding[...])


def numbered(x_BTF: jax.Array, table_LF: jax.Array) -> jax.Array:
    """A sequence [batch, time, features] with the first rows of a table [length, features] added to its steps.

    Where the number of steps is a symbol (`jax.export`), the rows are looked up: a slice would have to know that it is at
    most the table's length, and what is longer answers NaN.
    """
    steps = x_BTF.shape[1]
    rows_TF = table_LF[:steps] if isinstance(steps, int) else jnp.take(table_LF, jnp.arange(steps), axis=0)
    return x_BTF + rows_TF.astype(x_BTF.dtype)
