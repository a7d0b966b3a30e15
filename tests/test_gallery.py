"""Every spec of the gallery validates, and those that need no file train as they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netspec import train
from netspec.graph.dump import graph_hash
from netspec.graph.validate import checked, required
from netspec.inference.run import Run
from netspec.report.canonical import as_yaml
from netspec.source import read_file, read_text
from netspec.spec import load
from netspec.spec.expand import expanded
from tests.support import SHARED, SPECS, needs_shared

ALL = sorted(SPECS.rglob("*.yaml"))
TRAINED = sorted(SPECS.glob("*.yaml"))
BRING_YOUR_OWN = {
    *("mnist-lenet", "mnist-cnn", "image-folder-cnn", "adult-income", "banknote-mlp"),
    *("airline-lstm", "min-temperature-gru", "italy-power-fcn", "japanese-vowels-bilstm", "spoken-digits-crnn"),
    *("sms-spam-lstm", "review-bag", "review-cnn-lstm", "char-lstm"),
    *("mnist-dcgan", "mnist-wgan-gp", "mnist-conditional-gan", "mnist-vae", "mnist-autoencoder", "mammography-anomaly"),
    "digits-pretrained-classifier",  # which wants a run of digits-autoencoder: see below
}
OUT_OF_THE_BOX = [path for path in TRAINED if path.stem not in BRING_YOUR_OWN]


@pytest.mark.parametrize("path", ALL, ids=lambda p: p.stem)
def test_it_validates_without_a_word(path: Path) -> None:
    assert checked(read_file(path)).diagnostics == ()
    assert load(path).name == path.stem
    assert path.read_text().startswith("# yaml-language-server: $schema=")


@pytest.mark.parametrize("path", ALL, ids=lambda p: p.stem)
def test_the_canonical_form_is_a_fixed_point(path: Path) -> None:
    spec, program = required(read_file(path))
    once = expanded(spec)
    for text, name in ((json.dumps(once), "again.json"), (as_yaml(once), "again.yaml")):
        again, same = required(read_text(text, name))
        assert expanded(again) == once
        assert graph_hash(same) == graph_hash(program)


LONG = ("adding-problem-rnn", "copy-task-gru")
"""They take minutes to what they promise."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem, marks=[pytest.mark.night] if path.stem in LONG else []) for path in OUT_OF_THE_BOX],
)
def test_it_trains_and_keeps_its_promises(path: Path, tmp_path: Path) -> None:
    # Pairs take minutes to their end: `python -m tests.benchmarks.pairs` goes there, and judges what they make.
    shorter = {"train.epochs": 5} if load(path).gan is not None else {}
    run = train(path, run=tmp_path / "run", set=shorter, finish=True)
    assert run.finished is not None
    assert run.finished.broken == ()
    assert (tmp_path / "run" / "model.onnx").exists()
    assert (tmp_path / "run" / "model.parity.json").exists()
    assert any((tmp_path / "run" / "tensorboard").iterdir())


@pytest.mark.slow
def test_an_encoder_learnt_without_labels_serves_a_classifier(tmp_path: Path) -> None:
    train(SPECS / "digits-autoencoder.yaml", runs=tmp_path / "runs")
    run = train(SPECS / "digits-pretrained-classifier.yaml", runs=tmp_path / "runs", run=tmp_path / "run")
    assert run.evaluate().metrics["test_accuracy"] > 0.9


def test_the_step_neuron_fires_as_the_textbook_says(tmp_path: Path) -> None:
    run = train(SPECS / "step-neuron.yaml", run=tmp_path / "run")
    from netspec import predict

    answers = predict(run, {"x": [[0.5, 0.6], [0.1, 0.2]]})
    assert answers["output"].tolist() == [[1.0], [0.0]]


@pytest.mark.parametrize(("name", "truth"), [("perceptron-or", [0, 1, 1, 1]), ("xor-mlp", [0, 1, 1, 0])])
def test_the_gates_are_learnt(name: str, truth: list[int], tmp_path: Path) -> None:
    from netspec import predict

    run = train(SPECS / f"{name}.yaml", run=tmp_path / "run")
    answers = predict(run, {"x": [[0, 0], [0, 1], [1, 0], [1, 1]]})
    assert (answers["output"][:, 0] >= 0.5).astype(int).tolist() == truth


@needs_shared
@pytest.mark.slow
def test_pictures_in_folders(tmp_path: Path) -> None:
    settings = {"train.epochs": 1, "train.batch_size": 64}
    run: Run = train(SPECS / "image-folder-cnn.yaml", run=tmp_path / "run", data_root=SHARED / "data", set=settings)
    evaluation = run.evaluate()
    assert evaluation.examples == 150
    assert evaluation.classes == tuple("0123456789")
