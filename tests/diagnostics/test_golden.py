"""Wrong specs that real people write, each with the exact text that `netspec validate` answers.

`golden/NS203_stride.yaml` stands beside `golden/NS203_stride.out`. After a change of a message,
`python -m tests.diagnostics.test_golden --write` writes the answers anew: read the difference before you keep it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from netspec.diagnostics import Diagnostic, SpecError, in_order
from netspec.diagnostics.codes import CODES
from netspec.diagnostics.text import full
from netspec.graph.validate import checked
from netspec.source import read_bytes
from tests.diagnostics.test_formats import HEADLINE

GOLDEN = Path(__file__).parent / "golden"
SPECS = sorted(path for path in GOLDEN.iterdir() if path.suffix in (".yaml", ".json"))
TWO = {path.stem for path in SPECS if path.stem.endswith("_two")}
"""Files with two independent mistakes: both are told in one run. In all others one mistake is one diagnostic."""


def diagnosed(path: Path) -> tuple[tuple[Diagnostic, ...], list[str]]:
    """What is wrong with a spec, and its lines, as `netspec validate` has them."""
    raw = path.read_bytes()
    try:
        document = read_bytes(raw, path.name)
    except SpecError as error:
        return in_order(error.diagnostics), raw.decode("utf-8", errors="replace").splitlines()
    return checked(document).diagnostics, document.text.splitlines()


def answer(path: Path) -> str:
    """The text that `netspec validate` writes for a spec."""
    found, lines = diagnosed(path)
    return full(found, {path.name: lines})


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_the_answer_is_the_golden_one(path: Path) -> None:
    assert answer(path) == path.with_suffix(".out").read_bytes().decode()


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_one_mistake_is_one_diagnostic_with_the_code_of_the_file(path: Path) -> None:
    found, _ = diagnosed(path)
    assert found[0].code == path.stem.partition("_")[0]
    assert len(found) == (2 if path.stem in TWO else 1), [d.message for d in found]


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_the_answer_has_a_headline_a_place_and_nothing_that_moves_a_cursor(path: Path) -> None:
    text = path.with_suffix(".out").read_bytes().decode()
    match = HEADLINE.match(text.splitlines()[0])
    assert match, text
    assert match[1] == path.name
    assert not match[6].endswith(".")
    assert all(character.isprintable() or character == "\n" for character in text)
    assert "NS901" not in text


def test_every_answer_belongs_to_a_spec() -> None:
    assert {path.stem for path in GOLDEN.glob("*.out")} == {path.stem for path in SPECS}
    assert len({path.stem for path in SPECS}) == len(SPECS)
    assert {path.suffix for path in GOLDEN.iterdir()} == {".yaml", ".json", ".out"}


def test_every_code_that_a_spec_alone_can_show_is_shown() -> None:
    shown = {path.stem.partition("_")[0] for path in SPECS}
    assert shown <= CODES.keys()
    assert {code for code, each in CODES.items() if each.bad} <= shown


def write() -> None:
    """Writes every answer anew."""
    for path in SPECS:
        path.with_suffix(".out").write_bytes(answer(path).encode())


if __name__ == "__main__":
    if sys.argv[1:] != ["--write"]:
        sys.exit("write the answers anew with `python -m tests.diagnostics.test_golden --write`")
    write()
