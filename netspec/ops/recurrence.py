"""Recurrent networks as one scan: the input projection hoisted out, the recurrent weight gradient gathered after.

Autodiff would add up the recurrent kernel's gradient step by step inside the backward scan; here the scan
only carries the states' gradients, and one product of all states with all gate gradients ends it. Cells (cells.py)
say their own derivatives: nothing is computed twice and little is kept. Forward-mode differentiation raises, as
for every `jax.custom_vjp`.

Legend: T time, B batch, F features, H units, G gates x units.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax

from netspec.ops.cells import Arrays, Cell, GruBefore, State


class Run(NamedTuple):
    """How a recurrence runs over time: its cell, and from the end or the start."""

    cell: Cell
    reverse: bool


_STEPS_A_ROUND = 10
"""On a GPU a loop's round takes longer than a step's arithmetic. Ten steps a round made workload c of the benchmarks
1.5 times as fast and d 1.7 times (H100); a CPU gains nothing."""


def _over_time(step: Callable[[Any, Any], Any], start: Any, each: Any, *, reverse: bool) -> Any:
    """`lax.scan`, with as many steps a round as the device likes and a length that is known allows."""
    known = isinstance(jax.tree.leaves(each)[0].shape[0], int)
    several = known and jax.default_backend() == "gpu"
    return lax.scan(step, start, each, reverse=reverse, unroll=_STEPS_A_ROUND if several else 1)


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def recur(
    run: Run,
    x_TBG: jax.Array,
    kernel_HG: jax.Array,
    bias_G: jax.Array | None,
    start: State,
    valid_TB: jax.Array | None,
    keep_BH: jax.Array | None,
) -> tuple[jax.Array, State]:
    """Every step's h_TBH and the last state. Steps that are not valid keep the state and give zeros.

    `x_TBG` are projected inputs, `keep_BH` scales the state before the recurrent product (dropout).
    """

    def step(state: State, each: tuple[jax.Array, jax.Array | None]) -> tuple[State, jax.Array]:
        r_BG = _product(state, kernel_HG, bias_G, keep_BH)
        after, _ = run.cell.forward(each[0], r_BG, state)
        return _masked(after, state, each[1])

    last, ys_TBH = _over_time(step, start, (x_TBG, valid_TB), reverse=run.reverse)
    return ys_TBH, last


def _product(state: State, kernel_HG: jax.Array, bias_G: jax.Array | None, keep_BH: jax.Array | None) -> jax.Array:
    h_BH = state[0] if keep_BH is None else state[0] * keep_BH
    r_BG = h_BH @ kernel_HG
    return r_BG if bias_G is None else r_BG + bias_G


def _masked(after: State, before: State, valid_B: jax.Array | None) -> tuple[State, jax.Array]:
    """The state and the output of a step; where it is not valid, the state before and zeros."""
    if valid_B is None:
        return after, after[0]
    chosen = valid_B[:, None]
    return tuple(jnp.where(chosen, a, b) for a, b in zip(after, before, strict=True)), jnp.where(chosen, after[0], 0)


def _forward(
    run: Run,
    x_TBG: jax.Array,
    kernel_HG: jax.Array,
    bias_G: jax.Array | None,
    start: State,
    valid_TB: jax.Array | None,
    keep_BH: jax.Array | None,
) -> tuple[tuple[jax.Array, State], Any]:
    def step(state: State, each: tuple[jax.Array, jax.Array | None]) -> Any:
        r_BG = _product(state, kernel_HG, bias_G, keep_BH)
        after, kept = run.cell.forward(each[0], r_BG, state)
        after, y_BH = _masked(after, state, each[1])
        return after, (y_BH, kept, state)

    last, (ys_TBH, kept, states) = _over_time(step, start, (x_TBG, valid_TB), reverse=run.reverse)
    return (ys_TBH, last), (kept, states, kernel_HG, bias_G is not None, keep_BH, valid_TB)


def _backward(run: Run, residual: Any, cotangent: tuple[jax.Array, State]) -> tuple[Any, ...]:
    kept, states, kernel_HG, biased, keep_BH, valid_TB = residual
    dys_TBH, dlast = cotangent
    transposed_GH = kernel_HG.T

    def step(dstate: State, each: Any) -> tuple[State, tuple[jax.Array, jax.Array | None]]:
        kept, state, valid_B, dy_BH = each
        dafter = (dstate[0] + dy_BH, *dstate[1:])
        if valid_B is not None:
            dafter = tuple(jnp.where(valid_B[:, None], d, 0) for d in dafter)
        found = run.cell.backward(kept, state, dafter)
        dh_BH = (found.x_BG if found.r_BG is None else found.r_BG) @ transposed_GH
        if keep_BH is not None:
            dh_BH = dh_BH * keep_BH
        before = (found.state[0] + dh_BH, *found.state[1:])
        if valid_B is not None:
            before = tuple(jnp.where(valid_B[:, None], new, old) for new, old in zip(before, dstate, strict=True))
        return before, (found.x_BG, found.r_BG)

    dstart, (dx_TBG, dr_TBG) = _over_time(step, dlast, (kept, states, valid_TB, dys_TBH), reverse=not run.reverse)
    dr_TBG = dx_TBG if dr_TBG is None else dr_TBG
    units, gates = kernel_HG.shape
    hs_TBH = states[0] if keep_BH is None else states[0] * keep_BH
    dkernel_HG = hs_TBH.reshape(-1, units).T @ dr_TBG.reshape(-1, gates)
    dbias_G = dr_TBG.sum((0, 1)) if biased else None
    return dx_TBG, dkernel_HG, dbias_G, dstart, None, None if keep_BH is None else jnp.zeros_like(keep_BH)


recur.defvjp(_forward, _backward)


def recur_plainly(
    cell: GruBefore,
    reverse: bool,
    x_TBG: jax.Array,
    kernel_HG: jax.Array,
    start: State,
    valid_TB: jax.Array | None,
    keep_BH: jax.Array | None,
) -> tuple[jax.Array, State]:
    """As `recur`, for a cell whose recurrent products follow one another."""

    def step(state: State, each: tuple[jax.Array, jax.Array | None]) -> tuple[State, jax.Array]:
        (h_BH,) = state
        dropped = h_BH if keep_BH is None else h_BH * keep_BH
        after = cell.advance(each[0], dropped, kernel_HG)
        return _masked((after,), state, each[1])

    last, ys_TBH = _over_time(step, start, (x_TBG, valid_TB), reverse=reverse)
    return ys_TBH, last


class Recurrence(nnx.Module):
    """One direction of a recurrent layer, time-major inside.

    Weights are shaped as Keras' are: `kernel` [F, G], `recurrent_kernel` [H, G], `bias` [G], and for a GRU
    `recurrent_bias` [G]. Gate order: LSTM i, f, g, o; GRU r, z, n. `inits` gives those that there are.
    """

    def __init__(
        self,
        run: Run,
        features: int,
        units: int,
        inits: Mapping[str, Any],
        *,
        rngs: nnx.Rngs,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
    ) -> None:
        self.run, self.units = run, units
        self.dropout, self.recurrent_dropout = dropout, recurrent_dropout
        gates = run.cell.gates * units
        shapes = {"kernel": (features, gates), "recurrent_kernel": (units, gates), "bias": (gates,), "recurrent_bias": (gates,)}
        for name, shape in shapes.items():
            setattr(self, name, nnx.Param(inits[name](rngs.params(), shape)) if name in inits else None)

    def __call__(
        self,
        x_BTF: jax.Array,
        *,
        lengths: jax.Array | None = None,
        state: State | None = None,
        rngs: jax.Array | None = None,
    ) -> tuple[jax.Array, State]:
        """Every step's output y_BTH, zeros past each length, and the last state.

        `lengths` [B] are at least 1; `state` is what an earlier piece of the sequence left; `rngs` means training.
        """
        batch, steps, features = x_BTF.shape
        keep_BH = None
        if rngs is not None:
            if self.dropout:
                x_BTF = x_BTF * _kept(self.dropout, jax.random.fold_in(rngs, 0), (batch, 1, features), x_BTF.dtype)
            if self.recurrent_dropout:
                keep_BH = _kept(self.recurrent_dropout, jax.random.fold_in(rngs, 1), (batch, self.units), x_BTF.dtype)
        x_TBG = x_BTF.swapaxes(0, 1).reshape(-1, features) @ self.kernel[...]
        if self.bias is not None:
            x_TBG = x_TBG + self.bias[...]
        x_TBG = x_TBG.reshape(steps, batch, -1)
        bias = None if self.recurrent_bias is None else self.recurrent_bias[...]
        start = state or tuple(jnp.zeros((batch, self.units), x_TBG.dtype) for _ in range(self.run.cell.carries))
        valid_TB = None if lengths is None else jnp.arange(steps)[:, None] < lengths[None, :]
        kernel, cell = self.recurrent_kernel[...], self.run.cell
        if isinstance(cell, GruBefore):
            ys_TBH, last = recur_plainly(cell, self.run.reverse, x_TBG, kernel, start, valid_TB, keep_BH)
        else:
            ys_TBH, last = recur(self.run, x_TBG, kernel, bias, start, valid_TB, keep_BH)
        return ys_TBH.swapaxes(0, 1), last


def _kept(rate: float, key: jax.Array, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    """A dropout mask, the same for all steps: zeros, and what is left scaled up."""
    return jax.random.bernoulli(key, 1 - rate, shape).astype(dtype) / (1 - rate)


class RecurrentLayer(nnx.Module):
    """One direction, or a `forward` and a `backward` one merged; every step's output or the last."""

    def __init__(self, forward: Recurrence, backward: Recurrence | None, *, merge: str, sequences: bool, flipped: bool) -> None:
        self.merge, self.sequences, self.flipped = merge, sequences, flipped
        if backward is None:
            self.inner = forward
        else:
            self.forward, self.backward = forward, backward

    def __call__(
        self,
        x_BTF: jax.Array,
        *,
        lengths: jax.Array | None = None,
        state: State | None = None,
        rngs: jax.Array | None = None,
    ) -> tuple[jax.Array, State | None]:
        """Outputs [B, T, units] or [B, units], and where there is one direction the last state."""
        if hasattr(self, "inner"):
            ys, last = self.inner(x_BTF, lengths=lengths, state=state, rngs=rngs)
            if not self.sequences:
                return last[0], last
            return (flipped(ys, lengths) if self.flipped else ys), last
        keys = (None, None) if rngs is None else jax.random.split(rngs)
        a, last_a = self.forward(x_BTF, lengths=lengths, rngs=keys[0])
        b, last_b = self.backward(x_BTF, lengths=lengths, rngs=keys[1])
        return MERGES[self.merge]((a, b) if self.sequences else (last_a[0], last_b[0])), None


def flipped(x_BT: jax.Array, lengths: jax.Array | None) -> jax.Array:
    """Each sequence from its end to its start; what lies past its length stays there."""
    if lengths is None:
        return x_BT[:, ::-1]
    steps = jnp.arange(x_BT.shape[1])[None, :]
    source = jnp.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
    return jnp.take_along_axis(x_BT, source.reshape(*source.shape, *(1,) * (x_BT.ndim - 2)), axis=1)


MERGES: dict[str, Callable[[Arrays], jax.Array]] = {
    "concat": lambda pair: jnp.concatenate(pair, -1),
    "add": lambda pair: pair[0] + pair[1],
    "average": lambda pair: (pair[0] + pair[1]) * 0.5,
    "multiply": lambda pair: pair[0] * pair[1],
}
"""How the two directions become one."""
