"""Checking an exported file on its own, on any machine with ONNX Runtime."""

from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
import onnx

from netspec.diagnostics import Diagnostic, SpecError
from netspec.exporter.file import ExportedFile, open_file
from netspec.exporter.session import RUNTIME_ERRORS
from netspec.files import read_bounded

_ABSOLUTE, _RELATIVE = 1e-5, 1e-4
_MOST_BYTES = 64 << 20
_UNANSWERED: tuple[type[Exception], ...] = (*RUNTIME_ERRORS, ValueError)
Verdict = Literal["sound", "unproven", "changed"]


def verify(path: Path) -> dict[str, Any]:
    """What was checked, as figures; `verdict` is `sound`, `unproven` or `changed`, and `why` says what speaks against it.

    Raises SpecError NS001, NS603 for a file not of ours, NS604 for one that fails.
    """
    file = open_file(path)
    _check_graph(file)
    # What has been changed since is not asked for its examples: whatever it answers proves nothing.
    examples, worst, problem = (0, 0.0, "") if file.is_changed else _check_examples(file)
    verdict, why = _verdict(file, examples, problem)
    return {
        "path": str(path),
        "verdict": verdict,
        "why": why,
        "name": json.loads(file.facts.spec)["name"],
        "spec_sha256": file.facts.spec_sha256[:16],
        "weights_sha256": file.facts.weights_sha256[:16],
        "proven": bool(file.facts.parity.get("holds")) and not file.is_changed,
        "examples": examples,
        "max_abs": worst,
    }


def _verdict(file: ExportedFile, examples: int, problem: str) -> tuple[Verdict, str]:
    if file.is_changed:
        return "changed", "its graph, its weights or its metadata are not those that were proven"
    if not file.facts.parity.get("holds"):
        return "unproven", "its metadata hold no proof"
    if not examples:
        return "unproven", problem
    if not file.facts.seal:
        return "unproven", "an earlier version of netspec wrote it, without a seal"
    return "sound", ""


def _failed(file: ExportedFile, what: str) -> SpecError:
    help = "export it again from its run"
    return SpecError(Diagnostic("NS604", f"`{file.path}` does not verify: {what}", help=(help,)))


def _check_graph(file: ExportedFile) -> None:
    try:
        onnx.checker.check_model(file.proto, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise _failed(file, str(error).splitlines()[0]) from None


def _check_examples(file: ExportedFile) -> tuple[int, float, str]:
    """The stored examples answered again: how many, the largest difference, and why there are none."""
    stored = file.path.with_name(file.path.name.removesuffix(".onnx") + ".examples.npz")
    try:
        content = read_bounded(stored, _MOST_BYTES)
    except FileNotFoundError:
        return 0, 0.0, f"its examples `{stored.name}` are missing"
    except OSError as error:
        raise _failed(file, f"its examples cannot be read ({error})") from None
    if file.facts.examples_sha256 and hashlib.sha256(content).hexdigest() != file.facts.examples_sha256:
        raise _failed(file, f"its examples `{stored.name}` are not those that were exported")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, BadZipFile, EOFError, KeyError) as error:
        raise _failed(file, f"its examples cannot be read ({error})") from None
    fed = {name.removeprefix("input/"): a for name, a in arrays.items() if name.startswith("input/")}
    rows = len(next(iter(fed.values()))) if fed else 0
    if not rows:
        return 0, 0.0, "it comes without examples"
    return rows, _worst(file, arrays, fed), ""


def _worst(file: ExportedFile, arrays: dict[str, np.ndarray[Any, Any]], fed: dict[str, np.ndarray[Any, Any]]) -> float:
    """The largest difference between the stored answers and those of today. Raises SpecError NS604."""
    fed = {name: array.astype(object) if array.dtype.kind == "U" else array for name, array in fed.items()}
    try:
        answers = dict(zip([v.name for v in file.session.get_outputs()], file.session.run(None, fed), strict=True))
    except _UNANSWERED as error:
        raise _failed(file, f"its examples are not answered ({str(error).splitlines()[0]})") from None
    if {f"output/{name}" for name in answers} != {name for name in arrays if name.startswith("output/")}:
        raise _failed(file, "its examples answer other outputs")
    worst = 0.0
    for name, answer in answers.items():
        expected = arrays[f"output/{name}"]
        if np.shape(answer) != expected.shape:
            raise _failed(file, f"`{name}` gives {list(np.shape(answer))} instead of {list(expected.shape)}")
        if expected.dtype.kind == "U":
            if (np.asarray(answer).astype(str) != expected).any():
                raise _failed(file, f"`{name}` gives other labels than when it was exported")
            continue
        difference = np.abs(np.asarray(answer, np.float64) - expected)
        if not (difference <= _ABSOLUTE + _RELATIVE * np.abs(expected)).all():
            raise _failed(file, f"`{name}` differs by {difference.max():.3g} from when it was exported")
        worst = max(worst, float(difference.max(initial=0.0)))
    return worst
