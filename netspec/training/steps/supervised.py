"""The compiled step of ordinary networks and autoencoders."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from netspec import randomness
from netspec.compiler.network import Functional, Weights, lengths_of
from netspec.components.augment import Augment
from netspec.components.layers import WeightedLayer
from netspec.components.objectives import Loss
from netspec.graph.ir import Port
from netspec.graph.objective import logits
from netspec.randomness import folded
from netspec.spec.training import TrainSection
from netspec.training.batches import Batch
from netspec.training.steps.costs import Costs
from netspec.training.steps.stepping import Figures, State, averaged, bookkeeping, cast, computed_in, unless_failed


@dataclass(frozen=True)
class Supervised:
    """Losses, optimizer and augmentation of a training, as functions to compile.

    `class_weights` [labels, classes] by output; `fills` by input is what a raw zero became. `mirrors` are outputs that are to
    make the first input again: what moves it moves them too.
    """

    network: Functional
    losses: Mapping[str, Loss]
    train: TrainSection
    steps_per_epoch: int
    augment: tuple[Augment, ...] = ()
    fills: tuple[jax.Array, ...] = ()
    class_weights: Mapping[str, jax.Array] | None = None
    mirrors: tuple[str, ...] = ()

    @cached_property
    def costs(self) -> Costs:
        """What layers themselves add to the loss."""
        return Costs(self.network.graph, next(iter(self.losses)), self.train.kl, self.steps_per_epoch)

    def schedule(self) -> optax.Schedule:
        """From the update to the learning rate."""
        rate = self.train.optimizer.learning_rate
        schedule: optax.Schedule = self.train.schedule.optax(rate, self.updates_per_epoch, self.train.epochs)
        return schedule

    @property
    def updates_per_epoch(self) -> int:
        """Updates of an epoch; its last one takes what has been accumulated by then."""
        return -(-self.steps_per_epoch // self.train.gradient.accumulate)

    def updates(self, step: Any) -> Any:
        """How many updates come before a step."""
        epochs, position = step // self.steps_per_epoch, step % self.steps_per_epoch
        return epochs * self.updates_per_epoch + position // self.train.gradient.accumulate

    def optimizer(self) -> optax.GradientTransformation:
        """Clipping, and the optimizer with its schedule."""
        gradient = self.train.gradient
        chain = []
        if gradient.clip_value is not None:
            chain.append(optax.clip(gradient.clip_value))
        if gradient.clip_norm is not None:
            chain.append(optax.clip_by_global_norm(gradient.clip_norm))
        chain.append(self.train.optimizer.optax(self.schedule()))
        return optax.chain(*chain) if len(chain) > 1 else chain[0]

    @property
    def advice(self) -> str:
        """What helps against a loss that is not finite."""
        return "lower the learning rate, or add `gradient: {clip_norm: 1.0}`"

    def rates(self, step: int) -> dict[str, float]:
        """The learning rate at a step."""
        return {"learning_rate": float(np.asarray(self.schedule()(self.updates(step))))}

    def init(self, seed: int) -> State:
        """The state before the first step."""
        parameters, statistics = self.network.init(seed)
        state: State = {
            "parameters": parameters,
            "statistics": statistics,
            "optimizer": jax.jit(self.optimizer().init)(parameters),
            **bookkeeping(),
        }
        if self.train.ema is not None:
            state["ema"] = jax.tree.map(jnp.copy, parameters)
        if self.train.gradient.accumulate > 1:
            state["accumulated"] = {"gradient": jax.tree.map(jnp.zeros_like, parameters), "examples": jnp.zeros(())}
        return state

    def loss(
        self, parameters: Weights, statistics: Weights, batch: Batch, key: jax.Array, step: jax.Array
    ) -> tuple[jax.Array, tuple[Weights, Figures]]:
        """The mean loss of a batch with all penalties, the new statistics, and what else is told."""
        batch = self._augmented(batch, folded(key, "augment"))
        weights = {**computed_in(self.train.precision, parameters), **statistics}
        inputs = cast(self.train.precision, batch.inputs)
        values, after = self.network.values(weights, inputs, rngs=key, lengths=batch.lengths)
        total = self._penalty(parameters)
        if self.costs.nodes:
            total = total + self.costs.each(values, batch.lengths, step).mean()
        for output, loss in self.losses.items():
            summed, count = self.summed(output, loss, values, batch)
            total = total + loss.weight * summed / count
        told = {"train_kl": self.costs.divergence(values, batch.lengths).mean()} if self.costs.draws else {}
        return total, (after, told)

    def summed(
        self, output: str, loss: Loss, values: Mapping[Port, jax.Array], batch: Batch
    ) -> tuple[jax.Array, jax.Array | int]:
        """The sum of an output's loss over all positions that count, and their number."""
        graph = self.network.graph
        given = values[logits(graph, output, loss.link)].reshape(values[graph.outputs[output]].shape)
        each = loss.each(given.astype(jnp.float32), batch.targets[output])
        if self.class_weights and output in self.class_weights:
            weights, target = self.class_weights[output], batch.targets[output].astype(jnp.int32)
            labels = jnp.arange(len(weights)) if len(weights) > 1 else 0  # labels stand on the last axis
            each = each * weights[labels, target].reshape(each.shape)
        return masked_sum(each, lengths_of(graph.output_types[output], batch.lengths))

    def _augmented(self, batch: Batch, key: jax.Array) -> Batch:
        """The batch with a changed input; what moves its pixels moves those of a target that is made of it."""
        if not self.augment:
            return batch
        x, mirrored = batch.inputs[0], {name: batch.targets[name] for name in self.mirrors}
        for index, augment in enumerate(self.augment):
            own = jax.random.fold_in(key, index)
            x = augment.apply(x, own, self.fills[0])
            if augment.geometric:
                mirrored = {name: augment.apply(y, own, self.fills[0]) for name, y in mirrored.items()}
        return Batch((x, *batch.inputs[1:]), {**batch.targets, **mirrored}, batch.lengths)

    def _penalty(self, parameters: Weights) -> jax.Array:
        """l1 and l2 of all kernels, and of single layers' kernels."""
        total = jnp.zeros(())
        shared = self.train.regularization
        for node in self.network.graph.nodes:
            for name in node.weights:
                own = node.op.penalty_on(name) if isinstance(node.op, WeightedLayer) else None
                l1, l2 = shared.l1 + (own.l1 if own else 0.0), shared.l2 + (own.l2 if own else 0.0)
                kernel = parameters.get(f"{node.weight_scope}/{name}") if name.endswith("kernel") else None
                if kernel is None or node.name != node.weight_scope:
                    continue
                total = total + (l1 * jnp.abs(kernel).sum() if l1 else 0.0) + (l2 * (kernel**2).sum() if l2 else 0.0)
        return total

    def step(self, state: State, batch: Batch) -> tuple[State, Figures]:
        """One update, unwatched: nothing is spent on looking for what is not finite."""
        after, figures, _ = self._update(state, batch)
        return {**state, **after, "step": state["step"] + 1}, figures

    def watched_step(self, state: State, batch: Batch) -> tuple[State, Figures]:
        """One update. A step whose loss or gradient is not finite changes nothing but notes itself in `failed`."""
        after, figures, gradient = self._update(state, batch)
        finite = jnp.isfinite(figures["train_loss"]) & jnp.isfinite(optax.tree.norm(gradient))
        return unless_failed(state, after, finite, skips=self.train.on_nonfinite == "skip"), figures

    def _update(self, state: State, batch: Batch) -> tuple[State, Figures, Weights]:
        """What a step changes, its figures and its gradient."""
        key = randomness.key(self.train.seed, "update", state["step"])
        with_gradient = jax.value_and_grad(self.loss, has_aux=True)
        (loss, (statistics, told)), gradient = with_gradient(
            state["parameters"], state["statistics"], batch, key, state["step"]
        )
        learnt: State = {name: state[name] for name in ("parameters", "optimizer", "ema") if name in state}
        if "accumulated" in state:
            after = self._accumulated(learnt, state["accumulated"], gradient, len(batch.inputs[0]), state["step"])
        else:
            after = self._learnt(learnt, gradient, state["step"])
        return {**after, "statistics": statistics}, {"train_loss": loss, **told}, gradient

    def _learnt(self, learnt: State, gradient: Weights, step: jax.Array) -> State:
        """Parameters, optimizer state and their average after one update by a gradient."""
        updates, optimizer = self.optimizer().update(gradient, learnt["optimizer"], learnt["parameters"])
        after: State = {"parameters": optax.apply_updates(learnt["parameters"], updates), "optimizer": optimizer}
        if "ema" in learnt:
            count = self.updates(step) + 1
            after["ema"] = averaged(learnt["ema"], after["parameters"], self.train.ema or 0.0, count)
        return after

    def _accumulated(self, learnt: State, accumulated: State, gradient: Weights, examples: int, step: jax.Array) -> State:
        """The same, where several batches make one update: their mean gradient, in which each example counts the same.

        The last update of an epoch takes what there is, so that no batch is left over.
        """
        summed = jax.tree.map(lambda before, now: before + examples * now, accumulated["gradient"], gradient)
        count = accumulated["examples"] + examples
        position = step % self.steps_per_epoch
        due = ((position + 1) % self.train.gradient.accumulate == 0) | (position + 1 == self.steps_per_epoch)
        mean = jax.tree.map(lambda each: each / count, summed)
        after = jax.lax.cond(due, lambda: self._learnt(learnt, mean, step), lambda: learnt)
        kept = jax.tree.map(lambda each: jnp.where(due, 0, each), {"gradient": summed, "examples": count})
        return {**after, "accumulated": kept}


def masked_sum(each: jax.Array, lengths: jax.Array | None) -> tuple[jax.Array, jax.Array | int]:
    """The sum of [batch, time, ...] over the steps that count, and the number of its elements there."""
    if lengths is None or each.ndim < 2:
        return each.sum(), each.size
    counting = (jnp.arange(each.shape[1])[None, :] < lengths[:, None]).reshape(*each.shape[:2], *(1,) * (each.ndim - 2))
    return jnp.where(counting, each, 0).sum(), counting.sum() * math.prod(each.shape[2:])
