"""Metrics against scikit-learn, in batches of any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from netspec.components.objectives import METRICS
from netspec.components.objectives.metrics import EACH, ONE_OF, Reading


def tallied(
    metric: str, outputs: np.ndarray[Any, Any], targets: np.ndarray[Any, Any], size: int, reading: Reading = EACH, **fields: Any
) -> float:
    tally = METRICS[metric](**fields).start(reading)
    for start in range(0, len(outputs), size):
        tally.update(outputs[start : start + size], targets[start : start + size])
    return tally.result()


@given(st.integers(2, 5), st.integers(1, 60), st.integers(1, 20), st.integers(0, 10_000))
@settings(max_examples=60)
def test_classes_are_scored_as_scikit_learn_does(classes: int, rows: int, size: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    outputs = generator.dirichlet(np.ones(classes), rows).astype(np.float32)
    targets = generator.integers(0, classes, rows)
    predicted = outputs.argmax(-1)
    average = "binary" if classes == 2 else "macro"
    expected = {
        "accuracy": sk.accuracy_score(targets, predicted),
        "precision": sk.precision_score(targets, predicted, average=average, zero_division=0),
        "recall": sk.recall_score(targets, predicted, average=average, zero_division=0),
        "f1": sk.f1_score(targets, predicted, average=average, zero_division=0),
    }
    for name, value in expected.items():
        assert tallied(name, outputs, targets, size, ONE_OF) == pytest.approx(value), name
        # The share of each class as a target instead of its position.
        assert tallied(name, outputs, np.eye(classes)[targets], size, ONE_OF) == pytest.approx(value), name


@given(st.integers(1, 5), st.integers(2, 60), st.integers(1, 20), st.sampled_from([(), (3,), (2, 4)]), st.integers(0, 10_000))
@settings(max_examples=80)
def test_labels_are_scored_as_scikit_learn_does(labels: int, rows: int, size: int, inner: tuple[int, ...], seed: int) -> None:
    """Several sigmoids an example, or a position; also where every row of a batch happens to have one label."""
    generator = np.random.default_rng(seed)
    outputs = generator.uniform(size=(rows, *inner, labels)).astype(np.float32)
    targets = (generator.uniform(size=outputs.shape) < generator.uniform(0.1, 0.9, labels)).astype(np.float32)
    targets[: rows // 2] = np.eye(labels)[generator.integers(0, labels, (rows // 2, *inner))]
    flat, true = outputs.reshape(-1, labels), targets.reshape(-1, labels).astype(int)
    said = (flat >= 0.5).astype(int)
    ranked = [i for i in range(labels) if 0 < true[:, i].sum() < len(true)]
    expected = {
        "accuracy": (said == true).mean(),
        "precision": np.mean([sk.precision_score(true[:, i], said[:, i], zero_division=0) for i in range(labels)]),
        "recall": np.mean([sk.recall_score(true[:, i], said[:, i], zero_division=0) for i in range(labels)]),
        "f1": np.mean([sk.f1_score(true[:, i], said[:, i], zero_division=0) for i in range(labels)]),
        "roc_auc": np.mean([sk.roc_auc_score(true[:, i], flat[:, i]) for i in ranked]) if ranked else np.nan,
        "pr_auc": np.mean([sk.average_precision_score(true[:, i], flat[:, i]) for i in ranked]) if ranked else np.nan,
    }
    for name, value in expected.items():
        assert tallied(name, outputs, targets, size) == pytest.approx(value, nan_ok=True), name


@given(st.integers(1, 4), st.integers(3, 50), st.integers(1, 20), st.integers(0, 1000))
@settings(max_examples=60)
def test_columns_of_numbers_are_scored_as_scikit_learn_does(columns: int, rows: int, size: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    targets = generator.normal(size=(rows, columns)) * [1, 30, 0.1, 5][:columns] + [178, 35, 56, -1000][:columns]
    targets[:, -1] = 7.0 if seed % 3 == 0 else targets[:, -1]
    outputs = targets + generator.normal(size=targets.shape)
    expected = {
        "r2": sk.r2_score(targets, outputs),
        "mae": sk.mean_absolute_error(targets, outputs),
        "mse": sk.mean_squared_error(targets, outputs),
        "mape": sk.mean_absolute_percentage_error(targets, outputs),
    }
    for name, value in expected.items():
        assert tallied(name, outputs, targets, size) == pytest.approx(value, rel=1e-6), name
    assert tallied("rmse", outputs, targets, size) == pytest.approx(sk.mean_squared_error(targets, outputs) ** 0.5)


@given(st.floats(-1e7, 1e7), st.floats(1e-2, 1e3), st.integers(3, 80), st.integers(1, 30), st.integers(0, 1000))
@settings(max_examples=60)
def test_errors_hold_far_from_zero(offset: float, spread: float, rows: int, size: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    targets = offset + spread * generator.normal(size=(rows, 1))
    outputs = targets + spread * generator.normal(size=(rows, 1))
    assert tallied("r2", outputs, targets, size) == pytest.approx(sk.r2_score(targets, outputs), rel=1e-5)
    assert tallied("rmse", outputs, targets, size) == pytest.approx(sk.mean_squared_error(targets, outputs) ** 0.5)
    assert tallied("mae", outputs, targets, size) == pytest.approx(sk.mean_absolute_error(targets, outputs))


def test_two_top_k_have_names_of_their_own() -> None:
    labels = {METRICS["top_k_accuracy"](k=k).label for k in (1, 5)}
    assert labels == {"top_1_accuracy", "top_5_accuracy"}


def test_margins_are_cut_at_zero() -> None:
    tally = METRICS["accuracy"]().start(Reading(cut=0.0))
    tally.update(np.asarray([[0.3], [-0.2], [0.6]]), np.asarray([1.0, 0.0, 1.0]))
    assert tally.result() == 1.0
