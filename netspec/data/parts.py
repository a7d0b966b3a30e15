"""The rows of each part, and the columns that they are rows of."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from netspec.components.sources.base import Column, Reading, Table
from netspec.components.sources.files import objects
from netspec.data.place import Place
from netspec.data.split import Rows, split_rows
from netspec.diagnostics import Path
from netspec.spec.sections import Split


def divide(place: Place, reading: Reading, used: list[str], target: str | None) -> tuple[dict[str, Column], dict[str, Rows]]:
    """All rows behind one another, and the row numbers of each part. Raises SpecError NS502, NS504."""
    for part, table in reading.parts.items():
        for name in used:
            if name not in table.columns:
                raise place.problem("NS502", f"the {part} part has no column `{name}`", ("data", "source"))
    tables = list(reading.parts.items())
    starts = np.cumsum([0, *(table.rows for _, table in tables)])
    columns = {name: _joined(place, name, [table.columns[name] for _, table in tables]) for name in used}
    rows = {part: np.arange(starts[i], starts[i + 1]) for i, (part, _) in enumerate(tables)}
    if reading.split is not None:
        for part, found in reading.split.items():
            if not len(found):
                raise place.problem("NS504", f"the {part} part has no windows", ("data", "split"), "make the part larger")
        return columns, dict(reading.split)
    if "all" in rows:
        return columns, _split(place, rows["all"], columns, reading.parts["all"], target)
    if "validation" not in rows and place.data.split.validation:
        # Parts are given, but validation is still to be cut from train.
        split = place.data.split.model_copy(update={"test": 0.0})
        cut = _split(place, rows["train"], columns, reading.parts["train"], target, split)
        rows |= {part: rows["train"][found] for part, found in cut.items()}
    if any(len(found) == 0 for found in rows.values()):
        raise place.problem("NS504", "a part of the data has no rows", ("data", "source"))
    return columns, rows


def _split(
    place: Place, rows: Rows, columns: Mapping[str, Column], table: Table, target: str | None, split: Split | None = None
) -> dict[str, Rows]:
    chosen = split or place.data.split
    at: Path = ("data", "split")
    labels = None if target is None else columns[target].values[rows]
    if chosen.stratify and labels is None:
        raise place.problem("NS504", "`stratify` needs a target", at)
    if chosen.stratify and target is not None and _has_steps(columns[target]):
        message = f"`stratify` needs one class a row, but `{target}` has several values a row"
        raise place.problem("NS504", message, (*at, "stratify"), "leave `stratify` out")
    groups = None
    if chosen.group is not None:
        if chosen.group not in table.columns:
            raise place.missing_column(chosen.group, table, (*at, "group"))
        groups = table.columns[chosen.group].values
    if len(rows) == 0:
        raise place.problem("NS504", "the data has no rows", ("data", "source"))
    return place.at(at, lambda: split_rows(len(rows), chosen, labels, groups))


def with_class_names(table: Table) -> Table:
    """The table with its target as the names of the classes, where the source knows them."""
    if table.target is None or not table.names:
        return table
    names = np.asarray(table.names, dtype=object)
    column = Column("category", names[table.columns[table.target].values.astype(np.int64)])
    return replace(table, columns={**table.columns, table.target: column}, names=())


def _has_steps(column: Column) -> bool:
    return column.kind == "sequence" or (column.kind == "array" and column.values[0].size > 1)


def first_row(reading: Reading, part: str, rows: Rows) -> int:
    """The row that a part's own file starts with: files of parts stand behind one another, the training part's first."""
    return int(rows[0]) if part in reading.parts and part not in ("all", "train") else 0


def of_kind(place: Place, name: str, column: Column, kind: str) -> Column:
    """A column as the kind that it had when it was fitted: another file may look different."""
    if column.kind == kind:
        return column
    if kind == "sequence" and column.kind == "array":
        return as_sequences(column)
    if kind == "category" and column.kind == "number":
        return Column("category", np.asarray([_number_text(v) for v in column.values], dtype=object))
    raise place.problem("NS507", f"the column `{name}` holds {column.kind}, but training saw {kind}", ("data", "source"))


def data_hash(raw: Mapping[str, Column], rows: Mapping[str, Rows]) -> str:
    """sha256 over all columns and the rows of every part."""
    digest = hashlib.sha256()
    for name, column in sorted(raw.items()):
        digest.update(name.encode())
        for piece in _bytes(column):
            digest.update(piece)
    for part, found in sorted(rows.items()):
        digest.update(part.encode() + np.ascontiguousarray(found).tobytes())
    return digest.hexdigest()


def _bytes(column: Column) -> Iterator[bytes]:
    """What a column holds: shapes, and values; texts with their lengths, for an array of objects is one of addresses."""
    for each in column.values if column.kind == "sequence" else (column.values,):
        yield f"{each.shape}".encode()
        if each.dtype == object:
            for text in map(str, each.ravel().tolist()):
                yield f"{len(text)}:{text}".encode("utf-8", "surrogatepass")
        else:
            yield np.ascontiguousarray(each).tobytes()


def _joined(place: Place, name: str, columns: list[Column]) -> Column:
    """One column of several parts. Numbers in one and text in another is text in all; arrays of other lengths are sequences.

    Raises SpecError NS507 where the rows of one part are of another shape.
    """
    if len(columns) == 1:
        return columns[0]
    inner = {_inner(column) for column in columns if column.rows}
    if len(inner) > 1:
        told = " and ".join(str(list(shape)) for shape in sorted(inner))
        help = "every part needs the same kind of rows, each step of them with as many values"
        raise place.problem("NS507", f"the parts of `{name}` have rows of different shapes: {told}", ("data", "source"), help)
    if len({column.values.shape[1:] for column in columns}) > 1:
        columns = [as_sequences(column) for column in columns]
    kinds = {column.kind for column in columns}
    if kinds == {"number", "category"}:
        columns = [
            c if c.kind == "category" else Column("category", np.asarray([_number_text(v) for v in c.values], dtype=object))
            for c in columns
        ]
    return Column(columns[0].kind, np.concatenate([column.values for column in columns]))


def _inner(column: Column) -> tuple[int, ...]:
    """The shape of a row, or of one step of a sequence."""
    return column.values[0].shape[1:] if column.kind in ("array", "sequence") else ()


def as_sequences(column: Column) -> Column:
    """Rows of one length as sequences, whose lengths may differ."""
    return column if column.kind == "sequence" else Column("sequence", objects(list(column.values)))


def _number_text(value: float) -> str:
    """A number as a category: `3`, not `3.0`."""
    if value != value:
        return ""
    return str(int(value)) if value == int(value) else str(value)
