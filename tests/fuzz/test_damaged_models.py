"""A damaged .onnx file is never believed. `python -m tests.fuzz.models` damages one in every way."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.fuzz.models import VERBS, damages, exported, harmless, wrong

EVERY = 3


def test_a_damaged_file_is_never_believed(tmp_path: Path) -> None:
    original = exported(tmp_path)
    saved = tmp_path / "saved"
    saved.mkdir()
    beside = sorted(tmp_path.glob("model.*"))
    for file in beside:
        shutil.copy(file, saved)
    sound = {name: ask(original) for name, ask in VERBS.items()}
    assert sound["verify"].what == "sound"
    kinds = set()
    for kind, name, damage in list(damages(original, every=EVERY)):
        kinds.add(kind)
        for file in beside:
            if file.is_dir():
                file.rmdir()
            file.unlink(missing_ok=True)
            shutil.copy(saved / file.name, file)
        damage(original)
        untouched = "parity.json" in name or (
            kind != "beside" and original.is_file() and harmless(original, saved / original.name)
        )
        for verb, ask in VERBS.items():
            fault = wrong(verb, sound[verb], ask(original))
            assert fault in ("", "sound" if untouched else ""), f"{kind}: {name}: {verb}: {fault}"
    assert len(kinds) > 8
