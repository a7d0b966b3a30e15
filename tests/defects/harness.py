"""Plants a defect into a copy of the package and asks the tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.defects.table import Defect

REPOSITORY = Path(__file__).parents[2]
_PARTS = ("netspec", "tests", "specs", "schemas", ".ci", ".github", "pyproject.toml", "README.md", "LICENSE")


def missing(defect: Defect) -> list[str]:
    """The edits whose text no longer stands in the package exactly once: the table has to follow the code."""
    found = []
    for file, old, _ in defect.edits:
        times = (REPOSITORY / "netspec" / file).read_text().count(old)
        if times != 1:
            found.append(f"{defect.name}: {times} times in {file}: {old}")
    return found


def plant(defect: Defect, folder: Path) -> None:
    """A copy of the repository with the defect in it."""
    for part in _PARTS:
        source = REPOSITORY / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
        elif source.exists():
            shutil.copy(source, folder / part)
    for file, old, new in defect.edits:
        path = folder / "netspec" / file
        path.write_text(path.read_text().replace(old, new))


def asked(folder: Path, tests: tuple[str, ...]) -> tuple[bool, str]:
    """Whether a test fails, and which one was the first. Raises RuntimeError where no test ran: that finds nothing."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]
    environment = {**os.environ, "PYTHONPATH": str(folder), "NETSPEC_PLANTED": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"pytest ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
    lines = done.stdout.splitlines()
    broken = next((line for line in lines if line.startswith(("FAILED", "ERROR"))), "")
    return done.returncode == 1, broken.split(" - ")[0].removeprefix("FAILED ")
