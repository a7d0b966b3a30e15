"""Whoever adds a word to the language adds its class and a line in its catalogue; everything else finds it there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[2]


def test_a_new_word_of_each_kind_is_found_everywhere() -> None:
    """In a process of its own, since catalogues are what other tests walk."""
    checks = [sys.executable, "-m", "pytest", "-q", "-p", "tests.toys", "-p", "no:cacheprovider", "-p", "no:xdist"]
    conformance = [
        "tests/conformance/test_layers.py",
        "tests/conformance/test_interpreter.py",
        "tests/conformance/test_fields.py",
    ]
    for chosen in (["tests/spec/toy_checks.py"], [*conformance, "-k", "toy"]):
        found = subprocess.run([*checks, *chosen], cwd=TOP, capture_output=True, text=True, timeout=600)
        assert found.returncode == 0, found.stdout[-4000:] + found.stderr[-2000:]
