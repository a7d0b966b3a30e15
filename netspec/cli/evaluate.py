"""`netspec evaluate`: a run folder or an .onnx file, judged by the same code."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netspec.cli.environment import prepare_jax
from netspec.cli.output import AsJson, DataChanged, DataRoot, Device, Root, print_diagnostics, print_json, tell

if TYPE_CHECKING:
    from netspec.inference import Predictor

Model = Annotated[Path, typer.Argument(metavar="RUN|MODEL", help="A run folder, or an .onnx file that netspec wrote.")]


def evaluate(
    model: Model,
    part: Annotated[
        str, typer.Option("--part", metavar="test|validation|train", help="Which part of the spec's data.")
    ] = "test",
    data: Annotated[Path | None, typer.Option("--data", metavar="FILE", help="Judge all rows of this file instead.")] = None,
    data_changed: DataChanged = False,
    json: AsJson = False,
    root: Root = None,
    data_root: DataRoot = None,
    device: Device = None,
) -> None:
    """The spec's metrics and the confusion matrix on the test part, or on a file."""
    predictor = opened(model, root, data_root, device, data_changed=data_changed)
    evaluation = predictor.evaluate(part, data)
    tell(predictor.notices)
    if json:
        print_json(evaluation.json())
    else:
        from netspec.report.evaluation import report

        sys.stdout.write(report(evaluation))
    from netspec.verbs.promises import broken_metrics

    broken = tuple(broken_metrics(predictor.spec, evaluation.metrics)) if data is None else ()
    if broken:
        print_diagnostics(broken, stream=sys.stderr)
        raise typer.Exit(1)


def opened(
    model: Path,
    root: Path | None,
    data_root: Path | None,
    device: str | None,
    *,
    output: str = "",
    data_changed: bool = False,
) -> Predictor:
    """A run folder or an .onnx file, or only its value `output`."""
    if not model.is_file():
        prepare_jax(device)  # an .onnx file needs no JAX
    from netspec.inference import open_predictor

    return open_predictor(model, root, data_root, output=output, data_changed=data_changed)
