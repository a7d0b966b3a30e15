"""Every code's own examples: the bad one gives exactly that code, the good one nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from netspec.cli.main import application
from netspec.diagnostics import Diagnostic, SpecError
from netspec.diagnostics.codes import CODES, Code
from netspec.diagnostics.outside import OUTSIDE
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


@pytest.mark.parametrize("code", CODES.values(), ids=lambda c: c.code)
def test_every_code_shows_a_mistake_and_its_mending(code: Code) -> None:
    wrong, right = code.lines
    assert wrong != right
    assert wrong or right
    assert (code.code in OUTSIDE) == (not code.bad), "what a spec can show is shown by a spec"


def test_all_codes_are_listed() -> None:
    listed = CliRunner().invoke(application(), ["explain"]).stdout
    for code in CODES.values():
        assert f"{code.code}  {code.title}\n" in listed
        assert all(line.strip() in listed for part in code.lines for line in part)


def test_commands_in_examples_exist() -> None:
    """The verbs and options that examples beyond specs show are those of the command."""
    verbs = {
        name: {option for each in verb.params for option in each.opts}
        for name, verb in get_command(application()).commands.items()
    }  # type: ignore[attr-defined]
    for wrong, right in OUTSIDE.values():
        for command in re.findall(r"netspec ([a-z]+)([^;#]*)", f"{wrong}\n{right}"):
            verb, rest = command
            assert verb in verbs, command
            assert set(re.findall(r" (--?[a-z-]+)", rest)) <= verbs[verb], command


def test_every_code_that_is_raised_is_explained() -> None:
    raised = {
        code.upper()
        for path in PACKAGE.rglob("*.py")
        if path.name not in ("codes.py", "outside.py")
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
