"""Workload e, a DCGAN pair of 28x28 pixels: `python -m tests.benchmarks.adversarial [--rounds N] [--batch N]`.

netspec's compiled step, a hand-written Flax loop (`nnx.jit`, Flax' own layers) and an eager torch loop (channels_last,
fused Adam) train the same pair: the generator and discriminator of specs/mnist-dcgan.yaml. Contenders take turns.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from netspec.compiler.network import Functional
from netspec.graph.validate import required
from netspec.source import read_file
from netspec.training.batches import on_device
from netspec.training.steps.adversarial import Adversarial
from netspec.training.steps.stepping import compiled_step
from tests.benchmarks.peers import torch_device
from tests.benchmarks.turns import present, show, turns
from tests.support import SPECS

Array = np.ndarray[Any, Any]
Runner = Callable[[int], None]
LATENT, RATE, BETA = 100, 2e-4, 0.5


def examples(batch: int) -> Array:
    """Images [batch, 28, 28, 1] from -1 to 1."""
    return np.tanh(np.random.default_rng(0).standard_normal((batch, 28, 28, 1), dtype=np.float32))


def netspec(batch: int) -> Runner:
    """What `netspec train specs/mnist-dcgan.yaml` runs."""
    spec, program = required(read_file(SPECS / "mnist-dcgan.yaml"))
    assert spec.adversarial is not None
    sides = [Functional(program.graphs[name]) for name in ("generator", "discriminator")]
    objective = Adversarial(*sides, spec.adversarial, (LATENT, "normal"), steps_per_epoch=469, unrolled=True)
    state = objective.init(0)
    data, rows, step = on_device({"input": examples(batch)}, {}, {}), jnp.arange(batch), compiled_step(objective.step)

    def run(steps: int) -> None:
        nonlocal state
        for _ in range(steps):
            state, figures = step(state, data, rows)
        jax.block_until_ready(figures)

    return run


class FlaxGenerator(nnx.Module):
    """The generator as the Flax documentation would write it."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.dense = nnx.Linear(LATENT, 7 * 7 * 128, rngs=rngs)
        self.norms = nnx.List([nnx.BatchNorm(128, rngs=rngs), nnx.BatchNorm(64, rngs=rngs)])
        self.up = nnx.ConvTranspose(128, 64, (4, 4), strides=(2, 2), use_bias=False, rngs=rngs)
        self.out = nnx.ConvTranspose(64, 1, (4, 4), strides=(2, 2), rngs=rngs)

    def __call__(self, z: jax.Array) -> jax.Array:
        x = nnx.relu(self.norms[0](self.dense(z).reshape(-1, 7, 7, 128)))
        return nnx.tanh(self.out(nnx.relu(self.norms[1](self.up(x)))))


class FlaxDiscriminator(nnx.Module):
    """The discriminator likewise."""

    def __init__(self, rngs: nnx.Rngs) -> None:
        self.first = nnx.Conv(1, 64, (4, 4), strides=(2, 2), rngs=rngs)
        self.second = nnx.Conv(64, 128, (4, 4), strides=(2, 2), rngs=rngs)
        self.norm = nnx.BatchNorm(128, rngs=rngs)
        self.dense = nnx.Linear(7 * 7 * 128, 1, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        x = nnx.leaky_relu(self.first(x), 0.2)
        x = nnx.leaky_relu(self.norm(self.second(x)), 0.2)
        return self.dense(x.reshape(len(x), -1))


def flax_loop(batch: int) -> Runner:
    """`nnx.jit` over one step of both sides."""
    rngs = nnx.Rngs(0)
    generator, discriminator = FlaxGenerator(rngs), FlaxDiscriminator(rngs)
    adams = [nnx.Optimizer(side, optax.adam(RATE, b1=BETA), wrt=nnx.Param) for side in (generator, discriminator)]
    real = jnp.asarray(examples(batch))

    @nnx.jit
    def step(generator: Any, discriminator: Any, first: Any, second: Any, real: jax.Array, key: jax.Array) -> jax.Array:
        z = jax.random.normal(key, (batch, LATENT))

        def judged(discriminator: Any, generator: Any) -> jax.Array:
            fake = jax.lax.stop_gradient(generator(z))
            return jax.nn.softplus(-discriminator(real)).mean() + jax.nn.softplus(discriminator(fake)).mean()

        def deceived(generator: Any, discriminator: Any) -> jax.Array:
            return jax.nn.softplus(-discriminator(generator(z))).mean()

        loss, slope = nnx.value_and_grad(judged)(discriminator, generator)
        second.update(discriminator, slope)
        slope = nnx.grad(deceived)(generator, discriminator)
        first.update(generator, slope)
        return loss

    def run(steps: int) -> None:
        for index in range(steps):
            loss = step(generator, discriminator, *adams, real, jax.random.key(index))
        loss.block_until_ready()

    return run


def torch_loop(batch: int) -> Runner | None:
    """The loop of torch's DCGAN example."""
    try:
        import torch
        from torch import nn
    except ModuleNotFoundError:
        return None
    device = torch_device()
    torch.manual_seed(0)
    generator = nn.Sequential(
        nn.Linear(LATENT, 7 * 7 * 128),
        nn.Unflatten(1, (128, 7, 7)),
        *(nn.BatchNorm2d(128), nn.ReLU(), nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False)),
        *(nn.BatchNorm2d(64), nn.ReLU(), nn.ConvTranspose2d(64, 1, 4, 2, 1), nn.Tanh()),
    ).to(device, memory_format=torch.channels_last)
    discriminator = nn.Sequential(
        *(nn.Conv2d(1, 64, 4, 2, 1), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(64, 128, 4, 2, 1), nn.BatchNorm2d(128), nn.LeakyReLU(0.2)),
        *(nn.Flatten(), nn.Linear(7 * 7 * 128, 1)),
    ).to(device, memory_format=torch.channels_last)
    adams = [torch.optim.Adam(side.parameters(), RATE, (BETA, 0.999), fused=True) for side in (generator, discriminator)]
    real = torch.from_numpy(examples(batch)).to(device).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
    softplus = nn.functional.softplus

    def run(steps: int) -> None:
        for _ in range(steps):
            fake = generator(torch.randn(batch, LATENT, device=device))
            adams[1].zero_grad(set_to_none=True)
            (softplus(-discriminator(real)).mean() + softplus(discriminator(fake.detach())).mean()).backward()
            adams[1].step()
            adams[0].zero_grad(set_to_none=True)
            softplus(-discriminator(fake)).mean().backward()
            adams[0].step()
        if device == "cuda":
            torch.cuda.synchronize()

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--batch", type=int, default=128)
    given = parser.parse_args()
    made = {"netspec": netspec(given.batch), "torch": torch_loop(given.batch), "flax loop": flax_loop(given.batch)}
    seconds = turns({who: partial(runner, given.steps) for who, runner in present(made).items()}, given.rounds)
    title, examples = f"e: DCGAN pair, 28x28, batch {given.batch}", given.steps * given.batch
    show(title, seconds, lambda median: f"{examples / median:,.0f} examples/s")


if __name__ == "__main__":
    main()
