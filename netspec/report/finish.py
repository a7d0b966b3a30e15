"""What stands at the end of a training: the test score, the exported file, promises kept and broken."""

from __future__ import annotations

import json
from pathlib import Path

from netspec.diagnostics import Diagnostic
from netspec.inference.run import Run
from netspec.report.evaluation import figures
from netspec.report.promises import broken_metrics, broken_size
from netspec.report.table import size
from netspec.report.training import Display
from netspec.spec import Spec
from netspec.training.folder import RunFolder


def finish(
    folder: RunFolder, spec: Spec, display: Display, *, root: Path | None, data_root: Path | None
) -> tuple[Diagnostic, ...]:
    """Judge, export and prove; the promises of `spec` that did not hold. Raises SpecError."""
    run = Run(folder.path, root, data_root)
    found: dict[str, float] = _last_figures(folder)
    display.line("")
    if "test" in run.manifest["rows"] and (run.preprocess.targets or run.preprocess.mirrors):
        evaluation = run.evaluate()
        folder.write_json("test.json", evaluation.json())
        found |= evaluation.metrics
        if evaluation.metrics:
            display.line(f"test part   {evaluation.examples:,} examples   {figures(evaluation)}", "bold")
    pictures = sorted((folder.path / "samples").glob("*.png"))
    if pictures:
        display.line(f"samples     {pictures[-1]}")
    broken = list(broken_metrics(spec, found))
    if run.spec.export is not None:
        from netspec.proof.run import export_run

        exported = export_run(run, folder.path / "model.onnx")
        folder.add("model.onnx", "model.parity.json", "model.examples.npz")
        worst = max(output.max_abs for output in exported.parity.outputs.values())
        display.line(f"exported    {exported.file.path}   {size(exported.file.bytes)}   opset {exported.file.opset}", "bold")
        display.line(
            f"proven      ONNX Runtime and Flax agree within {worst:.1e} on {exported.parity.rows} raw examples", "bold green"
        )
        if exported.opset_reason:
            display.line(f"            the opset was raised: {exported.opset_reason}")
        broken += broken_size(spec, exported.file.bytes)
    display.line(f"run         {folder.path}")
    return tuple(broken)


def _last_figures(folder: RunFolder) -> dict[str, float]:
    """The figures of the epoch whose weights are judged and shipped: the best, or the last where there is none."""
    lines = [json.loads(line) for line in folder.metrics.read_text().splitlines()] if folder.metrics.exists() else []
    best = folder.manifest().get("best_epoch")
    chosen = [line for line in lines if line["epoch"] == best] or lines[-1:]
    return dict(chosen[0]) if chosen else {}
