"""Every hostile spec gets one right answer. `python -m tests.fuzz.specs` says how long each took, and holds it to a second."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.hostile_specs import Hostile, cases
from tests.fuzz.sandbox import Sandbox
from tests.fuzz.specs import wrong


@pytest.mark.parametrize(
    "case", list(cases()), ids=lambda case: f"{case.kind}: {case.name}"[:80].encode("ascii", "replace").decode()
)
def test_a_hostile_spec_is_answered(case: Hostile, sandbox: Sandbox, tmp_path: Path) -> None:
    case.write(tmp_path)
    answer = sandbox.answer(case.arguments, tmp_path)
    # Time is what a busy machine makes of it: here only what never ends is wrong.
    assert wrong(case, answer, seconds=10) == "", (answer.out + answer.err)[-2000:]
