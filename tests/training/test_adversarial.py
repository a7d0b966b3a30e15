"""The step of a GAN pair, against the same step written out plainly; and what watches it."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy.linalg import sqrtm

from netspec.compiler.network import Functional
from netspec.components.objectives import ADVERSARIAL_LOSSES
from netspec.graph import build
from netspec.randomness import folded
from netspec.training.batches import Batch
from netspec.training.samples import Exhibition, coverage, diversity, frechet
from netspec.training.steps.adversarial import Adversarial, draw
from tests.support import spec_of

PAIR: dict[str, Any] = {
    "input": [6, 6, 1],
    "model": {
        "gan": {
            "latent": 5,
            "generator": [
                {"dense": 18},
                {"reshape": [3, 3, 2]},
                "batch_norm",
                "relu",
                {"conv_transpose2d": {"filters": 1, "kernel_size": 4, "strides": 2, "padding": "same", "activation": "tanh"}},
            ],
            "discriminator": [
                {"conv2d": {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same", "activation": "silu"}},
                "flatten",
                {"dense": {"units": 1, "spectral_norm": False}},
            ],
        }
    },
    "train": {
        "loss": "non_saturating",
        "batch_size": 8,
        "generator": {"optimizer": {"adam": 1e-2}, "ema": 0.9},
        "discriminator": {"optimizer": {"sgd": 1e-1}},
    },
}


def objective(train: dict[str, Any], *, unrolled: bool = True, **model: Any) -> Adversarial:
    spec = spec_of({**PAIR, "model": {"gan": {**PAIR["model"]["gan"], **model}}, "train": {**PAIR["train"], **train}})
    program, found = build(spec)
    assert program is not None, found
    assert spec.adversarial is not None
    made, judged = (Functional(program.graphs[name]) for name in ("generator", "discriminator"))
    return Adversarial(made, judged, spec.adversarial, (5, "normal"), steps_per_epoch=4, unrolled=unrolled)


def real(rows: int, seed: int = 3) -> Batch:
    x = np.tanh(np.random.default_rng(seed).normal(size=(rows, 6, 6, 1))).astype(np.float32)
    return Batch((jnp.asarray(x),), {}, {})


def written_out(of: Adversarial, state: dict[str, Any], batch: Batch) -> dict[str, jax.Array]:
    """The weights after one step, with nothing shared between the two sides and every derivative taken by itself."""
    loss, train = of.train.loss, of.train
    key = jax.random.fold_in(jax.random.key(train.seed), state["step"])
    names = {name for name, _ in of.generator.graph.weights()}
    g = {k: v for k, v in state["parameters"].items() if k in names}
    d = {k: v for k, v in state["parameters"].items() if k not in names}
    statistics = state["statistics"]
    x = batch.inputs[0]

    def fake(g: dict[str, jax.Array]) -> jax.Array:
        own = folded(key, "generator")
        latent = draw(folded(own, "latent"), len(x), 5, "normal")
        values, _ = of.generator.values({**g, **{k: v for k, v in statistics.items() if k in names}}, (latent,), rngs=own)
        return values[of.made]

    def says(d: dict[str, jax.Array], x: jax.Array) -> jax.Array:
        values, _ = of.discriminator.values(d, (x,), rngs=key)
        return values[of.judged]

    def of_discriminator(d: dict[str, jax.Array]) -> jax.Array:
        made = jax.lax.stop_gradient(fake(g))
        total = loss.discriminator(says(d, x), says(d, made), train.discriminator.label_smoothing)
        if train.r1:
            slopes = jax.vmap(jax.grad(lambda one: says(d, one[None])[0, 0]))(x)
            total = total + 0.5 * train.r1 * (slopes**2).sum((1, 2, 3)).mean()
        if loss.gradient_penalty:
            share = jax.random.uniform(folded(folded(key, "discriminator"), "between"), (len(x), 1, 1, 1))
            slopes = jax.vmap(jax.grad(lambda one: says(d, one[None])[0, 0]))(share * x + (1 - share) * made)
            lengths = jnp.sqrt((slopes**2).sum((1, 2, 3)))
            total = total + loss.gradient_penalty * ((lengths - 1) ** 2).mean()
        return total

    after = jax.tree.map(lambda w, s: w - 0.1 * s, d, jax.grad(of_discriminator)(d))
    if loss.bound is not None:
        after = {name: jnp.clip(w, -loss.bound, loss.bound) for name, w in after.items()}
    slope = jax.grad(lambda g: loss.generator(says(after, fake(g))))(g)
    adam = optax.adam(1e-2)
    updates, _ = adam.update(slope, adam.init(g), g)
    return {**optax.apply_updates(g, updates), **after}


@pytest.mark.parametrize("penalties", [{}, {"r1": 2.0}], ids=["plain", "r1"])
@pytest.mark.parametrize("loss", ADVERSARIAL_LOSSES)
def test_a_step_is_what_it_says(loss: str, penalties: dict[str, Any]) -> None:
    smoothing = {"label_smoothing": 0.1} if ADVERSARIAL_LOSSES[loss].smooths else {}
    of = objective({"loss": loss, **penalties, "discriminator": {**PAIR["train"]["discriminator"], **smoothing}})
    state, batch = of.init(0), real(8)
    expected = written_out(of, state, batch)
    after, figures = jax.jit(of.step)(state, batch)
    for name, array in expected.items():
        # Adam divides by the root of its squares: where a slope is all but zero, rounding decides its sign.
        np.testing.assert_allclose(after["parameters"][name], array, atol=2e-5, rtol=1e-4, err_msg=name)
    assert np.isfinite([float(each) for each in figures.values()]).all()
    assert int(after["step"]) == 1


def test_the_average_of_the_generator_is_kept_and_shipped() -> None:
    from netspec.training.state import evaluated

    of = objective({})
    state = of.init(0)
    before = {name: np.asarray(w) for name, w in state["ema"].items()}
    first, _ = jax.jit(of.step)(state, real(8))
    after, _ = jax.jit(of.step)(first, real(8))
    assert before.keys() == {name for name, w in of.generator.graph.weights() if w.trainable}
    for name in before:
        one, two = (np.asarray(each["parameters"][name], np.float64) for each in (first, after))
        # What weights were before the first update counts for nothing: the average is debiased.
        np.testing.assert_allclose(after["ema"][name], (0.09 * one + 0.1 * two) / (1 - 0.9**2), atol=1e-6)
    shipped = evaluated(after)
    assert all(shipped[name] is after["ema"][name] for name in before)
    assert all(shipped[name] is after["parameters"][name] for name in after["parameters"].keys() - before.keys())


def test_several_rounds_scanned_or_written_out_are_the_same() -> None:
    rounds = {"loss": {"wasserstein": {"clip": 0.05}}, "discriminator": {"optimizer": {"rmsprop": 1e-3}, "steps": 3}}
    found = []
    for unrolled in (True, False):
        of = objective(rounds, unrolled=unrolled)
        after, figures = jax.jit(of.step)(of.init(0), real(24))
        found.append({**after["parameters"], **figures})
    for name, array in found[0].items():
        np.testing.assert_allclose(array, found[1][name], atol=1e-6, err_msg=name)
    judged = [w for name, w in found[0].items() if name.startswith("discriminator.")]
    assert max(float(jnp.abs(w).max()) for w in judged) <= 0.05 + 1e-7


def test_each_round_has_real_examples_of_its_own() -> None:
    of = objective({"discriminator": {"optimizer": {"sgd": 1e-1}, "steps": 3}})
    one, two = real(24), real(24)
    changed = np.array(two.inputs[0])
    changed[:8] += 0.5  # the first round's
    after = [jax.jit(of.step)(of.init(0), b)[0]["parameters"] for b in (one, two._replace(inputs=(jnp.asarray(changed),)))]
    assert any(float(jnp.abs(after[0][name] - after[1][name]).max()) > 1e-4 for name in after[0])


def test_a_step_that_is_not_finite_changes_neither_side() -> None:
    of = objective({"on_nonfinite": "skip"})
    state = of.init(0)
    kept = {name: np.asarray(w) for name, w in state["parameters"].items()}
    broken = real(8)._replace(inputs=(jnp.full((8, 6, 6, 1), jnp.nan),))
    after, _ = jax.jit(of.watched_step)(state, broken)
    assert int(after["failed"]) == 0
    assert all(np.array_equal(after["parameters"][name], w) for name, w in kept.items())


def test_a_discriminator_that_ends_in_a_sigmoid_is_judged_by_its_logit() -> None:
    ends = [*PAIR["model"]["gan"]["discriminator"][:-1], {"dense": {"units": 1, "activation": "sigmoid"}}]
    plain, squeezed = objective({}), objective({}, discriminator=ends)
    states = [of.init(0) for of in (plain, squeezed)]
    losses = [jax.jit(of.step)(s, real(8))[1] for of, s in zip((plain, squeezed), states, strict=True)]
    assert float(losses[0]["discriminator_loss"]) == pytest.approx(float(losses[1]["discriminator_loss"]), rel=1e-6)


def test_bfloat16_keeps_its_masters() -> None:
    of = objective({"precision": "bfloat16"})
    after, figures = jax.jit(of.step)(of.init(0), real(8))
    assert {w.dtype for w in after["parameters"].values()} == {jnp.dtype("float32")}
    assert np.isfinite([float(each) for each in figures.values()]).all()


def test_distances_between_what_is_made_and_what_is_real() -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(size=(4000, 3)), random.normal(size=(4000, 3)) @ np.diag([1.0, 2.0, 0.5]) + [1.0, 0.0, 0.0]
    covariances = [np.cov(x, rowvar=False) for x in (a, b)]
    root = sqrtm(covariances[0] @ covariances[1]).real
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(covariances[0] + covariances[1] - 2 * root)
    assert frechet(a, b) == pytest.approx(expected, rel=1e-6)
    assert frechet(a, a) == pytest.approx(0.0, abs=1e-9)
    assert diversity(a, a) == pytest.approx(1.0)
    assert diversity(np.zeros((50, 3)), a) == pytest.approx(0.0, abs=1e-6)
    assert coverage(a[:300], a[:300]) == 1.0
    two_modes = np.concatenate([random.normal(size=(100, 2)) * 0.05 + middle for middle in ([0, 0], [9, 9])])
    assert coverage(two_modes[:100], two_modes) == pytest.approx(0.5, abs=0.05)


def watched(figures: dict[str, float], epochs: int, ema: float = 0.0) -> list[str]:
    of = objective({"generator": {"optimizer": {"adam": 1e-3}, **({"ema": ema} if ema else {})}})
    spec = spec_of(PAIR)
    assert spec.gan is not None
    exhibition = Exhibition(spec.gan, of.train, of.generator, None, 100)  # type: ignore[arg-type]
    return [d.code for number in range(1, epochs + 1) for d in exhibition._warnings(number, figures)]


def test_a_collapse_and_a_winner_are_told_once_and_not_too_early() -> None:
    fine = {"diversity": 0.9, "accuracy_on_real": 0.7, "accuracy_on_fake": 0.7}
    assert watched(fine, 20) == []
    assert watched({**fine, "diversity": 0.1}, 2) == []
    assert watched({**fine, "diversity": 0.1}, 20) == ["NS545"]
    assert watched({**fine, "accuracy_on_real": 1.0, "accuracy_on_fake": 0.999}, 20) == ["NS546"]
    assert watched({**fine, "diversity": 0.1}, 20, ema=0.999) == [], "an average has not forgotten its start yet"
