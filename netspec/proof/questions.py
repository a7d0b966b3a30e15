"""What is asked of an exported file: several batch sizes, and whatever else its answer must not depend on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from netspec.components.transforms.fitted import is_sequences
from netspec.exporter.lower import Lowered
from netspec.exporter.session import feeds
from netspec.proof.reference import Reference, Subject, reference_outputs
from netspec.tensor import bind, names_in

Array = np.ndarray[Any, Any]
_STEPS_LONGER = 8
_ALONE = 8
"""Rows of unequal lengths that are asked one by one."""
_FILLING = 7
"""What else than zeros may stand behind the end of a sequence; of ids it is 1."""


class Question(NamedTuple):
    """Raw rows, what the file is fed for them, and what each output ought to be."""

    raw: Mapping[str, Array]
    fed: Mapping[str, Array]
    due: Mapping[str, Reference]


def questions(
    subject: Subject, lowered: Lowered, runtime: Any, raw: Mapping[str, Array], sizes: Sequence[int]
) -> Iterator[Question]:
    """The first rows at each batch size; of unequal lengths also some alone, and all with another filling."""
    ragged = bool(subject.graph.ragged)
    whole = reference_outputs(subject, lowered, _first(raw, max(sizes)))
    for size in sizes:
        part = _first(raw, size)
        # A smaller batch of unequal lengths is filled up to less: it is a reference of its own.
        own = reference_outputs(subject, lowered, part) if ragged and size < max(sizes) else whole
        due = {name: each.first(size) for name, each in own.items()}
        yield Question(part, feeds(runtime, lowered.inputs, subject.preprocess, part), due)
    if ragged:
        yield from _of_lengths(subject, lowered, runtime, _first(raw, max(sizes)), whole)


def _first(raw: Mapping[str, Array], rows: int) -> dict[str, Array]:
    return {name: column[:rows] for name, column in raw.items()}


def _of_lengths(
    subject: Subject, lowered: Lowered, runtime: Any, raw: Mapping[str, Array], whole: Mapping[str, Reference]
) -> Iterator[Question]:
    """Rows of unequal lengths answer alone as they do among others, whatever stands behind their ends."""
    refilled = _refilled(subject, lowered, raw, feeds(runtime, lowered.inputs, subject.preprocess, raw))
    if refilled is not None:
        yield Question(raw, refilled, whole)
    rows = len(next(iter(raw.values())))
    for row in range(min(_ALONE, rows) if rows > 1 else 0):
        one = {name: column[row : row + 1] for name, column in raw.items()}
        due = {name: each.row(row).cut(_steps_due(subject, one, name)) for name, each in whole.items()}
        yield Question(one, feeds(runtime, lowered.inputs, subject.preprocess, one), due)


def _steps_due(subject: Subject, raw: Mapping[str, Array], output: str) -> int | None:
    """How many steps an output of some rows has, those that fill up among them; None where it has none of any number."""
    type = subject.graph.output_types[output]
    if type.rank < 2 or not names_in(type.shape[0]):
        return None
    inputs, _ = subject.preprocess.prepare(raw)
    ragged = {name: pipe.ragged for name, pipe in subject.preprocess.inputs.items()}
    due = bind(type.shape[0], {dim: inputs[name].shape[1] for name, dim in ragged.items() if dim is not None})
    return due if isinstance(due, int) else None


def _refilled(
    subject: Subject, lowered: Lowered, raw: Mapping[str, Array], fed: Mapping[str, Array]
) -> dict[str, Array] | None:
    """The same feeds with something else behind each sequence's end; None where nothing stands there."""
    _, lengths = subject.preprocess.prepare(raw)
    found, changed = dict(fed), False
    for name, array in fed.items():
        about = lowered.inputs[name]
        pipe = subject.preprocess.inputs[about["input"]]
        counts = lengths.get(pipe.ragged or "")
        if about["columns"] is not None:
            column = raw[about["columns"][0]]
            counts = np.asarray([len(each) for each in column]) if is_sequences(column) else None
        if "lengths" in about or counts is None or array.ndim < 2:
            continue
        first = about.get("layout") == "channels_first" and array.ndim > 2
        moved = np.moveaxis(array.copy(), 1, -1) if first else array.copy()
        behind = np.arange(moved.shape[1])[None, :] >= counts[:, None]
        moved[behind] = 1 if moved.dtype.kind in "iu" else _FILLING
        changed |= bool(behind.any())
        found[name] = np.ascontiguousarray(np.moveaxis(moved, -1, 1) if first else moved)
    return found if changed else None


def longer(subject: Subject, raw: Mapping[str, Array]) -> dict[str, Array] | None:
    """The same rows with every free axis a few steps longer; None where no axis is free."""
    found, changed = dict(raw), False
    for pipe in subject.preprocess.inputs.values():
        if not pipe.is_array or all(isinstance(size, int) for size in pipe.type.shape):
            continue
        name = pipe.columns[0].name
        extra = [(0, 0 if isinstance(size, int) else _STEPS_LONGER) for size in pipe.type.shape]
        found[name] = np.pad(raw[name], [(0, 0), *extra], mode="wrap")
        changed = True
    return found if changed else None
