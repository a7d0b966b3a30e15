"""The end of a training as lines."""

from __future__ import annotations

from netspec.report.evaluation import figures
from netspec.report.table import size
from netspec.report.training import Display
from netspec.training.folder import RunFolder
from netspec.verbs.finish import Finished


def show(finished: Finished, folder: RunFolder, display: Display) -> None:
    """The test score, the last picture, the exported file and where all of it stands."""
    display.line("")
    evaluation, exported = finished.evaluation, finished.exported
    if evaluation is not None and evaluation.metrics:
        display.line(f"test part   {evaluation.examples:,} examples   {figures(evaluation)}", "bold")
    if finished.picture is not None:
        display.line(f"samples     {finished.picture}")
    if exported is not None:
        worst = max(output.max_abs for output in exported.parity.outputs.values())
        rows = exported.parity.rows
        display.line(f"exported    {exported.file.path}   {size(exported.file.bytes)}   opset {exported.file.opset}", "bold")
        display.line(f"proven      ONNX Runtime and Flax agree within {worst:.1e} on {rows} raw examples", "bold green")
        if exported.opset_reason:
            display.line(f"            the opset was raised: {exported.opset_reason}")
    display.line(f"run         {folder.path}")
