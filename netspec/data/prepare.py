"""From a spec's `data` section to arrays ready for training: read, split, fit, prepare, check."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from netspec.components.sources.base import Column, Reading
from netspec.components.transforms.base import Array
from netspec.components.transforms.pipeline import InputPipe, Preprocess
from netspec.data.columns import check_keys, input_columns, target_columns
from netspec.data.fitting import Fitter, place_of_inputs
from netspec.data.parts import data_hash, divide, of_kind
from netspec.data.paths import Roots
from netspec.data.place import Place
from netspec.data.split import Rows
from netspec.diagnostics import Diagnostic, Problem, SpecError
from netspec.graph.ir import Program
from netspec.graph.lengths import wrong_lengths
from netspec.spec.load import Spec


@dataclass(frozen=True)
class Part:
    """Prepared rows: `inputs` and `targets` by name; `raw` are the columns as they came."""

    inputs: Mapping[str, Array]
    targets: Mapping[str, Array]
    raw: Mapping[str, Column] = field(repr=False, default_factory=dict)

    @property
    def rows(self) -> int:
        """The number of examples."""
        return len(next(iter(self.inputs.values())))


@dataclass(frozen=True)
class Dataset:
    """All parts, what was fitted, the dims that the data bound, and a hash of the data."""

    parts: Mapping[str, Part]
    preprocess: Preprocess
    lengths: Mapping[str, int]
    sha256: str

    @property
    def train(self) -> Part:
        """The part that everything was fitted on."""
        return self.parts["train"]


def prepare(spec: Spec, program: Program, roots: Roots, lengths: Mapping[str, int] | None = None) -> Dataset:
    """Read and prepare a spec's data. Raises SpecError (NS006, NS5xx) with the place in the spec."""
    place, graph = Place(spec), program.main
    reading = _read(place, roots)
    first = next(iter(reading.parts.values()))
    columns, targets = input_columns(place, graph, first), target_columns(place, graph, first)
    check_keys(place, columns, targets)
    used = [*dict.fromkeys([*(name for names in columns.values() for name in names), *targets.values()])]
    raw, rows = divide(place, reading, used, next(iter(targets.values()), None))
    bound = dict(lengths or {})
    fitter = Fitter(place, graph, raw, rows["train"], bound)
    preprocess = Preprocess(
        {name: fitter.input_pipe(name, names) for name, names in columns.items()},
        {output: fitter.target_pipe(output, column, first) for output, column in targets.items()},
    )
    if wrong := wrong_lengths(spec, bound):
        raise SpecError(wrong)
    parts = {part: _part(place, part, preprocess, raw, found) for part, found in rows.items()}
    return Dataset(parts, preprocess, bound, data_hash(raw, rows))


def prepare_part(spec: Spec, roots: Roots, preprocess: Preprocess, part: str) -> Part:
    """One part of a spec's data under preprocessing that was fitted before; `all` is every row. Raises SpecError."""
    place = Place(spec)
    reading = _read(place, roots)
    kinds = {column.name: column.kind for pipe in preprocess.inputs.values() for column in pipe.columns}
    kinds |= {pipe.column: pipe.kind for pipe in preprocess.targets.values()}
    if part == "all":
        (table,) = reading.parts.values()
        for name in kinds:
            if name not in table.columns:
                raise place.missing_column(name, table, ("data", "source"))
        raw = {name: table.columns[name] for name in kinds}
        rows: Rows = np.arange(table.rows)
    else:
        target = next((pipe.column for pipe in preprocess.targets.values()), None)
        raw, parts = divide(place, reading, list(kinds), target)
        if part not in parts:
            help = f"add `split: {{{part}: 0.15}}`"
            raise place.problem("NS504", f"the data has no {part} part", ("data", "split"), help)
        rows = parts[part]
    return _part(place, part, preprocess, {name: of_kind(place, name, raw[name], kind) for name, kind in kinds.items()}, rows)


def _read(place: Place, roots: Roots) -> Reading:
    source = place.data.source
    return place.at(("data", "source", source.type), lambda: source.read(roots.locate))


def _part(place: Place, part: str, preprocess: Preprocess, raw: Mapping[str, Column], rows: Rows) -> Part:
    """The rows of a part, prepared. Raises SpecError NS503 for values that are not finite, NS506 for unknown classes."""
    taken = {name: column.take(rows) for name, column in raw.items()}
    values = {name: column.values for name, column in taken.items()}
    inputs = {name: pipe.numpy(values) for name, pipe in preprocess.inputs.items()}
    targets = {
        name: place.at(("data", "target"), partial(pipe.numpy, values[pipe.column]))
        for name, pipe in preprocess.targets.items()
    }
    for name, array in inputs.items():
        place.at(
            place_of_inputs(place, name), partial(check_input, preprocess.inputs[name], array, f"the {part} part of `{name}`")
        )
    return Part(inputs, targets, taken)


def check_input(pipe: InputPipe, array: Array, what: str) -> None:
    """Raises Problem NS503 for prepared values that are not finite, NS514 for ids beyond the vocabulary."""
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise Problem("NS503", f"{what} has values that are not finite", help="add `impute` to its `preprocess` steps")
        return
    size = pipe.type.vocabulary
    if isinstance(size, int) and array.size and not (array.min() >= 0 and array.max() < size):
        wrong = int(array.min()) if array.min() < 0 else int(array.max())
        raise Problem("NS514", f"{what} has the id {wrong}, but `vocabulary: {size}` has ids from 0 to {size - 1}")


def refuse_unusable(columns: Mapping[str, Array], preprocess: Preprocess) -> None:
    """Raises SpecError where rows that somebody asks about cannot be prepared (NS503, NS514)."""
    for name, pipe in preprocess.inputs.items():
        try:
            check_input(pipe, pipe.numpy(columns), f"`{name}`")
        except Problem as problem:
            raise SpecError(Diagnostic(problem.code, problem.message, help=problem.help)) from None
