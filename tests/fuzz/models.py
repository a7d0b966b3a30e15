"""`python -m tests.fuzz.models`: an exported file damaged in every way, and what `verify`, `evaluate` and `predict` answer.

`verify` may call a file sound only where it answers as it did; the others may answer as for the sound file, or refuse.
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
import onnx

from netspec import evaluate, export, predict
from netspec.exporter.verify import verify
from tests.fuzz.runs import Answer, _answered, project

Damage = tuple[str, str, Callable[[Path], None]]


def exported(folder: Path) -> Path:
    """A folder with an exported file, its examples and its proof beside it."""
    from netspec import train

    run = project(folder)
    export(train(folder / "spec.json", run=run, resume=True), folder / "model.onnx")
    return folder / "model.onnx"


def verified(path: Path) -> Answer:
    """What `verify` says."""
    return _answered(lambda: verify(path)["verdict"], lambda: ())


def scored(path: Path) -> Answer:
    """The figures on the data."""
    return _answered(lambda: evaluate(path, part="all", data=path.parent / "rows.csv").metrics, lambda: ())


def answered(path: Path) -> Answer:
    """The answers to two rows."""
    rows = {"a": [0.5, -0.2], "b": [0.1, 1.5]}
    return _answered(lambda: {k: np.asarray(v).tolist() for k, v in predict(path, rows).items()}, lambda: ())


def damages(path: Path, *, every: int = 1) -> Iterator[Damage]:
    """Ways to damage a file: the kind, the name, and what does it to a copy."""
    for number, damage in enumerate(_all(path)):
        if number % every == 0:
            yield damage


def _all(path: Path) -> Iterator[Damage]:
    size = path.stat().st_size
    generator = np.random.default_rng(0)
    for place in sorted({0, 1, size - 1, *generator.integers(0, size, 90).tolist()}):
        yield "bit flipped", f"at {place} of {size}", lambda file, place=place: _flip(file, place)
    for length in (0, 1, 100, size // 2, size - 100, size - 1):
        yield "cut off", f"to {length}", lambda file, length=length: os.truncate(file, length)
    yield "longer", "by a zero", lambda file: file.write_bytes(file.read_bytes() + b"\0") and None
    yield "longer", "twice itself", lambda file: file.write_bytes(file.read_bytes() * 2) and None
    yield "no file", "a pipe", _pipe
    yield "no file", "a folder", _folder
    yield "no file", "a picture", lambda file: file.write_bytes(b"\x89PNG\r\n\x1a\n") and None
    proto = onnx.load(path)
    for index in range(len(proto.graph.initializer)):
        yield "weight", proto.graph.initializer[index].name, lambda file, index=index: _edited(file, lambda p: _nudge(p, index))
    for index, node in enumerate(proto.graph.node):
        yield "node gone", node.op_type, lambda file, index=index: _edited(file, lambda p: p.graph.node.pop(index) and None)
        yield "node", node.op_type, lambda file, index=index: _edited(file, lambda p: setattr(p.graph.node[index], "op_type", "Identity"))  # fmt: skip
    for key in [each.key for each in proto.metadata_props]:
        yield "metadata gone", key, lambda file, key=key: _edited(file, lambda p: _without(p, key))
        for value in ("", "{}", "[1]", '{"a": ' * 2000, "\x00\ud7ff"):
            yield "metadata", f"{key} = {value[:8]!r}", lambda file, key=key, value=value: _edited(file, lambda p: _with(p, key, value))  # fmt: skip
    yield "foreign", "data in another file", lambda file: _edited(file, _external)
    yield (
        "foreign",
        "an operator of another maker",
        lambda file: _edited(file, lambda p: setattr(p.graph.node[0], "domain", "evil")),
    )
    yield "foreign", "an opset of another maker", lambda file: _edited(file, lambda p: p.opset_import.add(domain="evil", version=1) and None)  # fmt: skip
    yield "foreign", "a function", lambda file: _edited(file, lambda p: p.functions.add(name="f", domain="evil") and None)
    yield (
        "foreign",
        "an opset of the year 3000",
        lambda file: _edited(file, lambda p: setattr(p.opset_import[0], "version", 3000)),
    )
    yield (
        "foreign",
        "a tensor that declares 2^40 values",
        lambda file: _edited(file, lambda p: p.graph.initializer[0].dims.append(2**40)),
    )
    yield "foreign", "written by no netspec", lambda file: _edited(file, lambda p: p.ClearField("metadata_props"))
    for name in ("model.examples.npz", "model.parity.json"):
        yield "beside", f"{name} gone", lambda file, name=name: (file.parent / name).unlink(missing_ok=True)
        yield "beside", f"{name} empty", lambda file, name=name: (file.parent / name).write_bytes(b"") and None
        yield "beside", f"{name} flipped", lambda file, name=name: _flip(file.parent / name, 80)
    yield "beside", "the examples' answers are others", _other_answers


def _flip(path: Path, place: int) -> None:
    if path.exists():
        content = bytearray(path.read_bytes())
        content[place] ^= 1 << (place % 7)
        path.write_bytes(content)


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _edited(path: Path, change: Callable[[Any], None]) -> None:
    proto = onnx.load(path)
    change(proto)
    path.write_bytes(proto.SerializeToString())


def _nudge(proto: Any, index: int) -> None:
    array = onnx.numpy_helper.to_array(proto.graph.initializer[index])
    changed = array + np.asarray(1, array.dtype) if array.dtype.kind in "fiu" else array
    proto.graph.initializer[index].CopyFrom(onnx.numpy_helper.from_array(changed, proto.graph.initializer[index].name))


def _without(proto: Any, key: str) -> None:
    kept = [(each.key, each.value) for each in proto.metadata_props if each.key != key]
    del proto.metadata_props[:]
    for name, value in kept:
        proto.metadata_props.add(key=name, value=value)


def _with(proto: Any, key: str, value: str) -> None:
    next(each for each in proto.metadata_props if each.key == key).value = value


def _external(proto: Any) -> None:
    tensor = proto.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../../../etc/passwd")


def _other_answers(path: Path) -> None:
    for beside in path.parent.glob("*.npz"):
        with np.load(beside) as archive:
            arrays = {name: archive[name] for name in archive.files}
        np.savez(beside, **{k: a + 1 if a.dtype.kind == "f" else a for k, a in arrays.items()})


def wrong(verb: str, sound: Answer, answer: Answer) -> str:
    """What is wrong with an answer; '' where nothing is."""
    if answer.kind == "broken":
        return str(answer.what)
    if answer.kind == "refused":
        return "NS901" if "NS901" in answer.what else ""
    if verb == "verify":
        return "" if answer.what != "sound" else "sound"
    return "" if answer.what == sound.what else "another answer in silence"


VERBS: dict[str, Callable[[Path], Answer]] = {"verify": verified, "evaluate": scored, "predict": answered}


def harmless(path: Path, sound: Path) -> bool:
    """Whether what was changed stands outside of what a file says and computes, such as its producer's name."""
    try:
        one, two = onnx.load(path), onnx.load(sound)
    except Exception:  # noqa: BLE001  what cannot be read is not harmless
        return False
    own = [[(e.key, e.value) for e in proto.metadata_props if e.key.startswith("netspec.")] for proto in (one, two)]
    return own[0] == own[1] and one.graph == two.graph


