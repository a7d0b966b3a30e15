"""Training, judging and exporting are one verb: the same from Python and from the command, and nothing is done twice."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import netspec
from netspec.cli.main import application
from netspec.components.sources import files, images, tabular

TABLE: dict[str, Any] = {
    "netspec": 1,
    "name": "table",
    "input": ["features"],
    "model": {"mlp": {"hidden": [4], "output": 2}},
    "data": {
        "source": {"csv": "rows.csv"},
        "target": "y",
        "split": {"validation": 0.25, "test": 0.25, "stratify": True},
        "preprocess": {"numbers": [{"impute": "median"}, "standardize"]},
    },
    "train": {"loss": "cross_entropy", "optimizer": {"adam": 0.01}, "epochs": 2, "batch_size": 8, "metrics": ["accuracy"]},
    "export": {},
    "expect": {"metrics": {"test_accuracy": {"min": 1.01}}, "onnx_size": {"max": "1MB"}},
}
PICTURES: dict[str, Any] = {
    **{key: TABLE[key] for key in ("netspec", "train", "export")},
    "name": "pictures",
    "input": [6, 6, 3],
    "model": {"layers": [{"conv2d": {"filters": 2, "kernel_size": 3}}, "flatten", {"dense": 2}]},
    "data": {"source": {"images": "pictures"}, "split": {"validation": 0.25, "test": 0.25}},
}


def written(folder: Path, document: dict[str, Any]) -> Path:
    """A project in a folder: its data, and its spec."""
    folder.mkdir(exist_ok=True)
    (folder / "pyproject.toml").write_text("")
    numbers = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{'up' if a + b > 0 else 'down'}" for a, b in numbers.normal(size=(64, 2))]
    (folder / "rows.csv").write_text("a,b,y\n" + "\n".join(rows) + "\n")
    for label in ("dark", "light"):
        (folder / "pictures" / label).mkdir(parents=True, exist_ok=True)
        for index in range(16):
            pixels = numbers.integers(0, 255, (6, 6, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "pictures" / label / f"{index}.png")
    (folder / "spec.json").write_text(json.dumps(document))
    return folder / "spec.json"


@pytest.mark.parametrize("document", [TABLE, PICTURES], ids=["table", "pictures"])
def test_everything_is_read_once(document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Training, its judge, the test part, the proof: each file is opened once, each picture decoded once."""
    opened: Counter[str] = Counter()
    decoded: Counter[str] = Counter()
    content, decode = tabular.content, images.decoded

    def counted(path: Path) -> bytes:
        opened[path.name if path.suffix == ".csv" else f"{path.parent.name}/{path.name}"] += 1
        return content(path)

    def seen(data: bytes, name: str, *rest: Any) -> Any:
        decoded[name] += 1
        return decode(data, name, *rest)

    for module in (tabular, images, files):
        monkeypatch.setattr(module, "content", counted)
    monkeypatch.setattr(images, "decoded", seen)
    run = netspec.train(written(tmp_path, document), run=tmp_path / "run", finish=True)
    assert run.finished is not None
    assert run.finished.exported is not None
    assert run.finished.evaluation is not None
    assert set(opened.values()) == {1}, opened
    assert len(opened) == (1 if document is TABLE else 32)
    assert set(decoded.values()) <= {1}, decoded
    assert len(decoded) == (0 if document is TABLE else 32)


def test_the_command_and_python_do_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal run folders, but for times, rates and event files."""
    spec = written(tmp_path, TABLE)
    run = netspec.train(spec, run=tmp_path / "python", finish=True)
    assert run.finished is not None
    assert [d.code for d in run.finished.broken] == ["NS706"]
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(application(), ["train", "spec.json", "--run", "command"])
    assert done.exit_code == 1  # the promise is broken
    assert "NS706" in done.stderr
    assert comparable(tmp_path / "python") == comparable(tmp_path / "command")


def comparable(run: Path) -> dict[str, Any]:
    """Everything in a run folder that does not hang on when it was made."""
    found: dict[str, Any] = {}
    for path in sorted(run.rglob("*")):
        name = path.relative_to(run).as_posix()
        if path.is_dir() or name.startswith("tensorboard/") or name == "lock":
            continue
        if name == "metrics.jsonl":
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            found[name] = [{k: v for k, v in line.items() if k not in ("seconds", "samples_per_second")} for line in lines]
        elif name == "manifest.json":
            manifest = json.loads(path.read_text())
            ours = ("lengths", "ragged", "rows", "data_sha256", "seed", "state", "name", "best_epoch", "version", "last")
            found[name] = {key: manifest[key] for key in ours} | {"files": sorted(_own(manifest["files"]))}
        elif path.name == "manifest.json":
            saved = json.loads(path.read_text())
            found[name] = {key: value for key, value in saved.items() if key not in ("time", "seal")}
        else:
            found[name] = path.read_bytes()
    return found


def _own(files: dict[str, str]) -> list[str]:
    return [name for name in files if not name.startswith("tensorboard/")]
