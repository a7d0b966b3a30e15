"""A target for each step: read, aligned, cut with its bucket, judged without what fills up, and the same in ONNX."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from netspec import SpecError, evaluate, export, predict, train
from netspec.cli.main import application
from netspec.components.sources import SOURCES
from netspec.components.sources.base import Column
from netspec.data import Dataset, Roots
from netspec.inference.run import Run
from netspec.training.batches import BucketFeed, feed
from netspec.training.setup import class_weights
from tests.data.test_sequences import prepared, read, written

COMMAND = CliRunner()
STEPS: dict[str, Any] = {"units": [16], "return_sequences": True}


def walks(rows: int, seed: int = 0, equal: int | None = None) -> list[dict[str, Any]]:
    """Two numbers a step; the first is a stride, and each step's label says on which side of the start one then is."""
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(rows):
        x = generator.normal(0, 1, (equal or int(generator.integers(2, 20)), 2)).round(3)
        place = x[:, 0].cumsum()
        found.append(
            {
                "x": x.tolist(),
                "side": ["ahead" if each > 0 else "behind" for each in place],
                "number": [int(each > 0) for each in place],
                "place": place.round(4).tolist(),
            }
        )
    return found


def write(folder: Path, name: str, rows: list[dict[str, Any]]) -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def labeller(target: str, output: Any = "classes", loss: str = "cross_entropy", **more: Any) -> dict[str, Any]:
    """A spec that answers each step of `walks.jsonl`; `data` adds to its data section."""
    data = {
        "source": {"json_lines": "walks.jsonl"},
        "inputs": {"input": ["x"]},
        "target": target,
        "split": {"validation": 0.2, "test": 0.2},
        **more.pop("data", {}),
    }
    training = {
        "loss": loss,
        "optimizer": {"adam": 0.02},
        "epochs": 1,
        "batch_size": 16,
        "metrics": ["accuracy"] if loss != "mean_squared_error" else ["rmse"],
        **more.pop("train", {}),
    }
    model = more.pop("model", {"lstm": {**STEPS, "output": output}})
    return {"input": ["time", 2], "model": model, "data": data, "train": training, **more}


def trained(document: dict[str, Any], folder: Path) -> Run:
    return train(written(document, folder), run=folder / "run")


def test_a_labeller_from_lists_to_an_onnx_file(tmp_path: Path) -> None:
    write(tmp_path, "walks.jsonl", walks(300))
    new = write(tmp_path, "new.jsonl", walks(40, seed=1))
    run = trained(labeller("side", train={"epochs": 25}), tmp_path)
    judged = evaluate(run)
    assert judged.metrics["test_accuracy"] > 0.93
    assert judged.confusion is not None
    steps = run.part("test").steps["output"]
    assert judged.confusion.sum() == steps.sum() < run.part("test").targets["output"].size
    assert np.trace(judged.confusion) / steps.sum() == pytest.approx(judged.metrics["test_accuracy"])
    lines = [json.loads(line) for line in run.folder.metrics.read_text().splitlines()]
    best = lines[run.manifest["best_epoch"] - 1]
    assert evaluate(run, part="validation").metrics["validation_accuracy"] == pytest.approx(best["validation_accuracy"])

    export(run, tmp_path / "model.onnx")
    export(run, tmp_path / "labels.onnx", outputs="labels", masking="portable")
    for name in ("model.onnx", "labels.onnx"):
        for data in (None, new):
            ours, theirs = evaluate(run, data=data), evaluate(tmp_path / name, data=data, data_root=tmp_path)
            assert theirs.metrics == pytest.approx(ours.metrics, abs=1e-6)
            np.testing.assert_array_equal(theirs.confusion, ours.confusion)
    answers = []
    for model in (run.folder.path, tmp_path / "model.onnx", tmp_path / "labels.onnx"):
        shown = COMMAND.invoke(application(), ["predict", str(model), str(new), "--format", "jsonl"])
        assert shown.exit_code == 0, shown.output
        answers.append([json.loads(line)["labels"] for line in shown.output.splitlines()])
    assert answers[0] == answers[1] == answers[2]
    pairs = [(a, b["side"]) for a, b in zip(answers[0], walks(40, seed=1), strict=True)]
    assert all(len(a) == len(b) for a, b in pairs)
    right = sum(p == t for a, b in pairs for p, t in zip(a, b, strict=True))
    assert right / sum(len(b) for _, b in pairs) == pytest.approx(evaluate(run, data=new).metrics["test_accuracy"])


