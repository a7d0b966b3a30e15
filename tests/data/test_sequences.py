"""The way of sequences from files to batches: what is read, cut, fitted, filled up, and undone."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from netspec import train
from netspec.components.sources import SOURCES
from netspec.components.sources.base import Reading, Table
from netspec.components.sources.ts import read_ts
from netspec.data import Dataset, Roots, prepare
from netspec.data.prepare import Part
from netspec.data.stream import Stream
from netspec.graph.validate import required
from netspec.inference.run import Run
from netspec.source import read_file

TRAIN: dict[str, Any] = {"loss": "cross_entropy", "optimizer": {"adam": 0.01}, "epochs": 1, "batch_size": 8}


def written(document: dict[str, Any], folder: Path) -> Path:
    (folder / "pyproject.toml").touch()
    path = folder / "spec.json"
    path.write_text(json.dumps({"netspec": 1, "name": "example", **document}))
    return path


def prepared(document: dict[str, Any], folder: Path) -> Dataset:
    path = written(document, folder)
    spec, program = required(read_file(path))
    return prepare(spec, program, Roots.of(path))


def read(kind: str, fields: dict[str, Any], folder: Path) -> Reading:
    return SOURCES[kind].model_validate(fields).read(Roots(folder, folder))


def table(kind: str, fields: dict[str, Any], folder: Path) -> Table:
    return read(kind, fields, folder).parts["all"]


def texts(folder: Path) -> None:
    for name, content in {
        "ham/1.txt": "good day",
        "ham/2.txt": "see you",
        "spam/1.txt": "win\n\nnow",
        "spam/x.md": "no",
    }.items():
        (folder / "texts" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "texts" / name).write_text(content)


def test_a_folder_a_class(tmp_path: Path) -> None:
    texts(tmp_path)
    found = table("text", {"path": "texts"}, tmp_path)
    assert found.columns["text"].values.tolist() == ["good day", "see you", "win\n\nnow"]
    assert found.columns["label"].values.tolist() == ["ham", "ham", "spam"]
    assert (found.inputs, found.target) == (("text",), "label")


def test_an_archive_is_its_folder(tmp_path: Path) -> None:
    texts(tmp_path)
    with tarfile.open(tmp_path / "texts.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "texts", arcname="deep/texts")
    folder, packed = (table("text", {"path": path}, tmp_path) for path in ("texts", "texts.tar.gz"))
    for name in ("text", "label"):
        assert folder.columns[name].values.tolist() == packed.columns[name].values.tolist()


def test_an_example_a_line_and_blank_lines_are_none(tmp_path: Path) -> None:
    texts(tmp_path)
    found = table("text", {"path": "texts", "by": "line"}, tmp_path)
    assert found.columns["text"].values.tolist() == ["good day", "see you", "win", "now"]
    assert found.columns["label"].values.tolist() == ["ham", "ham", "spam", "spam"]


def test_latin_letters_where_the_spec_says_so(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_bytes("café".encode("latin-1"))
    assert table("text", {"path": "one.txt", "encoding": "latin-1"}, tmp_path).columns["text"].values.tolist() == ["café"]


def messages(rows: int = 60) -> str:
    words = ["alpha", "beta", "gamma", "delta"]
    lines = [f"{' '.join(words[: 1 + i % 4])} w{i},{'ab'[i % 2]}" for i in range(rows)]
    return "message,label\n" + "\n".join(lines) + "\n"


WORDS: dict[str, Any] = {
    "input": {"shape": ["time"], "vocabulary": "words"},
    "model": {"layers": [{"embedding": 4}, {"gru": 4}, {"dense": "classes"}]},
    "data": {
        "source": {"csv": "messages.csv"},
        "inputs": {"input": "message"},
        "target": "label",
        "split": {"validation": 0.2, "test": 0.2},
        "preprocess": {"input": "tokenize"},
    },
    "train": TRAIN,
}


def test_the_vocabulary_is_of_the_training_part_alone_and_in_the_run_folder(tmp_path: Path) -> None:
    (tmp_path / "messages.csv").write_text(messages())
    dataset = prepared(WORDS, tmp_path)
    (step,) = dataset.preprocess.inputs["input"].steps
    known = set(step.state["words"])
    assert {w for text in dataset.train.raw["message"].values for w in text.split(" ")} == known
    for part in ("validation", "test"):
        rows, ids = dataset.parts[part].raw["message"].values, dataset.parts[part].inputs["input"]
        for text, row in zip(rows, ids, strict=True):
            pieces = text.split(" ")
            assert [i == 1 for i in row[: len(pieces)]] == [w not in known for w in pieces]
            assert not row[len(pieces) :].any()
    run = train(written(WORDS, tmp_path), runs=tmp_path / "runs")
    stored = json.loads((run.folder.path / "preprocess.json").read_text())
    assert stored["inputs"]["input"]["steps"][0]["state"]["words"] == step.state["words"]
    assert stored["inputs"]["input"]["vocabulary"] == len(known) + 2


def test_the_most_frequent_words_come_first(tmp_path: Path) -> None:
    (tmp_path / "messages.csv").write_text(messages())
    step = {"tokenize": {"by": "word", "vocabulary": 3, "least": 2}}
    document = {**WORDS, "data": {**WORDS["data"], "split": {}, "preprocess": {"input": [step, {"pad_sequence": 2}]}}}
    dataset = prepared(document, tmp_path)
    assert dataset.preprocess.inputs["input"].steps[0].state["words"] == ["alpha", "beta", "gamma"]
    assert dataset.lengths["words"] == 5
    assert dataset.train.inputs["input"].shape == (60, 2)
    assert dataset.train.inputs["input"][0].tolist() == [2, 1]


TS = "#comment\n@problemName x\n@timeStamps false\n{head}@classLabel true a B\n@data\n{rows}"


def test_series_of_unequal_lengths(tmp_path: Path) -> None:
    (tmp_path / "rows.ts").write_text(TS.format(head="", rows="1,2,3:4,5,6:a\n# between\n\n7,?:8,-1e2:B\n"))
    found = table("ts", {"path": "rows.ts"}, tmp_path)
    assert found.columns["series"].kind == "sequence"
    first, second = found.columns["series"].values
    np.testing.assert_array_equal(first, [[1, 4], [2, 5], [3, 6]])
    np.testing.assert_array_equal(second, [[7, 8], [np.nan, -100]])
    assert found.columns["label"].values.tolist() == ["a", "B"]


def test_series_of_one_length_are_an_array(tmp_path: Path) -> None:
    head = "@univariate true\n@equalLength true\n@seriesLength 2\n"
    (tmp_path / "rows.ts").write_text(TS.format(head=head, rows="1,2:a\n3,4:B\n"))
    column = table("ts", {"path": "rows.ts"}, tmp_path).columns["series"]
    assert column.kind == "array"
    np.testing.assert_array_equal(column.values, [[[1], [2]], [[3], [4]]])


def test_series_without_labels(tmp_path: Path) -> None:
    (tmp_path / "rows.ts").write_text("@classLabel false\n@data\n1,2\n3,4,5\n")
    series, labels = read_ts(tmp_path / "rows.ts")
    assert [len(each) for each in series] == [2, 3]
    assert not labels


TS_SPEC: dict[str, Any] = {
    "input": ["time", 1],
    "model": {"layers": [{"gru": 4}, {"dense": "classes"}]},
    "data": {
        "source": {"ts": {"train": "a.ts", "test": "b.ts"}},
        "preprocess": {"series": [{"impute": "mean"}, "standardize"]},
    },
    "train": TRAIN,
}


def test_parts_may_differ_in_length_and_are_fitted_on_training_alone(tmp_path: Path) -> None:
    """Each part has one length of its own: together they are ragged."""
    (tmp_path / "a.ts").write_text(TS.format(head="", rows="1,3:a\n5,?:B\n"))
    (tmp_path / "b.ts").write_text(TS.format(head="", rows="100,200,300:a\n"))
    dataset = prepared(TS_SPEC, tmp_path)
    impute, scale = dataset.preprocess.inputs["input"].columns[0].steps
    assert impute.state["value"] == 3
    assert scale.state == {"shift": [3.0], "scale": [np.sqrt(2.0)]}
    assert dataset.train.lengths["time"].tolist() == [2, 2]
    assert dataset.parts["test"].lengths["time"].tolist() == [3]


def test_sound_and_what_its_names_say(tmp_path: Path) -> None:
    for name, size in {"7_ann_0.wav": 300, "3_bo_1.wav": 200, "3_bo_12.wav": 100}.items():
        soundfile.write(tmp_path / name, np.linspace(-0.5, 0.5, size, dtype=np.float32), 8000, subtype="FLOAT")
    fields = {"name": "{digit}_{speaker}_{take}", "rate": 8000}
    found = read("wav", {**fields, "train": "*_[0-4].wav", "test": "*_[0-9][0-9].wav"}, tmp_path).parts
    assert [len(each) for each in found["train"].columns["sound"].values] == [200, 300]
    assert {name: column.values.tolist() for name, column in found["train"].columns.items() if name != "sound"} == {
        "digit": ["3", "7"],
        "speaker": ["bo", "ann"],
        "take": ["1", "0"],
    }
    assert found["test"].columns["take"].values.tolist() == ["12"]
    np.testing.assert_allclose(found["test"].columns["sound"].values[0], np.linspace(-0.5, 0.5, 100), atol=1e-6)


def series(rows: int = 80, values: Any = float) -> str:
    return "y,z\n" + "".join(f"{values(i)},{-i}\n" for i in range(rows))


def windowed(window: int, horizon: int, at: str, stride: int, steps: Any = (), **source: Any) -> dict[str, Any]:
    due = 1 if at == "last" else horizon
    return {
        "input": [window, 1],
        "model": {"layers": [{"gru": 4}, {"dense": due}]},
        "data": {
            "source": {"csv": source or {"path": "series.csv"}},
            "series": {"columns": ["y"], "window": window, "horizon": horizon, "at": at, "stride": stride},
            "split": {"validation": 0.15, "test": 12 if not source else 0},
            "preprocess": {"y": list(steps)} if steps else {},
        },
        "train": {**TRAIN, "loss": "mean_squared_error", "metrics": ["rmse"]},
    }


def steps_of(part: Part) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The series is 0, 1, 2, ..., so values are their steps."""
    return part.raw["y"].values[..., 0].astype(int), part.raw["y ahead"].values[..., 0].astype(int)


