"""Every hostile data file is read or refused by name. `python -m tests.fuzz.data_files` runs all, with time and memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.data_files import wrong
from tests.fuzz.hostile_data import HostileData, cases
from tests.fuzz.sandbox import Sandbox

MUTATED = ("cut", "flipped")
"""Kinds of which every fourth is enough here: they are many of one idea."""
CASES = [case for number, case in enumerate(cases()) if case.kind not in MUTATED or number % 4 == 0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.kind}: {case.name}"[:80])
def test_a_hostile_file_is_read_or_refused(case: HostileData, sandbox: Sandbox, tmp_path: Path) -> None:
    case.write(tmp_path)
    answer = sandbox.answer(["read", "spec.json"], tmp_path, seconds=60)
    # Time is what a busy machine makes of it: here only what never ends is wrong.
    assert wrong(case, answer, seconds=60) == "", (answer.out + answer.err)[-2000:]
    assert not (tmp_path / "marker").exists()
