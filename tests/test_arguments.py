"""The Python API with wrong arguments: each is a diagnostic that names the argument, and nothing is begun."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import netspec
from netspec import SpecError
from netspec.inference.run import Run
from tests.fuzz.runs import project


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("arguments")
    return netspec.train(folder / "spec.json", run=project(folder), resume=True)


def spec(run: Run) -> Path:
    return run.folder.path.parent / "spec.json"


WRONG: dict[str, tuple[str, str, Callable[[Run], Any]]] = {
    "load-nothing": ("NS204", "`path`", lambda run: netspec.load(None)),  # type: ignore[arg-type]
    "load-bytes": ("NS204", "`path`", lambda run: netspec.load(b"spec.json")),  # type: ignore[arg-type]
    "load-set-list": ("NS204", "`set`", lambda run: netspec.load(spec(run), set=[1])),  # type: ignore[arg-type]
    "load-set-number": ("NS204", "`set`", lambda run: netspec.load(spec(run), set={1: 2})),  # type: ignore[dict-item]
    "load-set-object": ("NS204", "train.epochs", lambda run: netspec.load(spec(run), set={"train.epochs": object()})),  # type: ignore[dict-item]
    "validate-mapping": ("NS204", "`path`", lambda run: netspec.validate({"netspec": 1})),  # type: ignore[arg-type]
    "compile-text": ("NS204", "classes", lambda run: netspec.compile(spec(run), dims={"classes": "x"})),  # type: ignore[dict-item]
    "compile-negative": ("NS205", "classes", lambda run: netspec.compile(spec(run), dims={"classes": -2})),
    "compile-fraction": ("NS204", "classes", lambda run: netspec.compile(spec(run), dims={"classes": 2.5})),  # type: ignore[dict-item]
    "compile-unknown": ("NS410", "zzz", lambda run: netspec.compile(spec(run), dims={"classes": 2, "zzz": 3})),
    "compile-list": ("NS204", "`dims`", lambda run: netspec.compile(spec(run), dims=[1])),  # type: ignore[arg-type]
    "compile-seed": ("NS205", "`seed`", lambda run: netspec.compile(spec(run), dims={"classes": 2}, seed=2**70)),
    "compile-seeds": ("NS204", "`seed`", lambda run: netspec.compile(spec(run), dims={"classes": 2}, seed=np.array([1, 2]))),  # type: ignore[arg-type]
    "compile-class": ("NS204", "`seed`", lambda run: netspec.compile(spec(run), dims={"classes": 2}, seed=int)),  # type: ignore[arg-type]
    "train-number": ("NS204", "`spec`", lambda run: netspec.train(3)),  # type: ignore[arg-type]
    "train-run": ("NS204", "`run`", lambda run: netspec.train(spec(run), run=3)),  # type: ignore[arg-type]
    "train-runs": ("NS204", "`runs`", lambda run: netspec.train(spec(run), runs=3)),  # type: ignore[arg-type]
    "train-data-root": ("NS501", "`data_root`", lambda run: netspec.train(spec(run), data_root="no/such/folder")),
    "evaluate-nothing": ("NS204", "`run`", lambda run: netspec.evaluate(None)),  # type: ignore[arg-type]
    "evaluate-part": ("NS504", "tset", lambda run: netspec.evaluate(run, part="tset")),
    "evaluate-part-number": ("NS204", "`part`", lambda run: netspec.evaluate(run, part=3)),  # type: ignore[arg-type]
    "evaluate-data": ("NS204", "`data`", lambda run: netspec.evaluate(run, data=3)),  # type: ignore[arg-type]
    "predict-nothing": ("NS204", "`rows`", lambda run: netspec.predict(run, None)),  # type: ignore[arg-type]
    "predict-array": ("NS204", "`rows`", lambda run: netspec.predict(run, np.ones((2, 2)))),  # type: ignore[arg-type]
    "predict-scalar": ("NS507", "`a`", lambda run: netspec.predict(run, {"a": 1.0, "b": 2.0})),  # type: ignore[dict-item]
    "predict-word": ("NS507", "`a`", lambda run: netspec.predict(run, {"a": "12", "b": "34"})),
    "predict-nested": ("NS507", "`a`", lambda run: netspec.predict(run, {"a": [[1, 2]], "b": [1]})),
    "predict-unequal": ("NS507", "different lengths", lambda run: netspec.predict(run, {"a": [1.0, 2.0], "b": [1.0]})),
    "generate-length": ("NS205", "`length`", lambda run: netspec.generate(run, -1)),
    "generate-other": ("NS510", "language model", lambda run: netspec.generate(run, 10)),
    "sample-rows": ("NS205", "`rows`", lambda run: netspec.sample(run, -1)),
    "sample-other": ("NS510", "samples", lambda run: netspec.sample(run, 1)),
    "export-nothing": ("NS204", "`run`", lambda run: netspec.export(None, "x.onnx")),  # type: ignore[arg-type]
    "export-path": ("NS204", "`path`", lambda run: netspec.export(run, None)),  # type: ignore[arg-type]
    "export-part": ("NS303", "zzz", lambda run: netspec.export(run, "x.onnx", part="zzz")),
    "export-opset": ("NS205", "opset", lambda run: netspec.export(run, "x.onnx", opset=5)),
    "export-opset-text": ("NS204", "opset", lambda run: netspec.export(run, "x.onnx", opset="a")),  # type: ignore[arg-type]
    "export-outputs": ("NS205", "outputs", lambda run: netspec.export(run, "x.onnx", outputs="zzz")),  # type: ignore[arg-type]
    "export-layout": ("NS205", "layout", lambda run: netspec.export(run, "x.onnx", layout=3)),  # type: ignore[arg-type]
    "export-dynamic": ("NS303", "zz", lambda run: netspec.export(run, "x.onnx", dynamic=["zz"])),
}


@pytest.mark.parametrize(("code", "named", "call"), list(WRONG.values()), ids=list(WRONG))
def test_a_wrong_argument_is_a_diagnostic(code: str, named: str, call: Callable[[Run], Any], run: Run) -> None:
    with pytest.raises(SpecError) as error:
        call(run)
    found = error.value.diagnostics[0]
    assert found.code == code
    assert named in found.message
    assert not Path("x.onnx").exists()
