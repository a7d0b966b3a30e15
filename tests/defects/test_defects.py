"""Four planted defects here; all of them by `python -m tests.defects`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.defects.harness import asked, missing, plant
from tests.defects.table import DEFECTS, Defect

HERE = [defect for defect in DEFECTS if defect.name in ("`concat` joins from the end", "a warm-up takes twice as long", "Adam's decays are exchanged", "hard sigmoid has a slope of 0.2")]  # fmt: skip

pytestmark = pytest.mark.skipif("NETSPEC_PLANTED" in os.environ, reason="a planted copy does not plant again")


def test_the_table_follows_the_code() -> None:
    assert len(DEFECTS) >= 40
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS)
    assert [line for defect in DEFECTS for line in missing(defect)] == []


@pytest.mark.parametrize("defect", HERE, ids=lambda defect: defect.name)
def test_a_planted_defect_is_found(defect: Defect, tmp_path: Path) -> None:
    plant(defect, tmp_path)
    word = {"order": "concat", "curve": "hard_sigmoid", "schedule": "schedule", "optimizer": "optimizer"}[defect.kind]
    seen, _ = asked(tmp_path, (*defect.first, "-k", word))
    assert seen
