"""Asked about the file that it was trained on, a run gives the answers that it is judged by: one reader for all verbs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netspec
from netspec.components.sources.base import Column
from netspec.diagnostics import SpecError
from netspec.inference import Predictor, open_predictor
from netspec.inference.files import read_rows
from netspec.inference.run import Run

ROWS = [
    ("1.5", "x", "no"),
    ("?", "y", "yes"),
    ("2.5", "? ", "no"),
    ("-1", "007", "yes"),
    ("0.5", " y", "no"),
    ("3", "x", "yes"),
] * 8
Write = Callable[[Sequence[Sequence[str]]], str]


def lines(cells: Sequence[Sequence[str]], *, by: str = ",", head: str | None = "a,b,y", mark: str = "") -> str:
    first = [] if head is None else [head.replace(",", by)]
    return mark + "\n".join([*first, *(by.join(row) for row in cells)]) + "\n"


DIALECTS: dict[str, tuple[dict[str, Any], Write]] = {
    "marks and blanks": ({"missing": ["?"], "strip": True}, lines),
    "semicolons": ({"delimiter": ";", "missing": "?", "strip": True}, lambda cells: lines(cells, by=";")),
    "no header": (
        {"header": False, "columns": ["a", "b", "y"], "missing": "?", "strip": True},
        lambda cells: lines(cells, head=None),
    ),
    "a byte order mark": ({"missing": "?", "strip": True}, lambda cells: lines(cells, mark="\ufeff")),
}


def run_of(folder: Path, options: dict[str, Any], write: Write) -> Run:
    (folder / "pyproject.toml").write_text("")
    (folder / "rows.csv").write_text(write(ROWS), newline="")
    steps = {"numbers": [{"impute": "median"}, "standardize"], "categories": [{"impute": "most_frequent"}, "one_hot"]}
    spec = {
        "netspec": 1,
        "name": "same",
        "input": ["features"],
        "model": {"mlp": {"hidden": [8], "output": 1}},
        "data": {
            "source": {"csv": {"path": "rows.csv", **options}},
            "target": "y",
            "preprocess": steps,
            "inputs": {"input": "all"},
            "split": {"by": "time"},
        },
        "train": {"loss": "binary_cross_entropy", "optimizer": {"adam": 0.05}, "epochs": 3, "metrics": ["accuracy"]},
    }
    (folder / "spec.json").write_text(json.dumps(spec))
    return netspec.train(folder / "spec.json", run=folder / "run")


def answers(predictor: Predictor, rows: dict[str, Column]) -> np.ndarray[Any, Any]:
    (found,) = predictor.predict(rows).values()
    return np.asarray(found)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_predict_reads_a_csv_as_training_did(dialect: str, tmp_path: Path) -> None:
    options, write = DIALECTS[dialect]
    run = run_of(tmp_path, options, write)
    seen = run.part("train").raw
    expected = answers(run, {name: seen[name] for name in ("a", "b")})
    netspec.export(run, tmp_path / "same.onnx")
    for predictor in (run, open_predictor(tmp_path / "same.onnx")):
        np.testing.assert_allclose(answers(predictor, read_rows(tmp_path / "rows.csv", predictor)), expected, rtol=1e-5)
    without = [row[:2] for row in ROWS]
    head = "a,b" if options.get("header", True) else None
    by = options.get("delimiter", ",")
    (tmp_path / "asked.csv").write_text(lines(without, by=by, head=head))
    np.testing.assert_allclose(answers(run, read_rows(tmp_path / "asked.csv", run)), expected, rtol=1e-5)


def test_a_file_beside_its_run_is_judged_on_the_runs_data(tmp_path: Path) -> None:
    run = run_of(tmp_path, *DIALECTS["marks and blanks"])
    netspec.export(run, tmp_path / "run" / "model.onnx")
    judged = [netspec.evaluate(each, part="train").metrics for each in (run, tmp_path / "run" / "model.onnx")]
    assert judged[0] == pytest.approx(judged[1])
    asked = netspec.evaluate(run, data=tmp_path / "rows.csv")
    assert asked.part == "rows.csv"
    assert asked.metrics["test_accuracy"] == pytest.approx(judged[0]["train_accuracy"])


def test_a_row_with_a_cell_too_many_is_refused(tmp_path: Path) -> None:
    run = run_of(tmp_path, *DIALECTS["marks and blanks"])
    (tmp_path / "odd.csv").write_text("a,b\n1,x\n1,2,x\n")
    with pytest.raises(SpecError, match="NS509"):
        read_rows(tmp_path / "odd.csv", run)


@pytest.mark.parametrize(
    ("text", "rows"), [("a,b\n1,x\n,\n3,y\n", 3), ("a,b\n1,x\n\n3,y\n\n\n", 3), ("a,b\r\n1,x\r\n\r\n", 1), ("a,b\n1,x\n,\n", 2)]
)
def test_every_line_has_an_answer(text: str, rows: int, tmp_path: Path) -> None:
    """A line without a value is a row of missing values; only blank lines at the end are none."""
    run = run_of(tmp_path, *DIALECTS["marks and blanks"])
    (tmp_path / "asked.csv").write_text(text, newline="")
    assert len(answers(run, read_rows(tmp_path / "asked.csv", run))) == rows


def test_a_cell_that_is_no_number_is_named(tmp_path: Path) -> None:
    run = run_of(tmp_path, *DIALECTS["marks and blanks"])
    (tmp_path / "odd.csv").write_text("a,b\n1,x\n12..5,x\n")
    with pytest.raises(SpecError, match=r"row 2 has the text `12\.\.5`"):
        read_rows(tmp_path / "odd.csv", run)


def test_columns_of_one_are_columns(tmp_path: Path) -> None:
    """[rows, 1] is what the exported graph takes, and `predict` does too."""
    run = run_of(tmp_path, *DIALECTS["marks and blanks"])
    flat = netspec.predict(run, {"a": [1.0, 2.0], "b": ["x", "y"]})
    tall = netspec.predict(run, {"a": np.asarray([[1.0], [2.0]]), "b": ["x", "y"]})
    assert {k: v.tolist() for k, v in flat.items()} == {k: v.tolist() for k, v in tall.items()}


def test_lines_of_json_end_where_they_do_in_training(tmp_path: Path) -> None:
    """U+2028 and U+0085 are letters of a text, not the end of its line."""
    records = [{"t": f"good\u2028day {i}" if i % 2 else f"bad\u0085day {i}", "y": "up" if i % 2 else "down"} for i in range(24)]
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(each, ensure_ascii=False) + "\n" for each in records))
    spec = {
        "netspec": 1,
        "name": "odd-lines",
        "input": {"shape": ["time"], "vocabulary": "words"},
        "model": {"layers": [{"embedding": 4}, "global_avg_pool", {"dense": 2}]},
        "data": {
            "source": {"json_lines": "rows.jsonl"},
            "inputs": {"input": ["t"]},
            "target": "y",
            "preprocess": {"t": {"tokenize": {"by": "word"}}},
        },
        "train": {"loss": "cross_entropy", "optimizer": {"adam": 0.05}, "epochs": 1},
    }
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    run = netspec.train(tmp_path / "spec.json", run=tmp_path / "run")
    assert len(answers(run, read_rows(tmp_path / "rows.jsonl", run))) == 24
    (tmp_path / "rows.txt").write_text("good\u2028day\nbad\u0085day\r\ngood\n", newline="")
    assert len(answers(run, read_rows(tmp_path / "rows.txt", run))) == 3
