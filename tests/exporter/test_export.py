"""The exported file: preprocessing inside, nothing superfluous, and a proof that can fail."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from netspec import export, train
from netspec.diagnostics import SpecError
from netspec.exporter.session import session
from netspec.exporter.verify import verify
from netspec.inference import open_predictor
from netspec.inference.run import Run
from netspec.spec import load
from tests.support import graph_of, lowered_of, weights_of

ROWS = 120


def mixed_csv(path: Path) -> None:
    """Numbers with gaps, categories with gaps, a label that follows from them."""
    generator = np.random.default_rng(0)
    lines = ["age,height,colour,city,label"]
    for _ in range(ROWS):
        age, height = generator.integers(18, 90), round(float(generator.normal(170, 10)), 1)
        colour, city = generator.choice(["red", "green", "blue"]), generator.choice(["Aachen", "Bonn", ""])
        label = "yes" if age > 50 or colour == "red" else "no"
        shown = "" if generator.random() < 0.1 else str(age)
        lines.append(f"{shown},{height},{colour},{city},{label}")
    path.write_text("\n".join(lines) + "\n")


def mixed_spec(folder: Path, **export: Any) -> Path:
    mixed_csv(folder / "people.csv")
    document = {
        "netspec": 1,
        "name": "people",
        "input": ["features"],
        "model": {"mlp": {"hidden": [8], "output": "classes"}},
        "data": {
            "source": {"csv": "people.csv"},
            "inputs": {"input": "all"},
            "target": "label",
            "split": {"validation": 0.2, "test": 0.2, "stratify": True},
            "preprocess": {
                "numbers": [{"impute": "median"}, "standardize"],
                "categories": [{"impute": "most_frequent"}, "one_hot"],
            },
        },
        "train": {
            "loss": "cross_entropy",
            "optimizer": {"adam": 0.01},
            "epochs": 3,
            "batch_size": 16,
            "metrics": ["accuracy", "roc_auc"],
        },
        "export": export,
    }
    path = folder / "people.json"
    path.write_text(json.dumps(document))
    return path


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("people")
    return train(load(mixed_spec(folder)), run=folder / "run")


@pytest.mark.parametrize("outputs", ["as_spec", "probabilities", "labels"])
@pytest.mark.parametrize("inputs", ["raw", "prepared"])
def test_every_form_is_proven_and_scores_the_same(people: Run, tmp_path: Path, inputs: str, outputs: str) -> None:
    exported = export(people, tmp_path / "model.onnx", inputs=inputs, outputs=outputs)
    assert exported.parity.holds
    run, model = (
        people.evaluate(),
        open_predictor(tmp_path / "model.onnx", None, people.roots.folder).evaluate(),
    )
    assert model.metrics["test_accuracy"] == run.metrics["test_accuracy"]
    assert model.confusion is not None
    assert run.confusion is not None
    assert (model.confusion == run.confusion).all()
    assert verify(tmp_path / "model.onnx")["proven"]


def test_raw_rows_go_in_as_they_are(people: Run, tmp_path: Path) -> None:
    export(people, tmp_path / "model.onnx", outputs="labels")
    runtime = session((tmp_path / "model.onnx").read_bytes())
    row = {
        "age": np.array([[np.nan], [30.0]], np.float32),
        "height": np.array([[180.0], [160.0]], np.float32),
        "colour": np.array([["red"], ["a colour nobody saw"]], object),
        "city": np.array([[""], ["Bonn"]], object),
    }
    (labels,) = runtime.run(None, row)
    assert set(labels) <= {"yes", "no"}
    answers = people.predict(
        {
            name: __import__("netspec.components.sources", fromlist=["Column"]).Column(
                "category" if values.dtype == object else "number", values[:, 0]
            )
            for name, values in row.items()
        }
    )
    assert [people.preprocess.targets["output"].classes[i] for i in answers["output"].argmax(1)] == list(labels)  # type: ignore[index]


def test_what_the_file_says_of_itself(people: Run, tmp_path: Path) -> None:
    export(people, tmp_path / "model.onnx", outputs="labels")
    model = onnx.load(tmp_path / "model.onnx")
    facts = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(facts["labels"]) == ["no", "yes"]
    assert json.loads(facts["netspec.spec"])["name"] == "people"
    assert json.loads(facts["netspec.parity"])["holds"]
    assert json.loads(facts["netspec.dynamic"]) == ["batch"]
    assert (model.ir_version, model.opset_import[0].version) == (8, 18)
    names = {tensor.name for tensor in model.graph.initializer}
    assert {"dense_1/kernel", "dense_1/bias", "dense_2/kernel"} <= names
    stored = np.load(tmp_path / "model.examples.npz", allow_pickle=False)
    assert "output/output" in stored.files
    assert (tmp_path / "model.examples.npz").stat().st_size <= 64_000


def test_the_same_run_gives_the_same_bytes(people: Run, tmp_path: Path) -> None:
    for name in ("a.onnx", "b.onnx"):
        export(people, tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_a_cnn_has_no_interior_transpose_and_no_batch_norm() -> None:
    graph = graph_of(
        {
            "input": [16, 16, 3],
            "model": {"cnn": {"filters": [8, 16], "normalization": "batch_norm", "dense": [8], "output": 4}},
        }
    )
    operators = [node.op_type for node in lowered_of(graph, weights_of(graph)).model.graph]
    assert operators.count("Transpose") == 1
    assert operators[0] == "Transpose"
    assert "BatchNormalization" not in operators
    assert operators.count("Conv") == 2
    first = lowered_of(graph, weights_of(graph), layout="channels_first")
    assert "Transpose" not in [node.op_type for node in first.model.graph]


@pytest.mark.parametrize("planted", ["dense_1/bias", "dense_2/kernel"])
def test_a_defect_is_found_and_its_layer_named(
    people: Run, tmp_path: Path, planted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from netspec.exporter import lower

    honest = lower.fold_batch_norm

    def wrong(graph: Any, weights: Any) -> Any:
        graph, folded = honest(graph, weights)
        return graph, {**folded, planted: folded[planted] + np.float32(0.01)}

    monkeypatch.setattr(lower, "fold_batch_norm", wrong)
    with pytest.raises(SpecError, match="NS601") as caught:
        export(people, tmp_path / "model.onnx", outputs="as_spec")
    (diagnostic,) = caught.value.diagnostics
    assert f"`{planted.split('/')[0]}`" in diagnostic.message
    assert not (tmp_path / "model.onnx").exists()
    assert not json.loads((tmp_path / "model.parity.json").read_text())["holds"]


def test_verify_finds_a_changed_file(people: Run, tmp_path: Path) -> None:
    export(people, tmp_path / "model.onnx")
    model = onnx.load(tmp_path / "model.onnx")
    for tensor in model.graph.initializer:
        if tensor.name == "dense_2/bias":
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) + 1, tensor.name))
    onnx.save(model, tmp_path / "model.onnx")
    assert verify(tmp_path / "model.onnx")["verdict"] == "changed"


def test_verify_says_what_nothing_proves(people: Run, tmp_path: Path) -> None:
    export(people, tmp_path / "model.onnx")
    whole = onnx.load(tmp_path / "model.onnx")
    stored = tmp_path / "model.examples.npz"
    examples = stored.read_bytes()
    stored.unlink()
    assert verify(tmp_path / "model.onnx")["verdict"] == "unproven"
    stored.write_bytes(examples)
    assert verify(tmp_path / "model.onnx")["verdict"] == "sound"
    with np.load(stored, allow_pickle=False) as archive:
        arrays = {name: archive[name][:1] for name in archive.files}
    np.savez_compressed(stored, allow_pickle=False, **arrays)
    with pytest.raises(SpecError, match="not those that were exported"):
        verify(tmp_path / "model.onnx")
    stored.write_bytes(examples)
    for key in [each.key for each in whole.metadata_props if each.key.startswith("netspec.") and each.key != "netspec.seal"]:
        model = onnx.ModelProto.FromString(whole.SerializeToString())
        entry = next(each for each in model.metadata_props if each.key == key)
        entry.value = entry.value.replace("1", "2", 1) if "1" in entry.value else entry.value + " "
        onnx.save(model, tmp_path / "model.onnx")
        assert verdict_of(tmp_path / "model.onnx") in ("changed", "NS603", "NS604"), key


def verdict_of(path: Path) -> str:
    """What `verify` says of a file, or the code that it refuses it with."""
    try:
        return str(verify(path)["verdict"])
    except SpecError as error:
        return error.diagnostics[0].code


def test_the_target_is_undone_in_the_graph(tmp_path: Path) -> None:
    document = {
        "netspec": 1,
        "name": "units",
        "input": ["features"],
        "model": {"mlp": {"hidden": [8], "output": 1}},
        "data": {
            "source": {"sklearn": "diabetes"},
            "split": {"validation": 0.2, "test": 0.2},
            "preprocess": {"numbers": "standardize", "target": "standardize"},
        },
        "train": {"loss": "huber", "optimizer": {"adam": 0.01}, "epochs": 20, "metrics": ["rmse"]},
        "export": {},
    }
    (tmp_path / "units.json").write_text(json.dumps(document))
    run = train(load(tmp_path / "units.json"), run=tmp_path / "run")
    export(run, tmp_path / "units.onnx")
    model = open_predictor(tmp_path / "units.onnx")
    assert model.evaluate().metrics["test_rmse"] == pytest.approx(run.evaluate().metrics["test_rmse"], rel=1e-5)
    assert model.evaluate().metrics["test_rmse"] < 80  # the target's spread is 77 in its own units


def test_free_axes_are_proven_at_a_second_length(tmp_path: Path) -> None:
    document = {
        "netspec": 1,
        "name": "free",
        "input": ["height", "width", 1],
        "model": {
            "layers": [
                {"conv2d": {"filters": 4, "kernel_size": 3, "padding": "same", "strides": 2}},
                "relu",
                {"max_pool2d": 2},
                "global_avg_pool",
                {"dense": "classes"},
            ]
        },
        "data": {"source": {"sklearn": "digits"}, "split": {"validation": 0.2, "test": 0.2}},
        "train": {"loss": "cross_entropy", "optimizer": {"adam": 0.01}, "epochs": 1, "metrics": ["accuracy"]},
    }
    (tmp_path / "free.json").write_text(json.dumps(document))
    run = train(load(tmp_path / "free.json"), run=tmp_path / "run")
    exported = export(run, tmp_path / "free.onnx")
    assert [shapes["image"] for shapes in exported.parity.shapes] == [[8, 8, 1], [16, 16, 1]]
    runtime = session((tmp_path / "free.onnx").read_bytes())
    assert runtime.get_inputs()[0].shape == ["batch", "height", "width", 1]
    assert runtime.run(None, {"input": np.zeros((2, 31, 9, 1), np.float32)})[0].shape == (2, 10)