@settings(max_examples=40)
@given(st.integers(1, 9), st.integers(1, 5), st.sampled_from(["all", "last"]), st.integers(1, 4), st.sampled_from([0, 1, 3]))
def test_windows_keep_to_their_side_of_time(
    tmp_path_factory: pytest.TempPathFactory, window: int, horizon: int, at: str, stride: int, lag: int
) -> None:
    if lag and at == "last":
        horizon = 1
    folder = tmp_path_factory.mktemp("windows")
    (folder / "series.csv").write_text(series())
    dataset = prepared(windowed(window, horizon, at, stride, [{"difference": lag}] if lag else []), folder)
    borders = {"train": (0, 56), "validation": (56, 68), "test": (68, 80)}
    for name, part in dataset.parts.items():
        low, high = borders[name]
        before, due = steps_of(part)
        ahead = due[:, lag:]
        assert (np.diff(before, axis=1) == 1).all()
        assert before.shape[1] == window + lag
        last = horizon if at == "last" else 1
        assert (ahead == before[:, -1:] + last + np.arange(ahead.shape[1])).all()
        assert ahead.shape[1] == (1 if at == "last" else horizon)
        assert (before[:, -1] + 1 >= low).all(), "a target begins before its part"
        assert (ahead < high).all(), "a target reaches into the next part"
        assert (np.diff(before[:, 0]) == stride).all(), "the order of time was lost"
        if name == "train":
            assert before.max() < 56
    assert set(dataset.parts) == {"train", "validation", "test"}


