"""Bad input: a code, a position, a way out, before anything is trained, and nothing left behind."""

from __future__ import annotations

import copy
import gzip
import json
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec import train
from netspec.diagnostics import Diagnostic, SpecError
from netspec.graph.validate import required
from netspec.source import read_text

GOOD: dict[str, Any] = {
    "netspec": 1,
    "name": "rows",
    "input": ["features"],
    "model": {"mlp": {"hidden": [4], "output": "classes"}},
    "data": {
        "source": {"csv": "rows.csv"},
        "inputs": {"input": ["a", "b"]},
        "target": "label",
        "split": {"validation": 0.2, "test": 0.2},
        "preprocess": {"numbers": "standardize"},
    },
    "train": {"loss": "cross_entropy", "optimizer": {"adam": 0.01}, "epochs": 1, "batch_size": 8, "metrics": ["accuracy"]},
}
ROWS = "a,b,colour,label\n" + "".join(f"{i},{i % 7},{'red' if i % 2 else 'blue'},{'xyz'[i % 3]}\n" for i in range(60))


def changed(path: str, value: Any) -> dict[str, Any]:
    document = copy.deepcopy(GOOD)
    holder = document
    *steps, last = path.split(".")
    for step in steps:
        holder = holder[step]
    if value is None:
        holder.pop(last)
    else:
        holder[last] = value
    return document


CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "missing file": (changed("data.source", {"csv": "other.csv"}), "NS501", "data.source"),
    "a path out of the root": (changed("data.source", {"csv": "../../../etc/passwd"}), "NS006", "data.source"),
    "an absolute path": (changed("data.source", {"csv": "/etc/passwd"}), "NS006", "data.source"),
    "a home path": (changed("data.source", {"csv": "~/rows.csv"}), "NS006", "data.source"),
    "missing input column": (changed("data.inputs", {"input": ["a", "c"]}), "NS502", "data.inputs"),
    "missing target column": (changed("data.target", "lable"), "NS502", "data.target"),
    "missing values": (changed("data.source", {"csv": "gaps.csv"}), "NS503", "data.preprocess"),
    "missing values unprepared": (
        {
            **changed("data.source", {"csv": "gaps.csv"}),
            "data": {**GOOD["data"], "source": {"csv": "gaps.csv"}, "preprocess": {}},
        },
        "NS503",
        "data.inputs",
    ),
    "an empty part": (changed("data.split", {"test": 60}), "NS504", "data.split"),
    "no rows": (changed("data.source", {"csv": "header.csv"}), "NS504", "data"),
    "an empty file": (changed("data.source", {"csv": "empty.csv"}), "NS509", "data.source"),
    "ragged rows": (changed("data.source", {"csv": "ragged.csv"}), "NS509", "data.source"),
    "text as numbers": (changed("data.inputs", {"input": ["a", "colour"]}), "NS513", "data.inputs"),
    "a label that goes in": (changed("data.preprocess", {"a": "label"}), "NS513", "data.preprocess.a"),
    "a scale for text": (changed("data.preprocess", {"label": "standardize"}), "NS513", "data.preprocess"),
    "too many classes": (changed("model", {"mlp": {"output": 2}}), "NS506", "data.target"),
    "text for a regression": (
        changed("train", {"loss": "mean_squared_error", "optimizer": {"adam": 0.01}}),
        "NS505",
        "data.target",
    ),
    "another width": (changed("input", [3]), "NS507", "input"),
    "a key that names nothing": (changed("data.preprocess", {"number": "standardize"}), "NS512", "data.preprocess"),
    "no data": (changed("data", None), "NS510", "data"),
    "no train": (changed("train", None), "NS510", ""),
    "a step without fields": (changed("data.preprocess", {"numbers": "impute"}), "NS202", "data.preprocess"),
    "too large for this machine": (changed("model", {"mlp": {"hidden": [2**38], "output": "classes"}}), "NS007", ""),
    "an unknown loss": (changed("train.loss", "crossentropy"), "NS206", "train.loss"),
    "a negative rate": (changed("train.optimizer", {"adam": -1.0}), "NS205", "train.optimizer"),
    "columns of another number": (
        changed("data.source", {"csv": {"path": "rows.csv", "columns": ["a", "b"]}}),
        "NS502",
        "data.source",
    ),
}


