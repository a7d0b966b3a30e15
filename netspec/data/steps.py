"""Targets with a value for each step: as many as the output has there, and filled up as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import numpy as np

from netspec.components.sources.base import Array
from netspec.components.transforms.fitted import filled, is_sequences, refuse_missing
from netspec.components.transforms.pipeline import InputPipe, Preprocess, TargetPipe
from netspec.components.transforms.sequences import PadSequence, Tokenize
from netspec.diagnostics import Problem
from netspec.tensor import Dim, TensorType, bind, names_in

NOT_FILLED = "leave those rows out: what is due cannot be made up"


class Given(NamedTuple):
    """The prepared inputs of some rows, the lengths by ragged dim, and the number of each row in its file, from 1."""

    inputs: Mapping[str, Array]
    lengths: Mapping[str, Array]
    numbers: Array


class Target(NamedTuple):
    """A prepared target [rows, ...], and how many steps of each row count; None where all do."""

    values: Array
    steps: Array | None = None


def target_of(pipe: TargetPipe, preprocess: Preprocess, values: Array, type: TensorType, given: Given) -> Target:
    """The target of an output of that type from raw values.

    Raises Problem NS503 for values that are missing, NS506 for classes that the output does not give, NS507 where a row
    has not as many steps as the output.
    """
    refuse_missing(values, f"the target `{pipe.column}`", NOT_FILLED)
    prepared = pipe.prepared(values)
    if pipe.ids:
        check_ids(pipe.column, values, type.shape[-1])
    if not is_sequences(prepared):
        return Target(prepared)
    sizes = _sizes(preprocess, given.inputs)
    lengths = {**sizes, **given.lengths}
    due = np.broadcast_to(np.asarray(bind(type.shape[0], cast(Mapping[str, Dim], lengths))), len(prepared))
    _check_aligned(pipe, preprocess, prepared, due, given.numbers)
    ragged = bool(names_in(type.shape[0]) & given.lengths.keys())
    longest = bind(type.shape[0], cast(Mapping[str, Dim], sizes))
    assert isinstance(longest, int), "an output that has steps has those of an input"
    return Target(filled(prepared, longest), due if ragged else None)


def _sizes(preprocess: Preprocess, inputs: Mapping[str, Array]) -> dict[str, int]:
    """The length of each named dim in prepared inputs, which are filled up."""
    return {
        name: int(inputs[input].shape[1 + axis])
        for input, pipe in preprocess.inputs.items()
        for axis, dim in enumerate(pipe.type.shape)
        for name in names_in(dim)
    }


def _check_aligned(pipe: TargetPipe, preprocess: Preprocess, rows: Array, due: Array, numbers: Array) -> None:
    found = np.asarray([len(row) for row in rows])
    wrong = np.flatnonzero(found != due)
    if not len(wrong):
        return
    first = int(wrong[0])
    wanted = "1 is due" if due[first] == 1 else f"{due[first]} are due"
    told = f"row {numbers[first]} of `{pipe.column}` has {_steps(found[first])}, but {wanted}"
    others = f" (and {len(wrong) - 1} more rows do not fit)" if len(wrong) > 1 else ""
    raise Problem("NS507", told + others, help=_way_out(pipe, preprocess))


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count} steps"


def _way_out(pipe: TargetPipe, preprocess: Preprocess) -> str:
    for input in preprocess.inputs.values():
        cuts = _last(input, PadSequence)
        if cuts is not None and not any(isinstance(step.transform, PadSequence) for step in pipe.steps):
            return f"cut the target as its input is: `preprocess: {{{pipe.column}: {{pad_sequence: {cuts.max}}}}}`"
        splits = _last(input, Tokenize)
        if splits is not None:
            pieces = {"word": "word, and words stand between blanks", "token": "word and sign", "character": "character"}
            return f"a value is due for each {pieces[splits.by]} (`tokenize: {{by: {splits.by}}}`)"
    return "a target for each step is as long as its row's input"


def _last(pipe: InputPipe, kind: type[Any]) -> Any:
    steps = [step.transform for step in (*pipe.columns[0].steps, *pipe.steps) if isinstance(step.transform, kind)]
    return steps[-1] if steps else None


def check_ids(column: str, values: Array, classes: Dim) -> None:
    """Every position holds one of the classes, where their number is known. Raises Problem NS506."""
    if not isinstance(classes, int):
        return
    numbers: np.ndarray[Any, Any] = np.concatenate(list(values)) if is_sequences(values) else values
    wrong = numbers[(numbers != np.floor(numbers)) | (numbers < 0) | (numbers >= classes)]
    if wrong.size:
        message = f"the target `{column}` holds {wrong.flat[0]:g}, but the output gives classes from 0 to {classes - 1}"
        raise Problem("NS506", message, help="give the last layer a unit for each class, counted from 0")
