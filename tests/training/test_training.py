"""What a training does with each of its options, shown by numbers that anyone can work out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from netspec import train
from netspec.components.objectives import LOSSES, METRICS, OPTIMIZERS, SCHEDULES
from netspec.components.objectives.metrics import ONE_OF
from netspec.data.split import split_rows
from netspec.diagnostics import SpecError
from netspec.inference.run import Run
from netspec.randomness import permutation
from netspec.spec.sections import Split
from netspec.training import checkpoint
from tests.support import example_of

ROWS = [[float(i % 5), float(i % 3)] for i in range(30)]
LABELS = ["a" if i % 5 > 2 else "b" for i in range(30)]


def run_of(folder: Path, name: str = "run", data: dict[str, Any] | None = None, model: Any = None, **changes: Any) -> Run:
    document: dict[str, Any] = {
        "netspec": 1,
        "name": "small",
        "input": [2],
        "model": model or {"mlp": {"hidden": [4], "output": 2}},
        "data": {"source": {"inline": {"x": ROWS, "y": LABELS}}, "inputs": {"input": "x"}, "target": "y", **(data or {})},
        "train": {"loss": "cross_entropy", "optimizer": {"sgd": 0.1}, "epochs": 3, "batch_size": 7, **changes},
    }
    path = folder / f"{name}.json"
    path.write_text(json.dumps(document))
    return train(path, run=folder / name)


def state_of(run: Run) -> dict[str, np.ndarray[Any, Any]]:
    saved, _ = checkpoint.load_newest(run.folder.checkpoints)
    assert saved is not None
    return saved.arrays


def lines(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.folder.metrics.read_text().splitlines()]


@pytest.mark.parametrize(
    "catalogue", [LOSSES, OPTIMIZERS, SCHEDULES, METRICS], ids=["losses", "optimizers", "schedules", "metrics"]
)
def test_every_example_is_the_component(catalogue: dict[str, Any]) -> None:
    from netspec.components.base import choose_component

    for name, component in catalogue.items():
        assert component.type == name
        assert isinstance(choose_component(catalogue, "component", example_of(component)), component)
        assert all(info.description for info in component.model_fields.values()), name


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_learns(optimizer: str, tmp_path: Path) -> None:
    rate = {"sgd": 0.3, "adagrad": 0.3, "adadelta": 3.0, "lion": 0.01}.get(optimizer, 0.02)
    found = lines(run_of(tmp_path, optimizer={optimizer: rate}, epochs=30))
    assert found[-1]["train_loss"] < 0.8 * found[0]["train_loss"]


def test_every_schedule_starts_and_ends_as_it_says() -> None:
    ends = {"constant": (1, 1), "cosine": (1, 0), "warmup_cosine": (0, 0), "linear": (1, 0), "one_cycle": (1 / 25, 1 / 25e4)}
    for name, (first, last) in ends.items():
        schedule = SCHEDULES[name]().optax(1.0, 10, 5)
        assert float(schedule(0)) == pytest.approx(first, abs=1e-6), name
        assert float(schedule(50)) == pytest.approx(last, abs=1e-6), name
    assert float(SCHEDULES["step"].model_validate({"epochs": [2]}).optax(1.0, 10, 5)(20)) == pytest.approx(0.1)
    assert float(SCHEDULES["exponential"].model_validate({"rate": 0.5}).optax(1.0, 10, 5)(20)) == pytest.approx(0.25)


OUTPUT = np.array([[2.0, -1.0, 0.5], [0.0, 1.0, 3.0]])
LABEL = np.array([0, 1])


def softmax(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_losses_are_their_formulas() -> None:
    x, target = OUTPUT, OUTPUT[::-1]
    p = softmax(x)
    hot = np.eye(3)[LABEL]
    smoothed = hot * 0.9 + 0.1 / 3
    binary, truth = x[:, :1], np.array([[1.0], [0.0]])
    chance = 1 / (1 + np.exp(-binary))
    cross = -(truth * np.log(chance) + (1 - truth) * np.log(1 - chance))
    right = truth * chance + (1 - truth) * (1 - chance)
    expected = {
        ("mean_squared_error", ""): ((x - target) ** 2).mean(1),
        ("mean_absolute_error", ""): abs(x - target).mean(1),
        ("huber", ""): np.where(abs(x - target) < 1, 0.5 * (x - target) ** 2, abs(x - target) - 0.5).mean(1),
        ("quantile", "0.9"): np.maximum(0.9 * (target - x), -0.1 * (target - x)).mean(1),
        ("cross_entropy", ""): -np.log(p[range(2), LABEL]),
        ("cross_entropy", "smooth"): -(smoothed * np.log(p)).sum(1),
        ("binary_cross_entropy", ""): cross[:, 0],
        ("focal", ""): (cross * (1 - right) ** 2)[:, 0],
        ("hinge", ""): np.maximum(0, 1 - (2 * truth - 1) * binary)[:, 0],
        ("kl_divergence", ""): (softmax(target) * (np.log(softmax(target)) - np.log(p))).sum(1),
        ("cosine", ""): 1 - (x * target).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(target, axis=1),
    }
    assert {name for name, _ in expected} == LOSSES.keys()
    fields = {"0.9": {"quantile": 0.9}, "smooth": {"label_smoothing": 0.1}, "": {}}
    binaries = ("binary_cross_entropy", "focal", "hinge")
    targets = {
        "cross_entropy": LABEL,
        "kl_divergence": softmax(target),
        **dict.fromkeys(binaries, truth),
    }
    for (name, variant), value in expected.items():
        loss = LOSSES[name].model_validate(fields[variant])
        one = name in binaries
        given = jnp.asarray(binary if one else x, jnp.float32)
        aim = targets.get(name, target)
        found = loss.each(given, jnp.asarray(aim, jnp.int32 if aim.dtype.kind == "i" else jnp.float32))
        each = np.asarray(found).reshape(len(found), -1).mean(1)  # over the places of an example
        np.testing.assert_allclose(each, value, rtol=1e-5, atol=1e-6, err_msg=name)


def test_metrics_are_scikit_learns() -> None:
    from sklearn import metrics as sk

    generator = np.random.default_rng(0)
    scores = softmax(generator.normal(size=(200, 3)))
    labels = generator.integers(0, 3, 200)
    one, truth = generator.random((200, 1)), generator.integers(0, 2, 200)
    numbers, aims = generator.normal(5, 2, (200, 1)), generator.normal(5, 2, (200, 1))
    picked = scores.argmax(1)
    expected = {
        "accuracy": sk.accuracy_score(labels, picked),
        "precision": sk.precision_score(labels, picked, average="macro"),
        "recall": sk.recall_score(labels, picked, average="macro"),
        "f1": sk.f1_score(labels, picked, average="macro"),
        "top_k_accuracy": sk.top_k_accuracy_score(labels, scores, k=2),
        "roc_auc": sk.roc_auc_score(labels, scores, multi_class="ovr"),
    }
    for name, value in expected.items():
        tally = METRICS[name].model_validate({"k": 2} if name == "top_k_accuracy" else {}).start(ONE_OF)
        for start in range(0, 200, 64):
            tally.update(scores[start : start + 64], labels[start : start + 64])
        assert tally.result() == pytest.approx(value), name
    binary = {
        "accuracy": sk.accuracy_score(truth, one[:, 0] >= 0.5),
        "precision": sk.precision_score(truth, one[:, 0] >= 0.5),
        "f1": sk.f1_score(truth, one[:, 0] >= 0.5),
        "roc_auc": sk.roc_auc_score(truth, one[:, 0]),
        "pr_auc": sk.average_precision_score(truth, one[:, 0]),
    }
    regression = {
        "rmse": sk.root_mean_squared_error(aims, numbers),
        "mse": sk.mean_squared_error(aims, numbers),
        "mae": sk.mean_absolute_error(aims, numbers),
        "mape": sk.mean_absolute_percentage_error(aims, numbers),
        "r2": sk.r2_score(aims, numbers),
    }
    for table, output, target in ((binary, one, truth[:, None].astype(np.float32)), (regression, numbers, aims)):
        for name, value in table.items():
            tally = METRICS[name]().start()
            tally.update(output, target)
            assert tally.result() == pytest.approx(value), name


def test_a_frozen_layer_stays_as_it_starts(tmp_path: Path) -> None:
    document = {
        "netspec": 1,
        "name": "frozen",
        "input": [2],
        "model": {"layers": [{"dense": {"units": 4, "trainable": False}, "name": "still"}, "relu", {"dense": 2}]},
        "data": {"source": {"inline": {"x": ROWS, "y": LABELS}}, "inputs": {"input": "x"}, "target": "y"},
        "train": {"loss": "cross_entropy", "optimizer": {"sgd": 0.5}, "epochs": 2},
    }
    (tmp_path / "frozen.json").write_text(json.dumps(document))
    run = train(tmp_path / "frozen.json", run=tmp_path / "run")
    fresh = run.network.init(0)[1]
    assert np.array_equal(state_of(run)["statistics/still/kernel"], np.asarray(fresh["still/kernel"]))


def test_regularisation_shrinks_kernels_alone(tmp_path: Path) -> None:
    plain = state_of(run_of(tmp_path, "plain", epochs=40))
    shrunk = state_of(run_of(tmp_path, "shrunk", epochs=40, regularization={"l2": 0.1}))
    assert np.abs(shrunk["parameters/dense_2/kernel"]).sum() < 0.7 * np.abs(plain["parameters/dense_2/kernel"]).sum()


def test_the_average_of_weights_is_what_is_judged(tmp_path: Path) -> None:
    run = run_of(tmp_path, ema=0.9)
    arrays = state_of(run)
    assert not np.array_equal(arrays["ema/dense_1/kernel"], arrays["parameters/dense_1/kernel"])
    assert any(
        np.array_equal(run.weights["dense_1/kernel"], arrays[key])
        for key in ("ema/dense_1/kernel", "best/weights/dense_1/kernel")
    )


def test_clipping_bounds_the_first_update(tmp_path: Path) -> None:
    run = run_of(tmp_path, optimizer={"sgd": 1.0}, gradient={"clip_norm": 1e-3}, epochs=1, batch_size=30)
    fresh, _ = run.network.init(0)
    arrays = state_of(run)
    moved = np.sqrt(sum(float(((arrays[f"parameters/{name}"] - np.asarray(w)) ** 2).sum()) for name, w in fresh.items()))
    assert moved == pytest.approx(1e-3, rel=1e-3)


def test_accumulated_batches_are_one_large_batch(tmp_path: Path) -> None:
    whole = state_of(run_of(tmp_path, "whole", batch_size=30, epochs=1))
    parts = state_of(run_of(tmp_path, "parts", batch_size=10, epochs=1, gradient={"accumulate": 3}))
    np.testing.assert_allclose(parts["parameters/dense_1/kernel"], whole["parameters/dense_1/kernel"], atol=1e-6)


def test_early_stopping_keeps_the_best(tmp_path: Path) -> None:
    split = {"split": {"validation": 0.3, "seed": 1}}
    rule = {"monitor": "validation_loss", "patience": 3}
    run = run_of(tmp_path, data=split, epochs=500, optimizer={"sgd": 2.0}, early_stopping=rule, metrics=["accuracy"])
    found = lines(run)
    best = min(range(len(found)), key=lambda i: found[i]["validation_loss"])
    assert len(found) < 500
    assert len(found) - 1 - best == 3
    assert run.evaluate("validation").metrics["validation_accuracy"] == pytest.approx(found[best]["validation_accuracy"])


def test_balanced_classes_weigh_the_rare_one(tmp_path: Path) -> None:
    from netspec.training.setup import class_weights

    run = run_of(tmp_path, class_weights="balanced")
    assert run.spec.train is not None
    counts = {"a": LABELS.count("a"), "b": LABELS.count("b")}
    from netspec.data import prepare

    dataset = prepare(run.spec, run.program, run.roots)
    weights = class_weights(run.spec.train, run.losses, dataset)
    assert weights is not None
    np.testing.assert_allclose(weights["output"][0], [30 / 2 / counts["a"], 30 / 2 / counts["b"]], rtol=1e-6)


@pytest.mark.parametrize("policy", ["stop", "skip", "rollback"])
def test_what_is_not_finite_never_reaches_the_weights(policy: str, tmp_path: Path) -> None:
    rows = [*ROWS[:17], [3e38, 1.0], *ROWS[18:]]
    data = {"source": {"inline": {"x": rows, "y": LABELS}}}
    changes: dict[str, Any] = {
        "data": data,
        "model": {"layers": ["square", {"dense": 2}]},
        "on_nonfinite": policy,
        "batch_size": 5,
    }
    if policy == "stop":
        with pytest.raises(SpecError, match="NS520"):
            run_of(tmp_path, **changes)
        return
    run = run_of(tmp_path, **changes)
    arrays = state_of(run)
    assert all(np.isfinite(array).all() for array in arrays.values())
    assert [line["epoch"] for line in lines(run)] == [1, 2, 3]
    assert (arrays["skipped"] >= 0).sum() == (3 if policy == "rollback" else 0)
    assert not np.array_equal(arrays["parameters/dense_1/kernel"], np.asarray(run.network.init(0)[0]["dense_1/kernel"]))


def test_bfloat16_computes_and_keeps_float32_weights(tmp_path: Path) -> None:
    arrays = state_of(run_of(tmp_path, precision="bfloat16", epochs=20))
    assert arrays["parameters/dense_1/kernel"].dtype == np.float32


def test_an_epoch_reads_every_row_once() -> None:
    for epoch in range(3):
        assert sorted(permutation(100, 7, epoch)) == list(range(100))
    assert list(permutation(100, 7, 0)) != list(permutation(100, 7, 1))


def test_parts_do_not_overlap_and_keep_their_classes() -> None:
    labels = np.array(["x"] * 70 + ["y"] * 20 + ["z"] * 10)
    parts = split_rows(100, Split(validation=0.2, test=0.1, stratify=True), labels, None)
    together = np.concatenate(list(parts.values()))
    assert sorted(together) == list(range(100))
    assert {part: len(rows) for part, rows in parts.items()} == {"train": 70, "validation": 20, "test": 10}
    for rows, share in ((parts["validation"], 0.2), (parts["test"], 0.1)):
        found = {label: int((labels[rows] == label).sum()) for label in "xyz"}
        assert found == {"x": round(70 * share), "y": round(20 * share), "z": round(10 * share)}
    ordered = split_rows(100, Split(validation=10, test=20, by="time"), None, None)
    assert ordered["test"].tolist() == list(range(80, 100))
    grouped = split_rows(100, Split(test=0.34), None, np.arange(100) // 34)
    assert len(set(grouped["test"] // 34) & set(grouped["train"] // 34)) == 0
