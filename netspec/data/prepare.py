"""From a spec's `data` section to arrays ready for training: read, split, fit, prepare, check."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from netspec.components.sources.base import Column, Reading
from netspec.components.transforms.base import Array
from netspec.components.transforms.pipeline import InputPipe, Preprocess
from netspec.components.transforms.sequences import PADDING, Tokenize
from netspec.data.columns import check_keys, input_columns, target_columns
from netspec.data.fitting import Fitter, place_of_inputs
from netspec.data.parts import data_hash, divide, first_row, of_kind, with_class_names
from netspec.data.place import Place
from netspec.data.ranges import check_range
from netspec.data.scores import Rows as Behind
from netspec.data.series import Windowing, held_back, split_windows
from netspec.data.split import Rows
from netspec.data.steps import Given, Target, target_of
from netspec.data.stream import COLUMN, Stream, StreamReader, texts_of
from netspec.data.targets import TargetFitter
from netspec.diagnostics import Diagnostic, Problem, SpecError
from netspec.graph.ir import Graph, Program
from netspec.graph.lengths import broken_by_data, wrong_lengths
from netspec.spec.load import Spec
from netspec.spec.paths import Roots
from netspec.tensor import TensorType


@dataclass(frozen=True)
class Part:
    """Prepared rows: `inputs` and `targets` by name, `lengths` by ragged dim; `raw` are the columns as they came.

    `stream` is there where the rows are windows of one long text.
    """

    inputs: Mapping[str, Array]
    targets: Mapping[str, Array]
    raw: Mapping[str, Column] = field(repr=False, default_factory=dict)
    lengths: Mapping[str, Array] = field(default_factory=dict)
    stream: Stream | None = field(repr=False, default=None)
    ragged: frozenset[str] = frozenset()
    """The inputs that are filled up along their first axis."""
    steps: Mapping[str, Array] = field(default_factory=dict)
    """For each target that is filled up as they are, how many steps of each row count."""

    @property
    def rows(self) -> int:
        """The number of examples."""
        return len(next(iter(self.inputs.values())))

    def behind(self, rows: Array) -> Behind:
        """What figures need of some rows."""
        raw = {name: column.values[rows] for name, column in self.raw.items()}
        return Behind(raw, {dim: lengths[rows] for dim, lengths in self.lengths.items()})


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
    place, graph = Place(spec), program.fed
    if place.data.series is not None and place.data.series.target == "next":
        return _prepare_stream(place, graph, roots, dict(lengths or {}))
    reading = _read(place, roots)
    first = next(iter(reading.parts.values()))
    columns, targets = input_columns(place, graph, first), target_columns(place, graph, first)
    check_keys(place, columns, targets)
    used = [*dict.fromkeys([*(name for names in columns.values() for name in names), *targets.values()])]
    raw, rows = divide(place, reading, used, next(iter(targets.values()), None))
    bound = dict(lengths or {})
    fitter = Fitter(place, graph, raw, rows["train"], bound)
    fit_target = TargetFitter(fitter)
    pipes = {}
    for name, names in columns.items():
        pipes[name] = fitter.condition_pipe(name, *names) if name == "condition" else fitter.input_pipe(name, names)
    labels = {output: fit_target.pipe(output, column, first) for output, column in targets.items()}
    preprocess = Preprocess(pipes, labels, {"decoder": next(iter(pipes))} if spec.autoencoder is not None else {})
    types = {name: fitter.fixed(type) for name, type in graph.output_types.items()}
    parts = {
        part: _part(place, part, preprocess, raw, found, types, first_row(reading, part, found)) for part, found in rows.items()
    }
    check_range(place, program, next(iter(pipes)), next(iter(parts["train"].inputs.values())))
    _check_lengths(spec, program, bound, parts)
    return Dataset(parts, preprocess, bound, data_hash(raw, rows))


def _check_lengths(spec: Spec, program: Program, bound: Mapping[str, int], parts: Mapping[str, Part]) -> None:
    """Every length is one that `dims` allows and that the network can have. Raises SpecError NS412, NS403."""
    found = wrong_lengths(spec, bound)
    for part in parts.values():
        for dim, lengths in part.lengths.items():
            for extreme in (int(lengths.min()), int(lengths.max())):
                found = found or [d for d in wrong_lengths(spec, {dim: extreme}) if "multiple" not in d.message]
    if found:
        raise SpecError(found)
    longest: dict[str, int] = {}
    for part in parts.values():
        for dim, lengths in part.lengths.items():
            longest[dim] = max(longest.get(dim, 1), int(lengths.max()))
    broken = broken_by_data(spec, program, bound, longest)
    if broken:
        raise SpecError(broken)


def _prepare_stream(place: Place, graph: Graph, roots: Roots, bound: dict[str, int]) -> Dataset:
    """One long text as the windows of each part."""
    assert place.data.series is not None
    reader = StreamReader(place, graph, place.data.series)
    text = _whole_text(place, roots)
    pieces = reader.parts(text)
    preprocess = reader.fitted(pieces["train"], bound)
    parts = {part: _stream_part(reader.stream(piece, preprocess), preprocess) for part, piece in pieces.items()}
    return Dataset(parts, preprocess, bound, hashlib.sha256(text.encode()).hexdigest())


def _whole_text(place: Place, roots: Roots) -> str:
    reading = _read_source(place, roots)
    (table, *more) = reading.parts.values()
    column = table.columns.get(COLUMN)
    if more or column is None or column.rows != 1:
        help = "name one file: `source: {text: input.txt}`"
        raise place.problem("NS509", "a language model reads one long text", ("data", "source"), help)
    return str(column.values[0])


def _stream_part(stream: Stream, preprocess: Preprocess) -> Part:
    ((name, pipe),) = preprocess.inputs.items()
    ((output, target),) = preprocess.targets.items()
    inputs, targets = stream.windows()
    assert target.classes is not None
    tokenize = pipe.columns[0].steps[0].transform
    joined = "".join if getattr(tokenize, "by", "") == "character" else " ".join
    return Part({name: inputs}, {output: targets}, {COLUMN: texts_of(inputs, target.classes, joined)}, {}, stream)


def prepare_part(
    spec: Spec, graph: Graph, roots: Roots, preprocess: Preprocess, part: str, expected: str | None = None
) -> Part:
    """One part of a spec's data under preprocessing that was fitted before; `all` is every row.

    The graph is the one whose outputs the targets are held against, with its dims bound; `expected` is the hash of the data
    that training saw. Raises SpecError, NS534 where these are others.
    """
    place = Place(spec)
    if place.data.series is not None and place.data.series.target == "next":
        return _stream_of(place, roots, preprocess, part, expected)
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
        _check_same(place, data_hash(raw, parts), expected)
    raw = {name: of_kind(place, name, raw[name], kind) for name, kind in kinds.items()}
    return _part(place, part, preprocess, raw, rows, graph.output_types, first_row(reading, part, rows))


def _check_same(place: Place, found: str, expected: str | None) -> None:
    """The data are those that the run was trained on. Raises SpecError NS534."""
    if expected is not None and found != expected:
        help = "rows of the other parts may be among these: restore the data, or say `--data-changed`"
        raise place.problem("NS534", "the data changed since the run was trained", ("data", "source"), help)


def _stream_of(place: Place, roots: Roots, preprocess: Preprocess, part: str, expected: str | None) -> Part:
    """A part of one long text under a tokenizer that was fitted before."""
    assert place.data.series is not None
    ((name, type),) = ((name, pipe.type) for name, pipe in preprocess.inputs.items())
    reader = StreamReader(place, Graph("network", {name: type}, (), {}), place.data.series)
    text = _whole_text(place, roots)
    if part != "all":
        _check_same(place, hashlib.sha256(text.encode()).hexdigest(), expected)
    pieces = reader.parts(text) if part != "all" else {"all": text}
    if part not in pieces:
        raise place.problem("NS504", f"the data has no {part} part", ("data", "split"), f"add `split: {{{part}: 0.1}}`")
    return _stream_part(reader.stream(pieces[part], preprocess), preprocess)


def _read(place: Place, roots: Roots) -> Reading:
    """What the source gives; a series as windows."""
    reading = _read_source(place, roots)
    if "condition" in place.spec.networks[next(reversed(place.spec.networks))].inputs:
        reading = replace(reading, parts={part: with_class_names(table) for part, table in reading.parts.items()})
    if place.data.series is None:
        return reading
    windowing = Windowing(place, place.data.series)
    windows = {part: windowing.windows(table) for part, table in reading.parts.items()}
    tables = {part: found.table for part, found in windows.items()}
    if "all" not in windows:
        if place.data.split.validation and "validation" not in windows:
            tables |= held_back(windows["train"], place.data.split)
        return Reading(tables, reading.files)
    return Reading(tables, reading.files, split_windows(windows["all"], place.data.split))


def _read_source(place: Place, roots: Roots) -> Reading:
    source = place.data.source
    return place.at(("data", "source", source.type), lambda: source.read(roots))


def _part(
    place: Place,
    part: str,
    preprocess: Preprocess,
    raw: Mapping[str, Column],
    rows: Rows,
    types: Mapping[str, TensorType],
    first: int,
) -> Part:
    """The rows of a part, prepared; `types` are those of the outputs, `first` is the row that its file starts with.

    Raises SpecError NS503 for values that are not finite, NS506 for unknown classes, NS507 for targets of other lengths.
    """
    taken = {name: column.take(rows) for name, column in raw.items()}
    values = {name: column.values for name, column in taken.items()}
    inputs, lengths = preprocess.prepare(values)
    for name, array in inputs.items():
        place.at(
            place_of_inputs(place, name), partial(check_input, preprocess.inputs[name], array, f"the {part} part of `{name}`")
        )
    given = Given(inputs, lengths, rows - first + 1)
    targets = {
        name: place.at(("data", "target"), partial(target_of, pipe, preprocess, values[pipe.column], types[name], given))
        for name, pipe in preprocess.targets.items()
    }
    # What an autoencoder is to make is the very array that it reads: nothing is kept twice.
    for output, name in preprocess.mirrors.items():
        targets[output] = Target(inputs[name], lengths.get(preprocess.inputs[name].ragged or ""))
    ragged = frozenset(name for name, pipe in preprocess.inputs.items() if pipe.ragged is not None)
    steps = {name: target.steps for name, target in targets.items() if target.steps is not None}
    return Part(inputs, {name: target.values for name, target in targets.items()}, taken, lengths, ragged=ragged, steps=steps)


def check_input(pipe: InputPipe, array: Array, what: str) -> None:
    """Raises Problem NS503 for prepared values that are not finite, NS514 for ids beyond the vocabulary."""
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise Problem("NS503", f"{what} has values that are not finite", help="add `impute` to its `preprocess` steps")
        return
    if _splits_text(pipe):
        empty = int((array[:, 0] == PADDING).sum())
        if empty:
            help = "leave them out of the data: there is nothing to read in them"
            raise Problem("NS503", f"{empty} of {len(array)} texts of {what} have no words", help=help)
    size = pipe.type.vocabulary
    if isinstance(size, int) and array.size and not (array.min() >= 0 and array.max() < size):
        wrong = int(array.min()) if array.min() < 0 else int(array.max())
        help = f"write `vocabulary: {wrong + 1}`, or a name that the data bind" if wrong > 0 else "ids count from 0"
        raise Problem("NS514", f"{what} has the id {wrong}, but `vocabulary: {size}` has ids from 0 to {size - 1}", help=help)


def _splits_text(pipe: InputPipe) -> bool:
    return any(isinstance(step.transform, Tokenize) for step in (*pipe.columns[0].steps, *pipe.steps))


def refuse_unusable(columns: Mapping[str, Array], preprocess: Preprocess) -> None:
    """Raises SpecError where rows that somebody asks about cannot be prepared (NS503, NS514)."""
    for name, pipe in preprocess.inputs.items():
        try:
            check_input(pipe, pipe.prepare(columns).values, f"`{name}`")
        except Problem as problem:
            raise SpecError(Diagnostic(problem.code, problem.message, help=problem.help)) from None
