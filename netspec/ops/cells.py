"""Recurrent cells: one step forward, and its derivatives by what its gates gave.

Legend: B batch, H units, G gates x units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp

from netspec.ops.activation import Curve

Arrays: TypeAlias = tuple[jax.Array, ...]
State: TypeAlias = Arrays
"""What a cell carries: (h_BH,), or for an LSTM (h_BH, c_BH)."""


class Gradients(NamedTuple):
    """Of a step: of its projected input, of the recurrent product (None where it is the same), of the state but for
    that product."""

    x_BG: jax.Array
    r_BG: jax.Array | None
    state: State


@dataclass(frozen=True)
class Rnn:
    """`h' = activation(x + h W)`."""

    activation: Curve

    gates: ClassVar[int] = 1
    carries: ClassVar[int] = 1

    def forward(self, x_BG: jax.Array, r_BG: jax.Array, state: State) -> tuple[State, Arrays]:
        """The next state, and what the backward pass needs."""
        h = self.activation.value(x_BG + r_BG)
        return (h,), (h,)

    def backward(self, kept: Arrays, state: State, dstate: State) -> Gradients:
        """Gradients of what the step was made from."""
        dz = dstate[0] * self.activation.slope(kept[0])
        return Gradients(dz, None, (jnp.zeros_like(dstate[0]),))


@dataclass(frozen=True)
class Gru:
    """`h' = z h + (1 - z) n` with `n = activation(x_n + r (h W_n + b))` (Cho et al. 2014, reset after the product)."""

    activation: Curve
    gate: Curve

    gates: ClassVar[int] = 3
    carries: ClassVar[int] = 1

    def forward(self, x_BG: jax.Array, r_BG: jax.Array, state: State) -> tuple[State, Arrays]:
        """The next state, and what the backward pass needs."""
        xr, xz, xn = jnp.split(x_BG, 3, axis=-1)
        hr, hz, hn = jnp.split(r_BG, 3, axis=-1)
        r, z = self.gate.value(xr + hr), self.gate.value(xz + hz)
        n = self.activation.value(xn + r * hn)
        return (z * state[0] + (1 - z) * n,), (r, z, n, hn)

    def backward(self, kept: Arrays, state: State, dstate: State) -> Gradients:
        """Gradients of what the step was made from."""
        (r, z, n, hn), (h,), (dh,) = kept, state, dstate
        dn = dh * (1 - z) * self.activation.slope(n)
        dz = dh * (h - n) * self.gate.slope(z)
        dr = dn * hn * self.gate.slope(r)
        return Gradients(jnp.concatenate([dr, dz, dn], -1), jnp.concatenate([dr, dz, dn * r], -1), (dh * z,))


@dataclass(frozen=True)
class Lstm:
    """`c' = f c + i g`, `h' = o activation(c')` (Hochreiter and Schmidhuber 1997, with forget gates)."""

    activation: Curve
    gate: Curve

    gates: ClassVar[int] = 4
    carries: ClassVar[int] = 2

    def forward(self, x_BG: jax.Array, r_BG: jax.Array, state: State) -> tuple[State, Arrays]:
        """The next state, and what the backward pass needs."""
        zi, zf, zg, zo = jnp.split(x_BG + r_BG, 4, axis=-1)
        i, f, o = self.gate.value(zi), self.gate.value(zf), self.gate.value(zo)
        g = self.activation.value(zg)
        c = f * state[1] + i * g
        a = self.activation.value(c)
        return (o * a, c), (i, f, g, o, a)

    def backward(self, kept: Arrays, state: State, dstate: State) -> Gradients:
        """Gradients of what the step was made from."""
        (i, f, g, o, a), (_, c), (dh, dc) = kept, state, dstate
        dc = dc + dh * o * self.activation.slope(a)
        gates = (
            dc * g * self.gate.slope(i),
            dc * c * self.gate.slope(f),
            dc * i * self.activation.slope(g),
            dh * a * self.gate.slope(o),
        )
        dz = jnp.concatenate(gates, -1)
        return Gradients(dz, None, (jnp.zeros_like(dh), dc * f))


Cell: TypeAlias = Rnn | Gru | Lstm


@dataclass(frozen=True)
class GruBefore(Gru):
    """The first form of the GRU: `n = activation(x_n + (r h) W_n)`, reset before the product.

    Its second product waits for the first, so it runs by `recur_plainly`, as autodiff has it.
    """

    def advance(self, x_BG: jax.Array, h_BH: jax.Array, kernel_HG: jax.Array) -> jax.Array:
        """The next state."""
        units = h_BH.shape[-1]
        xr, xz, xn = jnp.split(x_BG, 3, axis=-1)
        hr, hz = jnp.split(h_BH @ kernel_HG[:, : 2 * units], 2, axis=-1)
        r, z = self.gate.value(xr + hr), self.gate.value(xz + hz)
        n = self.activation.value(xn + (r * h_BH) @ kernel_HG[:, 2 * units :])
        return z * h_BH + (1 - z) * n
