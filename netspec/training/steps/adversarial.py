"""The compiled step of a GAN pair: the discriminator's updates and the generator's, in one program.

Axes: B batch. Weights of both sides stand side by side in flat dicts, for their names are disjoint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from netspec import randomness
from netspec.compiler.network import Functional, Weights
from netspec.components.augment import Augment
from netspec.graph.ir import Graph, Port
from netspec.graph.objective import logits
from netspec.randomness import folded
from netspec.spec.training import AdversarialSection, Side
from netspec.training.batches import Batch
from netspec.training.steps.stepping import Figures, State, averaged, bookkeeping, cast, computed_in, unless_failed

_TINY = 1e-12
"""Below the root of a squared length, whose derivative at zero is not finite."""


def draw(key: jax.Array, rows: int, size: int, distribution: Literal["normal", "uniform"]) -> jax.Array:
    """Latent vectors [rows, size]."""
    if distribution == "uniform":
        return jax.random.uniform(key, (rows, size), minval=-1.0, maxval=1.0)
    return jax.random.normal(key, (rows, size))


class _Sides(NamedTuple):
    """What one kind of thing is for either side."""

    generator: Weights
    discriminator: Weights


class _Round(NamedTuple):
    """What a discriminator's update changes."""

    parameters: Weights
    statistics: Weights
    optimizer: optax.OptState


class _Examples(NamedTuple):
    """Real examples [B, ...], and the class that each is told, if any."""

    x: jax.Array
    told: tuple[jax.Array, ...]


