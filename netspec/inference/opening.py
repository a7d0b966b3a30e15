"""What a path on the command line is: a run folder or an exported file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from netspec.diagnostics import Diagnostic, SpecError
from netspec.inference.predictor import Predictor

if TYPE_CHECKING:
    from netspec.inference.sampler import Sampler


def open_predictor(
    path: Path,
    root: Path | None = None,
    data_root: Path | None = None,
    *,
    part: str = "",
    output: str = "",
    data_changed: bool = False,
) -> Predictor:
    """A run folder or an .onnx file, of a run a part or one value.

    `data_changed` judges a run on data that are others than those it was trained on. Raises SpecError where it is neither.
    """
    from netspec.inference.onnx import OnnxModel
    from netspec.inference.run import Run

    if path.is_file():
        return OnnxModel(path, root, data_root, part=part, output=output)
    if path.is_dir():
        return Run(path, root, data_root, part=part, output=output, data_changed=data_changed)
    raise SpecError(Diagnostic("NS531", f"`{path}` is neither a run folder nor an .onnx file", exit_code=2))


def open_sampler(source: Predictor | str | Path) -> Sampler:
    """The part of a run, or the exported file, that makes samples. Raises SpecError NS510 for what draws nothing."""
    from netspec.inference.run import Run
    from netspec.inference.sampler import Sampler

    found = source if isinstance(source, Predictor) else open_predictor(Path(source))
    if isinstance(found, Run) and found.spec.autoencoder is not None and found.part_name != "decoder":
        found = found.asked(part="decoder")
    return Sampler(found)
