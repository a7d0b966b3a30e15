"""What failed once is asked again, before anything else; then the fuzzer, as far as a few minutes go.

The same by command, of any size: `python -m tests.fuzz valid|invalid|data|runs|onnx N`.
"""

from __future__ import annotations

import pytest

from tests.fuzz.campaigns import CAMPAIGNS, answered, kept, kept_texts
from tests.fuzz.judge import judged
from tests.fuzz.mutate import Wrong
from tests.projects import Project


@pytest.mark.parametrize(("project", "seed"), [each[1:] for each in kept()], ids=[name for name, *_ in kept()])
def test_a_project_of_the_corpus(project: Project, seed: int) -> None:
    assert judged(project, seed) == ""


@pytest.mark.parametrize("case", [case for _, case in kept_texts()], ids=[name for name, _ in kept_texts()])
def test_a_text_of_the_corpus(case: Wrong) -> None:
    assert answered(case) == ""


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 36, 6))
def test_drawn_projects(first: int) -> None:
    assert list(CAMPAIGNS["valid"](first, 6)) == []


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 20_000, 4000))
def test_specs_made_wrong(first: int) -> None:
    assert list(CAMPAIGNS["invalid"](first, 4000)) == []


@pytest.mark.slow
def test_data_made_wrong() -> None:
    assert list(CAMPAIGNS["data"](0, 200)) == []
