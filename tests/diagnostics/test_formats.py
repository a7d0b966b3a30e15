"""One renderer a format: what editors, GitHub and scanners rely on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from netspec.diagnostics import Diagnostic, Severity, Span, SpecError
from netspec.diagnostics.github import github
from netspec.diagnostics.json import as_object
from netspec.diagnostics.sarif import sarif
from netspec.diagnostics.text import concise, full
from netspec.graph.validate import checked
from netspec.source import read_file

NASTY = Diagnostic(
    "NS303",
    "no layer is named `\x1b[31m::error::\u202e`\nnext",
    file="a,b:c.yaml",
    span=Span(3, 5, 3, 9),
    help=("100% sure?",),
)
WARNING = Diagnostic("NS310", "nothing uses this `dense`", Severity.warning, "a.yaml", Span(1, 1, 1, 2))
HEADLINE = re.compile(r"^(.+?):(\d+):(\d+): (error|warning|note)\[(NS\d{3})\]: (.*)$")


def test_every_text_mode_has_the_first_line_that_editors_follow() -> None:
    for text in (concise([NASTY, WARNING]), full([NASTY, WARNING], {})):
        heads = [line for line in text.splitlines() if "[NS" in line]
        assert len(heads) == 2
        assert all(HEADLINE.match(head) for head in heads)


def test_no_control_character_reaches_a_terminal() -> None:
    lines = {"a,b:c.yaml": ["", "", "from: \x1b[31m\u202e"]}
    for text in (concise([NASTY]), full([NASTY], lines), github([NASTY])):
        assert not set(text.replace("\n", "")) & {chr(c) for c in range(32)}
        assert "\u202e" not in text


def test_github_puts_errors_first_and_escapes() -> None:
    lines = github([WARNING] * 3 + [NASTY] * 30).splitlines()
    assert len(lines) == 33
    assert [line.startswith("::error ") for line in lines] == [True] * 30 + [False] * 3
    assert "file=a%2Cb%3Ac.yaml" in lines[0]
    assert "100%25 sure?" in lines[0]
    assert "%0A" in lines[0]


def test_json_is_versioned() -> None:
    found = as_object([NASTY, WARNING], 2)
    assert found["version"] == 1
    assert found["summary"] == {"files": 2, "errors": 1, "warnings": 1}
    assert found["diagnostics"][0]["span"] == {"line": 3, "column": 5, "end_line": 3, "end_column": 9}
    json.dumps(found)


def test_sarif_has_a_rule_for_each_code() -> None:
    found = sarif([NASTY, WARNING, NASTY], "1.0")
    (run,) = found["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["NS303", "NS310"]
    assert [result["level"] for result in run["results"]] == ["error", "warning", "error"]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_sarif_is_what_its_schema_says() -> None:
    """The 2.1.0 schema as the npm package @microsoft/jest-sarif (MIT) carries it."""
    from jsonschema import Draft4Validator

    schema = json.loads((Path(__file__).parent / "sarif-2.1.0.schema.json").read_text())
    validator = Draft4Validator(schema)
    golden = sorted((Path(__file__).parent / "golden").glob("NS*.yaml"))
    found = [NASTY, WARNING]
    for path in golden:
        try:
            found += checked(read_file(path)).diagnostics
        except SpecError as error:
            found += error.diagnostics
    log = sarif(found, "1.0")
    assert not [error.message for error in validator.iter_errors(log)]
    log["runs"][0]["results"][0]["level"] = "fatal"
    assert [error.message for error in validator.iter_errors(log)]


def validate(*arguments: str, folder: Path, given: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from netspec.cli.main import run; run()", "validate", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, input=given, check=False)


def test_the_command_takes_files_folders_globs_and_standard_input(tmp_path: Path) -> None:
    good = "netspec: 1\nname: x\ninput: [4]\nmodel: {mlp: {output: 3}}\n"
    bad = good.replace("output", "outptu")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "good.yaml").write_text(good)
    (tmp_path / "bad.yml").write_text(bad)
    (tmp_path / "other.yaml").write_text("a: 1\n")
    assert validate("sub", folder=tmp_path).returncode == 0
    done = validate(".", folder=tmp_path)
    assert (done.returncode, "1 error in 2 files" in done.stderr) == (1, True)
    assert validate("sub/*.yaml", folder=tmp_path).returncode == 0
    done = validate("-", "--stdin-filename", "in.yaml", folder=tmp_path, given=bad)
    assert done.returncode == 1
    assert done.stdout.startswith("in.yaml:4:15: error[NS203]")
    assert validate("missing.yaml", folder=tmp_path).returncode == 2
    assert validate("sub", "--format", "xml", folder=tmp_path).returncode == 2
    done = validate("bad.yml", "--format", "json", "--output", "out.json", folder=tmp_path)
    assert json.loads((tmp_path / "out.json").read_text())["diagnostics"][0]["code"] == "NS203"
    assert done.stdout == ""


@pytest.mark.parametrize("strict", [False, True])
def test_warnings_count_when_asked(strict: bool, tmp_path: Path) -> None:
    layers = "    - dense: 4\n      name: a\n    - dense: 3\n      from: input\n"
    (tmp_path / "w.yaml").write_text(f"netspec: 1\nname: x\ninput: [4]\nmodel:\n  layers:\n{layers}")
    done = validate("w.yaml", *(["--strict"] if strict else []), folder=tmp_path)
    assert done.returncode == int(strict)
    assert "warning[NS310]" in done.stdout
