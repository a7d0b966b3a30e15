"""Every block of the README is run. `.ci/run` runs the two that install."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from netspec.diagnostics.text import full
from netspec.graph.validate import checked, required
from netspec.report.reference import reference
from netspec.source import read_text

TOP = Path(__file__).parents[1]
TEXT = (TOP / "README.md").read_text()
BLOCKS = {f"{m[1]} {m[2]}": m[3] for m in re.finditer(r"```(\w+) (\w+)\n(.*?)```", TEXT, re.DOTALL)}
NETSPEC = f"{sys.executable} -c 'from netspec.cli.main import run; run()'"


def shell(command: str, folder: Path) -> str:
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the main job prints, and the folder it ran in."""
    folder = tmp_path_factory.mktemp("stranger")
    shutil.copytree(TOP / "specs", folder / "specs")
    command = BLOCKS["sh main"].split("&&")[-1].strip().replace(".venv/bin/netspec", NETSPEC)
    return shell(command, folder), folder


def test_every_block_is_known() -> None:
    fences = len(re.findall(r"^```\w", TEXT, re.MULTILINE))
    assert fences == len(BLOCKS)
    assert BLOCKS.keys() == {
        "sh main",
        "text train",
        "yaml spec",
        "yaml bad",
        "text error",
        "python onnx",
        "yaml pair",
        "sh verbs",
        "sh test",
    }


def test_the_spec_is_valid() -> None:
    spec, program = required(read_text(BLOCKS["yaml spec"], "readme.yaml"))
    assert spec.name == "digits-cnn"
    assert program.main.output_types["output"].shape == (10,)


def test_the_pair_is_valid_and_says_nothing() -> None:
    found = checked(read_text(BLOCKS["yaml pair"], "readme.yaml"))
    assert found.diagnostics == ()
    assert found.program is not None
    assert list(found.program.graphs) == ["generator", "discriminator"]


def test_the_mistake_reads_as_shown() -> None:
    text = BLOCKS["yaml bad"]
    found = checked(read_text(text, "bad.yaml")).diagnostics
    assert full(found, {"bad.yaml": text.splitlines()}) == BLOCKS["text error"]


def test_the_main_job_prints_what_is_shown(trained: tuple[str, Path]) -> None:
    printed, _ = trained
    masked = [re.sub(r"[\d.,]+(e-\d+)?|  best|-\d{6}", "#", line).split() for line in printed.splitlines()]
    shown = [re.sub(r"[\d.,]+(e-\d+)?|  best|-\d{6}", "#", line).split() for line in BLOCKS["text train"].splitlines()]
    for line in shown:
        assert line == ["#"] or line in masked, line
    accuracy = re.search(r"test_accuracy ([\d.]+)", printed)
    assert accuracy
    assert float(accuracy[1]) >= 0.98


def test_plain_onnxruntime_uses_the_file(trained: tuple[str, Path]) -> None:
    _, folder = trained
    (run,) = (folder / "runs" / "digits-cnn").iterdir()
    (folder / "use.py").write_text(BLOCKS["python onnx"].replace('"model.onnx"', f'"{run / "model.onnx"}"'))
    lines = shell(f"{sys.executable} use.py", folder).splitlines()
    assert [line.split()[0] for line in lines] == ["0", "1", "2", "3", "4"]


def test_every_verb_runs(trained: tuple[str, Path]) -> None:
    _, folder = trained
    header = "sepal_length_cm,sepal_width_cm,petal_length_cm,petal_width_cm"
    (folder / "rows.csv").write_text(header + "\n5.1,3.5,1.4,0.2\n6.7,3.0,5.2,2.3\n")
    lines = [line.partition("#")[0].strip() for line in BLOCKS["sh verbs"].splitlines()]
    printed = {line: shell(line.replace("netspec", NETSPEC, 1), folder) for line in lines}
    assert "setosa" in printed["netspec predict runs/iris rows.csv"].splitlines()[1]
    assert "virginica" in printed["netspec predict runs/iris rows.csv"].splitlines()[2]


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", TEXT):
        assert (TOP / target).exists(), target


def test_the_reference_is_current() -> None:
    path = TOP / "schemas" / "reference.md"
    assert path.read_text() == reference(), "run `python -m netspec.report.reference > schemas/reference.md`"
