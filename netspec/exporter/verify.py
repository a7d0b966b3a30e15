"""Checking an exported file on its own, on any machine with ONNX Runtime."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from netspec.diagnostics import Diagnostic, SpecError
from netspec.exporter.session import session

_ABSOLUTE, _RELATIVE = 1e-5, 1e-4


def verify(path: Path) -> dict[str, Any]:
    """What was checked, as figures. Raises SpecError NS603 for a file not of ours, NS604 for one that fails."""
    if not path.is_file():
        raise SpecError(Diagnostic("NS001", f"cannot read `{path}`: no such file", exit_code=2))
    runtime = session(path)
    metadata = runtime.get_modelmeta().custom_metadata_map
    if "netspec.spec" not in metadata:
        raise SpecError(Diagnostic("NS603", f"`{path}` was not written by netspec: its metadata has no spec", exit_code=2))
    _check_graph(path)
    if hashlib.sha256(metadata["netspec.spec"].encode()).hexdigest() != metadata["netspec.spec_sha256"]:
        raise _failed(path, "the spec in its metadata is not the one that was exported")
    examples, worst = _check_examples(path, runtime)
    parity = json.loads(metadata.get("netspec.parity", "{}"))
    return {
        "path": str(path),
        "name": json.loads(metadata["netspec.spec"])["name"],
        "spec_sha256": metadata["netspec.spec_sha256"][:16],
        "weights_sha256": metadata["netspec.weights_sha256"][:16],
        "proven": bool(parity.get("holds")),
        "examples": examples,
        "max_abs": worst,
    }


def _failed(path: Path, what: str) -> SpecError:
    return SpecError(Diagnostic("NS604", f"`{path}` does not verify: {what}", help=("export it again from its run",)))


def _check_graph(path: Path) -> None:
    try:
        model = onnx.load(path)
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise _failed(path, str(error).splitlines()[0]) from None


def _check_examples(path: Path, runtime: Any) -> tuple[int, float]:
    """The stored examples answered again: how many, and the largest difference."""
    stored = path.with_name(path.name.removesuffix(".onnx") + ".examples.npz")
    if not stored.is_file():
        raise _failed(path, f"its examples `{stored.name}` are missing")
    try:
        with np.load(stored, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError) as error:
        raise _failed(path, f"its examples cannot be read ({error})") from None
    fed = {name.removeprefix("input/"): a for name, a in arrays.items() if name.startswith("input/")}
    if not fed:
        return 0, 0.0
    fed = {name: array.astype(object) if array.dtype.kind == "U" else array for name, array in fed.items()}
    worst = 0.0
    for output, answer in zip(runtime.get_outputs(), runtime.run(None, fed), strict=True):
        expected = arrays[f"output/{output.name}"]
        if expected.dtype.kind == "U":
            if (np.asarray(answer).astype(str) != expected).any():
                raise _failed(path, f"`{output.name}` gives other labels than when it was exported")
            continue
        difference = np.abs(np.asarray(answer, np.float64) - expected)
        if not (difference <= _ABSOLUTE + _RELATIVE * np.abs(expected)).all():
            raise _failed(path, f"`{output.name}` differs by {difference.max():.3g} from when it was exported")
        worst = max(worst, float(difference.max(initial=0.0)))
    return len(next(iter(fed.values()))), worst