def fill(folder: Path) -> None:
    (folder / "pyproject.toml").write_text("")
    (folder / "rows.csv").write_text(ROWS)
    (folder / "gaps.csv").write_text(ROWS.replace("\n7,0,", "\n,0,"))
    (folder / "header.csv").write_text("a,b,colour,label\n")
    (folder / "empty.csv").write_text("")
    (folder / "ragged.csv").write_text(ROWS + "1,2,3,4,5,6,7\n")


def trained(document: dict[str, Any], folder: Path) -> tuple[Diagnostic, ...]:
    path = folder / "spec.json"
    path.write_text(json.dumps(document, indent=1))
    with pytest.raises(SpecError) as caught:
        train(path, runs=folder / "runs")
    return caught.value.diagnostics


def test_the_good_one_trains(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "spec.json").write_text(json.dumps(GOOD))
    assert train(tmp_path / "spec.json", runs=tmp_path / "runs").evaluate().examples == 12


@pytest.mark.parametrize("case", CASES)
def test_each_has_its_code_its_place_and_a_way_out(case: str, tmp_path: Path) -> None:
    document, code, place = CASES[case]
    fill(tmp_path)
    found = trained(document, tmp_path)
    assert [d.code for d in found] == [code], found
    (diagnostic,) = found
    assert diagnostic.path.startswith(place), diagnostic
    if place:
        assert diagnostic.span is not None
        assert diagnostic.span.line > 1 or code == "NS510"
    assert not (tmp_path / "runs").exists(), "something was left half written"


def idx(kind: int, shape: tuple[int, ...], data: bytes) -> bytes:
    return bytes([0, 0, kind, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + data


BROKEN_FILES: dict[str, Callable[[], bytes]] = {
    "not idx": lambda: b"hello, world",
    "cut off": lambda: idx(8, (4, 8, 8), b"\0" * 100),
    "too long": lambda: idx(8, (4, 8, 8), b"\0" * 257),
    "a declared size beyond all memory": lambda: idx(8, (2**31, 2**31), b""),
    "a bomb": lambda: gzip.compress(idx(8, (2**20, 2**14), b"\0" * 10)),
    "a torn gzip": lambda: gzip.compress(idx(8, (4, 8, 8), b"\0" * 256))[:20],
}


@pytest.mark.parametrize("case", BROKEN_FILES)
def test_broken_idx_files(case: str, tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "images").write_bytes(BROKEN_FILES[case]())
    document = {**GOOD, "input": [8, 8, 1], "model": {"layers": ["flatten", {"dense": 3}]}}
    document["data"] = {"source": {"idx": {"train": ["images"]}}}
    assert [d.code for d in trained(document, tmp_path)] == ["NS509"]


def test_pickles_are_refused(tmp_path: Path) -> None:
    fill(tmp_path)
    np.savez(tmp_path / "rows.npz", allow_pickle=True, a=np.array([{"x": 1}], dtype=object))
    document = {**GOOD, "data": {"source": {"npz": "rows.npz"}, "inputs": {"input": "a"}, "target": "a"}}
    assert [d.code for d in trained(document, tmp_path)] == ["NS509"]


def test_images_of_different_sizes(tmp_path: Path) -> None:
    from PIL import Image

    fill(tmp_path)
    for label, size in (("cat", (8, 8)), ("dog", (9, 8))):
        (tmp_path / "pictures" / label).mkdir(parents=True)
        Image.new("RGB", size).save(tmp_path / "pictures" / label / "one.png")
    document = {**GOOD, "input": [8, 8, 3], "model": {"layers": ["flatten", {"dense": 2}]}}
    document["data"] = {"source": {"images": "pictures"}}
    (diagnostic,) = trained(document, tmp_path)
    assert diagnostic.code == "NS507"
    assert "`size: [" in diagnostic.help[0]


def test_a_link_out_of_the_root(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "linked.csv").symlink_to("/etc/hostname")
    assert [d.code for d in trained(changed("data.source", {"csv": "linked.csv"}), tmp_path)] == ["NS006"]


def test_huge_sizes_answer_at_once() -> None:
    text = json.dumps(changed("model", {"mlp": {"hidden": [2**40], "output": 3}}))
    _, program = required(read_text(text, "huge.json"))
    count, _ = program.main.parameter_count()
    assert str(count) == f"{2**40} features + {2**40 * 4 + 3}"
