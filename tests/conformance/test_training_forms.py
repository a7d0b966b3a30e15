"""What layers do while training and not at inference: shares that are dropped, noise, statistics that are kept."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from netspec.compiler.network import Functional
from tests.support import graph_of, weights_of

Array = np.ndarray[Any, Any]


def trained(layer: Any, shape: list[int], x: Array, seed: int = 0) -> tuple[Array, dict[str, Any], dict[str, Any]]:
    """The output of a layer while training, the weights that it had, and its new statistics."""
    graph = graph_of({"input": shape, "model": {"layers": [layer]}})
    weights = weights_of(graph)
    given = {name: jnp.asarray(array) for name, array in weights.items()}
    values, after = Functional(graph).values(given, (x,), rngs=jax.random.key(seed))
    (port,) = graph.outputs.values()
    return np.asarray(values[port]), weights, after


@pytest.mark.parametrize("rate", [0.1, 0.7])
def test_dropout_drops_its_share_and_scales_the_rest(rate: float) -> None:
    y, _, _ = trained({"dropout": rate}, [500], np.ones((200, 500), np.float32))
    assert abs((y == 0).mean() - rate) < 0.01
    np.testing.assert_allclose(y[y != 0], 1 / (1 - rate), rtol=1e-6)


def test_spatial_dropout_drops_whole_channels() -> None:
    y, _, _ = trained({"spatial_dropout": 0.3}, [6, 6, 40], np.ones((200, 6, 6, 40), np.float32))
    dropped = y == 0
    assert (dropped.all(axis=(1, 2)) == dropped.any(axis=(1, 2))).all()
    assert abs(dropped.mean() - 0.3) < 0.02
    np.testing.assert_allclose(y[~dropped], 1 / 0.7, rtol=1e-6)


def test_noise_has_its_deviation() -> None:
    y, _, _ = trained({"gaussian_noise": 0.4}, [500], np.zeros((200, 500), np.float32))
    assert abs(y.mean()) < 0.01
    assert abs(y.std() - 0.4) < 0.01


def test_a_recurrent_layer_drops_the_same_inputs_at_each_step() -> None:
    """A linear cell without a state's share: what is dropped is seen in the sum."""
    layer = {"rnn": {"units": 1, "activation": "linear", "use_bias": False, "return_sequences": True, "dropout": 0.25}}
    graph = graph_of({"input": [4, 50], "model": {"layers": [layer]}})
    (name, recurrent) = (next(n for n, _ in graph.weights() if n.endswith(end)) for end in ("/kernel", "/recurrent_kernel"))
    weights = {name: np.ones((50, 1), np.float32), recurrent: np.zeros((1, 1), np.float32)}
    values, _ = Functional(graph).values(weights, (np.ones((400, 4, 50), np.float32),), rngs=jax.random.key(0))
    (port,) = graph.outputs.values()
    y = np.asarray(values[port])[..., 0]
    np.testing.assert_allclose(y, y[:, :1].repeat(4, 1), rtol=1e-5)
    kept = y[:, 0] * 0.75 / 50  # the share of inputs that were kept
    assert abs(kept.mean() - 0.75) < 0.01


def test_attention_weights_keep_their_mean_under_dropout() -> None:
    layer = {"multi_head_attention": {"heads": 1, "dropout": 0.5}}
    x = np.random.default_rng(0).normal(0, 1, (1, 6, 4)).astype(np.float32).repeat(4000, 0)
    y, weights, _ = trained(layer, [6, 4], x)
    graph = graph_of({"input": [6, 4], "model": {"layers": [layer]}})
    (port,) = graph.outputs.values()
    plain = np.asarray(Functional(graph).values(weights, (x[:1],))[0][port])[0]
    assert y.std(axis=0).max() > 0.1
    np.testing.assert_allclose(y.mean(axis=0), plain, atol=0.05)


@pytest.mark.parametrize("momentum", [0.9, 0.3])
def test_batch_norm_keeps_its_share_of_the_old(momentum: float) -> None:
    """Ioffe and Szegedy 2015, with the variance of the batch as it is (Keras' form, not torch's)."""
    x = np.random.default_rng(1).normal(3, 2, (64, 5, 7)).astype(np.float32)
    y, weights, after = trained({"batch_norm": {"momentum": momentum}}, [5, 7], x)
    old = {name.split("/")[-1]: array for name, array in weights.items()}
    new = {name.split("/")[-1]: np.asarray(array) for name, array in after.items()}
    wide = x.astype(np.float64).reshape(-1, 7)
    mean, variance = wide.mean(0), wide.var(0)
    np.testing.assert_allclose(new["mean"], momentum * old["mean"] + (1 - momentum) * mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(new["var"], momentum * old["var"] + (1 - momentum) * variance, rtol=1e-4, atol=1e-5)
    expected = (x - mean) / np.sqrt(variance + 1e-3) * old["scale"] + old["bias"]
    np.testing.assert_allclose(y, expected, rtol=1e-3, atol=1e-4)


def test_binary_step_sends_its_gradient_straight_through() -> None:
    graph = graph_of({"input": [4], "model": {"layers": ["binary_step"]}})
    (port,) = graph.outputs.values()
    network = Functional(graph)
    slope = jax.grad(lambda x: network.values({}, (x,))[0][port].sum())(np.ones((2, 4), np.float32))
    np.testing.assert_array_equal(slope, 1)
