"""A damaged .onnx file is never believed. `python -m tests.fuzz.models` damages one in every way."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.models import asked


def test_a_damaged_file_is_never_believed(tmp_path: Path) -> None:
    answers = list(asked(tmp_path, every=3))
    assert len({each.kind for each in answers}) > 8
    assert [each for each in answers if each.fault] == []