KINDS: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "numbers as classes": (labeller("number"), [None]),
    "numbers as positions": (labeller("number", 2), [None]),
    "a sigmoid a step": (labeller("number", 1, "binary_cross_entropy"), [None, 1]),
    "numbers": (labeller("place", 1, "mean_squared_error", data={"preprocess": {"place": "standardize"}}), [None, 1]),
    "numbers that are cut": (
        labeller("place", 1, "mean_squared_error", data={"preprocess": {"x": {"pad_sequence": 5}, "place": [{"pad_sequence": 5}, "min_max"]}}), [None, 1],
    ),
    "its own input": (labeller("x", 2, "mean_squared_error", data={"preprocess": {"x": "standardize"}}), [None, 2]),
}  # fmt: skip


@pytest.mark.parametrize(
    ("case", "equal"), [(case, equal) for case in KINDS for equal in (None, 6) if not (equal and "cut" in case)]
)
def test_every_kind_of_target(case: str, equal: int | None, tmp_path: Path) -> None:
    """Trained, judged and exported alike, whether the rows happen to be of one length or not."""
    document, shape = KINDS[case]
    most = 5 if "cut" in case else 99
    rows = walks(80, equal=equal)
    write(tmp_path, "walks.jsonl", rows)
    run = trained(document, tmp_path)
    (pipe,) = run.preprocess.targets.values()
    assert list(pipe.shape) == shape
    export(run, tmp_path / "model.onnx")
    ours, theirs = evaluate(run), evaluate(tmp_path / "model.onnx", data_root=tmp_path)
    assert ours.metrics == pytest.approx(theirs.metrics, rel=1e-4)
    given = {"x": [row["x"] for row in rows]}
    target = document["data"]["target"]
    answers = predict(run, given)["output"]
    for answer, again, row in zip(answers, predict(tmp_path / "model.onnx", given)["output"], rows, strict=True):
        assert len(answer) == min(most, len(row[target]))
        np.testing.assert_allclose(answer, again, atol=1e-4)
    shown = COMMAND.invoke(application(), ["predict", str(run.folder.path), str(tmp_path / "walks.jsonl"), "--format", "jsonl"])
    lines = [json.loads(line) for line in shown.output.splitlines()]
    if pipe.classes is not None:
        assert pipe.classes == ("0", "1")
        high = [(answer[:, -1] >= 0.5).astype(int).astype(str).tolist() for answer in answers]
        assert [line["labels"] for line in lines] == high
    else:
        assert [len(line["output"]) for line in lines] == [min(most, len(row[target])) for row in rows]
    if "rmse" in document["train"]["metrics"]:
        truth = [np.asarray(row[target][:most], np.float64).reshape(min(most, len(row[target])), -1) for row in rows]
        squares = np.concatenate([(a - b) ** 2 for a, b in zip(answers, truth, strict=True)])
        measured = evaluate(run, data=tmp_path / "walks.jsonl").metrics["test_rmse"]
        assert measured == pytest.approx(np.sqrt(squares.mean()), rel=1e-4), "in other units, or with what fills up"


def test_an_autoencoder_makes_every_step_again(tmp_path: Path) -> None:
    """What it reads is what is due: cut with its bucket, judged in its own units and without what fills up."""
    rows = walks(80)
    write(tmp_path, "walks.jsonl", rows)
    layer = {"gru": {"units": 6, "return_sequences": True}}
    model = {"autoencoder": {"encoder": [layer], "latent": 2, "decoder": [layer, {"dense": 2}]}}
    document = labeller("x", loss="mean_squared_error", model=model, data={"preprocess": {"x": "standardize"}})
    document["data"].pop("target")
    run = trained(document, tmp_path)
    export(run, tmp_path / "model.onnx")
    judged = evaluate(run, data=tmp_path / "walks.jsonl").metrics["test_rmse"]
    (made,) = predict(run, {"x": [row["x"] for row in rows]}).values()
    squares = np.concatenate([(a - np.asarray(row["x"])) ** 2 for a, row in zip(made, rows, strict=True)])
    assert judged == pytest.approx(np.sqrt(squares.mean()), rel=1e-4)
    theirs = evaluate(tmp_path / "model.onnx", data=tmp_path / "walks.jsonl").metrics["test_rmse"]
    assert theirs == pytest.approx(judged, rel=1e-4)


