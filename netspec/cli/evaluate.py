"""`netspec evaluate` and `netspec predict`: a run folder or an .onnx file, judged and asked by the same code."""

from __future__ import annotations

import csv
import json as jsonlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netspec.cli.environment import prepare_jax
from netspec.cli.output import AsJson, DataRoot, Device, Root, print_diagnostics, print_json
from netspec.diagnostics import Diagnostic, SpecError

if TYPE_CHECKING:
    from netspec.graph.outputs import OutputPlan
    from netspec.inference import Predictor

Model = Annotated[Path, typer.Argument(metavar="RUN|MODEL", help="A run folder, or an .onnx file that netspec wrote.")]


def evaluate(
    model: Model,
    part: Annotated[
        str, typer.Option("--part", metavar="test|validation|train", help="Which part of the spec's data.")
    ] = "test",
    data: Annotated[Path | None, typer.Option("--data", metavar="FILE", help="Judge all rows of this file instead.")] = None,
    json: AsJson = False,
    root: Root = None,
    data_root: DataRoot = None,
    device: Device = None,
) -> None:
    """The spec's metrics and the confusion matrix on the test part, or on a file."""
    predictor = _open(model, root, data_root, device)
    evaluation = predictor.evaluate(part, data)
    if json:
        print_json(evaluation.json())
    else:
        from netspec.report.evaluation import report

        sys.stdout.write(report(evaluation))
    from netspec.report.promises import broken_metrics

    broken = tuple(broken_metrics(predictor.spec, evaluation.metrics)) if data is None else ()
    if broken:
        print_diagnostics(broken, stream=sys.stderr)
        raise typer.Exit(1)


def predict(
    model: Model,
    rows: Annotated[Path, typer.Argument(metavar="IN", help="Raw rows: .csv with a header, .jsonl, .json, .npz, or an image.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there; .jsonl gives JSON lines.")
    ] = None,
    format: Annotated[
        str | None, typer.Option("--format", metavar="csv|jsonl", help="csv unless the file's ending says otherwise.")
    ] = None,
    root: Root = None,
    data_root: DataRoot = None,
    device: Device = None,
) -> None:
    """Raw rows in; labels and probabilities, or numbers in their own units, out."""
    predictor = _open(model, root, data_root, device)
    from netspec.inference.rows import read_rows

    found = _answers(predictor, predictor.predict(read_rows(rows, predictor.preprocess)))
    chosen = format or ("jsonl" if output is not None and output.suffix in (".jsonl", ".json") else "csv")
    if chosen not in ("csv", "jsonl"):
        raise SpecError(Diagnostic("NS205", f"unknown format `{chosen}`", help=("write csv or jsonl",), exit_code=2))
    stream = output.open("w", newline="") if output else sys.stdout
    try:
        if chosen == "jsonl":
            stream.writelines(jsonlib.dumps(row) + "\n" for row in found)
        else:
            writer = csv.DictWriter(stream, list(found[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows({key: jsonlib.dumps(v) if isinstance(v, list) else v for key, v in row.items()} for row in found)
    finally:
        if output is not None:
            stream.close()


def _open(model: Path, root: Path | None, data_root: Path | None, device: str | None) -> Predictor:
    if not model.is_file():
        prepare_jax(device)  # an .onnx file needs no JAX
    from netspec.inference import open_predictor

    return open_predictor(model, {"root": root, "data_root": data_root})


def _answers(predictor: Predictor, outputs: dict[str, Any]) -> list[dict[str, Any]]:
    """One mapping a row: the label and a probability for each class, or the numbers."""
    rows = len(next(iter(outputs.values())))
    several = len(outputs) > 1
    found: list[dict[str, Any]] = [{} for _ in range(rows)]
    for name, values in outputs.items():
        plan = predictor.plans[name]
        prefix = f"{name}_" if several else ""
        for row, value in zip(found, values, strict=True):
            row.update(_answer(prefix, value, plan))
    return found


def _answer(prefix: str, value: Any, plan: OutputPlan) -> dict[str, Any]:
    classes = plan.classes
    if classes is None or value.ndim != 1:
        flat = value.tolist()
        return {f"{prefix}output": flat[0] if value.shape == (1,) else flat}
    margins = plan.kind == "margins"
    if value.shape == (1,):
        score = float(value[0])
        label = classes[int(score >= plan.cut)] if len(classes) == 2 else str(score)
        return {f"{prefix}label": label, f"{prefix}{'margin' if margins else 'probability'}": score}
    sign = "margin" if margins else "p"
    chances = {f"{prefix}{sign}_{label}": round(float(chance), 6) for label, chance in zip(classes, value, strict=True)}
    return {f"{prefix}label": classes[int(value.argmax())], **chances}
