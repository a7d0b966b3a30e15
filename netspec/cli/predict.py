"""`netspec predict`: raw rows in, readable answers out; or what a language model writes."""

from __future__ import annotations

import csv
import json as jsonlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from netspec.cli.evaluate import Model, opened
from netspec.cli.output import DataRoot, Device, Root, tell
from netspec.diagnostics import Diagnostic, SpecError
from netspec.files import json_text, written_whole

if TYPE_CHECKING:
    from netspec.graph.outputs import OutputPlan
    from netspec.inference import Predictor


def predict(
    model: Model,
    rows: Annotated[
        Path | None,
        typer.Argument(
            metavar="IN",
            help="Raw rows: .csv with a header, .jsonl, .json, .npz, .txt (a text a line), .ts, .wav, or an image. "
            "Of a series, what follows its last row is answered.",
        ),
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-o", metavar="FILE", help="Write there; .jsonl gives JSON lines.")
    ] = None,
    output: Annotated[
        str, typer.Option("--output", metavar="NAME", help="Answer with this output or named layer, such as `code`.")
    ] = "",
    format: Annotated[
        str | None, typer.Option("--format", metavar="csv|jsonl", help="csv unless the file's ending says otherwise.")
    ] = None,
    generate: Annotated[
        int | None, typer.Option("--generate", metavar="TOKENS", min=1, help="Write so many tokens with a language model.")
    ] = None,
    prompt: Annotated[str, typer.Option("--prompt", metavar="TEXT", help="What the tokens follow.")] = "",
    temperature: Annotated[
        float, typer.Option("--temperature", min=0.0, help="0 takes the likeliest; higher is bolder.")
    ] = 1.0,
    seed: Annotated[int, typer.Option("--seed", help="Decides the draws.")] = 0,
    root: Root = None,
    data_root: DataRoot = None,
    device: Device = None,
) -> None:
    """Raw rows in; labels and probabilities, or numbers in their own units, out. Or text, by --generate."""
    if (rows is None) == (generate is None):
        help = ("`netspec predict RUN rows.csv`", "`netspec predict RUN --generate 200 --prompt 'Once'` for a language model")
        raise SpecError(Diagnostic("NS205", "say what to answer: a file of rows, or `--generate`", help=help, exit_code=2))
    chosen = format or ("jsonl" if file is not None and file.suffix in (".jsonl", ".json") else "csv")
    if chosen not in ("csv", "jsonl"):
        raise SpecError(Diagnostic("NS205", f"unknown format `{chosen}`", help=("write csv or jsonl",), exit_code=2))
    predictor = opened(model, root, data_root, device, output=output)
    if generate is not None:
        pieces = _pieces(predictor, generate, prompt, temperature, seed)
        with _stream(file) as stream:
            for piece in chain([prompt], pieces, ["\n"]):
                stream.write(piece)
                stream.flush()  # each is seen before the next is drawn
        return
    from netspec.inference.files import read_rows

    assert rows is not None
    found = _answers(predictor, predictor.predict(read_rows(rows, predictor)))
    tell(predictor.notices)
    with _stream(file) as stream:
        if chosen == "jsonl":
            stream.writelines(json_text(row) + "\n" for row in found)
            return
        writer = csv.DictWriter(stream, list(found[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: jsonlib.dumps(v) if isinstance(v, list) else v for key, v in row.items()} for row in found)


@contextmanager
def _stream(output: Path | None) -> Iterator[TextIO]:
    if output is None:
        yield sys.stdout
        return
    with written_whole(output) as raw:
        stream = TextIOWrapper(raw, encoding="utf-8", newline="", write_through=True)
        yield stream
        stream.detach()  # whoever opened the file closes it


def _pieces(predictor: Predictor, length: int, prompt: str, temperature: float, seed: int) -> Iterator[str]:
    from netspec.inference.generate import Generator
    from netspec.inference.run import Run

    if not isinstance(predictor, Run):
        help = ("give the run folder that the file was exported from",)
        raise SpecError(Diagnostic("NS510", "an .onnx file carries no state from token to token", help=help, exit_code=2))
    return Generator(predictor).text(length, prompt, temperature=temperature, seed=seed)


def _answers(predictor: Predictor, outputs: dict[str, Any]) -> list[dict[str, Any]]:
    """One mapping a row: the label and a probability for each class, or the numbers."""
    rows = len(next(iter(outputs.values())))
    several = len(outputs) > 1
    found: list[dict[str, Any]] = [{} for _ in range(rows)]
    for name, values in outputs.items():
        plan = predictor.plans[name]
        prefix = f"{name}_" if several else ""
        for row, value in zip(found, values, strict=True):
            row.update(_scored(name, value, plan) if plan.kind == "scores" else _answer(prefix, value, plan))
    return found


def _scored(name: str, value: Any, plan: OutputPlan) -> dict[str, Any]:
    """A score, and where there is a threshold what lies beyond it."""
    score = float(value[0])
    return {f"{name}_score": score, **({} if plan.threshold is None else {name: score >= plan.threshold})}


def _answer(prefix: str, value: Any, plan: OutputPlan) -> dict[str, Any]:
    classes = plan.classes
    if classes is not None and value.ndim == 2 and len(classes) == value.shape[1]:
        return {f"{prefix}labels": [classes[int(i)] for i in value.argmax(1)]}
    if classes is not None and value.ndim == 2 and (len(classes), value.shape[1]) == (2, 1):
        return {f"{prefix}labels": [classes[int(score >= plan.cut)] for score in value[:, 0]]}
    if classes is None or value.ndim != 1:
        flat = (value[:, 0] if value.ndim == 2 and value.shape[1] == 1 else value).tolist()
        return {f"{prefix}output": flat[0] if value.shape == (1,) else flat}
    sign = "margin" if plan.kind == "margins" else "p"
    if value.shape == (1,):
        score = float(value[0])
        label = classes[int(score >= plan.cut)] if len(classes) == 2 else str(score)
        return {f"{prefix}label": label, f"{prefix}{sign}_{classes[-1]}": score}
    chances = {f"{prefix}{sign}_{label}": round(float(chance), 6) for label, chance in zip(classes, value, strict=True)}
    return {f"{prefix}label": classes[int(value.argmax())], **chances}
