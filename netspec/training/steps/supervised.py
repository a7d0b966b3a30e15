"""The compiled step of ordinary networks: state in, state out, several steps a dispatch.

State is a pytree of flat dicts, donated to each call. Everything random is a pure function of the
seed and the step, so a run can stop at any step and go on bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax

from netspec.compiler.network import Functional, Weights, fold_name, lengths_of
from netspec.components.augment import Augment
from netspec.components.layers import KernelLayer
from netspec.components.objectives import Loss
from netspec.graph.ir import Port
from netspec.graph.objective import logits
from netspec.spec.sections import TrainSection
from netspec.training.batches import Batch, take

MOST_SKIPPED = 10
"""Steps that a training may pass over before it gives up."""

State = dict[str, Any]


@dataclass(frozen=True)
class Supervised:
    """Losses, optimizer and augmentation of a training, as functions to compile.

    `class_weights` [classes] by output; `fills` by input is what a raw zero became.
    """

    network: Functional
    losses: Mapping[str, Loss]
    train: TrainSection
    steps_per_epoch: int
    augment: tuple[Augment, ...] = ()
    fills: tuple[jax.Array, ...] = ()
    class_weights: Mapping[str, jax.Array] | None = None

    def schedule(self) -> optax.Schedule:
        """From the update to the learning rate; accumulation goes on from one epoch to the next."""
        updates = self.steps_per_epoch / self.train.gradient.accumulate
        schedule: optax.Schedule = self.train.schedule.optax(self.train.optimizer.learning_rate, updates, self.train.epochs)
        return schedule

    def optimizer(self) -> optax.GradientTransformation:
        """Clipping, the optimizer with its schedule, accumulation."""
        gradient = self.train.gradient
        chain = []
        if gradient.clip_value is not None:
            chain.append(optax.clip(gradient.clip_value))
        if gradient.clip_norm is not None:
            chain.append(optax.clip_by_global_norm(gradient.clip_norm))
        chain.append(self.train.optimizer.optax(self.schedule()))
        transformation = optax.chain(*chain) if len(chain) > 1 else chain[0]
        if gradient.accumulate > 1:
            return optax.MultiSteps(transformation, gradient.accumulate).gradient_transformation()
        return transformation

    def init(self, weights: tuple[Weights, Weights]) -> State:
        """The state before the first step."""
        parameters, statistics = weights
        state: State = {
            "parameters": parameters,
            "statistics": statistics,
            "optimizer": jax.jit(self.optimizer().init)(parameters),
            "step": jnp.zeros((), jnp.int32),
            "failed": jnp.full((), -1, jnp.int32),
            "skipped": jnp.full((MOST_SKIPPED,), -1, jnp.int32),
        }
        if self.train.ema is not None:
            state["ema"] = jax.tree.map(jnp.copy, parameters)
        return state

    def loss(self, parameters: Weights, statistics: Weights, batch: Batch, key: jax.Array) -> tuple[jax.Array, Weights]:
        """The mean loss of a batch with all penalties, and the new statistics."""
        inputs = self._augmented(batch.inputs, fold_name(key, "augment"))
        weights = {**self._computed_in(parameters), **statistics}
        values, after = self.network.values(weights, self._cast(inputs), rngs=key, lengths=batch.lengths)
        total = self._penalty(parameters)
        for output, loss in self.losses.items():
            summed, count = self.summed(output, loss, values, batch)
            total = total + loss.weight * summed / count
        return total, after

    def summed(
        self, output: str, loss: Loss, values: Mapping[Port, jax.Array], batch: Batch
    ) -> tuple[jax.Array, jax.Array | int]:
        """The sum of an output's loss over all positions that count, and their number."""
        graph = self.network.graph
        each = loss.each(values[logits(graph, output, loss)].astype(jnp.float32), batch.targets[output])
        if self.class_weights and output in self.class_weights:
            each = each * self.class_weights[output][batch.targets[output].astype(jnp.int32)].reshape(each.shape)
        return masked_sum(each, lengths_of(graph.output_types[output], batch.lengths))

    def _augmented(self, inputs: tuple[jax.Array, ...], key: jax.Array) -> tuple[jax.Array, ...]:
        if not self.augment:
            return inputs
        x = inputs[0]
        for index, augment in enumerate(self.augment):
            x = augment.apply(x, jax.random.fold_in(key, index), self.fills[0])
        return (x, *inputs[1:])

    def _computed_in(self, parameters: Weights) -> Weights:
        if self.train.precision == "float32":
            return parameters
        return {name: array.astype(jnp.bfloat16) for name, array in parameters.items()}

    def _cast(self, inputs: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        if self.train.precision == "float32":
            return inputs
        return tuple(x.astype(jnp.bfloat16) if jnp.issubdtype(x.dtype, jnp.floating) else x for x in inputs)

    def _penalty(self, parameters: Weights) -> jax.Array:
        """l1 and l2 of all kernels, and of single layers' kernels."""
        total = jnp.zeros(())
        shared = self.train.regularization
        for node in self.network.graph.nodes:
            own = node.op.kernel_regularizer if isinstance(node.op, KernelLayer) else None
            l1, l2 = shared.l1 + (own.l1 if own else 0.0), shared.l2 + (own.l2 if own else 0.0)
            for name in node.weights:
                kernel = parameters.get(f"{node.weight_scope}/{name}") if name.endswith("kernel") else None
                if kernel is None or node.name != node.weight_scope:
                    continue
                total = total + (l1 * jnp.abs(kernel).sum() if l1 else 0.0) + (l2 * (kernel**2).sum() if l2 else 0.0)
        return total

    def step(self, state: State, batch: Batch) -> tuple[State, jax.Array]:
        """One update, unwatched: nothing is spent on looking for what is not finite."""
        after, loss, _ = self._update(state, batch)
        return {**state, **after, "step": state["step"] + 1}, loss

    def watched_step(self, state: State, batch: Batch) -> tuple[State, jax.Array]:
        """One update. A step whose loss or gradient is not finite changes nothing but notes itself in `failed`."""
        after, loss, gradient = self._update(state, batch)
        finite = jnp.isfinite(loss) & jnp.isfinite(optax.tree.norm(gradient))
        # After a failure nothing changes any more, unless failures are skipped on the spot.
        stopped = (state["failed"] >= 0) & (self.train.on_nonfinite != "skip")
        passed_over = (state["skipped"] == state["step"]).any()
        good = finite & ~stopped & ~passed_over
        after = jax.tree.map(lambda new, old: jnp.where(good, new, old), after, {name: state[name] for name in after})
        failed = jnp.where(finite | passed_over | (state["failed"] >= 0), state["failed"], state["step"])
        return {**state, **after, "step": state["step"] + 1, "failed": failed}, loss

    def _update(self, state: State, batch: Batch) -> tuple[State, jax.Array, Weights]:
        """What a step changes, its loss and its gradient."""
        key = jax.random.fold_in(jax.random.key(self.train.seed), state["step"])
        with_gradient = jax.value_and_grad(self.loss, has_aux=True)
        (loss, statistics), gradient = with_gradient(state["parameters"], state["statistics"], batch, key)
        updates, optimizer = self.optimizer().update(gradient, state["optimizer"], state["parameters"])
        after: State = {
            "parameters": optax.apply_updates(state["parameters"], updates),
            "statistics": statistics,
            "optimizer": optimizer,
        }
        if "ema" in state:
            keep = self.train.ema or 0.0
            after["ema"] = jax.tree.map(lambda old, new: keep * old + (1 - keep) * new, state["ema"], after["parameters"])
        return after, loss, gradient


def is_finite(state: State, losses: jax.Array) -> jax.Array:
    """Whether losses and weights are all finite: a gradient that was not leaves its mark in the weights."""
    weights = jax.tree.leaves((state["parameters"], state["statistics"]))
    return jnp.isfinite(losses).all() & jnp.stack([jnp.isfinite(w).all() for w in weights]).all()


def masked_sum(each: jax.Array, lengths: jax.Array | None) -> tuple[jax.Array, jax.Array | int]:
    """The sum of [batch, time, ...] over the steps that count, and the number of its elements there."""
    if lengths is None or each.ndim < 2:
        return each.sum(), each.size
    counting = (jnp.arange(each.shape[1])[None, :] < lengths[:, None]).reshape(*each.shape[:2], *(1,) * (each.ndim - 2))
    return jnp.where(counting, each, 0).sum(), counting.sum() * math.prod(each.shape[2:])


def compiled_step(step: Callable[[State, Batch], tuple[State, jax.Array]]) -> Callable[..., tuple[State, jax.Array]]:
    """One step a call: `(state, data, rows [batch]) -> (state, loss)`, the state donated."""

    @partial(jax.jit, donate_argnums=0)
    def one(state: State, data: Batch, rows: jax.Array) -> tuple[State, jax.Array]:
        return step(state, take(data, rows))

    return one


def compiled_chunk(step: Callable[[State, Batch], tuple[State, jax.Array]]) -> Callable[..., tuple[State, jax.Array]]:
    """Several steps a call: `(state, losses, data, order, start, stop)`; the bounds are not compiled in.

    `order` [steps, batch] holds the rows of each step of the epoch, `losses` [steps] what they gave.
    """

    @partial(jax.jit, donate_argnums=(0, 1))
    def many(
        state: State, losses: jax.Array, data: Batch, order: jax.Array, start: jax.Array, stop: jax.Array
    ) -> tuple[State, jax.Array]:
        def body(index: jax.Array, carry: tuple[State, jax.Array]) -> tuple[State, jax.Array]:
            state, losses = carry
            state, loss = step(state, take(data, order[index]))
            return state, losses.at[index].set(loss)

        return lax.fori_loop(start, stop, body, (state, losses))

    return many
