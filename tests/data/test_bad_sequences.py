"""Bad sequences: a code, a position in the spec, a way out; at validation where the spec alone tells."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from netspec import train, validate
from netspec.diagnostics import Diagnostic, Severity, SpecError

TRAIN: dict[str, Any] = {"loss": "cross_entropy", "optimizer": {"adam": 0.01}, "epochs": 1, "batch_size": 8}
SQUARES: dict[str, Any] = {**TRAIN, "loss": "mean_squared_error"}


def spec(input: Any, layers: list[Any], data: dict[str, Any], train: dict[str, Any] = TRAIN, **more: Any) -> dict[str, Any]:
    model = {"layers": layers}
    return {"netspec": 1, "name": "bad", "input": input, "model": model, "data": data, "train": train, **more}


def ts(path: Any = "rows.ts", layers: list[Any] | None = None, input: Any = ("time", 2), **more: Any) -> dict[str, Any]:
    return spec(list(input), layers or [{"gru": 4}, {"dense": "classes"}], {"source": {"ts": path}}, **more)


def text(
    source: dict[str, Any],
    layers: list[Any] | None = None,
    vocabulary: Any = "words",
    steps: Any = "tokenize",
    **more: Any,
) -> dict[str, Any]:
    data = {"source": source, "preprocess": {"input": steps}, **more.pop("data", {})}
    shape = {"shape": ["time"], "vocabulary": vocabulary}
    return spec(shape, layers or [{"embedding": 4}, {"gru": 4}, {"dense": "classes"}], data, **more)


def wav(path: Any, rate: int = 8000, steps: Any = None, **source: Any) -> dict[str, Any]:
    data = {
        "source": {"wav": {"path": path, "rate": rate, **source}},
        "preprocess": {"sound": steps or [{"log_mel": {"rate": 8000, "bands": 8, "window": 64, "hop": 32}}]},
    }
    return spec(["time", 8], [{"gru": 4}, {"dense": "classes"}], data)


def windows(window: int = 6, layers: list[Any] | None = None, input: Any = (6, 1), **series: Any) -> dict[str, Any]:
    data = {
        "source": {"csv": series.pop("csv", "series.csv")},
        "series": {"columns": ["y"], "window": window, **series},
        "split": {"by": "time", "validation": 6, "test": 6},
    }
    return spec(list(input), layers or [{"gru": 4}, {"dense": 1}], data, SQUARES)


def letters(path: str = "long.txt", *, window: int = 8, vocabulary: Any = "characters", output: Any = "characters") -> Any:
    data = {
        "source": {"text": path},
        "series": {"window": window, "target": "next"},
        "split": {"by": "time", "validation": 0.2},
        "preprocess": {"input": {"tokenize": {"by": "character"}}},
    }
    layers = [{"embedding": 4}, {"gru": {"units": 4, "return_sequences": True}}, {"dense": output}]
    return spec({"shape": ["time"], "vocabulary": vocabulary}, layers, data)


SEQUENCE: list[Any] = [{"embedding": 4}, {"gru": {"units": 4, "return_sequences": True}}, {"dense": "classes"}]
POSITIONS: list[Any] = [{"dense": 4}, {"positional_embedding": 4}, "global_avg_pool", {"dense": "classes"}]

IN_THE_SPEC: dict[str, tuple[dict[str, Any], str, str]] = {
    "a path out of the folder": (ts("../outside.ts"), "NS006", "data.source.ts"),
    "a pattern out of the folder": (wav("../*/sounds/*.wav"), "NS006", "data.source.wav"),
    "an activation that ONNX recurrence lacks": (ts(layers=[{"lstm": {"units": 4, "activation": "gelu"}}]), "NS516", "model.layers[0].lstm.activation"),
    "a gate that ONNX recurrence lacks": (ts(layers=[{"gru": {"units": 4, "recurrent_activation": "silu"}}]), "NS516", "model.layers[0].gru.recurrent_activation"),
    "a fixed length beyond the positions": (ts(layers=POSITIONS, input=(6, 2)), "NS403", "model.layers[1]"),
    "a promised length beyond the positions": (ts(layers=POSITIONS, dims={"time": {"max": 9}}), "NS403", "dims.time"),
    "sound at a rate and its spectrum at another": (
        wav("sounds", 16000), "NS513", "data.preprocess.sound[0].log_mel.rate",
    ),
    "a window that is not the input's": (windows(window=7), "NS507", "data.series.window"),
    "a horizon that is not the output's": (windows(horizon=3), "NS507", "data.series.horizon"),
    "a window of no step": (windows(window=0), "NS205", "data.series.window"),
    "a stride of no step": (windows(stride=0), "NS205", "data.series.stride"),
    "no tokenizer for a language model": (
        {**letters(), "data": {**letters()["data"], "preprocess": {}}}, "NS513", "data.series.target",
    ),
    "a language model that answers once": (
        {**letters(), "model": {"layers": [{"embedding": 4}, {"gru": 4}, {"dense": "characters"}]}}, "NS507", "data.series.target",
    ),
    "a layer that cannot have lengths": (
        ts(layers=[{"conv1d": {"filters": 2, "kernel_size": 2}}, {"gru": 4}, {"dense": "classes"}]), "NS414", "model.layers[0]",
    ),
}  # fmt: skip

IN_THE_DATA: dict[str, tuple[dict[str, Any], str, str]] = {
    "a missing .ts file": (ts("other.ts"), "NS501", "data.source.ts"),
    "a pattern that fits nothing": (wav("sounds/*.flac"), "NS501", "data.source.wav"),
    "a series of length 0": (ts("hollow.ts"), "NS509", "data.source.ts"),
    "no series at all": (ts("none.ts"), "NS509", "data.source.ts"),
    "dimensions that it lies about": (ts("lies.ts"), "NS509", "data.source.ts"),
    "a univariate that is not": (ts("univariate.ts"), "NS509", "data.source.ts"),
    "equal lengths that are not": (ts("equal.ts"), "NS509", "data.source.ts"),
    "a length that it lies about": (ts("length.ts"), "NS509", "data.source.ts"),
    "a class that it does not name": (ts("class.ts"), "NS509", "data.source.ts"),
    "a gap without a sign": (ts("gap.ts"), "NS509", "data.source.ts"),
    "a word for a number": (ts("word.ts"), "NS509", "data.source.ts"),
    "dimensions of different lengths": (ts("torn.ts"), "NS509", "data.source.ts"),
    "time stamps": (ts("stamps.ts"), "NS509", "data.source.ts"),
    "rows before @data": (ts("early.ts"), "NS509", "data.source.ts"),
    "a .ts that is not UTF-8": (ts("latin.ts"), "NS509", "data.source.ts"),
    "parts of different dimensions": (ts({"train": "rows.ts", "test": "one.ts"}), "NS507", "data.source"),
    "missing values": (ts("missing.ts"), "NS503", "data"),
    "more dimensions than the input": (ts(input=("time", 3)), "NS507", "input"),
    "a fixed input for lengths of their own": (ts(input=(5, 2)), "NS507", "input"),
    "longer than `dims` allows": (ts(dims={"time": {"max": 4}}), "NS412", "dims.time"),
    "longer than the positions": (ts(layers=POSITIONS), "NS403", "model.layers[1]"),
    "one class for each step, but one a row": (ts(layers=[{"dense": "classes"}]), "NS507", "data"),
    "text that is not UTF-8": (text({"text": "latin"}), "NS509", "data.source.text"),
    "no texts": (text({"text": "sounds"}), "NS509", "data.source.text"),
    "a broken archive": (text({"text": "broken.tar.gz"}), "NS509", "data.source.text"),
    "a torn archive": (text({"text": "torn.tar.gz"}), "NS509", "data.source.text"),
    "an archive with a damaged middle": (text({"text": "damaged.tar.gz"}), "NS509", "data.source.text"),
    "a text without a word among others": (text({"text": "mixed"}), "NS503", "data.source"),
    "a difference of what does not go in": (
        {
            **windows(),
            "data": {
                **windows(csv="two.csv")["data"], "series": {"columns": ["z"], "window": 6}, "target": "y",
                "preprocess": {"y": {"difference": 1}},
            },
        }, "NS513", "data.preprocess.y",
    ),
    "texts without a word": (text({"text": "blank"}), "NS503", "data.preprocess.input"),
    "ids beyond the vocabulary": (text({"text": "texts"}, vocabulary=3), "NS514", "data.source"),
    "an id for each word, but one class": (text({"text": "texts"}, SEQUENCE), "NS507", "data"),
    "a csv column that is not there": (
        text({"csv": "texts.csv"}, data={"inputs": {"input": "massage"}, "target": "label"}), "NS502", "data.inputs",
    ),
    "numbers to be split into words": (
        text({"csv": "texts.csv"}, data={"inputs": {"input": "number"}, "target": "label"}), "NS513", "data",
    ),
    "a csv that is not UTF-8": (
        text({"csv": "latin.csv"}, data={"inputs": {"input": "message"}, "target": "label"}), "NS509", "data.source.csv",
    ),
    "sound at another rate": (wav("sounds/fast.wav"), "NS509", "data.source.wav"),
    "a sound that is none": (wav("sounds/broken.wav"), "NS509", "data.source.wav"),
    "a sound cut off in its head": (wav("sounds/torn.wav"), "NS509", "data.source.wav"),
    "a sound without samples": (wav("sounds/hollow.wav"), "NS509", "data.source.wav"),
    "two channels": (wav("sounds/stereo.wav"), "NS509", "data.source.wav"),
    "a name that does not fit": (wav("sounds/good_a.wav", name="{digit}-{take}"), "NS509", "data.source.wav"),
    "a name pattern without fields": (wav("sounds/good_a.wav", name="digit"), "NS205", "data.source.wav"),
    "a window longer than the series": (windows(60, input=(60, 1)), "NS517", "data.series.window"),
    "a part that holds no window": (
        {**windows(), "data": {**windows()["data"], "split": {"by": "time", "test": 6, "validation": 30}}}, "NS504", "data.split",
    ),
    "a series column that is not there": (
        {**windows(), "data": {**windows()["data"], "series": {"columns": ["z"], "window": 6}}}, "NS502", "data.series.columns",
    ),
    "a series of texts": (
        {**windows(), "data": {**windows()["data"], "series": {"columns": ["day"], "window": 6}}}, "NS513", "data.series.columns",
    ),
    "a difference that reaches before the series": (
        {**windows(), "data": {**windows()["data"], "preprocess": {"y": {"difference": 36}}}}, "NS517", "data.series.window",
    ),
    "the logarithm of nothing": (
        {**windows(), "data": {**windows()["data"], "preprocess": {"y": "log"}}}, "NS503", "data.preprocess.y",
    ),
    "gaps in a series": (windows(csv="gaps.csv"), "NS503", "data"),
    "a text shorter than a window": (letters(window=80), "NS517", "data.series.window"),
    "characters beyond the vocabulary": (letters(vocabulary=3, output=20), "NS514", "input"),
    "characters beyond the outputs": (letters(output=3), "NS506", "data"),
    "many texts for one": (letters("texts"), "NS509", "data.source"),
    "a target id beyond the outputs": (
        spec(
            {"shape": [6], "vocabulary": 5}, [{"embedding": 4}, {"gru": {"units": 4, "return_sequences": True}}, {"dense": 3}],
            {"source": {"npz": "ids.npz"}, "inputs": {"input": "ids"}, "target": "tags"},
        ), "NS506", "data.target",
    ),
    "an id beyond the vocabulary": (
        spec(
            {"shape": [6], "vocabulary": 4}, [{"embedding": 4}, {"gru": {"units": 4, "return_sequences": True}}, {"dense": 5}],
            {"source": {"npz": "ids.npz"}, "inputs": {"input": "ids"}, "target": "tags"},
        ), "NS514", "data.inputs",
    ),
    "targets that are not aligned with steps": (
        spec(
            {"shape": [6], "vocabulary": 5}, [{"embedding": 4}, {"gru": {"units": 4, "return_sequences": True}}, {"dense": 5}],
            {"source": {"npz": "ids.npz"}, "inputs": {"input": "ids"}, "target": "short"},
        ), "NS507", "data.target",
    ),
}  # fmt: skip


def rows(head: str, *lines: str) -> str:
    return "# a comment\n" + head + "@data\n" + "".join(f"{line}\n" for line in lines)


LABELS = "@classLabel true a b\n"
FILES: dict[str, str | bytes] = {
    "pyproject.toml": "",
    "rows.ts": rows(LABELS, *["1,2,3:4,5,6:a", "1,2,3,4,5:4,5,6,7,8:b"] * 4),
    "one.ts": rows(LABELS, "1,2,3:a", "1,2:b"),
    "hollow.ts": rows(LABELS, "1,2:1,2:a", "::b"),
    "none.ts": rows(LABELS),
    "lies.ts": rows("@dimensions 3\n" + LABELS, "1,2:3,4:a", "1,2:3,4:b"),
    "univariate.ts": rows("@univariate true\n" + LABELS, "1,2:3,4:a", "1,2:3,4:b"),
    "equal.ts": rows("@equalLength true\n" + LABELS, "1,2:3,4:a", "1:3:b"),
    "length.ts": rows("@equalLength true\n@seriesLength 3\n" + LABELS, "1,2:3,4:a", "1,2:3,4:b"),
    "class.ts": rows(LABELS, "1,2:3,4:a", "1,2:3,4:5,6"),
    "gap.ts": rows(LABELS, "1,,2:3,4:a"),
    "word.ts": rows(LABELS, "1,two:3,4:a"),
    "torn.ts": rows(LABELS, "1,2:3:a"),
    "stamps.ts": rows("@timestamps true\n" + LABELS, "1,2:3,4:a"),
    "early.ts": "1,2:a\n@data\n1,2:a\n",
    "missing.ts": rows(LABELS, "1,?,3:4,5,6:a", "1,2:3,4:b"),
    "latin.ts": b"# caf\xe9\n@data\n1,2:a\n",
    "latin/a/one.txt": b"plain\n\xe9t\xe9",
    "texts/a/one.txt": "one two three four",
    "texts/b/two.txt": "five six",
    "blank/a/one.txt": "   ",
    "blank/b/two.txt": "",
    "mixed/a/one.txt": "one two",
    "mixed/a/two.txt": "  ",
    "mixed/b/one.txt": "three",
    "two.csv": "y,z\n" + "".join(f"{i % 5},{i % 3}\n" for i in range(40)),
    "long.txt": "abcdefghij " * 10,
    "broken.tar.gz": b"not an archive",
    "texts.csv": "message,number,label\n" + "one two,1,a\nthree,2,b\n" * 4,
    "latin.csv": b"message,label\ncaf\xe9,a\n",
    "series.csv": "day,y\n" + "".join(f"d{i},{i % 5}\n" for i in range(40)),
    "gaps.csv": "day,y\n" + "".join(f"d{i},{i % 5 if i != 7 else ''}\n" for i in range(40)),
    "sounds/broken.wav": b"RIFFnothing",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    outer = tmp_path_factory.mktemp("outer")
    folder = outer / "inner"
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    (outer / "outside.ts").write_text(str(FILES["rows.ts"]))
    sound = np.sin(np.arange(800) / 5).astype(np.float32)
    sounds: dict[str, Callable[[Path], None]] = {
        "good_a.wav": lambda path: soundfile.write(path, sound, 8000),
        "fast.wav": lambda path: soundfile.write(path, sound, 16000),
        "stereo.wav": lambda path: soundfile.write(path, np.stack([sound, sound], 1), 8000),
        "hollow.wav": lambda path: soundfile.write(path, sound[:0], 8000),
    }
    for name, write in sounds.items():
        write(folder / "sounds" / name)
    (folder / "sounds" / "torn.wav").write_bytes((folder / "sounds" / "good_a.wav").read_bytes()[:30])
    generator = np.random.default_rng(0)
    (folder / "noise").mkdir()
    for label in "ab":
        (folder / "noise" / label).mkdir()
        (folder / "noise" / label / "one.txt").write_text(" ".join(map(str, generator.integers(0, 10**9, 2000))))
    with tarfile.open(folder / "whole.tar.gz", "w:gz") as archive:
        archive.add(folder / "noise", arcname="noise")
    whole = (folder / "whole.tar.gz").read_bytes()
    (folder / "torn.tar.gz").write_bytes(whole[: len(whole) // 2])
    middle = len(whole) // 2
    (folder / "damaged.tar.gz").write_bytes(whole[:middle] + b"\xff" * 64 + whole[middle + 64 :])
    ids = generator.integers(0, 5, (20, 6)).astype(np.float32)
    ids[0] = 4
    np.savez(folder / "ids.npz", ids=ids, tags=ids, short=ids[:, :5])
    return folder


def written(document: dict[str, Any], folder: Path) -> Path:
    path = folder / "spec.json"
    path.write_text(json.dumps(document, indent=1))
    return path


def judged(found: tuple[Diagnostic, ...], code: str, place: str) -> None:
    assert [d.code for d in found] == [code], found
    (diagnostic,) = found
    assert diagnostic.path.startswith(place), diagnostic
    assert diagnostic.span is not None, diagnostic
    assert diagnostic.help or code in ("NS205", "NS509"), diagnostic


@pytest.mark.parametrize("case", IN_THE_SPEC)
def test_what_the_spec_alone_tells(case: str, folder: Path, tmp_path: Path) -> None:
    document, code, place = IN_THE_SPEC[case]
    if code == "NS414":  # that the sequences have lengths of their own is known from the data
        judged(refused(document, folder, tmp_path / "runs"), code, place)
        return
    judged(validate(written(document, folder)), code, place)


def refused(document: dict[str, Any], folder: Path, runs: Path) -> tuple[Diagnostic, ...]:
    path = written(document, folder)
    assert not [d for d in validate(path) if d.severity is Severity.error], "the spec alone is sound"
    with pytest.raises(SpecError) as caught:
        train(path, runs=runs)
    assert not runs.exists(), "something was left half written"
    return caught.value.diagnostics


@pytest.mark.parametrize("case", IN_THE_DATA)
def test_what_the_data_tell(case: str, folder: Path, tmp_path: Path) -> None:
    document, code, place = IN_THE_DATA[case]
    judged(refused(document, folder, tmp_path / "runs"), code, place)
