"""What a path on the command line is: a run folder or an exported file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from netspec.diagnostics import Diagnostic, SpecError
from netspec.inference.predictor import Predictor


def open_predictor(
    path: Path, roots: Mapping[str, Path | None] | None = None, *, part: str = "", output: str = ""
) -> Predictor:
    """A run folder or an .onnx file, of a run a part or one value. Raises SpecError where it is neither."""
    from netspec.inference.onnx import OnnxModel
    from netspec.inference.run import Run

    if path.is_file():
        return OnnxModel(path, **(roots or {}), part=part, output=output)
    if path.is_dir():
        return Run(path, **(roots or {}), part=part, output=output)
    raise SpecError(Diagnostic("NS531", f"`{path}` is neither a run folder nor an .onnx file", exit_code=2))
