"""Batches of sequences: buckets lose nothing and pad little, and what is filled up changes no figure."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netspec.compiler.network import Functional
from netspec.components.objectives import METRICS
from netspec.components.sources.base import Column
from netspec.components.transforms.pipeline import Preprocess, TargetPipe
from netspec.data.prepare import Part
from netspec.graph import build
from netspec.graph.objective import losses_by_output
from netspec.training import batches
from netspec.training.batches import BucketFeed, feed, in_buckets, on_device
from netspec.training.evaluate import Evaluator
from netspec.training.steps.supervised import Supervised
from tests.support import spec_of, weights_of


def ragged_part(lengths: Any, ragged: bool = True) -> Part:
    lengths = np.asarray(lengths, np.int32)
    x = np.zeros((len(lengths), lengths.max(), 1), np.float32)
    for row, length in enumerate(lengths):
        x[row, :length] = row + 1
    size = np.full((len(lengths), lengths.max()), 7, np.float32)
    inputs = {"input": x, "size": size}
    return Part(inputs, {"out": size}, {}, {"time": lengths}, ragged=frozenset({"input"}) if ragged else frozenset())


@given(st.lists(st.integers(1, 70), min_size=1, max_size=60), st.integers(1, 9), st.integers(0, 3))
def test_buckets_hold_every_example_once_and_pad_no_more_than_they_must(lengths: list[int], batch: int, epoch: int) -> None:
    part = ragged_part(lengths)
    found = feed(part, batch, 3)
    assert isinstance(found, BucketFeed)
    seen: list[int] = []
    widest = np.asarray(lengths).max()
    for piece in found.epoch(epoch):
        for rows in piece.rows:
            longest = part.lengths["time"][rows].max()
            width = piece.data.inputs[0].shape[1]
            own = min(bound for bound in found.bounds if bound >= longest)
            assert longest <= width == own, "cut, or filled up beyond its bucket"
            assert piece.data.inputs[1].shape[1] == piece.data.targets["out"].shape[1] == widest, "what has no steps was cut"
            seen += rows.tolist()
    assert sorted(seen) == list(range(len(lengths)))
    for bound, low in zip(found.bounds, [0, *found.bounds], strict=False):
        inside = [length for length in lengths if low < length <= bound]
        assert bound <= widest
        assert inside
        assert bound - max(inside) < 8
    sizes = [len(piece.rows[0]) for piece in found.epoch(epoch)]
    assert all(size == found.batch for size in sizes[:-1])
    assert found.steps == len(sizes)


@given(st.lists(st.integers(1, 70), min_size=1, max_size=60), st.integers(1, 9))
def test_judging_sees_every_example_once_and_whole(lengths: list[int], batch: int) -> None:
    part = ragged_part(lengths)
    found = in_buckets(part, batch)
    assert sorted(row for rows, _ in found for row in rows.tolist()) == list(range(len(lengths)))
    assert all(bound is not None and part.lengths["time"][rows].max() <= bound for rows, bound in found)


NETWORKS: dict[str, tuple[list[Any], bool]] = {
    "a bag": ([{"embedding": 4}, "global_avg_pool", {"dense": 3}], False),
    "the last state": ([{"embedding": 4}, {"gru": {"units": 4, "bidirectional": True}}, {"dense": 3}], False),
    "a convolution": ([{"embedding": 4}, {"conv1d": {"filters": 4, "kernel_size": 3, "padding": "same"}}, "global_max_pool", {"dense": 3}], False),
    "attention": ([{"embedding": 4}, {"multi_head_attention": 2}, "global_avg_pool", {"dense": 3}], False),
    "a class a step": ([{"embedding": 4}, {"lstm": {"units": 4, "return_sequences": True}}, {"dense": 3}], True),
}  # fmt: skip
LENGTHS = np.asarray([2, 9, 4, 1, 7, 9])


def longer(values: np.ndarray[Any, Any], by: int) -> np.ndarray[Any, Any]:
    """The same rows with anything at all behind them."""
    generator = np.random.default_rng(by)
    wide = np.concatenate([values, np.zeros((len(values), by), values.dtype)], axis=1)
    for row, length in zip(wide, LENGTHS, strict=True):
        row[length:] = generator.integers(0, 3, len(row) - length)
    return wide


def whole(part_lengths: Any, most: int) -> list[int]:
    return [most]


@pytest.mark.parametrize("case", NETWORKS)
def test_filling_up_changes_neither_loss_nor_gradient_nor_metric(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    layers, each_step = NETWORKS[case]
    train = {"loss": "cross_entropy", "optimizer": {"adam": 0.01}, "epochs": 1, "batch_size": 4}
    spec = spec_of({"input": {"shape": ["time"], "vocabulary": 11}, "model": {"layers": layers}, "train": train})
    program, found = build(spec)
    assert program is not None, found
    assert spec.train is not None
    graph = program.with_ragged({"time"}).main
    network, losses = Functional(graph), losses_by_output(spec, graph)
    (name,) = losses
    weights = {key: jnp.asarray(array) for key, array in weights_of(graph).items()}
    generator = np.random.default_rng(0)
    ids = generator.integers(1, 11, (6, 9)).astype(np.int32)
    classes = generator.integers(0, 3, (6, 9) if each_step else 6).astype(np.int32)
    monkeypatch.setattr(batches, "bounds", whole)
    answers = []
    for by in (0, 13):
        inputs, targets = {"input": longer(ids, by)}, {name: longer(classes, by) if each_step else classes}
        batch = on_device(inputs, targets, {"time": LENGTHS})
        objective = Supervised(network, losses, spec.train, steps_per_epoch=1)
        one = jax.jit(
            jax.value_and_grad(lambda w, b=batch, o=objective: o.loss(w, {}, b, jax.random.key(0), jax.numpy.zeros(()))[0])
        )
        loss, gradient = one(weights)
        shape = targets[name].shape[1:]
        pipe = TargetPipe("label", "array" if each_step else "number", (), shape, ("a", "b", "c"), ids=each_step)
        part = Part(inputs, targets, {"label": Column("number", classes)}, {"time": LENGTHS}, ragged=frozenset({"input"}))
        metrics = [METRICS[each].model_validate({}) for each in ("accuracy", "f1")]
        judge = Evaluator(network, losses, metrics, Preprocess({}, {name: pipe}), 4)
        answers.append((float(loss), gradient, judge.part(weights, part, "test")))
    (loss, gradient, figures), (loss_2, gradient_2, figures_2) = answers
    assert loss == pytest.approx(loss_2, rel=1e-5)
    assert figures.keys() == figures_2.keys() == {"test_loss", "test_accuracy", "test_f1"}
    for key, value in figures.items():
        assert value == pytest.approx(figures_2[key], rel=1e-5), key
    assert figures["test_loss"] == pytest.approx(loss, rel=1e-5)
    for key, array in gradient.items():
        np.testing.assert_allclose(array, gradient_2[key], atol=1e-6, rtol=1e-4, err_msg=key)
