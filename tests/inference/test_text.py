"""Text classifiers in an .onnx file: what ONNX cannot split travels in the metadata, and every answer is the run's."""

from __future__ import annotations

import csv
import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

from netspec import SpecError, evaluate, export, predict, train
from netspec.cli.main import application
from netspec.inference.onnx import OnnxModel
from netspec.inference.run import Run

COMMAND = CliRunner()
GOOD, BAD = ("good", "great!", "lovely", "Fine", "wonderful…"), ("bad", "awful", "poor", "sad...", "Terrible")
FILLING = ("the", "film", "was", "a", "day,", "Bob's", "—", "café", "naïve", "日本")
NEW = ("Great film , a day!", "a terrible day", "never seen: wørds Ωmega", "LOVELY", "bad", "日本 日本 was é")
STEPS: dict[str, list[Any]] = {
    "token": [{"tokenize": {"by": "token"}}],
    "character": [{"tokenize": {"by": "character"}}, {"pad_sequence": 12}],
    "lower characters": [{"tokenize": {"by": "character", "lowercase": True, "vocabulary": 40}}],
    "the last words": [{"tokenize": {"by": "word", "least": 2}}, {"pad_sequence": {"max": 6, "keep": "end"}}],
    "words": ["tokenize"],
}


def reviews(folder: Path) -> None:
    drawn = random.Random(0)
    rows = []
    for i in range(160):
        words = [*drawn.choices(FILLING, k=drawn.randint(1, 6)), drawn.choice((GOOD, BAD)[i % 2])]
        drawn.shuffle(words)
        rows.append((" ".join(words), ("good", "bad")[i % 2]))
    for name, found in {"reviews.csv": rows, "new.csv": [(text, ("good", "bad")[i % 2]) for i, text in enumerate(NEW)]}.items():
        with (folder / name).open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([("text", "label"), *found])
    (folder / "new.txt").write_text("\n".join(NEW), encoding="utf-8")
    (folder / "new.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in NEW))


def document(steps: list[Any]) -> dict[str, Any]:
    return {
        "netspec": 1,
        "name": "reviews",
        "input": {"shape": ["time"], "vocabulary": "words"},
        "model": {"layers": [{"embedding": 8}, {"gru": 8}, {"dense": "classes"}]},
        "data": {
            "source": {"csv": "reviews.csv"},
            "inputs": {"input": "text"},
            "target": "label",
            "split": {"validation": 0.2, "test": 0.2, "stratify": True},
            "preprocess": {"input": steps},
        },
        "train": {
            "loss": "cross_entropy",
            "optimizer": {"adam": 0.02},
            "epochs": 16,
            "batch_size": 16,
            "metrics": ["accuracy"],
        },
    }


@pytest.fixture(scope="module", params=STEPS)
def classifier(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that tells good from bad, and its files beside it; nothing of the run stands beside those."""
    folder = tmp_path_factory.mktemp("text")
    reviews(folder)
    (folder / "spec.json").write_text(json.dumps(document(STEPS[request.param])))
    run = train(folder / "spec.json", run=folder / "run")
    for name, changes in {"plain": {}, "labels": {"outputs": "labels"}, "network": {"inputs": "prepared"}}.items():
        export(run, folder / "alone" / f"{name}.onnx", **changes)
    for path in ("reviews.csv", "new.csv", "new.txt", "new.jsonl"):
        shutil.copy(folder / path, folder / "alone" / path)
    return run


def files(run: Run) -> list[Path]:
    folder = run.folder.path.parent / "alone"
    return [folder / f"{name}.onnx" for name in ("plain", "network", "labels")]


def shown(model: Path, rows: Path) -> str:
    found = COMMAND.invoke(application(), ["predict", str(model), str(rows)])
    assert found.exit_code == 0, found.output
    return found.output


def test_the_vocabulary_goes_with_the_file(classifier: Run) -> None:
    """Texts go in where ONNX can split them, else ids; the words that ids stand for are in the file either way."""
    (pipe,) = classifier.preprocess.inputs.values()
    for path in files(classifier):
        model = onnx.load(path)
        kinds = {value.name: value.type.tensor_type.elem_type for value in model.graph.input}
        in_graph = not pipe.on_host and path.stem != "network"
        assert kinds["input"] == (onnx.TensorProto.STRING if in_graph else onnx.TensorProto.INT32)
        assert OnnxModel(path).preprocess.json() == classifier.preprocess.json()


def test_every_kind_of_file_is_answered_as_the_run_does(classifier: Run) -> None:
    ours = predict(classifier, {"text": list(NEW)})["output"]
    assert ours[[0, 4]].argmax(1).tolist() == [1, 0]
    plain, network, labels = files(classifier)
    for name in ("new.csv", "new.txt", "new.jsonl"):
        rows = plain.parent / name
        assert shown(plain, rows) == shown(network, rows)
        lines = list(csv.DictReader(shown(plain, rows).splitlines()))
        np.testing.assert_allclose([[float(line["p_bad"]), float(line["p_good"])] for line in lines], ours, atol=2e-6)
        assert [line["label"] for line in lines] == [("bad", "good")[i] for i in ours.argmax(1)]
        named = [line["label"] for line in csv.DictReader(shown(labels, rows).splitlines())]
        assert named == [line["label"] for line in lines]
        own = csv.DictReader(shown(classifier.folder.path, rows).splitlines())
        assert [line["label"] for line in own] == named


def test_every_file_is_judged_as_the_run_is(classifier: Run) -> None:
    for path in files(classifier):
        for data in (None, path.parent / "new.csv"):
            ours, theirs = evaluate(classifier, data=data), evaluate(path, data=data, data_root=path.parent)
            assert theirs.metrics == ours.metrics
            np.testing.assert_array_equal(theirs.confusion, ours.confusion)
        assert ours.examples == len(NEW)
    assert evaluate(classifier).metrics["test_accuracy"] > 0.7


def test_half_a_character_is_told(classifier: Run) -> None:
    """JSON can write what no text holds, and ONNX Runtime takes UTF-8."""
    plain, *_ = files(classifier)
    (plain.parent / "half.jsonl").write_text('{"text": "all well"}\n{"text": "a lovely d\\ud83day"}\n')
    for model in (classifier.folder.path, plain):
        refused = COMMAND.invoke(application(), ["predict", str(model), str(plain.parent / "half.jsonl")])
        assert isinstance(refused.exception, SpecError)
        (found,) = refused.exception.diagnostics
        assert found.code == "NS509"
        assert found.message.startswith("row 2 of `text` holds one half of a surrogate pair")
        assert r"lovely d\ud83day" in found.message
        assert found.help
        with pytest.raises(SpecError, match="row 1 of `text`"):
            predict(model, {"text": ["\ud800"]})
    whole = predict(plain, {"text": ["a lovely d\U0001f600y"]})
    np.testing.assert_allclose(whole["output"], predict(classifier, {"text": ["a lovely d\U0001f600y"]})["output"], atol=2e-6)


def test_nothing_to_read_is_told(classifier: Run) -> None:
    plain, *_ = files(classifier)
    for model in (classifier.folder.path, plain):
        with pytest.raises(SpecError, match="1 of 2 texts of `input` have no words"):
            predict(model, {"text": ["good", ""]})
