"""Types that hold: what is wrong in code is refused by the type checker, and with a clear error where none is asked."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

import netspec
from netspec.components.layers.core import Dense
from netspec.diagnostics import SpecError

TOP = Path(__file__).parents[1]
WRONG = TOP / "tests" / "typed" / "wrong.py"


def test_mypy_refuses_what_is_wrong_and_nothing_else() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", str(WRONG)],
        cwd=TOP, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = {int(line) for line in re.findall(r"wrong\.py:(\d+): error", done.stdout)}
    due = {number for number, line in enumerate(WRONG.read_text().splitlines(), start=1) if line.endswith("# refused")}
    assert found == due, done.stdout


def test_the_same_is_refused_when_it_runs(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="expected a size"):
        Dense(units={"not": "a size"})  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="NS531"):
        netspec.export(tmp_path, tmp_path / "model.onnx", outputs="probabilites")  # type: ignore[arg-type]
