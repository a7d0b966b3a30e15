"""Every code's own examples: the bad one gives exactly that code, the good one nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netspec.diagnostics import Diagnostic, SpecError
from netspec.diagnostics.codes import CODES
from netspec.graph.validate import checked
from netspec.source import read_text

PACKAGE = Path(__file__).parents[2] / "netspec"
SHOWN = [code for code in CODES.values() if code.bad]


def diagnose(text: str) -> tuple[Diagnostic, ...]:
    try:
        return checked(read_text(text, "example.yaml")).diagnostics
    except SpecError as error:
        return error.diagnostics


@pytest.mark.parametrize("code", SHOWN, ids=lambda c: c.code)
def test_the_bad_example_gives_exactly_its_code(code: object) -> None:
    found = diagnose(code.bad)  # type: ignore[attr-defined]
    assert [d.code for d in found] == [code.code]  # type: ignore[attr-defined]
    assert all(d.span is not None for d in found)


@pytest.mark.parametrize("code", SHOWN, ids=lambda c: c.code)
def test_the_good_example_gives_nothing(code: object) -> None:
    assert diagnose(code.good) == ()  # type: ignore[attr-defined]


def test_every_code_that_is_raised_is_explained() -> None:
    raised = {
        code.upper()
        for path in PACKAGE.rglob("*.py")
        if path.name != "codes.py"
        for code in re.findall(r'"(NS\d{3}|ns\d{3})"', path.read_text())
    }
    assert raised <= CODES.keys(), sorted(raised - CODES.keys())
    unraised = CODES.keys() - raised
    assert unraised <= {"NS007", "NS512"}, sorted(unraised)


def test_messages_are_lower_case_without_a_full_stop() -> None:
    for code in SHOWN:
        for diagnostic in diagnose(code.bad):
            assert not diagnostic.message.endswith(".")
            first = diagnostic.message[0]
            assert first == "`" or first.islower() or first.isdigit() or first == "["
