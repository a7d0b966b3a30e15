"""`python -m tests.fuzz.runs`: run folders damaged in every way, and what each verb answers.

A verb may answer as it does for the sound run, say what is damaged and go back a checkpoint, or refuse. It may not answer
otherwise without a word, and never with a traceback.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from netspec import train
from netspec.diagnostics import SpecError
from netspec.inference.run import Run

SPEC = {
    "netspec": 1, "name": "rows", "input": [2],
    "model": {"layers": [{"dense": 4, "name": "stem"}, "batch_norm", "relu", {"dense": "classes"}]},
    "data": {
        "source": {"csv": "rows.csv"}, "inputs": {"input": ["a", "b"]}, "target": "label",
        "split": {"validation": 0.2, "test": 0.3}, "preprocess": {"numbers": "standardize"},
    },
    "train": {"loss": "cross_entropy", "optimizer": {"adam": 0.05}, "epochs": 4, "batch_size": 8, "metrics": ["accuracy"]},
}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What a verb answered: `answered` with figures, `refused` with codes, or `broken` with an exception's name."""

    kind: str
    what: Any
    told: tuple[str, ...] = ()


def project(folder: Path) -> Path:
    """A folder with a spec, its data and a run that has two of its four epochs behind it."""
    generator = np.random.default_rng(0)
    points = generator.normal(size=(80, 2))
    rows = [f"{a:.4f},{b:.4f},{'yes' if a * b > 0 else 'no'}" for a, b in points]
    (folder / "rows.csv").write_text("a,b,label\n" + "\n".join(rows) + "\n")
    (folder / "pyproject.toml").write_text("")
    (folder / "spec.json").write_text(json.dumps(SPEC))
    for resume in (False, True):
        _paused(folder, resume=resume)
    return folder / "run"


def _paused(folder: Path, *, resume: bool) -> None:
    from netspec.graph.validate import required
    from netspec.source import read_file
    from netspec.spec.paths import Roots
    from netspec.training import train as start

    spec, program = required(read_file(folder / "spec.json"))
    start(spec, program, Roots.of(folder / "spec.json"), run=folder / "run", resume=resume, stop_after=1)


def evaluated(run: Path) -> Answer:
    """What `evaluate` answers."""
    opened: list[Run] = []

    def work() -> Any:
        opened.append(Run(run))
        return opened[0].evaluate().metrics

    return _answered(work, lambda: opened[0].notices)


def resumed(run: Path) -> Answer:
    """What training to the end answers: the final weights."""

    def work() -> Any:
        found = train(run.parent / "spec.json", run=run, resume=True)
        return {name: array.tobytes() for name, array in sorted(found.weights.items())}

    return _answered(work, lambda: ())


def _answered(work: Callable[[], Any], told: Callable[[], tuple[str, ...]]) -> Answer:
    try:
        return Answer("answered", work(), told())
    except SpecError as error:
        return Answer("refused", tuple(d.code for d in error.diagnostics))
    except Exception as error:  # noqa: BLE001  what a user would see as a defect is what is looked for
        return Answer("broken", f"{type(error).__name__}: {error}"[:120])


