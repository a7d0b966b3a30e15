"""The ground for contributors: workflows that are YAML, and words that name what is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

TOP = Path(__file__).parents[1]
GITHUB = TOP / ".github"
PAGES = [GITHUB / "CONTRIBUTING.md", GITHUB / "CHANGELOG.md", GITHUB / "SECURITY.md"]
FORMS = sorted([*GITHUB.rglob("*.yml"), TOP / ".pre-commit-config.yaml"])


@pytest.mark.parametrize("path", FORMS, ids=lambda p: p.name)
def test_forms_and_workflows_are_yaml(path: Path) -> None:
    assert isinstance(yaml.safe_load(path.read_text()), dict)


@pytest.mark.parametrize("path", PAGES, ids=lambda p: p.stem)
def test_paths_that_pages_name_are_there(path: Path) -> None:
    named = set(re.findall(r"`((?:netspec|tests|schemas|specs|\.github|\.ci)/[\w./-]*)`", path.read_text()))
    missing = [name for name in named if not (TOP / name).exists()]
    assert not missing


def test_every_python_that_is_supported_is_tested() -> None:
    workflow = yaml.safe_load((GITHUB / "workflows" / "tests.yml").read_text())
    assert workflow["jobs"]["test"]["strategy"]["matrix"]["python"] == ["3.11", "3.12", "3.13", "3.14"]
