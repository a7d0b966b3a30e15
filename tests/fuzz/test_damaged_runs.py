"""A damaged run never answers otherwise without a word. `python -m tests.fuzz.runs` damages one in every way."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import netspec
from netspec.diagnostics import SpecError
from tests.fuzz.runs import Answer, damages, evaluated, project, resumed, wrong

EVERY = 11


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("runs")
    run = project(home)
    shutil.copytree(run, home / "saved")
    return home / "saved"


def fresh(saved: Path) -> Path:
    run = saved.parent / "run"
    shutil.rmtree(run)
    shutil.copytree(saved, run, symlinks=True)
    return run


@pytest.mark.parametrize(("verb", "ask"), [("evaluate", evaluated), ("resume", resumed)])
def test_damage_is_never_believed(verb: str, ask: Callable[[Path], Answer], saved: Path) -> None:
    sound = ask(fresh(saved))
    assert sound.kind == "answered"
    kinds = set()
    for kind, what, damage in damages(saved, every=EVERY):
        run = fresh(saved)
        damage(run)
        kinds.add(kind)
        assert wrong(verb, sound, ask(run)) == "", f"{kind}: {what}"
    assert len(kinds) > 8


def test_older_weights_answer_aloud_and_are_not_shipped(saved: Path, tmp_path: Path) -> None:
    run = fresh(saved)
    newest = sorted((run / "checkpoints").iterdir())[-1] / "state.safetensors"
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    evaluation = netspec.evaluate(run, part="train")
    (notice,) = evaluation.json()["notices"]
    assert "damaged" in notice
    assert "the checkpoint of epoch" in notice
    with pytest.raises(SpecError, match=r"NS530.*the checkpoint of epoch"):
        netspec.export(run, tmp_path / "old.onnx")
    assert not list(tmp_path.iterdir())


def test_links_among_what_grew_are_not_followed(saved: Path) -> None:
    run = fresh(saved)
    events = next((run / "tensorboard").iterdir())
    events.rename(run / "elsewhere")
    events.symlink_to(run / "elsewhere")
    assert resumed(run).kind == "answered"
