"""Determinism for sequences: buckets and moving windows are functions of seed and epoch, so a resumed run is the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.test_resume import lines, netspec, same, state_of

TRAIN: dict[str, Any] = {
    "loss": "cross_entropy",
    "optimizer": {"adamw": {"learning_rate": 3e-3}},
    "schedule": {"warmup_cosine": {"warmup_epochs": 1}},
    "gradient": {"clip_norm": 1.0},
    "epochs": 4,
    "batch_size": 8,
    "ema": 0.9,
}
BUCKETS: dict[str, Any] = {
    "netspec": 1,
    "name": "buckets",
    "input": ["time", 2],
    "model": {
        "layers": [
            {"lstm": {"units": 6, "recurrent_dropout": 0.1}},
            {"dropout": 0.2},
            {"dense": "classes"},
        ]
    },
    "data": {"source": {"ts": "rows.ts"}, "split": {"validation": 0.2}, "preprocess": {"series": "standardize"}},
    "train": {**TRAIN, "metrics": ["accuracy"]},
}
LETTERS: dict[str, Any] = {
    "netspec": 1,
    "name": "letters",
    "input": {"shape": ["time"], "vocabulary": "characters"},
    "model": {
        "layers": [
            {"embedding": 6},
            {"lstm": {"units": 8, "return_sequences": True, "dropout": 0.1}},
            {"dense": "characters"},
        ]
    },
    "data": {
        "source": {"text": "long.txt"},
        "series": {"window": 12, "target": "next"},
        "split": {"by": "time", "validation": 0.2},
        "preprocess": {"input": {"tokenize": {"by": "character"}}},
    },
    "train": {**TRAIN, "metrics": ["perplexity"]},
}


def fill(folder: Path) -> None:
    generator = np.random.default_rng(0)
    rows = []
    for number in range(60):
        length = int(generator.integers(2, 20))
        values = generator.normal(number % 2, 1, (2, length))
        rows.append(":".join(",".join(f"{v:.4f}" for v in each) for each in values) + f":{'ab'[number % 2]}")
    (folder / "rows.ts").write_text("@classLabel true a b\n@data\n" + "\n".join(rows))
    words = np.asarray(["to be ", "or not ", "what is ", "the question, "])
    (folder / "long.txt").write_text("".join(words[generator.integers(0, 4, 200)]))


@pytest.mark.parametrize("document", [BUCKETS, LETTERS], ids=["buckets", "stream"])
def test_stopping_and_going_on_changes_no_bit(document: dict[str, Any], tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "spec.json").write_text(json.dumps(document))
    netspec("train", "spec.json", "--run", "once", "-q", folder=tmp_path)
    netspec("train", "spec.json", "--run", "parts", "-q", "--stop-after", "2", folder=tmp_path)
    halfway = state_of(tmp_path / "parts")
    assert halfway.notes["progress"]["epoch"] == 2
    netspec("train", "spec.json", "--run", "parts", "-q", "--resume", folder=tmp_path)
    once, parts = state_of(tmp_path / "once"), state_of(tmp_path / "parts")
    same(once, parts)
    assert lines(tmp_path / "once") == lines(tmp_path / "parts")
    assert any(array.tobytes() != halfway.arrays[name].tobytes() for name, array in once.arrays.items() if "kernel" in name)
