"""What every compiled step has in common: state in, state out, several steps a dispatch.

State is a pytree of flat dicts, donated to each call. Everything random is a pure function of the
seed and the step, so a run can stop at any step and go on bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol, TypeAlias

import jax
import jax.numpy as jnp
from jax import lax

from netspec.compiler.network import Weights
from netspec.training.batches import Batch, take

MOST_SKIPPED = 10
"""Steps that a training may pass over before it gives up."""

State = dict[str, Any]
Figures: TypeAlias = dict[str, jax.Array]
"""What a step tells of itself: losses, and what else is watched. Each is one number."""
Step: TypeAlias = Callable[[State, Batch], tuple[State, Figures]]


class Objective(Protocol):
    """What is trained: the state before the first step, and the step."""

    @property
    def advice(self) -> str:
        """What helps against a loss that is not finite."""
        ...

    def init(self, seed: int) -> State:
        """The state before the first step."""
        ...

    def step(self, state: State, batch: Batch) -> tuple[State, Figures]:
        """One update, unwatched: nothing is spent on looking for what is not finite."""
        ...

    def watched_step(self, state: State, batch: Batch) -> tuple[State, Figures]:
        """One update. A step that is not finite changes nothing but notes itself in `failed`."""
        ...

    def rates(self, step: int) -> dict[str, float]:
        """The learning rates at a step."""
        ...


def bookkeeping() -> State:
    """The part of a state that counts steps and remembers failures."""
    return {
        "step": jnp.zeros((), jnp.int32),
        "failed": jnp.full((), -1, jnp.int32),
        "skipped": jnp.full((MOST_SKIPPED,), -1, jnp.int32),
    }


def unless_failed(state: State, after: State, finite: jax.Array, *, skips: bool) -> State:
    """The state after a step whose losses and gradients are `finite`, or the one before it with a note in `failed`."""
    # After a failure nothing changes any more, unless failures are skipped on the spot.
    stopped = (state["failed"] >= 0) & (not skips)
    passed_over = (state["skipped"] == state["step"]).any()
    good = finite & ~stopped & ~passed_over
    after = jax.tree.map(lambda new, old: jnp.where(good, new, old), after, {name: state[name] for name in after})
    failed = jnp.where(finite | passed_over | (state["failed"] >= 0), state["failed"], state["step"])
    return {**state, **after, "step": state["step"] + 1, "failed": failed}


def averaged(average: Weights, parameters: Weights, keep: float, updates: jax.Array) -> Weights:
    """The moving average of weights after so many updates, this one among them.

    It is debiased as Adam's averages are (Kingma and Ba 2015, section 3): after t updates each of them weighs what it
    would in `(1 - keep) * sum(keep ** (t - i) * w_i)`, divided by `1 - keep ** t`. What weights were before the first
    update counts for nothing.
    """
    share = (1 - keep) / -jnp.expm1(updates.astype(jnp.float32) * math.log(keep)) if keep else jnp.ones(())
    return jax.tree.map(lambda old, new: old + share * (new - old), average, parameters)


def computed_in(precision: str, weights: Weights) -> Weights:
    """Weights in the precision that is computed in; the masters stay float32."""
    if precision == "float32":
        return weights
    return {name: array.astype(jnp.bfloat16) for name, array in weights.items()}


def cast(precision: str, inputs: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
    """Inputs in the precision that is computed in; ids stay ids."""
    if precision == "float32":
        return inputs
    return tuple(x.astype(jnp.bfloat16) if jnp.issubdtype(x.dtype, jnp.floating) else x for x in inputs)


def is_finite(state: State, figures: Mapping[str, jax.Array]) -> jax.Array:
    """Whether figures and weights are all finite: a gradient that was not leaves its mark in the weights."""
    weights = jax.tree.leaves((state["parameters"], state["statistics"], figures))
    return jnp.stack([jnp.isfinite(w).all() for w in weights]).all()


def compiled_step(step: Step) -> Callable[..., tuple[State, Figures]]:
    """One step a call: `(state, data, rows [batch]) -> (state, figures)`, the state donated."""

    @partial(jax.jit, donate_argnums=0)
    def one(state: State, data: Batch, rows: jax.Array) -> tuple[State, Figures]:
        return step(state, take(data, rows))

    return one


def compiled_chunk(step: Step) -> Callable[..., tuple[State, Figures]]:
    """Several steps a call: `(state, figures, data, order, start, stop)`; the bounds are not compiled in.

    `order` [steps, batch] holds the rows of each step of the epoch, each of `figures` [steps] what they gave.
    """

    @partial(jax.jit, donate_argnums=(0, 1))
    def many(
        state: State, figures: Figures, data: Batch, order: jax.Array, start: jax.Array, stop: jax.Array
    ) -> tuple[State, Figures]:
        def body(index: jax.Array, carry: tuple[State, Figures]) -> tuple[State, Figures]:
            state, figures = carry
            state, found = step(state, take(data, order[index]))
            return state, {name: figures[name].at[index].set(value) for name, value in found.items()}

        return lax.fori_loop(start, stop, body, (state, figures))

    return many
