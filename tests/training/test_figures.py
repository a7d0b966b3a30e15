"""The loss of a part is the mean over its rows, however they fall into batches: worked out again in NumPy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec import train
from netspec.inference.run import Run
from tests.reference import objectives as reference
from tests.reference.interpreter import interpreted

STILL = {"optimizer": {"sgd": {"learning_rate": 1e-20}}, "epochs": 1, "batch_size": 7, "seed": 0}
"""A training that changes nothing, so that its figures are those of the weights that it ends with."""


def trained(folder: Path, document: dict[str, Any]) -> tuple[Run, dict[str, float]]:
    (folder / "pyproject.toml").write_text("")
    (folder / "spec.json").write_text(json.dumps({"netspec": 1, "name": "figures", **document}))
    run = train(folder / "spec.json", run=folder / "run")
    lines = run.folder.metrics.read_text().splitlines()
    return run, json.loads(lines[-1])


def rowwise(run: Run, loss: str, rows: list[np.ndarray[Any, Any]], targets: list[Any]) -> float:
    """The mean over every position of every row, each row asked alone."""
    op, graph = run.spec.train.loss, run.program.main  # type: ignore[union-attr]
    each = []
    for row, target in zip(rows, targets, strict=True):
        bound = graph.bind({"time": len(row)}) if graph.names else graph
        (port,) = bound.outputs.values()
        output = interpreted(bound, run.weights, (row[None],))[port]
        each += np.asarray(getattr(reference, loss)(op, output, np.asarray(target)[None])).reshape(-1).tolist()
    return float(np.mean(each))


@pytest.mark.parametrize(("loss", "units"), [("mean_squared_error", 2), ("binary_cross_entropy", 2), ("cross_entropy", 3)])
def test_a_parts_loss_is_the_mean_over_its_rows(loss: str, units: int, tmp_path: Path) -> None:
    """Three batches of 256, 256 and 89 rows, whose losses differ: the last rows are the larger ones."""
    generator = np.random.default_rng(0)
    x = np.linspace(0, 8, 661)[:, None] * generator.normal(1, 0.1, (661, 3))
    y = generator.normal(0, 1, (661, 2)) if loss == "mean_squared_error" else generator.integers(0, 2, (661, 2))
    y = generator.integers(0, 3, 661) if loss == "cross_entropy" else y
    np.savez(tmp_path / "rows.npz", x=x.astype(np.float32), y=y)
    split = {"validation": 601, "by": "time"}
    data = {"source": {"npz": "rows.npz"}, "inputs": {"input": ["x"]}, "target": "y", "split": split}
    document = {"input": [3], "model": {"layers": [{"dense": units}]}, "data": data, "train": {"loss": loss, **STILL}}
    run, figures = trained(tmp_path, document)
    rows = list(x.astype(np.float32))
    np.testing.assert_allclose(figures["validation_loss"], rowwise(run, loss, rows[60:], list(y[60:])), rtol=1e-4)
    np.testing.assert_allclose(figures["train_loss"], rowwise(run, loss, rows[:60], list(y[:60])), rtol=1e-4)


def test_steps_count_alike_in_sequences_of_unequal_lengths(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    lengths = generator.integers(1, 9, 400)
    rows = [generator.normal(0, length, (length, 2)).round(3) for length in lengths]
    targets = [generator.normal(0, 1, (length, 1)).round(3) for length in lengths]
    lines = [json.dumps({"x": x.tolist(), "y": y.tolist()}) for x, y in zip(rows, targets, strict=True)]
    (tmp_path / "rows.jsonl").write_text("\n".join(lines) + "\n")
    split = {"validation": 360, "by": "time"}
    data = {"source": {"json_lines": "rows.jsonl"}, "inputs": {"input": ["x"]}, "target": "y", "split": split}
    layers = [{"gru": {"units": 3, "return_sequences": True}}, {"dense": 1}]
    train = {"loss": "mean_squared_error", **STILL}
    run, figures = trained(tmp_path, {"input": ["time", 2], "model": {"layers": layers}, "data": data, "train": train})
    wide = [row.astype(np.float32) for row in rows]
    np.testing.assert_allclose(
        figures["validation_loss"], rowwise(run, "mean_squared_error", wide[40:], targets[40:]), rtol=1e-4
    )
