"""Raw rows from a caller, as the columns that a run was trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from netspec.components.base import describe
from netspec.components.sources.base import Column
from netspec.components.sources.files import objects
from netspec.components.sources.values import texts
from netspec.components.transforms.pipeline import ColumnPipe, InputPipe, Preprocess
from netspec.diagnostics import Diagnostic, Problem, SpecError

Array: TypeAlias = np.ndarray[Any, Any]
Rows: TypeAlias = Mapping[str, "Sequence[Any] | Array"]
"""Values by column name, one a row; of a sequence, an array [time, ...] or a list a row."""


def columns_of(preprocess: Preprocess, rows: Rows) -> dict[str, Column]:
    """Columns by name, each in the kind that training saw. Raises SpecError NS502, NS504, NS507, NS509."""
    _refuse_what_has_no_columns(rows)
    found = {}
    for pipe in preprocess.inputs.values():
        for column in pipe.columns:
            if column.name not in rows:
                help = f"they have {', '.join(f'`{name}`' for name in list(rows)[:30]) or 'none'}"
                raise SpecError(Diagnostic("NS502", f"the rows have no column `{column.name}`", help=(help,)))
            if isinstance(rows[column.name], str) or not hasattr(rows[column.name], "__len__"):
                message = f"the column `{column.name}` is {describe(rows[column.name])}, where a value for each row was due"
                raise SpecError(Diagnostic("NS507", message, help=("a single row is a list of one",)))
            if len(rows[column.name]) == 0:
                raise SpecError(Diagnostic("NS504", "there are no rows to answer"))
            found[column.name] = _column(column, rows[column.name], pipe)
    if len({column.rows for column in found.values()}) > 1:
        raise SpecError(Diagnostic("NS507", "the columns have different lengths"))
    return found


def _refuse_what_has_no_columns(rows: object) -> None:
    """Mappings have columns by name, and the tables of pandas and polars. Raises SpecError NS204."""
    if not isinstance(rows, Mapping) and not hasattr(rows, "columns"):
        help = 'for example `{"length": [5.1, 4.9], "width": [3.5, 3.0]}`: a value a row'
        raise SpecError(Diagnostic("NS204", f"`rows`: expected columns by name, found {describe(rows)}", help=(help,)))


def _column(column: ColumnPipe, values: Any, pipe: InputPipe) -> Column:
    if column.is_text:
        return Column("category", _texts(column.name, values))
    try:
        if column.kind == "number":
            numbers = np.asarray([np.nan if v is None or (isinstance(v, str) and v == "") else v for v in values], np.float64)
            if numbers.size != len(numbers):
                raise ValueError("a row holds several")
            return Column("number", numbers.reshape(-1))  # [rows, 1] is what an exported graph takes
        if column.kind == "sequence":
            return _sequences(column, [np.asarray(_listed(value), np.float32) for value in values], pipe)
        array = np.asarray([_listed(value) for value in values] if isinstance(values[0], str) else values, np.float32)
    except (ValueError, TypeError):
        what = _first_wrong(values) if column.kind == "number" else "not in arrays of one shape"
        raise SpecError(Diagnostic("NS507", f"the column `{column.name}` holds numbers, but {what}")) from None
    wanted = row_shape(column, pipe)
    if wanted is not None and array[0].size != np.prod(wanted):
        message = f"a row of `{column.name}` is {list(array.shape[1:])}, but training saw {list(wanted)}"
        raise SpecError(Diagnostic("NS507", message))
    return Column(column.kind, array if wanted is None else array.reshape(len(array), *wanted))


def _first_wrong(values: Any) -> str:
    """The first value that is no number, with its row."""
    for row, value in enumerate(values, start=1):
        try:
            if value is not None and value != "":
                float(value)
        except (ValueError, TypeError):
            return f"row {row} has {describe(value)}"
    return "a row has several"


def _texts(name: str, values: Any) -> Array:
    """Texts that can be handed on: ONNX Runtime takes UTF-8. Raises SpecError NS509 for any other."""
    try:
        return texts(name, values)
    except Problem as problem:
        raise SpecError(Diagnostic(problem.code, problem.message, help=problem.help, exit_code=2)) from None


def _listed(value: Any) -> Any:
    """A cell of a table may hold a list, as JSON."""
    return json.loads(value) if isinstance(value, str) else value


def _sequences(column: ColumnPipe, values: list[Array], pipe: InputPipe) -> Column:
    """Sequences [time, ...]; what stands behind the time axis is what training saw."""
    if any(step.transform.flattens for step in column.steps):
        return Column("sequence", objects(values))
    behind = tuple(int(size) for size in pipe.type.shape[1:] if isinstance(size, int))
    values = [value[:, None] if behind == (1,) and value.ndim == 1 else value for value in values]
    for row, value in enumerate(values, start=1):
        if value.ndim != 1 + len(behind) or value.shape[1:] != behind or len(value) == 0:
            wanted = ", ".join(["time", *map(str, behind)])
            message = f"row {row} of `{column.name}` is {list(value.shape)}, but a sequence here is [{wanted}]"
            raise SpecError(Diagnostic("NS507", message))
    return Column("sequence", objects(values))


def row_shape(column: ColumnPipe, pipe: InputPipe) -> tuple[int, ...] | None:
    """The shape of a raw row of an array column; None where a step changes it in a way that is not known."""
    shape = [size for size in pipe.type.shape if isinstance(size, int)]
    if len(shape) < pipe.type.rank or any(step.transform.flattens for step in (*column.steps, *pipe.steps)):
        return None
    lag = sum(step.transform.lag for step in column.steps)
    if len(pipe.columns) > 1:
        shape[-1] = 1
    return (shape[0] + lag, *shape[1:])
