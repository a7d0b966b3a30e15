"""The networks of the benchmarks as JAX people train them: Flax' own layers under `nnx.jit`, and plain JAX by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jax import lax

from tests.benchmarks.peers import Runner, data_of, is_mlp, order_of, recurrent, sizes_of


class FlaxSequence(nnx.Module):
    """Embedding (for ids), one recurrent layer, a dense layer on its last output."""

    def __init__(self, work: dict[str, Any], kind: str, rngs: nnx.Rngs) -> None:
        *rest, last = work["model"]["layers"]
        words, units = isinstance(work["input"], dict), rest[-1][kind]
        width = rest[0]["embedding"] if words else work["input"][-1]
        self.embed = nnx.Embed(work["input"]["vocabulary"], width, rngs=rngs) if words else None
        cell = {"lstm": nnx.OptimizedLSTMCell, "gru": nnx.GRUCell}[kind]
        self.recur = nnx.RNN(cell(width, units, rngs=rngs), rngs=rngs)
        self.head = nnx.Linear(units, last["dense"], rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.head(self.recur(x if self.embed is None else self.embed(x))[:, -1])


def flax_model(work: dict[str, Any]) -> Callable[[jax.Array], jax.Array]:
    """The network as the Flax documentation writes it."""
    rngs = nnx.Rngs(0)
    if is_mlp(work):
        layers: list[Any] = []
        for a, b in pairwise(sizes_of(work)):
            layers += [nnx.Linear(a, b, rngs=rngs), nnx.relu]
        return nnx.Sequential(*layers[:-1])
    if kind := recurrent(work):
        return FlaxSequence(work, kind, rngs)
    pool = partial(nnx.max_pool, window_shape=(2, 2), strides=(2, 2))
    layers = []
    for a, b, after in ((1, 32, []), (32, 64, [pool]), (64, 128, [pool])):
        layers += [nnx.Conv(a, b, (3, 3), rngs=rngs), nnx.BatchNorm(b, rngs=rngs), nnx.relu, *after]
    flat = [lambda x: x.reshape(len(x), -1), nnx.Linear(6272, 256, rngs=rngs), nnx.relu, nnx.Linear(256, 10, rngs=rngs)]
    return nnx.Sequential(*layers, *flat)


def loss_between(output: jax.Array, y: jax.Array) -> jax.Array:
    if jnp.issubdtype(y.dtype, jnp.floating):
        return jnp.square(output - y).mean()
    return optax.softmax_cross_entropy_with_integer_labels(output, y).mean()


def flax_loop(work: dict[str, Any]) -> Runner:
    """One call of an `nnx.jit` step for each batch, as in the Flax documentation."""
    model = flax_model(work)
    optimizer = nnx.Optimizer(model, optax.adam(1e-3), wrt=nnx.Param)
    x, y = (jnp.asarray(array) for array in data_of(work))
    order = order_of(work, work["steps"])

    @nnx.jit
    def step(model: Any, optimizer: Any, x: jax.Array, y: jax.Array) -> jax.Array:
        loss, gradient = nnx.value_and_grad(lambda model: loss_between(model(x), y))(model)
        optimizer.update(model, gradient)
        return loss

    def run(steps: int) -> None:
        for index in range(steps):
            loss = step(model, optimizer, x[order[index]], y[order[index]])
        loss.block_until_ready()

    return run


def mlp_by_hand(work: dict[str, Any]) -> tuple[Any, Callable[[Any, jax.Array], jax.Array]]:
    """Parameters, and the function that they make of inputs."""
    sizes = sizes_of(work)
    keys = jax.random.split(jax.random.key(0), len(sizes))
    glorot = jax.nn.initializers.glorot_uniform()
    parameters = [(glorot(k, (a, b)), jnp.zeros(b)) for k, a, b in zip(keys, sizes, sizes[1:], strict=False)]

    def forward(parameters: Any, h: jax.Array) -> jax.Array:
        for index, (kernel, bias) in enumerate(parameters):
            h = h @ kernel + bias
            h = jax.nn.relu(h) if index + 1 < len(parameters) else h
        return h

    return parameters, forward


def recurrent_by_hand(work: dict[str, Any], kind: str) -> tuple[Any, Callable[[Any, jax.Array], jax.Array]]:
    """The input projected at once and time-major, then a scan that autodiff differentiates."""
    *rest, last = work["model"]["layers"]
    words, units, gates = isinstance(work["input"], dict), rest[-1][kind], {"lstm": 4, "gru": 3}[kind]
    width = rest[0]["embedding"] if words else work["input"][-1]
    keys = iter(jax.random.split(jax.random.key(0), 4))
    glorot = jax.nn.initializers.glorot_uniform()
    parameters = {
        "kernel": glorot(next(keys), (width, gates * units)),
        "recurrent": jax.nn.initializers.orthogonal()(next(keys), (units, gates * units)),
        "bias": jnp.zeros((2, gates * units)),
        "head": (glorot(next(keys), (units, last["dense"])), jnp.zeros(last["dense"])),
        "embedding": jax.random.normal(next(keys), (work["input"]["vocabulary"], width)) * 0.05 if words else None,
    }

    def advance(p: Any, state: tuple[jax.Array, jax.Array], x: jax.Array) -> tuple[tuple[jax.Array, jax.Array], None]:
        h, c = state
        r = h @ p["recurrent"] + p["bias"][1]
        if kind == "lstm":
            i, f, g, o = jnp.split(x + r, 4, -1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None
        (xr, xz, xn), (hr, hz, hn) = jnp.split(x, 3, -1), jnp.split(r, 3, -1)
        z, n = jax.nn.sigmoid(xz + hz), jnp.tanh(xn + jax.nn.sigmoid(xr + hr) * hn)
        return (z * h + (1 - z) * n, c), None

    def forward(p: Any, x: jax.Array) -> jax.Array:
        x = x if p["embedding"] is None else p["embedding"][x]
        x = x.swapaxes(0, 1) @ p["kernel"] + p["bias"][0]
        zeros = jnp.zeros((x.shape[1], units))
        (h, _), _ = lax.scan(partial(advance, p), (zeros, zeros), x)
        return h @ p["head"][0] + p["head"][1]

    return parameters, forward


def by_hand(work: dict[str, Any]) -> Runner | None:
    """Plain JAX: one scan over steps, optax, nothing else; None for convolutions, which a scan slows down on a CPU."""
    kind = recurrent(work)
    if not is_mlp(work) and kind is None:
        return None
    parameters, forward = mlp_by_hand(work) if kind is None else recurrent_by_hand(work, kind)
    optimizer = optax.adam(1e-3)
    x, y = (jnp.asarray(array) for array in data_of(work))
    order = jnp.asarray(order_of(work, work["steps"]))

    def body(carry: Any, rows: jax.Array) -> tuple[Any, jax.Array]:
        parameters, state = carry
        value, gradient = jax.value_and_grad(lambda p: loss_between(forward(p, x[rows]), y[rows]))(parameters)
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(parameters, updates), state), value

    run = jax.jit(lambda carry, order: lax.scan(body, carry, order), donate_argnums=0)
    carry = (parameters, optimizer.init(parameters))

    def scanned(steps: int) -> None:
        nonlocal carry
        carry, losses = run(carry, order[:steps])
        losses.block_until_ready()

    return scanned
