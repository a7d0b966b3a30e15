"""What the fuzzer does with a case of each kind, and what it keeps of one that fails."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from netspec.diagnostics import Diagnostic, SpecError
from netspec.diagnostics.codes import CODES
from netspec.diagnostics.github import github
from netspec.diagnostics.json import as_object
from netspec.diagnostics.limit import limited
from netspec.diagnostics.sarif import sarif
from netspec.diagnostics.text import concise, full
from netspec.graph.validate import Checked, checked
from netspec.source import split_lines
from netspec.source.read import read_bytes
from tests.fuzz.mutate import Wrong, wrong
from tests.fuzz.shrink import shrunk_text, shrunk_tree
from tests.projects import Project, ProjectGenerator

CORPUS = Path(__file__).parents[1] / "corpus"
SECONDS = 10
LETTERS = 2000
"""The most that a message may hold."""


class Found(NamedTuple):
    """A case that failed: its number, and what is wrong."""

    number: int
    what: str


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Raises TimeoutError where the body takes longer."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"not done within {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


# Specs that are valid


def valid(first: int, count: int) -> Iterator[Found]:
    """Drawn projects, each held to every oracle. What fails is made smaller and kept."""
    from tests.fuzz.judge import judged

    for number in range(first, first + count):
        project = ProjectGenerator(number).project()
        what = judged(project, number)
        if what:
            _keep(project, number, what)
            yield Found(number, what)


def _keep(project: Project, number: int, what: str) -> None:
    """A smaller project that fails alike, as a file of the corpus."""
    from tests.fuzz.judge import judged

    def fails(document: Any) -> bool:
        try:
            return _alike(judged(Project(document, project.columns), number), what)
        except Exception:  # noqa: BLE001  what has no model, or no data, is not smaller but other
            return False

    small = shrunk_tree(project.document, fails, most=40)
    columns = {name: np.asarray(v).tolist() if isinstance(v, np.ndarray) else v for name, v in project.columns.items()}
    CORPUS.joinpath("valid").mkdir(parents=True, exist_ok=True)
    content = {"was": what, "seed": number, "document": small, "columns": columns}
    CORPUS.joinpath("valid", f"{_slug(what)}-{number}.json").write_text(json.dumps(content) + "\n")


def _alike(one: str, two: str) -> bool:
    return re.sub(r"[-+0-9.e]+|`[^`]*`", "", one) == re.sub(r"[-+0-9.e]+|`[^`]*`", "", two)


def _slug(what: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", what.lower())[:50].strip("-")


def kept() -> Iterator[tuple[str, Project, int]]:
    """The projects of the corpus: what each is called, itself and the seed of its judge."""
    for path in sorted(CORPUS.joinpath("valid").glob("*.json")):
        content = json.loads(path.read_text())
        yield path.stem, Project(content["document"], content["columns"]), content["seed"]


# Specs that are not


def answered(case: Wrong) -> str:
    """What is wrong with the answer to a text that is no valid spec; '' where nothing is."""
    try:
        with within(SECONDS):
            found = _diagnostics(case)
            _shown(found, case.text, case.file)
    except TimeoutError as stop:
        return str(stop)
    except Exception as error:  # noqa: BLE001  whatever it is, a user would see it
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {Path(place.filename).name}:{place.name}: {error}"[:200]
    for each in found:
        if each.code not in CODES or each.code == "NS901":
            return f"told {each.code}"
        if len(each.message) > LETTERS:
            return f"{each.code} has a message of {len(each.message)} letters"
        if each.span is None and each.exit_code == 1 and each.code not in ("NS410",):
            return f"{each.code} has no place: {each.message[:80]}"
    if case.codes and not any(each.code in case.codes for each in found):
        told = ", ".join(f"{each.code} at {each.path}" for each in found[:3])
        return f"{case.kind}: {', '.join(sorted(case.codes))} was due at {case.path}, told {told or 'nothing'}"
    if case.path and not any(each.code in case.codes and each.path.startswith(case.path) for each in found):
        return f"{case.kind}: due at {case.path}, told at {', '.join(each.path for each in found[:3])}"
    return ""


def _diagnostics(case: Wrong) -> tuple[Diagnostic, ...]:
    try:
        document = read_bytes(case.text.encode("utf-8", "surrogatepass"), case.file)
    except SpecError as error:
        return error.diagnostics
    result: Checked = checked(document)
    return result.diagnostics


def _shown(found: tuple[Diagnostic, ...], text: str, file: str) -> None:
    """Every form in which the answer may be asked for."""
    shown = limited(found)
    full(shown, {file: split_lines(text)})
    concise(shown)
    github(shown)
    json.dumps(as_object(shown, 1, found))
    json.dumps(sarif(shown, "0"))


def invalid(first: int, count: int) -> Iterator[Found]:
    """Mutations of drawn specs; a hundred of each."""
    for number in range(first, first + count):
        case = _wrong(number)
        what = answered(case)
        if what:
            _keep_text(case, number, what)
            yield Found(number, what)


_DRAWN: dict[int, Project] = {}


def _wrong(number: int) -> Wrong:
    base = number // 100
    if base not in _DRAWN:
        _DRAWN.clear()
        _DRAWN[base] = ProjectGenerator(base).project(most_layers=5)
    return wrong(_DRAWN[base].document, random.Random(number))


def _keep_text(case: Wrong, number: int, what: str) -> None:
    if case.codes:
        small = case.text  # what has one code due is small enough, and a smaller one would have another
    else:
        small = shrunk_text(case.text, lambda text: _alike(answered(Wrong(case.kind, text, file=case.file)), what))
    CORPUS.joinpath("invalid").mkdir(parents=True, exist_ok=True)
    content = {"was": what, "kind": case.kind, "codes": sorted(case.codes), "path": case.path, "file": case.file, "text": small}
    CORPUS.joinpath("invalid", f"{_slug(what)}-{number}.json").write_text(json.dumps(content, indent=1) + "\n")


def kept_texts() -> Iterator[tuple[str, Wrong]]:
    """The texts of the corpus."""
    for path in sorted(CORPUS.joinpath("invalid").glob("*.json")):
        content = json.loads(path.read_text())
        codes = frozenset(content["codes"])
        yield path.stem, Wrong(content["kind"], content["text"], codes, content["path"], content["file"])


# Data


def data(first: int, count: int) -> Iterator[Found]:
    """Sound data files with bytes, cells or lines changed: read, or refused by a code that names the file."""
    from tests.fuzz.hostile_data import cases

    sound = [case for case in cases() if case.expect == "read" and "as it should be" in case.name]
    for number in range(first, first + count):
        drawn = random.Random(number)
        case = drawn.choice(sound)
        with tempfile.TemporaryDirectory() as folder:
            case.write(Path(folder))
            path = drawn.choice(
                [p for p in sorted(Path(folder).rglob("*")) if p.is_file() and p.suffix != ".toml" and p.name != "spec.json"]
            )
            path.write_bytes(_changed(path.read_bytes(), drawn))
            what = _prepared(Path(folder))
        if what:
            yield Found(number, f"{case.kind}: {path.name}: {what}")


_CELLS = (b"", b"nan", b"-", b"1e999", b"\"", b"'", b"\x00", b"\xff\xfe", b"1,5", b"9" * 400, b"\n", b"\r", b"null", b"{}", b"[", b"\xef\xbb\xbf", b"  ")  # fmt: skip


def _changed(content: bytes, drawn: random.Random) -> bytes:
    for _ in range(drawn.randint(1, 3)):
        at = drawn.randint(0, len(content))
        way = drawn.random()
        if way < 0.35 and content:
            place = min(at, len(content) - 1)
            content = content[:place] + bytes([content[place] ^ (1 << drawn.randint(0, 7))]) + content[place + 1 :]
        elif way < 0.55:
            content = content[:at] + drawn.choice(_CELLS) + content[at:]
        elif way < 0.7:
            content = content[:at]
        elif way < 0.85:
            content = content[:at] + content[at + drawn.randint(1, 40) :]
        else:
            lines = content.split(b"\n")
            lines.insert(drawn.randint(0, len(lines)), drawn.choice(lines))
            content = b"\n".join(lines)
    return content


def _prepared(folder: Path) -> str:
    from netspec.data import prepare
    from netspec.graph.validate import required
    from netspec.source import read_file
    from netspec.spec.paths import Roots

    try:
        with within(SECONDS):
            spec, program = required(read_file(folder / "spec.json"))
            prepare(spec, program, Roots.of(folder / "spec.json"))
    except SpecError as error:
        return next((f"told {each.code}" for each in error.diagnostics if each.code not in CODES or each.code == "NS901"), "")
    except Exception as error:  # noqa: BLE001  whatever it is, a user would see it
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {Path(place.filename).name}:{place.name}: {error}"[:200]
    return ""


# Runs and exported files


def runs(first: int, count: int) -> Iterator[Found]:
    """Run folders with bytes changed in one of their files: as before, told, or refused."""
    from tests.fuzz.runs import evaluated, project, resumed, wrong

    with tempfile.TemporaryDirectory() as name:
        run = project(Path(name))
        saved = Path(name) / "saved"
        shutil.copytree(run, saved)
        verbs = {"evaluate": evaluated, "resume": resumed}
        sound = {}
        for verb, ask in verbs.items():
            sound[verb] = ask(run)
            shutil.rmtree(run)
            shutil.copytree(saved, run)
        files = sorted(path.relative_to(run) for path in run.rglob("*") if path.is_file() and path.name != "lock")
        for number in range(first, first + count):
            drawn = random.Random(number)
            file = drawn.choice(files)
            content = _changed((saved / file).read_bytes(), drawn)
            for verb, ask in verbs.items():
                shutil.rmtree(run)
                shutil.copytree(saved, run)
                (run / file).write_bytes(content)
                what = wrong(verb, sound[verb], ask(run))
                if what:
                    yield Found(number, f"{verb}: {file}: {what}")


def onnx(first: int, count: int) -> Iterator[Found]:
    """Exported files with bytes changed: refused, or as before."""
    from tests.fuzz.models import VERBS, exported, harmless, wrong

    with tempfile.TemporaryDirectory() as name:
        model = exported(Path(name))
        sound_bytes = model.read_bytes()
        sound_file = Path(name) / "sound.onnx"
        sound_file.write_bytes(sound_bytes)
        sound = {verb: ask(model) for verb, ask in VERBS.items()}
        for number in range(first, first + count):
            model.write_bytes(_changed(sound_bytes, random.Random(number)))
            outside = harmless(model, sound_file)
            for verb, ask in VERBS.items():
                what = wrong(verb, sound[verb], ask(model))
                if what and not (outside and what == "sound"):
                    yield Found(number, f"{verb}: {what}")


CAMPAIGNS: dict[str, Callable[[int, int], Iterator[Found]]] = {
    "valid": valid,
    "invalid": invalid,
    "data": data,
    "runs": runs,
    "onnx": onnx,
}
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
