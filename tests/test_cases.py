"""Small inputs that once went wrong, each with its right answer (`shared/cases/`)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec import compile, export, train, validate
from netspec.data.split import split_rows
from netspec.diagnostics import Diagnostic, SpecError
from netspec.graph.validate import required
from netspec.inference.files import read_rows
from netspec.inference.run import Run
from netspec.source import read_file
from netspec.training import checkpoint
from tests.support import SHARED

CASES = SHARED / "cases"
pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="the shared cases are not here")


class Case:
    """A copy of a case's folder, and what can be done with its spec."""

    def __init__(self, name: str, folder: Path) -> None:
        shutil.copytree(CASES / name, folder / name)
        self.folder = folder / name
        (self.folder / "pyproject.toml").write_text("")
        self.spec = next(path for path in sorted(self.folder.iterdir()) if path.suffix == ".yaml")

    def trained(self, **changes: Any) -> Run:
        return train(self.spec, run=self.folder / "run", **changes)

    def told(self) -> dict[str, Diagnostic]:
        return {d.code: d for d in validate(self.spec)}

    def refused(self, code: str) -> Diagnostic:
        """What training says that the spec or its data is wrong with; nothing is left behind."""
        with pytest.raises(SpecError) as caught:
            self.trained()
        (diagnostic,) = caught.value.diagnostics
        assert diagnostic.code == code
        assert not (self.folder / "run").exists()
        return diagnostic


@pytest.fixture
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Case:
    return Case(request.param, tmp_path)


def lines(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.folder.metrics.read_text().splitlines()]


def state(run: Run) -> Mapping[str, np.ndarray[Any, Any]]:
    saved, _ = checkpoint.load_newest(run.folder.checkpoints)
    assert saved is not None
    return saved.arrays


def at(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [name], indirect=True)


@at("accumulate-longer-than-epoch")
def test_an_epoch_shorter_than_an_update_is_an_update(case: Case) -> None:
    run = case.trained()
    assert any(np.abs(array).max() > 0 for name, array in state(run).items() if name.startswith("parameters/"))


@at("accumulate-short-batch")
def test_each_example_counts_the_same(case: Case) -> None:
    assert abs(state(case.trained())["parameters/h/kernel"]).max() > 0
    assert state(Run(case.folder / "run"))["parameters/h/kernel"][0, 0] == pytest.approx(0.0445, abs=5e-5)


@at("activity-regularization-padding")
def test_padding_is_not_regularised(case: Case) -> None:
    assert lines(case.trained())[0]["train_loss"] == pytest.approx(3.373, abs=5e-4)


