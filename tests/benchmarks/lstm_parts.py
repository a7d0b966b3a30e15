"""Where the time of workload c goes, part by part beside torch: `python -m tests.benchmarks.lstm_parts`.

The parts of a step: the matrix products of the input projection (the forward one and its two gradients), the whole LSTM
layer with its gradient, the embedding with its gradient, Adam. What XLA needs for a product is no business of netspec's;
what it does between the products is.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from netspec.compiler.network import Functional
from tests.benchmarks.peers import torch_device
from tests.benchmarks.turns import present, show, turns
from tests.support import graph_of, weights_of

WORDS, WIDTH, UNITS, TIME, BATCH = 10_000, 128, 128, 100, 64
Part = Callable[[], object]


def netspec_parts() -> dict[str, Part]:
    """Each part compiled by itself."""
    draw = np.random.default_rng(0).standard_normal
    x = jnp.asarray(draw((TIME * BATCH, WIDTH), np.float32))
    kernel, slope = (jnp.asarray(draw(s, np.float32)) for s in ((WIDTH, 4 * UNITS), (TIME * BATCH, 4 * UNITS)))
    ids = jnp.asarray(np.random.default_rng(1).integers(0, WORDS, (BATCH, TIME)))
    table = jnp.asarray(draw((WORDS, WIDTH), np.float32))
    graph = graph_of({"input": [TIME, WIDTH], "model": {"layers": [{"lstm": UNITS}]}})
    layer, (port,) = Functional(graph), graph.outputs.values()
    weights = {name: jnp.asarray(array) for name, array in weights_of(graph).items()}
    words = x.reshape(BATCH, TIME, WIDTH)

    def judged(weights: Mapping[str, jax.Array], x: jax.Array) -> jax.Array:
        return jnp.square(layer.values(weights, (x,))[0][port]).mean()

    adam, every = optax.adam(1e-3), {"table": table, **weights}
    state = adam.init(every)
    compiled: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
        "a product": (jax.jit(lambda x, kernel: x @ kernel), (x, kernel)),
        "its two gradients": (jax.jit(lambda x, kernel, slope: (x.T @ slope, slope @ kernel.T)), (x, kernel, slope)),
        "the LSTM layer": (jax.jit(jax.grad(judged, (0, 1))), (weights, words)),
        "the embedding": (jax.jit(jax.grad(lambda table, ids, words: (table[ids] * words).sum())), (table, ids, words)),
        "Adam": (jax.jit(lambda state, every: adam.update(every, state)), (state, every)),
    }

    def waiting(function: Callable[..., Any], given: tuple[Any, ...]) -> Part:
        return lambda: jax.block_until_ready(function(*given))

    return {name: waiting(*each) for name, each in compiled.items()}


def torch_parts() -> dict[str, Part] | None:
    """The same in torch."""
    try:
        import torch
    except ModuleNotFoundError:
        return None
    device = torch_device()
    x = torch.randn(TIME * BATCH, WIDTH, device=device)
    kernel, slope = torch.randn(WIDTH, 4 * UNITS, device=device), torch.randn(TIME * BATCH, 4 * UNITS, device=device)
    ids = torch.randint(0, WORDS, (BATCH, TIME), device=device)
    embedding = torch.nn.Embedding(WORDS, WIDTH, device=device)
    layer = torch.nn.LSTM(WIDTH, UNITS, batch_first=True, device=device)
    words = x.reshape(BATCH, TIME, WIDTH).detach().requires_grad_()
    held = [*embedding.parameters(), *layer.parameters()]
    slopes = [torch.randn_like(parameter) for parameter in held]
    adam = torch.optim.Adam(held, 1e-3, fused=True)

    def recur() -> None:
        layer.zero_grad(set_to_none=True)
        layer(words)[0][:, -1].square().mean().backward()

    def embed() -> None:
        embedding.zero_grad(set_to_none=True)
        (embedding(ids) * words.detach()).sum().backward()

    def update() -> None:
        for parameter, gradient in zip(held, slopes, strict=True):
            parameter.grad = gradient
        adam.step()

    parts: dict[str, Part] = {
        "a product": lambda: x @ kernel,
        "its two gradients": lambda: (x.T @ slope, slope @ kernel.T),
        "the LSTM layer": recur,
        "the embedding": embed,
        "Adam": update,
    }
    if device == "cpu":
        return parts

    def waiting(part: Part) -> Part:
        return lambda: (part(), torch.cuda.synchronize())

    return {name: waiting(part) for name, part in parts.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    contenders = present({"netspec": netspec_parts(), "torch": torch_parts()})
    for name in contenders["netspec"]:
        seconds = turns({who: parts[name] for who, parts in contenders.items()}, rounds)
        show(name, seconds, lambda median: f"{median * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