@dataclass(frozen=True)
class Adversarial:
    """Both sides of a pair, as functions to compile.

    `unrolled` writes several updates of the discriminator out one after the other, instead of a scan over them.
    """

    generator: Functional
    discriminator: Functional
    train: AdversarialSection
    latent: tuple[int, Literal["normal", "uniform"]]
    steps_per_epoch: int
    unrolled: bool
    augment: tuple[Augment, ...] = ()
    fills: tuple[jax.Array, ...] = ()

    @property
    def advice(self) -> str:
        """What helps against a loss that is not finite."""
        return "lower the learning rates, or add `clip_norm: 1.0` to `generator` and `discriminator`"

    @cached_property
    def judged(self) -> Port:
        """What the loss reads: where the discriminator ends in the loss' own activation, what goes into that."""
        (output,) = self.discriminator.graph.outputs
        return logits(self.discriminator.graph, output, self.train.loss.link)

    @cached_property
    def made(self) -> Port:
        """What the generator gives."""
        (port,) = self.generator.graph.outputs.values()
        return port

    def schedule(self, side: Side) -> optax.Schedule:
        """From an update of a side to its learning rate."""
        rounds = self.train.discriminator.steps if side is self.train.discriminator else 1
        found: optax.Schedule = side.schedule.optax(
            side.optimizer.learning_rate, self.steps_per_epoch * rounds, self.train.epochs
        )
        return found

    def rates(self, step: int) -> dict[str, float]:
        """The learning rates of both sides at a step."""
        first = step * self.train.discriminator.steps
        return {
            "generator_learning_rate": float(np.asarray(self.schedule(self.train.generator)(step))),
            "discriminator_learning_rate": float(np.asarray(self.schedule(self.train.discriminator)(first))),
        }

    def optimizer(self, side: Side) -> optax.GradientTransformation:
        """Clipping and the optimizer with its schedule."""
        own: optax.GradientTransformation = side.optimizer.optax(self.schedule(side))
        return own if side.clip_norm is None else optax.chain(optax.clip_by_global_norm(side.clip_norm), own)

    def init(self, seed: int) -> State:
        """The state before the first step."""
        made, judged = self.generator.init(seed), self.discriminator.init(seed)
        state: State = {
            "parameters": {**made[0], **judged[0]},
            "statistics": {**made[1], **judged[1]},
            "optimizer": {
                "generator": jax.jit(self.optimizer(self.train.generator).init)(made[0]),
                "discriminator": jax.jit(self.optimizer(self.train.discriminator).init)(judged[0]),
            },
            **bookkeeping(),
        }
        if self.train.generator.ema is not None:
            state["ema"] = jax.tree.map(jnp.copy, made[0])
        return state

    def step(self, state: State, batch: Batch) -> tuple[State, Figures]:
        """One update of the generator after those of the discriminator, unwatched."""
        after, figures = self._update(state, batch)
        return {**state, **after, "step": state["step"] + 1}, figures

    def watched_step(self, state: State, batch: Batch) -> tuple[State, Figures]:
        """One step. If something in it is not finite it changes nothing but notes itself in `failed`."""
        after, figures = self._update(state, batch)
        finite = jnp.stack([jnp.isfinite(each) for each in figures.values()]).all()
        return unless_failed(state, after, finite, skips=self.train.on_nonfinite == "skip"), figures

    def _update(self, state: State, batch: Batch) -> tuple[State, Figures]:
        key = randomness.key(self.train.seed, "update", state["step"])
        own, statistics = self._apart(state["parameters"]), self._apart(state["statistics"])
        rounds = self._rounds(batch, key)
        # The generator's forward pass is computed once: its derivative waits for what the discriminator says.
        last = jax.tree.map(lambda x: x[-1], rounds)
        own_key = folded(key, "generator")

        def make(parameters: Weights) -> tuple[jax.Array, Weights]:
            return self._generate(parameters, statistics.generator, last, own_key)

        fake, pull, generator_statistics = jax.vjp(make, own.generator, has_aux=True)
        start = _Round(own.discriminator, statistics.discriminator, state["optimizer"]["discriminator"])
        judge = self._discriminated(own.generator, statistics.generator, start, rounds, key)
        after, figures = self._discriminate(judge, last, lax.stop_gradient(fake), folded(key, "discriminator"))
        loss, gradient = jax.value_and_grad(self._deceived)(fake, after, last, folded(key, "deceived"))
        (found,) = pull(gradient)
        updates, optimizer = self.optimizer(self.train.generator).update(found, state["optimizer"]["generator"], own.generator)
        generator = optax.apply_updates(own.generator, updates)
        changed: State = {
            "parameters": {**generator, **after.parameters},
            "statistics": {**generator_statistics, **after.statistics},
            "optimizer": {"generator": optimizer, "discriminator": after.optimizer},
        }
        if "ema" in state:
            changed["ema"] = averaged(state["ema"], generator, self.train.generator.ema or 0.0, state["step"] + 1)
        return changed, {"generator_loss": loss, **figures, "generator_gradient": optax.tree.norm(found)}

    def _rounds(self, batch: Batch, key: jax.Array) -> _Examples:
        """The batch as one of [rounds, B, ...]: every update of the discriminator has real examples of its own."""
        steps = self.train.discriminator.steps
        x, *told = batch.inputs
        for index, augment in enumerate(self.augment):
            x = augment.apply(x, jax.random.fold_in(folded(key, "augment"), index), self.fills[0])
        return jax.tree.map(lambda each: each.reshape(steps, -1, *each.shape[1:]), _Examples(x, tuple(told)))

    def _discriminated(
        self, generator: Weights, statistics: Weights, start: _Round, rounds: _Examples, key: jax.Array
    ) -> _Round:
        """The discriminator after all its updates but the last."""
        before = self.train.discriminator.steps - 1

        def one(judge: _Round, index: jax.Array | int) -> _Round:
            own = jax.random.fold_in(folded(key, "rounds"), index)
            real = jax.tree.map(lambda x: x[index], rounds)
            fake, _ = self._generate(generator, statistics, real, own)
            judge, _ = self._discriminate(judge, real, fake, folded(own, "discriminator"))
            return judge

        if self.unrolled:
            for index in range(before):
                start = one(start, index)
            return start
        return lax.scan(lambda judge, index: (one(judge, index), None), start, jnp.arange(before))[0] if before else start

    def _generate(self, parameters: Weights, statistics: Weights, like: _Examples, key: jax.Array) -> tuple[jax.Array, Weights]:
        """As many examples as `like` has, and the generator's new statistics."""
        latent = draw(folded(key, "latent"), len(like.x), *self.latent)
        weights = {**computed_in(self.train.precision, parameters), **statistics}
        inputs = cast(self.train.precision, (latent, *like.told))
        values, after = self.generator.values(weights, inputs, rngs=key)
        return values[self.made].astype(jnp.float32), after

    def _discriminate(self, judge: _Round, real: _Examples, fake: jax.Array, key: jax.Array) -> tuple[_Round, Figures]:
        """One update of the discriminator."""
        with_gradient = jax.value_and_grad(self._told_apart, has_aux=True)
        (loss, (statistics, figures)), gradient = with_gradient(judge.parameters, judge.statistics, real, fake, key)
        side = self.train.discriminator
        updates, optimizer = self.optimizer(side).update(gradient, judge.optimizer, judge.parameters)
        parameters: Weights = optax.apply_updates(judge.parameters, updates)
        bound = self.train.loss.bound
        if bound is not None:
            parameters = {name: jnp.clip(array, -bound, bound) for name, array in parameters.items()}
        figures = {"discriminator_loss": loss, **figures, "discriminator_gradient": optax.tree.norm(gradient)}
        return _Round(parameters, statistics, optimizer), figures

    def _told_apart(
        self, parameters: Weights, statistics: Weights, real: _Examples, fake: jax.Array, key: jax.Array
    ) -> tuple[jax.Array, tuple[Weights, Figures]]:
        """The discriminator's loss with its penalties."""

        def judged(x: jax.Array, statistics: Weights, name: str) -> tuple[jax.Array, Weights]:
            return self._judge(parameters, statistics, x, real, folded(key, name))

        penalty = jnp.zeros(())
        if self.train.r1:
            of_real, pull, statistics = jax.vjp(lambda x: judged(x, statistics, "real"), real.x, has_aux=True)
            (slope,) = pull(jnp.ones_like(of_real))
            penalty = 0.5 * self.train.r1 * _squared_lengths(slope).mean()
        else:
            of_real, statistics = judged(real.x, statistics, "real")
        of_fake, statistics = judged(fake, statistics, "fake")
        if self.train.loss.gradient_penalty:
            penalty = penalty + self._slopes(judged, statistics, real.x, fake, folded(key, "between"))
        loss = self.train.loss.discriminator(of_real, of_fake, self.train.discriminator.label_smoothing)
        cut = self.train.loss.cut
        told: Figures = {}
        if cut is not None:
            told = {"accuracy_on_real": (of_real > cut).mean(), "accuracy_on_fake": (of_fake < cut).mean()}
        return loss + penalty, (statistics, told)

    def _slopes(
        self,
        judged: Callable[[jax.Array, Weights, str], tuple[jax.Array, Weights]],
        statistics: Weights,
        real: jax.Array,
        fake: jax.Array,
        key: jax.Array,
    ) -> jax.Array:
        """The gradient penalty, at random points between real and generated examples."""
        share = jax.random.uniform(key, (len(real), *(1,) * (real.ndim - 1)))
        between = fake + share * (real - fake)
        slope = jax.grad(lambda x: judged(x, statistics, "between")[0].sum())(between)
        lengths = jnp.sqrt(_squared_lengths(slope) + _TINY)
        return self.train.loss.gradient_penalty * ((lengths - 1.0) ** 2).mean()

    def _judge(
        self, parameters: Weights, statistics: Weights, x: jax.Array, like: _Examples, key: jax.Array
    ) -> tuple[jax.Array, Weights]:
        """What the discriminator says of examples, [B, 1], and its new statistics."""
        weights = {**computed_in(self.train.precision, parameters), **statistics}
        values, after = self.discriminator.values(weights, cast(self.train.precision, (x, *like.told)), rngs=key)
        return values[self.judged].astype(jnp.float32), after

    def _deceived(self, fake: jax.Array, judge: _Round, like: _Examples, key: jax.Array) -> jax.Array:
        """The generator's loss; what the discriminator remembers of it is forgotten."""
        said, _ = self._judge(judge.parameters, judge.statistics, fake, like, key)
        return self.train.loss.generator(said)

    def _apart(self, weights: Weights) -> _Sides:
        """The weights of both sides."""
        return _Sides(*(_of(graph, weights) for graph in (self.generator.graph, self.discriminator.graph)))


def _of(graph: Graph, weights: Weights) -> Weights:
    names = {name for name, _ in graph.weights()}
    return {name: array for name, array in weights.items() if name in names}


def _squared_lengths(x: jax.Array) -> jax.Array:
    """The squared length of each example of [B, ...], [B]."""
    return (x.reshape(len(x), -1) ** 2).sum(-1)