@at("batch-norm-cold")
def test_cold_statistics_are_told(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    from netspec.graph.run_lints import length_of, lint_length
    from netspec.spec.reader import Reader

    spec, program = required(read_file(case.spec))
    reader = Reader(spec.document)
    lint_length(reader, spec, program, length_of(spec, 64))
    assert [d.code for d in reader.diagnostics] == ["NS548"]


@at("batch-norm-of-one")
def test_a_batch_of_one_is_refused(case: Case) -> None:
    assert "NS417" in case.told()


@at("class-weights-on-masks")
def test_class_weights_weigh_positions(case: Case) -> None:
    (case.folder / "data").mkdir()
    shutil.copy(case.folder / "masks01.npz", case.folder / "data")
    weighed = lines(case.trained())
    text = case.spec.read_text()
    case.spec.write_text(text.replace("  class_weights: balanced\n", ""))
    plain = lines(train(case.spec, run=case.folder / "plain"))
    assert weighed[0]["train_loss"] != pytest.approx(plain[0]["train_loss"], rel=1e-3)


@at("compile-free-positions")
def test_positions_of_a_free_axis_compile(case: Case, tmp_path: Path) -> None:
    from netspec.compiler.artifact import compile_program

    spec, program = required(read_file(case.spec))
    assert compile_program(spec, program, tmp_path / "out", emit=("stablehlo",), platforms=("cpu",)).files
    network = compile(case.spec)
    for steps in (1, 7, 16):
        assert network(np.zeros((2, steps, 8), np.float32)).shape == (2, steps, 8)


@at("ema-cold")
@pytest.mark.parametrize("decay", [0.999, 0.9999])
def test_a_young_average_is_no_worse_than_its_weights(case: Case, decay: float) -> None:
    accuracy = lines(case.trained(set={"train.ema": decay}))[-1]["validation_accuracy"]
    assert accuracy >= 0.93


@at("longer-cosine")
def test_a_jump_of_the_rate_is_told(case: Case) -> None:
    from netspec.data import Roots
    from netspec.training import train as start
    from netspec.training.watch import Quiet

    class Watch(Quiet):
        def warned(self, warning: Diagnostic) -> None:
            told.append(warning.code)

    told: list[str] = []
    case.trained()
    spec, program = required(read_file(case.spec), {"train.epochs": 12})
    start(
        spec, program, Roots.of(case.spec), run=case.folder / "run", resume=True, allow_change=("train.epochs",),
        watcher=Watch(),
    )  # fmt: skip
    assert told == ["NS552"]


@at("monitor-nan")
def test_a_figure_that_is_no_number_is_told(case: Case) -> None:
    from netspec.data import Roots
    from netspec.training import train as start
    from netspec.training.watch import Quiet

    class Watch(Quiet):
        def warned(self, warning: Diagnostic) -> None:
            told.append(warning)

    told: list[Diagnostic] = []
    spec, program = required(read_file(case.spec))
    start(spec, program, Roots.of(case.spec), run=case.folder / "run", watcher=Watch())
    assert [warning.code for warning in told] == ["NS547"]
    assert "two classes" in told[0].help[0]
    for line in (case.folder / "run" / "metrics.jsonl").read_text().splitlines():
        assert json.loads(line, parse_constant=pytest.fail)["validation_roc_auc"] is None


@at("multi-label-metrics")
def test_labels_are_judged_each_for_itself(case: Case) -> None:
    found = case.trained().evaluate().metrics
    assert found["test_roc_auc"] == pytest.approx(0.932, abs=2e-3)
    assert found["test_pr_auc"] == pytest.approx(0.896, abs=2e-3)
    assert found["test_f1"] == pytest.approx(0.666, abs=2e-3)


@at("r2-of-several-outputs")
def test_columns_are_judged_each_for_itself(case: Case) -> None:
    assert case.trained().evaluate().metrics["test_r2"] == pytest.approx(-0.590, abs=1e-3)


@at("name-clash")
def test_validate_tells_of_a_clash(case: Case) -> None:
    assert "NS512" in case.told()


@at("one-class-binary")
def test_one_class_is_refused(case: Case) -> None:
    assert "one class" in case.refused("NS506").message


@at("over-two-gigabytes")
def test_a_file_that_cannot_be_is_told(case: Case) -> None:
    assert case.told()["NS605"].severity == "warning"
    case.spec.write_text(case.spec.read_text() + "export: {}\n")
    assert case.told()["NS605"].severity == "error"


@at("ragged-concat")
def test_sequences_are_not_joined_behind_their_filling(case: Case) -> None:
    assert "concat" in case.refused("NS414").message


@at("recurrent-then-flatten")
def test_what_a_recurrence_gives_may_be_flattened(case: Case) -> None:
    exported = export(case.trained(), case.folder / "model.onnx")
    assert exported.parity.holds


@at("same-strided-dilated-free")
def test_same_with_strides_and_dilation_is_exported(case: Case) -> None:
    from tests.support import close, flax_values, graph_of, lowered_of, onnx_outputs, weights_of

    document = {"input": ["time", 2], "model": {"layers": [{"conv1d": {"filters": 3, "kernel_size": 3, "strides": 2, "dilation_rate": 2, "padding": "same"}}]}}  # fmt: skip
    graph = graph_of(document)
    weights = weights_of(graph)
    lowered = lowered_of(graph, weights)
    for steps in range(1, 12):
        x = np.random.default_rng(steps).normal(size=(2, steps, 2)).astype(np.float32)
        expected = flax_values(graph, weights, (x,))
        for name, value in onnx_outputs(lowered, graph, (x,)).items():
            close(value, expected[graph.outputs[name]])


@at("sines")
def test_sines_train(case: Case) -> None:
    assert np.isfinite(lines(case.trained())[0]["train_loss"])


@at("two-series-targets")
def test_two_targets_of_a_series_are_refused_by_validate(case: Case) -> None:
    assert "NS507" in case.told()


@at("unused-variable")
def test_an_unused_variable_is_told(case: Case) -> None:
    assert case.told()["NS316"].severity == "warning"


@at("positive-class")
def test_figures_of_two_classes_name_theirs(case: Case) -> None:
    evaluation = case.trained().evaluate()
    assert set(evaluation.positive.values()) == {"legit"}
    text = case.spec.read_text()
    case.spec.write_text(text.replace("target: y,", "target: y, positive: fraud,"))
    chosen = train(case.spec, run=case.folder / "chosen").evaluate()
    assert set(chosen.positive.values()) == {"fraud"}
    assert abs(chosen.metrics["test_f1"] - 0.4) < 0.1
    assert abs(chosen.metrics["test_pr_auc"] - 0.488) < 0.05


@at("positive-by-alphabet")
def test_the_figures_of_who_leaves(case: Case) -> None:
    text = case.spec.read_text()
    before = case.trained().evaluate()
    case.spec.write_text(text.replace("  target: y", "  target: y\n  positive: churn"))
    after = train(case.spec, run=case.folder / "chosen").evaluate()
    assert (before.positive["test_f1"], after.positive["test_f1"]) == ("stay", "churn")
    assert before.metrics["test_f1"] > 0.9 > 0.5 > after.metrics["test_f1"]


@at("wav-cut-short")
def test_a_sound_that_breaks_off_is_refused(case: Case) -> None:
    assert "cut" in case.refused("NS509").message


@at("wav-nan")
def test_a_sound_with_samples_that_are_no_numbers_is_refused(case: Case) -> None:
    assert "sample 6 is nan" in case.refused("NS509").message


@at("predict-reads-otherwise")
def test_predict_reads_the_training_file_as_training_did(case: Case) -> None:
    run = case.trained()
    seen = run.part("train").raw
    expected = run.predict({name: seen[name] for name in ("a", "b")})
    (found,), (due,) = run.predict(read_rows(case.folder / "d.csv", run)).values(), expected.values()
    np.testing.assert_allclose(np.asarray(found)[_train_rows(run, "d.csv")], np.asarray(due), rtol=1e-5)


@at("predict-delimiter")
def test_predict_reads_by_the_sources_delimiter(case: Case) -> None:
    run = case.trained()
    seen = run.part("train").raw
    expected = run.predict({name: seen[name] for name in ("a", "b")})
    (found,), (due,) = run.predict(read_rows(case.folder / "d.csv", run)).values(), expected.values()
    np.testing.assert_allclose(np.asarray(found)[_train_rows(run, "d.csv")], np.asarray(due), rtol=1e-5)


def _train_rows(run: Run, file: str) -> Any:
    """The rows of the training part: those that the split left."""
    assert run.spec.data is not None
    count = len((run.folder.path.parent / file).read_text().splitlines()) - 1
    return split_rows(count, run.spec.data.split, None, None)["train"]


@at("json-lines-2028")
def test_texts_hold_line_separators(case: Case) -> None:
    run = case.trained()
    (found,) = run.predict(read_rows(case.folder / "d.jsonl", run)).values()
    assert len(found) == (case.folder / "d.jsonl").read_bytes().count(b"\n")
