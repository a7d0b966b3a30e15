"""Losses, optimizers, schedules and initializers against their papers' formulas in NumPy, and against torch where it is."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from netspec.components.initializers import INITIALIZERS
from netspec.components.objectives.losses import LOSSES
from netspec.components.objectives.optimizers import OPTIMIZERS, SCHEDULES
from tests.reference import objectives as reference

Array = np.ndarray[Any, Any]

LOSS_FIELDS: dict[str, list[dict[str, Any]]] = {
    "huber": [{}, {"delta": 0.3}],
    "quantile": [{}, {"quantile": 0.9}],
    "cross_entropy": [{}, {"label_smoothing": 0.2}],
    "binary_cross_entropy": [{}, {"label_smoothing": 0.2}],
    "focal": [{}, {"gamma": 1.5, "alpha": 0.25}],
}
OPTIMIZER_FIELDS: dict[str, list[dict[str, Any]]] = {
    "sgd": [{}, {"momentum": 0.8}, {"momentum": 0.8, "nesterov": True}],
    "adam": [{}, {"b1": 0.7, "b2": 0.9, "eps": 1e-3}],
    "adamw": [{}, {"b1": 0.7, "b2": 0.9, "eps": 1e-3, "weight_decay": 0.1}],
    "rmsprop": [{"eps": 1e-3}, {"decay": 0.7, "eps": 1e-2, "momentum": 0.5}, {"eps": 1e-2, "centered": True}],
    "adagrad": [{}, {"initial_accumulator_value": 1.0, "eps": 1e-3}],
    "adadelta": [{}, {"rho": 0.7, "eps": 1e-3}],
    "lion": [{}, {"b1": 0.5, "b2": 0.6, "weight_decay": 0.1}],
}
SCHEDULE_FIELDS: dict[str, list[dict[str, Any]]] = {
    "cosine": [{}, {"end": 0.2}],
    "warmup_cosine": [{}, {"warmup_epochs": 3, "start": 0.1, "end": 0.2}],
    "exponential": [{"rate": 0.8}, {"rate": 0.5, "every_epochs": 2, "staircase": True}],
    "step": [{"epochs": [2, 5]}, {"epochs": [3], "factor": 0.5}],
    "linear": [{}, {"end": 0.3}],
    "one_cycle": [{}, {"rise": 0.5, "start": 10, "end": 100}],
}


def forms(catalogue: dict[str, Any], fields: dict[str, list[dict[str, Any]]]) -> list[Any]:
    """Every component of a catalogue, in each of its forms."""
    return [
        pytest.param(cls.model_validate(each), id=f"{name}-{'-'.join(each) or 'plain'}")
        for name, cls in catalogue.items()
        for each in fields.get(name, [{}])
    ]


def with_rate(fields: dict[str, list[dict[str, Any]]]) -> dict[str, list[dict[str, Any]]]:
    return {name: [{"learning_rate": 0.03, **each} for each in several] for name, several in fields.items()}


def test_every_one_has_a_formula() -> None:
    assert set(reference.LOSSES) == set(LOSSES)
    assert set(reference.OPTIMIZERS) == set(OPTIMIZERS)
    assert set(reference.SCHEDULES) == set(SCHEDULES)


def pairs_for(loss: Any) -> list[tuple[Array, Array]]:
    """What a network gives, and targets of each kind that the loss takes."""
    generator = np.random.default_rng(5)
    x, y = generator.normal(0, 2, (7, 5)), generator.normal(0, 2, (7, 5))
    labels, shares = generator.integers(0, 5, 7), generator.dirichlet(np.ones(5), 7)
    if loss.type == "cross_entropy":
        return [(x, labels), (x, shares)]
    if loss.type == "hinge":
        return [(x, labels), (x[:, :1], (y[:, :1] > 0).astype(np.int64))]
    if loss.type == "kl_divergence":
        shares[0] = [0, 0, 1, 0, 0]
        return [(x, shares)]
    return [(x, (y > 0).astype(np.float64) if loss.target == "binary" else y)]


@pytest.mark.parametrize("loss", forms(LOSSES, LOSS_FIELDS))
def test_a_loss_is_its_formula(loss: Any) -> None:
    for x, y in pairs_for(loss):
        given = jnp.asarray(y, jnp.int32 if y.dtype.kind == "i" else jnp.float32)
        found = loss.each(jnp.asarray(x, jnp.float32), given)
        np.testing.assert_allclose(found, reference.LOSSES[loss.type](loss, x, y), rtol=2e-5, atol=1e-6)


def gradients(steps: int = 25) -> list[Array]:
    generator = np.random.default_rng(6)
    return [generator.normal(0.3, 1, 8) for _ in range(steps)]


@pytest.mark.parametrize("optimizer", forms(OPTIMIZERS, with_rate(OPTIMIZER_FIELDS)))
def test_an_optimizer_is_its_formula(optimizer: Any) -> None:
    def rate(step: Any) -> Any:
        return 0.03 * 0.9**step

    start = np.random.default_rng(7).normal(0, 1, 8)
    weights, transformation = jnp.asarray(start, jnp.float32), optimizer.optax(rate)
    state, formula = transformation.init(weights), reference.OPTIMIZERS[optimizer.type](optimizer, start)
    next(formula)
    for step, gradient in enumerate(gradients()):
        updates, state = transformation.update(jnp.asarray(gradient, jnp.float32), state, weights)
        weights = weights + updates
        expected = formula.send((gradient, rate(step)))
        np.testing.assert_allclose(weights, expected, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("schedule", forms(SCHEDULES, SCHEDULE_FIELDS))
def test_a_schedule_is_its_formula(schedule: Any) -> None:
    each, epochs = 10, 8
    found = schedule.optax(0.2, each, epochs)
    expected = [reference.SCHEDULES[schedule.type](schedule, 0.2, each, epochs, n) for n in range(each * epochs + 5)]
    np.testing.assert_allclose([float(found(n)) for n in range(each * epochs)], expected[: each * epochs], rtol=1e-4, atol=1e-7)


SPREADS = {  # of a kernel [200, 300]: fan-in 200, fan-out 300
    "normal": 0.05,
    "uniform": 0.05 / math.sqrt(3),
    "glorot": math.sqrt(2 / 500),
    "he": math.sqrt(2 / 200),
    "lecun": math.sqrt(1 / 200),
    "orthogonal": math.sqrt(1 / 300),
}


@pytest.mark.parametrize("name", SPREADS)
def test_an_initializer_has_its_spread(name: str) -> None:
    drawn = np.asarray(INITIALIZERS[name].model_validate({}).jax()(jax.random.key(3), (200, 300), jnp.float32), np.float64)
    assert abs(drawn.mean()) < 0.01 * max(1, SPREADS[name])
    np.testing.assert_allclose(drawn.std(), SPREADS[name], rtol=0.02)
    if name == "orthogonal":
        np.testing.assert_allclose(drawn @ drawn.T, np.eye(200), atol=1e-5)
    if name == "uniform":
        assert 0.049 < np.abs(drawn).max() <= 0.05
    if name == "glorot":
        assert 0.99 < np.abs(drawn).max() / math.sqrt(6 / 500) <= 1


def test_truncated_normals_end_at_two_deviations() -> None:
    drawn = np.asarray(INITIALIZERS["truncated_normal"].model_validate({}).jax()(jax.random.key(3), (200, 300), jnp.float32))
    assert 0.098 < np.abs(drawn).max() <= 0.1


TORCH_OPTIMIZERS: dict[str, tuple[str, dict[str, str]]] = {
    "sgd": ("SGD", {"momentum": "momentum", "nesterov": "nesterov"}),
    "adam": ("Adam", {"eps": "eps"}),
    "adamw": ("AdamW", {"eps": "eps", "weight_decay": "weight_decay"}),
    "adadelta": ("Adadelta", {"rho": "rho", "eps": "eps"}),
}


@pytest.mark.parametrize("optimizer", forms({k: OPTIMIZERS[k] for k in TORCH_OPTIMIZERS}, with_rate(OPTIMIZER_FIELDS)))
def test_an_optimizer_is_torchs(optimizer: Any) -> None:
    torch = pytest.importorskip("torch")
    name, fields = TORCH_OPTIMIZERS[optimizer.type]
    options = {theirs: getattr(optimizer, ours) for ours, theirs in fields.items() if getattr(optimizer, ours) is not None}
    if hasattr(optimizer, "b1"):
        options["betas"] = (optimizer.b1, optimizer.b2)
    start = np.random.default_rng(7).normal(0, 1, 8)
    peer = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    theirs = getattr(torch.optim, name)([peer], lr=0.03, **options)
    weights, transformation = jnp.asarray(start, jnp.float32), optimizer.optax(lambda _: 0.03)
    state = transformation.init(weights)
    for gradient in gradients():
        peer.grad = torch.tensor(gradient)
        theirs.step()
        updates, state = transformation.update(jnp.asarray(gradient, jnp.float32), state, weights)
        weights = weights + updates
    np.testing.assert_allclose(weights, peer.detach().numpy(), rtol=1e-4, atol=2e-5)