@dataclass(frozen=True)
class Asked:
    """What a verb answered to a damaged file, and what is wrong with that; '' where nothing is."""

    kind: str
    name: str
    verb: str
    fault: str
    answer: Answer
    seconds: float


def asked(home: Path, every: int) -> Iterator[Asked]:
    """Every verb's answer to every damaged copy of a file that is made in a folder."""
    original, saved = exported(home), home / "saved"
    saved.mkdir()
    beside = sorted(home.glob("model.*"))
    for file in beside:
        shutil.copy(file, saved)
    sound = {name: ask(original) for name, ask in VERBS.items()}
    assert sound["verify"].what == "sound", sound
    for kind, name, damage in list(damages(original, every=every)):
        for file in beside:
            if file.is_dir():
                file.rmdir()
            file.unlink(missing_ok=True)
            shutil.copy(saved / file.name, file)
        damage(original)
        outside = "parity.json" in name or (
            kind != "beside" and original.is_file() and harmless(original, saved / original.name)
        )
        for verb, ask in VERBS.items():
            began = time.perf_counter()
            answer = ask(original)
            fault = wrong(verb, sound[verb], answer)
            yield Asked(kind, name, verb, "" if outside and fault == "sound" else fault, answer, time.perf_counter() - began)


def main() -> None:
    table: defaultdict[str, list[Asked]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as home:
        for one in asked(Path(home), int(sys.argv[1]) if len(sys.argv) > 1 else 1):
            table[one.kind].append(one)
            if one.fault:
                print(f"{one.kind}: {one.name}: {one.verb}: {one.fault}", flush=True)
    print(f"\n{'kind':<14}{'asked':>7}{'wrong':>7}{'slowest':>10}  answers")
    for kind, rows in table.items():
        answers = Counter(str(a.what) if isinstance(a.what, str) else a.kind for a in (row.answer for row in rows))
        shown = ", ".join(f"{name} {times}" for name, times in answers.most_common())
        wrong_ones, slowest = sum(bool(row.fault) for row in rows), max(row.seconds for row in rows)
        print(f"{kind:<14}{len(rows):>7}{wrong_ones:>7}{slowest:>8.2f} s  {shown}")
    bad = sum(bool(row.fault) for rows in table.values() for row in rows)
    print(json.dumps({"damages": sum(map(len, table.values())) // len(VERBS), "wrong": bad}))
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