TAGS = [("the cat sat", "D N V"), ("a dog", "D N"), ("the old dog ran home", "D A N V N"), ("cats ran", "N V")]
TAGGER: dict[str, Any] = {
    **labeller("tags", data={"inputs": {"input": ["text"]}, "preprocess": {"input": "tokenize"}, "split": {}}),
    "input": {"shape": ["time"], "vocabulary": "words"},
    "model": {"gru": {**STEPS, "embedding": 8, "bidirectional": True, "output": "classes"}},
}


def test_a_tag_for_each_word(tmp_path: Path) -> None:
    write(tmp_path, "walks.jsonl", [{"text": text, "tags": tags.split()} for text, tags in TAGS] * 8)
    document = {**TAGGER, "train": {**TAGGER["train"], "epochs": 20}}
    run = trained(document, tmp_path)
    export(run, tmp_path / "model.onnx")
    (tmp_path / "rows.txt").write_text("the cat ran\ndogs\n")
    for model in (run.folder.path, tmp_path / "model.onnx"):
        shown = COMMAND.invoke(application(), ["predict", str(model), str(tmp_path / "rows.txt"), "--format", "jsonl"])
        found = [json.loads(line)["labels"] for line in shown.output.splitlines()]
        assert found[0] == ["D", "N", "V"]
        assert len(found[1]) == 1


def test_a_fixed_number_of_steps_with_texts(tmp_path: Path) -> None:
    write(tmp_path, "walks.jsonl", walks(40, equal=5))
    dataset = prepared({**labeller("side"), "input": [5, 2]}, tmp_path)
    (pipe,) = dataset.preprocess.targets.values()
    assert (pipe.shape, pipe.classes) == ((5,), ("ahead", "behind"))
    np.savez(
        tmp_path / "walks.npz",
        x=np.asarray([row["x"] for row in walks(40, equal=5)]),
        side=np.asarray([row["side"] for row in walks(40, equal=5)]),
    )
    for input in ([5, 2], ["time", 2]):
        packed = prepared({**labeller("side", data={"source": {"npz": "walks.npz"}}), "input": input}, tmp_path)
        np.testing.assert_array_equal(packed.train.targets["output"], dataset.train.targets["output"])


def dataset(folder: Path, **more: Any) -> Dataset:
    write(folder, "walks.jsonl", walks(120))
    return prepared(labeller("side", **more), folder)


def test_targets_are_cut_with_their_inputs(tmp_path: Path) -> None:
    part = dataset(tmp_path).train
    assert part.targets["output"].shape == part.inputs["input"].shape[:2]
    found = feed(part, 8, 0)
    assert isinstance(found, BucketFeed)
    for piece in found.epoch(0):
        assert piece.data.targets["output"].shape[1] == piece.data.inputs[0].shape[1] >= part.lengths["time"][piece.rows].max()
    assert len({piece.data.targets["output"].shape[1] for piece in found.epoch(0)}) > 1


def test_what_fills_up_is_no_class(tmp_path: Path) -> None:
    """Balanced weights count the steps that are there."""
    found = dataset(tmp_path)
    training = labeller("side")["train"] | {"class_weights": "balanced"}
    run = trained(labeller("side", train={"class_weights": "balanced"}), tmp_path)
    labels = [label for row in found.train.raw["side"].values for label in row]
    share = {name: labels.count(name) / len(labels) for name in ("ahead", "behind")}
    assert run.spec.train is not None
    assert training["class_weights"] == run.spec.train.class_weights
    weights = class_weights(run.spec.train, run.losses, found)
    assert weights is not None
    np.testing.assert_allclose(weights["output"][0], [1 / (2 * share["ahead"]), 1 / (2 * share["behind"])], rtol=1e-5)


CUT = {"preprocess": {"x": {"pad_sequence": 6}, "side": {"pad_sequence": 6}}}


