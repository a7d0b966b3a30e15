"""Raw rows from a caller or a file, as the columns that a run was trained on."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from netspec.components.sources.base import Column
from netspec.components.transforms.pipeline import ColumnPipe, InputPipe, Preprocess
from netspec.diagnostics import Diagnostic, SpecError, suggest

Rows: TypeAlias = Mapping[str, "Sequence[Any] | np.ndarray[Any, Any]"]
"""Values by column name, one a row."""


def columns_of(preprocess: Preprocess, rows: Rows) -> dict[str, Column]:
    """Columns by name, each in the kind that training saw. Raises SpecError NS502, NS507."""
    found = {}
    for pipe in preprocess.inputs.values():
        for column in pipe.columns:
            if column.name not in rows:
                help = suggest(column.name, rows, list_up_to=30)
                raise SpecError(Diagnostic("NS502", f"the rows have no column `{column.name}`", help=(help,) if help else ()))
            found[column.name] = _column(column, rows[column.name], pipe)
    if len({column.rows for column in found.values()}) > 1:
        raise SpecError(Diagnostic("NS507", "the columns have different lengths"))
    if next(iter(found.values())).rows == 0:
        raise SpecError(Diagnostic("NS504", "there are no rows to answer"))
    return found


def _column(column: ColumnPipe, values: Any, pipe: InputPipe) -> Column:
    if column.is_text:
        return Column("category", np.asarray(["" if v is None else str(v) for v in values], dtype=object))
    try:
        if column.kind == "number":
            array = np.asarray([np.nan if v is None or v == "" else v for v in values], np.float64)
        else:
            array = np.asarray(values, np.float32)
    except (ValueError, TypeError):
        raise SpecError(Diagnostic("NS507", f"the column `{column.name}` holds values that are not numbers")) from None
    if column.kind == "array" and array[0].size != np.prod([int(s) for s in pipe.type.shape if isinstance(s, int)]):
        raise SpecError(
            Diagnostic("NS507", f"a row of `{column.name}` is {list(array.shape[1:])}, but the input is {pipe.type}")
        )
    return Column(column.kind, array)


def read_rows(path: Path, preprocess: Preprocess) -> dict[str, Column]:
    """Rows of a .csv, .jsonl, .json, .npz or image file. Raises SpecError NS001, NS509, NS502."""
    try:
        return columns_of(preprocess, _raw_rows(path, preprocess))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SpecError(Diagnostic("NS509", f"cannot read rows from `{path}`: {reason}", exit_code=2)) from None


def _raw_rows(path: Path, preprocess: Preprocess) -> Rows:
    ending = path.suffix.lower()
    if ending == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    if ending in (".jsonl", ".json"):
        text = path.read_text()
        rows = [json.loads(line) for line in text.splitlines() if line.strip()] if ending == ".jsonl" else json.loads(text)
        if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
            raise ValueError("expected one object a row")
        return {name: [row.get(name) for row in rows] for name in rows[0]}
    if ending in (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp"):
        return _image_row(path, preprocess)
    with path.open(newline="") as stream:
        lines = list(csv.reader(stream))
    if not lines:
        raise ValueError("the file is empty")
    header, *body = lines
    return {name: [row[index] if index < len(row) else "" for row in body if row] for index, name in enumerate(header)}


def _image_row(path: Path, preprocess: Preprocess) -> Rows:
    """One image, in the size and the channels of the input."""
    from PIL import Image

    pipe = next(iter(preprocess.inputs.values()))
    height, width, channels = (int(size) for size in pipe.type.shape if isinstance(size, int))
    with Image.open(path) as image:
        picture = image.convert("RGB" if channels == 3 else "L")
        if picture.size != (width, height):
            picture = picture.resize((width, height), Image.Resampling.BILINEAR)
        array = np.asarray(picture, np.float32).reshape(1, height, width, channels)
    return {pipe.columns[0].name: array}
