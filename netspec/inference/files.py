"""Rows to be answered, read from the files that people have them in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from netspec.components.sources.base import Column
from netspec.components.sources.bounded import content, npz_arrays, text_lines
from netspec.components.sources.images import decoded
from netspec.components.sources.json_lines import records_of
from netspec.components.sources.tabular import Csv
from netspec.diagnostics import Diagnostic, Problem, SpecError
from netspec.inference.predictor import Predictor, with_source
from netspec.inference.rows import Rows, columns_of, row_shape
from netspec.spec.paths import Roots

ENDINGS = ".csv with a header, .jsonl, .json, .npz, .txt (a text a line), .ts, .wav, or an image"
_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")


def read_rows(path: Path, predictor: Predictor) -> dict[str, Column]:
    """The rows in a file; of a series, the stretch that it ends in. Raises SpecError NS001, NS502, NS507, NS509."""
    try:
        return columns_of(predictor.preprocess, _rows(path, predictor))
    except Problem as problem:
        raise SpecError(Diagnostic(problem.code, problem.message, help=problem.help, exit_code=2)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SpecError(Diagnostic("NS509", f"cannot read rows from `{path}`: {reason}", exit_code=2)) from None


def _rows(path: Path, predictor: Predictor) -> Rows:
    ending = path.suffix.lower()
    if ending in _IMAGES:
        return _image(path, predictor)
    if ending == ".npz":
        return npz_arrays(path)
    if ending in (".ts", ".wav"):
        return _by_the_source(path, predictor)
    if ending == ".txt":
        return _lines(path, predictor)
    return _last_window(_records(path) if ending in (".jsonl", ".json") else _cells(path, predictor), predictor)


def _records(path: Path) -> dict[str, list[Any]]:
    """Objects, one a line or in a list; what one leaves out is missing."""
    rows = records_of(path) if path.suffix.lower() == ".jsonl" else json.loads(content(path).decode("utf-8-sig"))
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise ValueError("expected one object a row")
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _cells(path: Path, predictor: Predictor) -> dict[str, list[Any]]:
    """The cells of a .csv, read as the run's own were: by its delimiter, its marks of missing values, its header."""
    source = predictor.spec.data.source if predictor.spec.data is not None else None
    reader = source if isinstance(source, Csv) else Csv(path=("rows.csv",))
    found: dict[str, list[Any]] = dict(reader.texts(path, {pipe.column for pipe in predictor.preprocess.targets.values()}))
    return found


def _last_window(table: dict[str, list[Any]], predictor: Predictor) -> Rows:
    """Of a series, whose rows are steps, the last window as one row; any other table as it is."""
    series = predictor.spec.data.series if predictor.spec.data else None
    if series is None or series.target == "next":
        return table
    found: dict[str, Any] = {}
    for pipe in predictor.preprocess.inputs.values():
        for column in pipe.columns:
            steps, shape = table.get(column.name), row_shape(column, pipe)
            if steps is None or shape is None or isinstance(steps[0], list):
                return table
            if len(steps) < shape[0]:
                help = f"a forecast needs the last {shape[0]} steps"
                raise Problem("NS517", f"the column `{column.name}` has {len(steps)} steps", help=help)
            found[column.name] = np.asarray([float(step) for step in steps[-shape[0] :]], np.float32)[None]
    return found


def _by_the_source(path: Path, predictor: Predictor) -> Rows:
    """A file of the kind that the run was trained on."""
    spec = with_source(predictor.spec, path)
    assert spec.data is not None
    source = spec.data.source
    if f".{source.type}" != path.suffix.lower():
        raise ValueError(f"the run was trained on `{source.type}`")
    if hasattr(source, "name"):
        source = source.model_copy(update={"name": None})
    reading = source.read(Roots(path.resolve().parent, path.resolve().parent))
    (table,) = reading.parts.values()
    return {name: column.values for name, column in table.columns.items()}


def _lines(path: Path, predictor: Predictor) -> Rows:
    """A text a line, for a run that reads one column of text."""
    columns = [column for pipe in predictor.preprocess.inputs.values() for column in pipe.columns]
    if len(columns) != 1 or not columns[0].is_text:
        raise ValueError("a .txt file is for runs that read one column of text")
    lines = [line.decode("utf-8-sig" if number == 1 else "utf-8") for number, line in text_lines(path, content(path))]
    return {columns[0].name: lines}


def _image(path: Path, predictor: Predictor) -> Rows:
    """One image, in the size and the channels of the input."""
    pipe = next(iter(predictor.preprocess.inputs.values()))
    sizes = [size for size in pipe.type.shape if isinstance(size, int)]
    if len(sizes) != 3:
        raise ValueError(f"the run reads no images: its input is {pipe.type}")
    height, width, channels = sizes
    array = decoded(content(path), path.name, channels, (height, width)).astype(np.float32)
    return {pipe.columns[0].name: array[None]}
