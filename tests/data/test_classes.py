"""Which class is the positive one, and in which order classes stand: as the spec says, never by the alphabet alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from netspec import SpecError, export, predict, train, validate
from netspec.data import Roots, prepare
from netspec.graph.validate import required
from netspec.inference import open_predictor
from netspec.source import read_file
from netspec.training import train as start
from netspec.training.watch import Quiet

GENERATOR = np.random.default_rng(0)
POINTS = GENERATOR.normal(0, 1, (300, 2)).round(3)


def document(labels: list[Any], output: int = 1, **data: Any) -> dict[str, Any]:
    loss = "binary_cross_entropy" if output == 1 else "cross_entropy"
    return {
        "netspec": 1,
        "name": "classes",
        "input": [2],
        "model": {"layers": [{"dense": output}]},
        "data": {
            "source": {"inline": {"x": POINTS.tolist(), "y": labels}},
            "inputs": {"input": "x"},
            "target": "y",
            "split": {"validation": 0.2, "test": 0.3},
            **data,
        },
        "train": {"loss": loss, "optimizer": {"adam": 0.05}, "epochs": 3, "batch_size": 32, "metrics": ["f1", "pr_auc"]},
    }


def written(folder: Path, content: dict[str, Any]) -> Path:
    (folder / "pyproject.toml").write_text("")
    (folder / "spec.json").write_text(json.dumps(content))
    return folder / "spec.json"


FRAUD = ["fraud" if a + b > 1.5 else "legit" for a, b in POINTS]


@pytest.mark.parametrize("output", [1, 2])
@pytest.mark.parametrize("positive", ["fraud", "legit"])
def test_figures_are_those_of_the_positive_class(positive: str, output: int, tmp_path: Path) -> None:
    run = train(written(tmp_path, document(FRAUD, output, positive=positive)), run=tmp_path / "run")
    evaluation = run.evaluate()
    assert evaluation.positive == {"test_f1": positive, "test_pr_auc": positive} == evaluation.json()["positive"]
    assert evaluation.classes is not None
    assert evaluation.classes[1] == positive
    part = run.part("test")
    true = np.asarray(part.raw["y"].values) == positive
    (scores,) = predict(run, {"x": part.raw["x"].values}).values()
    chance = np.asarray(scores).reshape(len(true), -1)[:, -1]
    assert evaluation.metrics["test_f1"] == pytest.approx(f1_score(true, chance >= 0.5))
    assert evaluation.metrics["test_pr_auc"] == pytest.approx(average_precision_score(true, chance))
    export(run, tmp_path / "model.onnx")
    model = open_predictor(tmp_path / "model.onnx")
    assert model.evaluate(data=None).metrics == pytest.approx(evaluation.metrics)
    (same,) = predict(model, {"x": part.raw["x"].values}).values()
    np.testing.assert_allclose(np.asarray(same), np.asarray(scores), atol=1e-5)


def test_classes_stand_in_the_order_that_is_given(tmp_path: Path) -> None:
    labels = [["low", "middle", "high"][int(a > 0) + int(b > 0)] for a, b in POINTS]
    path = written(tmp_path, document(labels, 3, classes=["low", "middle", "high"]))
    spec, program = required(read_file(path))
    dataset = prepare(spec, program, Roots.of(path))
    assert dataset.preprocess.targets["output"].classes == ("low", "middle", "high")


def test_numbers_are_classes_by_what_they_look_like(tmp_path: Path) -> None:
    labels = [int(a > 0) for a, _ in POINTS]
    for positive, order in ((0, ("1", "0")), ("1", ("0", "1")), (1, ("0", "1"))):
        path = written(tmp_path, document(labels, positive=positive))
        spec, program = required(read_file(path))
        assert prepare(spec, program, Roots.of(path)).preprocess.targets["output"].classes == order


@pytest.mark.parametrize(
    ("labels", "output", "data", "told"),
    [
        (FRAUD, 1, {"positive": "frod"}, "write one of `fraud`, `legit`"),
        (FRAUD, 2, {"classes": ["fraud"]}, "leaves out `legit`"),
        (FRAUD, 2, {"classes": ["fraud", "legit", "fraud"]}, "lists a class twice"),
        ([f"c{i % 3}" for i in range(300)], 3, {"positive": "c1"}, "is for two classes"),
        ([i % 2 for i in range(300)], 2, {"classes": [0, 1, 2]}, "does not have"),
        (FRAUD, 1, {"positive": {"output": "frod"}}, "write one of `fraud`, `legit`"),
    ],
)
def test_what_does_not_fit_the_classes(labels: Any, output: int, data: Any, told: str, tmp_path: Path) -> None:
    path = written(tmp_path, document(labels, output, **data))
    spec, program = required(read_file(path))
    with pytest.raises(SpecError) as error:
        prepare(spec, program, Roots.of(path))
    (found,) = error.value.diagnostics
    assert found.code == "NS506"
    assert found.path.startswith(f"data.{next(iter(data))}")
    assert told in " ".join([found.message, *found.help])


class Hears(Quiet):
    def __init__(self) -> None:
        self.codes: list[str] = []

    def warned(self, warning: Any) -> None:
        self.codes.append(warning.code)


@pytest.mark.parametrize(
    ("labels", "data", "warns"),
    [
        (FRAUD, {}, True),
        (FRAUD, {"positive": "legit"}, False),
        (FRAUD, {"classes": ["legit", "fraud"]}, False),
        (["yes" if a > 0 else "no" for a, _ in POINTS], {}, False),
        ([int(a > 0) for a, _ in POINTS], {}, False),
    ],
    ids=["nobody-said", "said", "in-order", "yes", "one"],
)
def test_a_warning_where_nobody_said(labels: Any, data: Any, warns: bool, tmp_path: Path) -> None:
    path = written(tmp_path, document(labels, **data))
    spec, program = required(read_file(path))
    hears = Hears()
    start(spec, program, Roots.of(path), run=tmp_path / "run", watcher=hears)
    assert ("NS553" in hears.codes) == warns


def test_a_column_that_is_no_class(tmp_path: Path) -> None:
    content = document([float(a) for a, _ in POINTS], positive="1")
    content["train"] |= {"loss": "mean_squared_error", "metrics": ["mae"]}
    path = written(tmp_path, content)
    spec, program = required(read_file(path))
    with pytest.raises(SpecError, match="NS506"):
        prepare(spec, program, Roots.of(path))


@pytest.mark.parametrize(
    ("data", "code", "path"),
    [
        ({"positive": {"y": "fraud"}}, "NS303", "data.positive.y"),
        ({"classes": {"typo": ["legit", "fraud"]}}, "NS303", "data.classes.typo"),
        ({"positive": True}, "NS204", "data.positive"),
        ({"classes": [True, False]}, "NS204", "data.classes"),
    ],
    ids=["column", "typo", "true", "truths"],
)
def test_validate_tells_what_reaches_nothing(data: Any, code: str, path: str, tmp_path: Path) -> None:
    found = validate(written(tmp_path, document(FRAUD, **data)))
    assert [(each.code, each.path[: len(path)]) for each in found][:1] == [(code, path)]


def test_a_pair_has_no_target_with_classes(tmp_path: Path) -> None:
    content = document(FRAUD, positive="fraud")
    del content["data"]["target"]
    body = {"latent": 2, "generator": [{"dense": 2}], "discriminator": [{"dense": 1}]}
    side = {"optimizer": {"adam": 0.001}}
    content |= {"model": {"gan": body}, "train": {"loss": "hinge", "generator": side, "discriminator": side}}
    assert "NS519" in {each.code for each in validate(written(tmp_path, content))}
