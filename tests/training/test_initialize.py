"""Weights that come from an earlier run: matched by name and shape, frozen or not, and told where they do not fit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec import SpecError, train, validate
from netspec.diagnostics import Severity
from netspec.inference.run import Run
from tests.training.test_resume import netspec

BODY = [{"dense": {"units": 16, "activation": "relu"}}, "batch_norm", {"dense": 8}]
DATA: dict[str, Any] = {
    "source": {"sklearn": "digits"},
    "split": {"validation": 0.2},
    "preprocess": {"input": {"rescale": {"from": [0, 16], "to": [0, 1]}}},
}
MIRROR: dict[str, Any] = {
    "netspec": 1,
    "name": "mirror",
    "input": [64],
    "model": {"autoencoder": {"encoder": BODY, "decoder": [{"dense": 64}]}},
    "data": DATA,
    "train": {"loss": "mean_squared_error", "optimizer": {"adam": 1e-2}, "epochs": 3},
}
CLASSIFIER: dict[str, Any] = {
    "netspec": 1,
    "name": "classifier",
    "input": [64],
    "initialize": {"from": "mirror/best", "layers": {"trunk": "encoder"}, "freeze": True},
    "model": {"layers": [{"block": {"layers": BODY}, "name": "trunk"}, {"dense": 10}]},
    "data": DATA,
    "train": {"loss": "cross_entropy", "optimizer": {"adam": 1e-2}, "epochs": 2, "metrics": ["accuracy"]},
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("initialize")
    (folder / "mirror.json").write_text(json.dumps(MIRROR))
    train(folder / "mirror.json", runs=folder / "runs")
    return folder / "runs"


def started(runs: Path, folder: Path, document: dict[str, Any]) -> Run:
    (folder / "spec.json").write_text(json.dumps(document))
    return train(folder / "spec.json", run=folder / "run", runs=runs)


def mirror_of(runs: Path) -> Run:
    return Run(next((runs / "mirror").iterdir()))


def with_initialize(**changes: Any) -> dict[str, Any]:
    return {**CLASSIFIER, "initialize": {**CLASSIFIER["initialize"], **changes}}


def test_frozen_weights_are_the_earlier_runs_to_the_last_bit(runs: Path, tmp_path: Path) -> None:
    run, mirror = started(runs, tmp_path, CLASSIFIER), mirror_of(runs)
    taken = {name: array for name, array in mirror.weights.items() if name.startswith("encoder.")}
    assert len(taken) == 8, "two dense layers, and a batch norm with its running statistics"
    for name, array in taken.items():
        assert run.weights[name.replace("encoder.", "trunk.", 1)].tobytes() == array.tobytes(), name
    trainable, _ = run.program.main.parameter_count()
    assert trainable == 8 * 10 + 10


def test_weights_that_are_not_frozen_only_start_there(runs: Path, tmp_path: Path) -> None:
    run, mirror = started(runs, tmp_path, with_initialize(freeze=False)), mirror_of(runs)
    kernel = "dense_1/kernel"
    moved = np.abs(run.weights[f"trunk.{kernel}"] - mirror.weights[f"encoder.{kernel}"])
    assert moved.max() > 0
    assert np.corrcoef(run.weights[f"trunk.{kernel}"].ravel(), mirror.weights[f"encoder.{kernel}"].ravel())[0, 1] > 0.5


def test_a_folder_of_that_name_may_be_the_run_itself(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(next((runs / "mirror").iterdir()), tmp_path / "runs" / "mirror", symlinks=True)
    run = started(tmp_path / "runs", tmp_path, CLASSIFIER)
    assert run.weights["trunk.dense_1/kernel"].tobytes() == mirror_of(runs).weights["encoder.dense_1/kernel"].tobytes()


def test_a_run_can_be_named_by_its_time(runs: Path, tmp_path: Path) -> None:
    identity = mirror_of(runs).folder.path.name
    started(runs, tmp_path, with_initialize(**{"from": f"mirror/{identity}/best"}))


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({"from": "nobody/best"}, "NS531", "there is no run of `nobody`"),
        ({"from": "mirror/20000101-000000/best"}, "NS531", "there is no run `mirror/20000101-000000`"),
        ({"layers": {"trunk": "decoder"}}, "NS537", "`batch_norm_1/scale` is only here"),
        ({"layers": {"trunk": "middle"}}, "NS537", "the run has no weights in `middle`"),
    ],
)
def test_what_does_not_fit_is_told(runs: Path, tmp_path: Path, changes: dict[str, Any], code: str, told: str) -> None:
    with pytest.raises(SpecError) as failure:
        started(runs, tmp_path, with_initialize(**changes))
    (found,) = failure.value.diagnostics
    assert found.code == code
    assert told in found.message
    assert found.span is not None
    assert not (tmp_path / "run" / "manifest.json").exists()


def test_another_shape_is_told_with_both(runs: Path, tmp_path: Path) -> None:
    wider = {
        **CLASSIFIER,
        "model": {"layers": [{"block": {"layers": [{"dense": 17}, *BODY[1:]]}, "name": "trunk"}, {"dense": 10}]},
    }
    with pytest.raises(SpecError, match=r"`dense_1/kernel` is \[64, 17\] here and \[64, 16\] there"):
        started(runs, tmp_path, wider)


def test_a_resumed_run_needs_the_earlier_one_no_more(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text(json.dumps(CLASSIFIER))
    netspec("train", "spec.json", "--runs", runs, "--run", "run", "--stop-after", "1", "-q", folder=tmp_path)
    netspec("train", "spec.json", "--runs", "elsewhere", "--run", "run", "--resume", "-q", folder=tmp_path)
    assert Run(tmp_path / "run").manifest["state"] == "finished"


def test_what_the_file_alone_tells(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text(json.dumps(with_initialize(layers={"trnk": "encoder"})))
    (found,) = (d for d in validate(tmp_path / "spec.json") if d.severity is Severity.error)
    assert found.code == "NS303"
    assert found.help == ("did you mean `trunk`?",)


def test_data_that_cannot_be_made_are_told_when_they_are_read(tmp_path: Path) -> None:
    document = {
        **MIRROR,
        "model": {"autoencoder": {"encoder": BODY, "decoder": [{"dense": {"units": 64, "activation": "sigmoid"}}]}},
        "data": {**DATA, "preprocess": {"input": {"rescale": {"from": [0, 8], "to": [0, 1]}}}},
    }
    with pytest.raises(SpecError, match=r"NS518.*from 0 to 2 after preprocessing, but the decoder makes 0 to 1"):
        started(tmp_path / "runs", tmp_path, document)