def test_a_validation_part_of_a_given_training_part_is_its_end(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(series(60))
    (tmp_path / "b.csv").write_text(series(20))
    dataset = prepared(windowed(4, 2, "all", 1, train="a.csv", test="b.csv"), tmp_path)
    before, due = steps_of(dataset.train)
    _, later = steps_of(dataset.parts["validation"])
    assert max(before.max(), due.max()) == 50
    assert (later.min(), later.max()) == (51, 59)
    assert steps_of(dataset.parts["test"])[1].max() == 19


@pytest.mark.parametrize("columns", [["y", "z"], ["z"]])
def test_another_column_may_be_due(columns: list[str], tmp_path: Path) -> None:
    (tmp_path / "series.csv").write_text(series())
    document = windowed(3, 1, "all", 1)
    document["input"] = [3, len(columns)]
    document["data"] = {
        **document["data"],
        "series": {"columns": columns, "window": 3},
        "target": "y",
        "preprocess": {"y": "min_max"},
    }
    dataset = prepared(document, tmp_path)
    part = dataset.train
    assert part.inputs["input"][0, :, -1].tolist() == [0, -1, -2]
    ((name, pipe),) = dataset.preprocess.targets.items()
    assert part.targets[name].min() == 0
    assert part.targets[name].max() == 1
    raw = {key: column.values for key, column in part.raw.items()}
    assert pipe.inverse(part.targets[name], raw).reshape(-1)[0] == 3


CURVES: dict[str, list[Any]] = {
    "a logarithm, a difference, a scale": ["log", {"difference": 1}, "standardize"],
    "a seasonal difference": [{"difference": 4}, "min_max"],
    "a difference of differences": [{"difference": 1}, {"difference": 2}],
    "a scale, then a difference": ["standardize", {"difference": 3}],
    "a scale": ["min_max"],
}


@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("case", CURVES)
def test_predictions_are_in_the_units_of_the_series(case: str, horizon: int, tmp_path: Path) -> None:
    """Targets undone are the series; a run's errors are those of its predictions against the file."""
    (tmp_path / "series.csv").write_text(series(80, lambda i: round(50 + 9 * np.sin(i) + i, 3)))
    document = windowed(6, horizon, "all", 1, CURVES[case])
    dataset = prepared(document, tmp_path)
    part = dataset.parts["test"]
    ((output, pipe),) = dataset.preprocess.targets.items()
    raw = {name: column.values for name, column in part.raw.items()}
    truth = raw["y ahead"][:, -horizon:, 0]
    np.testing.assert_allclose(pipe.inverse(part.targets[output], raw), truth, rtol=1e-4)
    run = train(written(document, tmp_path), runs=tmp_path / "runs")
    answers = run.batch(part.raw)[output]
    rmse = np.sqrt(((answers.reshape(truth.shape) - truth) ** 2).mean())
    assert run.evaluate("test").metrics["test_rmse"] == pytest.approx(rmse, rel=1e-4)
    assert rmse < 60


def test_scales_are_of_the_training_part_alone(tmp_path: Path) -> None:
    (tmp_path / "series.csv").write_text(series())
    dataset = prepared(windowed(4, 1, "all", 1, ["min_max"]), tmp_path)
    state = dataset.preprocess.inputs["input"].columns[0].steps[0].state
    assert (state["shift"], state["scale"]) == ([0.0], [54.0])
    run = train(written(windowed(4, 1, "all", 1, ["min_max"]), tmp_path), runs=tmp_path / "runs")
    assert Run(run.folder.path).preprocess.json() == dataset.preprocess.json()


def test_a_stream_is_read_without_a_gap() -> None:
    stream = Stream(np.arange(101, dtype=np.int32), 8)
    inputs, targets = stream.windows()
    assert inputs.reshape(-1).tolist() == list(range(96))
    assert (targets == inputs + 1).all()


@given(st.integers(3, 12), st.integers(13, 90), st.integers(0, 9))
def test_every_epoch_of_a_stream_starts_at_its_own_place(window: int, size: int, epoch: int) -> None:
    stream = Stream(np.arange(size, dtype=np.int32), window)
    inputs, targets = stream.shifted(5, epoch)
    assert inputs.shape == targets.shape == (max(1, (size - 1) // window - 1), window)
    flat = inputs.reshape(-1)
    assert (np.diff(flat) == 1).all()
    assert (targets == inputs + 1).all()
    again, _ = stream.shifted(5, epoch)
    assert (again == inputs).all()


def test_streams_begin_at_different_places() -> None:
    stream = Stream(np.arange(200, dtype=np.int32), 16)
    assert len({int(stream.shifted(0, epoch)[0][0, 0]) for epoch in range(40)}) > 10


LETTERS: dict[str, Any] = {
    "input": {"shape": ["time"], "vocabulary": "characters"},
    "model": {"layers": [{"embedding": 4}, {"gru": {"units": 4, "return_sequences": True}}, {"dense": "characters"}]},
    "data": {
        "source": {"text": "long.txt"},
        "series": {"window": 8, "target": "next"},
        "split": {"by": "time", "validation": 0.2},
        "preprocess": {"input": {"tokenize": {"by": "character"}}},
    },
    "train": TRAIN,
}


@pytest.mark.parametrize("size", [60, 15], ids=["long", "one window"])
def test_a_language_model_reads_the_letters_in_order(size: int, tmp_path: Path) -> None:
    """The parts are cut by time, the letters are those of the training part, and even one window trains."""
    text = ("abcd " * 20)[: size - 3] + "xyz"
    (tmp_path / "long.txt").write_text(text)
    document = {**LETTERS, "data": {**LETTERS["data"], "split": {"by": "time", "validation": 9 if size > 20 else 0}}}
    dataset = prepared(document, tmp_path)
    (target,) = dataset.preprocess.targets.values()
    letters = target.classes or ()
    ids = dataset.train.stream.ids if dataset.train.stream else []
    assert "".join(letters[i] for i in ids) == (text[:-9] if size > 20 else text)
    if size > 20:
        assert "x" not in letters
        assert dataset.parts["validation"].stream.ids[-3:].tolist() == [1, 1, 1]  # type: ignore[union-attr]
    run = train(written(document, tmp_path), runs=tmp_path / "runs")
    assert np.isfinite(json.loads(run.folder.metrics.read_text().splitlines()[-1])["train_loss"])