def damages(run: Path, *, every: int = 1) -> Iterator[tuple[str, str, Callable[[Path], None]]]:
    """Ways to damage a run: the kind, the name, and what does it to a copy."""
    files = sorted(path.relative_to(run) for path in run.rglob("*") if path.is_file() and path.name != "lock")
    count = 0
    for file in files:
        size = (run / file).stat().st_size
        ways: list[tuple[str, str, Callable[[Path], None]]] = []
        for place in sorted({0, 1, size // 3, size // 2, size - 2, size - 1} & set(range(size))):
            ways.append(("bit flipped", f"{file} at {place}", lambda path, file=file, place=place: _flip(path / file, place)))
        for length in sorted({0, 1, size // 2, size - 1} & set(range(size))):
            ways.append(
                ("cut off", f"{file} to {length}", lambda path, file=file, length=length: os.truncate(path / file, length))
            )
        ways += [
            ("deleted", str(file), lambda path, file=file: (path / file).unlink()),
            ("longer", str(file), lambda path, file=file: (path / file).write_bytes((path / file).read_bytes() + b"\0")),
            ("a link", str(file), lambda path, file=file: _link(path / file)),
            ("a folder", str(file), lambda path, file=file: _folder(path / file)),
            ("a pipe", str(file), lambda path, file=file: _pipe(path / file)),
            ("other JSON", str(file), lambda path, file=file: (path / file).write_text('{"version": 2, "a": [1]}')),
            ("no JSON object", str(file), lambda path, file=file: (path / file).write_text("[]")),
        ]
        for way in ways:
            count += 1
            if count % every == 0:
                yield way
    for name in sorted(path.name for path in (run / "checkpoints").iterdir()):
        yield "checkpoint gone", name, lambda path, name=name: shutil.rmtree(path / "checkpoints" / name)
        yield (
            "checkpoint renamed",
            name,
            lambda path, name=name: (path / "checkpoints" / name).rename(path / "checkpoints" / "9999999999"),
        )
    yield "checkpoints gone", "all", lambda path: shutil.rmtree(path / "checkpoints")
    yield "checkpoints swapped", "two", _swap
    yield "weights", "not numbers", lambda path: _poison(path, float("nan"))
    yield "weights", "infinite", lambda path: _poison(path, float("inf"))
    for field, value in (("lengths", {}), ("lengths", {"classes": -1}), ("ragged", ["time"]), ("rows", {}), ("roots", {}), ("roots", {"folder": "/etc", "root": "/", "data_root": "/"}), ("state", 3), ("checkpoints", [["../../x", 1, ""]]), ("checkpoints", 5), ("version", 7), ("files", {}), ("data_sha256", "0"), ("threshold", "x")):  # fmt: skip
        yield "forged manifest", f"{field} = {value}", lambda path, field=field, value=value: _forge(path, field, value)


def _flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1 << (place % 7)
    path.write_bytes(content)


def _link(path: Path) -> None:
    beside = path.with_name(path.name + ".elsewhere")
    path.rename(beside)
    path.symlink_to(beside.name)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _swap(path: Path) -> None:
    first, second = sorted((path / "checkpoints").iterdir())[:2]
    third = first.with_name("third")
    first.rename(third)
    second.rename(first)
    third.rename(second)


def _poison(path: Path, value: float) -> None:
    """Weights that are no numbers, hashed and sealed as if they were."""
    from safetensors.numpy import load_file, save_file

    from netspec.training.seal import hash_of, sealed

    manifest = json.loads((path / "manifest.json").read_text())
    listed = []
    for name, order, _ in manifest["checkpoints"]:
        folder = path / "checkpoints" / name
        arrays = load_file(folder / "state.safetensors")
        save_file({key: np.full_like(array, value) if array.dtype.kind == "f" else array for key, array in arrays.items()}, folder / "state.safetensors")  # fmt: skip
        own = json.loads((folder / "manifest.json").read_text())
        own = sealed({**own, "sha256": {"state.safetensors": hash_of(folder / "state.safetensors")}})
        (folder / "manifest.json").write_text(json.dumps(own))
        listed.append([name, order, own["seal"]])
    (path / "manifest.json").write_text(json.dumps(sealed({**manifest, "checkpoints": listed})))


def _forge(path: Path, field: str, value: Any) -> None:
    from netspec.training.seal import sealed

    manifest = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps(sealed({**manifest, field: value})))


def wrong(verb: str, sound: Answer, answer: Answer) -> str:
    """What is wrong with an answer; '' where nothing is."""
    if answer.kind == "broken":
        return str(answer.what)
    if answer.kind == "answered" and answer.what != sound.what and not answer.told and verb == "evaluate":
        return "another answer without a word"
    return ""


def main() -> None:
    every = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    table: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    slowest: defaultdict[tuple[str, str], float] = defaultdict(float)
    faults = 0
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        run = project(home)
        saved = home / "saved"
        shutil.copytree(run, saved)
        verbs: dict[str, Callable[[Path], Answer]] = {"evaluate": evaluated, "resume": resumed}
        sound = {}
        for verb, ask in verbs.items():
            sound[verb] = ask(run)
            shutil.rmtree(run)
            shutil.copytree(saved, run)
        for kind, what, damage in damages(saved, every=every):
            for verb, ask in verbs.items():
                shutil.rmtree(run)
                shutil.copytree(saved, run, symlinks=True)
                damage(run)
                began = time.perf_counter()
                answer = ask(run)
                slowest[kind, verb] = max(slowest[kind, verb], time.perf_counter() - began)
                fault = wrong(verb, sound[verb], answer)
                faults += bool(fault)
                same = answer.kind == "answered" and answer.what == sound[verb].what
                table[kind, verb]["wrong" if fault else "as before" if same else answer.kind] += 1
                if fault:
                    print(f"{verb}: {kind}: {what}: {fault}")
    print(f"\n{'kind':<22}{'verb':<10}{'as before':>10}{'answered':>10}{'refused':>9}{'wrong':>7}{'slowest':>10}")
    for (kind, verb), counts in sorted(table.items()):
        cells = [counts[name] for name in ("as before", "answered", "refused", "wrong")]
        print(f"{kind:<22}{verb:<10}{cells[0]:>10}{cells[1]:>10}{cells[2]:>9}{cells[3]:>7}{slowest[kind, verb]:>8.2f} s")
    print(f"{sum(sum(c.values()) for c in table.values())} answers, {faults} of them wrong")
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