def test_targets_that_are_cut_as_their_inputs_are(tmp_path: Path) -> None:
    found = dataset(tmp_path, data=CUT)
    assert found.train.targets["output"].shape[1] == 6
    run = trained(labeller("side", data=CUT), tmp_path)
    export(run, tmp_path / "model.onnx")
    assert evaluate(run).metrics == pytest.approx(evaluate(tmp_path / "model.onnx", data_root=tmp_path).metrics)


def changed(row: int, key: str, value: Any) -> list[dict[str, Any]]:
    rows = walks(60)
    rows[row][key] = value
    return rows


REFUSED: dict[str, tuple[list[dict[str, Any]], dict[str, Any], str, str]] = {
    "a step too few": (changed(6, "side", ["ahead"]), labeller("side"), "NS507", r"row 7 of `side` has 1 step, but \d+ are due"),
    "cut inputs, whole targets": (
        walks(60), labeller("side", data={"preprocess": {"x": {"pad_sequence": 6}}}), "NS507", "cut the target as its input is: `preprocess: {side: {pad_sequence: 6}}`",
    ),
    "signs that are no words": (
        [{"text": "the cat, too", "tags": list("abcd")}] * 40, TAGGER, "NS507", "words stand between blanks",
    ),
    "one answer a row": (
        walks(60), labeller("side", model={"lstm": {"units": [4], "output": "classes"}}), "NS507", r"has a value for each step, but the output \[classes\] has no steps",
    ),
    "texts for numbers": (walks(60), labeller("side", 1, "mean_squared_error"), "NS505", "the target `side` holds text"),
    "wide steps": (walks(60), labeller("x", 1, "mean_squared_error"), "NS507", r"\[2\] for each step, but the output is \[time, 1\]"),
    "a class that validation alone has": (changed(6, "side", None), labeller("side"), "NS509", "row 7 of `side` is no list"),
    "a gap": (changed(6, "number", [None] * len(walks(7)[6]["x"])), labeller("number"), "NS503", "are missing"),
    "more classes than outputs": (walks(60), labeller("x", 1, data={"target": "place"}), "NS505", "needs one output for each class"),
    "stratified steps": (walks(60), labeller("side", data={"split": {"test": 0.2, "stratify": True}}), "NS504", "needs one class a row"),
    "lists of words": (
        [{"text": ["the", "cat"], "tags": ["D", "N"]}] * 40, TAGGER, "NS513", "write each row as one text",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_told(case: str, tmp_path: Path) -> None:
    rows, document, code, told = REFUSED[case]
    write(tmp_path, "walks.jsonl", rows)
    with pytest.raises(SpecError) as caught:
        prepared(document, tmp_path)
    (found,) = caught.value.diagnostics
    assert found.code == code
    assert re.search(told, "\n".join((found.message, *found.help))), found
    assert found.span is not None


def test_a_row_is_told_by_its_place_in_its_own_file(tmp_path: Path) -> None:
    write(tmp_path, "walks.jsonl", walks(30))
    write(tmp_path, "later.jsonl", changed(2, "side", ["ahead"]))
    document = labeller("side", data={"source": {"json_lines": {"train": "walks.jsonl", "test": "later.jsonl"}}, "split": {}})
    with pytest.raises(SpecError, match="row 3 of `side`"):
        prepared(document, tmp_path)
    write(tmp_path, "later.jsonl", walks(20, seed=3))
    run = trained(document, tmp_path)
    with pytest.raises(SpecError, match="row 3 of `side`"):
        evaluate(run, data=write(tmp_path, "other.jsonl", changed(2, "side", ["ahead"])))


def column(lines: str, name: str, folder: Path) -> Column:
    (folder / "rows.jsonl").write_text(lines)
    return read("json_lines", {"path": "rows.jsonl"}, folder).parts["all"].columns[name]


def test_lines_of_json(tmp_path: Path) -> None:
    lines = '{"a": 1, "b": "x", "c": [1, 2]}\n\n{"b": null, "a": null, "c": [3, null]}\r\n{"a": true, "b": 7, "c": [5, 6]}\n'
    found = column(lines, "a", tmp_path)
    assert found.kind == "number"
    np.testing.assert_array_equal(found.values, [1, np.nan, 1])
    assert column(lines, "b", tmp_path).values.tolist() == ["x", "", "7"]
    whole = column(lines, "c", tmp_path)
    assert whole.kind == "array"
    np.testing.assert_array_equal(whole.values, [[1, 2], [3, np.nan], [5, 6]])
    steps = column('{"c": [[1, 2]]}\n{"c": [[1, 2], [3, 4]]}\n', "c", tmp_path)
    assert (steps.kind, [each.shape for each in steps.values]) == ("sequence", [(1, 2), (2, 2)])
    words = column('{"c": ["a", null]}\n{"c": ["b", 3]}\n', "c", tmp_path)
    assert (words.kind, [each.tolist() for each in words.values]) == ("sequence", [["a", ""], ["b", "3"]])


BROKEN = {
    "": "has no lines",
    '{"a": 1}\n{"a": }\n': "line 2 is not JSON",
    "[\n1]\n": "line 1 is not JSON .*\nhelp: each line is an object of its own",
    "[1]\n": "line 1 is no object",
    '{"a": ' + "[" * 9000 + "]" * 9000 + "}\n": "too deep|not hold numbers",
    '{"a": [1, 2]}\n{"a": 3}\n': "row 2 of `a` is no list",
    '{"a": [1, 2]}\n{"a": []}\n': "row 2 of `a` is an empty list",
    '{"a": [[1, 2]]}\n{"a": [[1]]}\n': r"row 1 of `a` is \[1, 2\], but row 2 is \[1, 1\]",
    '{"a": [[1, 2], [3]]}\n': "row 1 of `a` does not hold numbers of one shape",
    '{"a": ["b", ["c"]]}\n': "holds lists in a list",
    '{"a": {"b": 1}}\n': "row 1 of `a` is an object\nhelp: give each of its values a column of its own, such as `a_b`",
    '{"a": "\\ud800"}\n': "one half of a surrogate pair",
    '{"a": ["x", "\\ud800"]}\n': "one half of a surrogate pair",
}


@pytest.mark.parametrize("lines", BROKEN)
def test_lines_that_cannot_be_read(lines: str, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(lines)
    source = SOURCES["json_lines"].model_validate({"path": "rows.jsonl"})
    with pytest.raises(Exception, match=r"`.*rows.jsonl`: ") as caught:
        source.read(Roots(tmp_path, tmp_path))
    told = "\n".join((caught.value.message, *(f"help: {each}" for each in caught.value.help)))  # type: ignore[attr-defined]
    assert re.search(BROKEN[lines], told), told


IDS: dict[str, Any] = {
    "input": {"shape": [6], "vocabulary": 9},
    "model": {"gru": {"units": [4], "embedding": 4, "return_sequences": True, "output": 3}},
    "data": {"source": {"npz": "ids.npz"}, "inputs": {"input": "x"}, "target": "y", "split": {"validation": 0.2, "test": 0.2}},
    "train": {**labeller("y")["train"], "metrics": ["accuracy", "perplexity"]},
}


@pytest.mark.parametrize("shape", [[6], ["time"]])
@pytest.mark.parametrize("wrong", [3, -1, 0.5, np.nan])
def test_ids_in_another_file_that_the_output_does_not_give(wrong: float, shape: list[Any], tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    x, y = generator.integers(0, 9, (40, 6)), generator.integers(0, 3, (40, 6)).astype(np.float64)
    np.savez(tmp_path / "ids.npz", x=x, y=y)
    run = trained({**IDS, "input": {"shape": shape, "vocabulary": 9}}, tmp_path)
    export(run, tmp_path / "model.onnx")
    y[7, 2] = wrong
    np.savez(tmp_path / "other.npz", x=x, y=y)
    for model in (run, tmp_path / "model.onnx"):
        told = (
            "1 of 40 values of the target `y`"
            if wrong != wrong
            else f"the target `y` holds {wrong:g}, but the output gives classes from 0 to 2"
        )
        with pytest.raises(SpecError, match=told) as caught:
            evaluate(model, data=tmp_path / "other.npz")
        (found,) = caught.value.diagnostics
        assert found.code == ("NS503" if wrong != wrong else "NS506")
        assert found.help
        assert found.path == "data.target"
