"""Whole numbers keep their digits, or are refused: float32 has them up to 2^24, float64 up to 2^53."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec import SpecError
from netspec.components.sources.values import column_of, narrowed
from netspec.data import Roots, prepare
from netspec.diagnostics import Problem
from netspec.graph.validate import required
from netspec.source import read_file
from tests.fuzz.hostile_data import arrays, table

STAMPS = [1_600_000_000 + i for i in range(320)]


def prepared(document: dict[str, Any], folder: Path) -> Any:
    (folder / "spec.json").write_text(json.dumps({"netspec": 1, "name": "digits", **document}))
    spec, program = required(read_file(folder / "spec.json"))
    return prepare(spec, program, Roots.of(folder / "spec.json"))


def refused(document: dict[str, Any], folder: Path) -> str:
    with pytest.raises(SpecError) as error:
        prepared(document, folder)
    (found,) = error.value.diagnostics
    assert found.code == "NS513"
    return found.message


def csv_of(folder: Path, first: list[Any]) -> None:
    (folder / "rows.csv").write_text("a,b,y\n" + "".join(f"{a},{i % 7},{i % 5}\n" for i, a in enumerate(first)))


def test_time_stamps_in_a_table_are_no_four_numbers(tmp_path: Path) -> None:
    csv_of(tmp_path, STAMPS)
    assert "320 different ones become" in refused(table({"csv": "rows.csv"}), tmp_path)


def test_time_stamps_in_arrays_and_lists(tmp_path: Path) -> None:
    x = np.asarray(STAMPS, np.int64).reshape(160, 2)
    np.savez(tmp_path / "rows.npz", x=x, y=np.arange(160))
    assert "`x`" in refused(arrays({"npz": "rows.npz"}), tmp_path)
    lines = (json.dumps({"x": row, "y": i % 3}) + "\n" for i, row in enumerate(x.tolist()))
    (tmp_path / "rows.jsonl").write_text("".join(lines))
    assert "`x`" in refused(arrays({"json_lines": "rows.jsonl"}), tmp_path)


def test_large_numbers_far_apart_are_numbers(tmp_path: Path) -> None:
    """The last digits of a price of millions are far below what prices differ by."""
    csv_of(tmp_path, [20_000_001 + 1_234_567 * i for i in range(60)])
    assert prepared(table({"csv": "rows.csv"}), tmp_path).train.rows == 45
    with pytest.raises(Problem):
        narrowed("n", np.asarray([2**24, 2**24 + 1]))
    assert narrowed("n", np.asarray([2**24, 0])).tolist() == [2**24, 0]


def test_identifiers_of_many_digits_stay_texts(tmp_path: Path) -> None:
    ids = [9_007_199_254_740_993 + i for i in range(40)]
    csv_of(tmp_path, ids)
    assert "holds text" in refused(table({"csv": "rows.csv"}), tmp_path)
    column = column_of("id", ids)
    assert column.kind == "category"
    assert column.values.tolist() == [str(each) for each in ids]
    assert column_of("id", [10**400, 1]).values.tolist() == ["1" + "0" * 400, "1"]
    np.savez(tmp_path / "rows.npz", x=np.asarray(ids), y=np.arange(40))
    assert "holds text" in refused(arrays({"npz": "rows.npz"}), tmp_path)
