"""From a spec's `data` section to arrays ready for training: read, split, fit, prepare, check."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from netspec.components.objectives import Loss
from netspec.components.sources.base import Column, Reading, Table
from netspec.components.transforms.base import Array, Transform
from netspec.components.transforms.categories import Label
from netspec.components.transforms.pipeline import (
    ColumnPipe,
    Fitted,
    InputPipe,
    Preprocess,
    TargetPipe,
    count_missing,
    fit,
    refuse_missing,
)
from netspec.data.paths import Roots
from netspec.data.split import Rows, split_rows
from netspec.diagnostics import Path, Problem, SpecError, placed, suggest
from netspec.graph.ir import Graph, Program
from netspec.graph.objective import losses_by_output
from netspec.spec.load import Spec
from netspec.spec.reader import dotted
from netspec.tensor import Dim, Formula, TensorType

KINDS = {"numbers": "number", "categories": "category", "images": "array"}


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
    return _Preparation(spec, program.main, roots, dict(lengths or {})).dataset()


def prepare_part(spec: Spec, program: Program, roots: Roots, preprocess: Preprocess, part: str) -> Part:
    """One part of a spec's data under preprocessing that was fitted before; `all` is every row. Raises SpecError."""
    return _Preparation(spec, program.main, roots, {}).fitted_part(preprocess, part)


class _Preparation:
    def __init__(self, spec: Spec, graph: Graph | None, roots: Roots, lengths: dict[str, int]) -> None:
        if spec.data is None:
            raise SpecError(
                placed(
                    Problem(
                        "NS510",
                        "the spec has no `data` section",
                        help="say where the examples come from: `data: {source: ...}`",
                    ),
                    file=spec.document.file,
                    span=spec.document.span(()),
                    path="data",
                )
            )
        self.spec, self.data, self.roots, self.lengths = spec, spec.data, roots, lengths
        self.maybe_graph = graph

    @property
    def graph(self) -> Graph:
        assert self.maybe_graph is not None
        return self.maybe_graph

    def at(self, path: Path, work: Callable[[], Any]) -> Any:
        """Do a piece of work whose problems belong to a place in the spec."""
        try:
            return work()
        except Problem as problem:
            place = (*path, problem.field) if problem.field else path
            diagnostic = placed(problem, file=self.spec.document.file, span=self.spec.document.span(place), path=dotted(place))
            raise SpecError(replace(diagnostic, exit_code=2 if problem.code == "NS501" else 1)) from None

    def read(self) -> Reading:
        source = self.data.source
        reading: Reading = self.at(("data", "source", source.type), lambda: source.read(self.roots.locate))
        return reading

    def dataset(self) -> Dataset:
        reading = self.read()
        first = next(iter(reading.parts.values()))
        columns = self._input_columns(first)
        targets = self._target_columns(first)
        self._check_keys(columns, targets)
        used = [*dict.fromkeys([*(name for names in columns.values() for name in names), *targets.values()])]
        raw, rows = self._parts(reading, used, next(iter(targets.values()), None))
        inputs = {name: self._input_pipe(name, names, raw, rows["train"]) for name, names in columns.items()}
        pipes = {output: self._target_pipe(output, column, raw, rows["train"], first) for output, column in targets.items()}
        preprocess = Preprocess(inputs, pipes)
        parts = {part: self._part(part, preprocess, raw, found) for part, found in rows.items()}
        return Dataset(parts, preprocess, self.lengths, self._hash(raw, rows))

    def _check_keys(self, columns: Mapping[str, tuple[str, ...]], targets: Mapping[str, str]) -> None:
        """Every key of `preprocess` names an input, a column or a kind, and only one of them."""
        used = {*(name for names in columns.values() for name in names), *targets.values()}
        known = {*columns, *used, *KINDS}
        for key in self.data.preprocess:
            at = ("data", "preprocess", key)
            if key not in known:
                help = suggest(key, known, list_up_to=30)
                raise self._problem("NS512", f"`{key}` names no input, no column that is read, and no kind", at, help, key=True)
            if (key in columns) + (key in used and columns.get(key) != (key,)) + (key in KINDS) > 1:
                raise self._problem(
                    "NS512", f"`{key}` could mean an input, a column or a kind", at, "rename the input or the column", key=True
                )

    def fitted_part(self, preprocess: Preprocess, part: str) -> Part:
        reading = self.read()
        used = [c.name for pipe in preprocess.inputs.values() for c in pipe.columns]
        kinds = {c.name: c.kind for pipe in preprocess.inputs.values() for c in pipe.columns}
        kinds |= {pipe.column: pipe.kind for pipe in preprocess.targets.values()}
        used = [*dict.fromkeys([*used, *(pipe.column for pipe in preprocess.targets.values())])]
        target = next((pipe.column for pipe in preprocess.targets.values()), None)
        if part == "all":
            (table,) = reading.parts.values()
            for name in used:
                if name not in table.columns:
                    raise self._missing_column(name, table, ("data", "source"))
            raw = {name: table.columns[name] for name in used}
            rows: Rows = np.arange(table.rows)
        else:
            raw, parts = self._parts(reading, used, target)
            if part not in parts:
                raise self._problem(
                    "NS504", f"the data has no {part} part", ("data", "split"), f"add `split: {{{part}: 0.15}}`"
                )
            rows = parts[part]
        raw = {name: self._of_kind(name, column, kinds[name]) for name, column in raw.items()}
        return self._part(part, preprocess, raw, rows)

    def _of_kind(self, name: str, column: Column, kind: str) -> Column:
        """A column as the kind that it had when it was fitted: another file may look different."""
        if column.kind == kind:
            return column
        if kind == "category" and column.kind == "number":
            return Column("category", np.asarray([_number_text(v) for v in column.values], dtype=object))
        raise self._problem("NS507", f"the column `{name}` holds {column.kind}, but training saw {kind}", ("data", "source"))

    def _input_columns(self, table: Table) -> dict[str, tuple[str, ...]]:
        """The columns of each input; what the source itself takes for inputs where the spec is silent."""
        given = self.data.inputs
        targets = set(self._targets_given(table).values())
        everything = tuple(name for name in table.columns if name not in targets)
        if given is None:
            name = next(iter(self.graph.inputs))
            if len(self.graph.inputs) > 1:
                raise self._problem("NS202", "with several inputs, `data.inputs` says which columns each reads", ("data",))
            return {name: table.inputs or everything}
        found = {}
        for name, columns in given.items():
            at = ("data", "inputs", name)
            if name not in self.graph.inputs:
                raise self._problem("NS303", f"the model has no input `{name}`", at, suggest(name, self.graph.inputs))
            found[name] = everything if columns == ("all",) else columns
            for index, column in enumerate(found[name]):
                if column not in table.columns:
                    raise self._missing_column(column, table, (*at, index) if len(columns) > 1 else at)
        return found

    def _targets_given(self, table: Table) -> dict[str, str]:
        target = self.data.target if self.data.target is not None else table.target
        if isinstance(target, Mapping):
            return dict(target)
        return {} if target is None else {next(iter(self.graph.outputs)): target}

    def _target_columns(self, table: Table) -> dict[str, str]:
        found = self._targets_given(table)
        for output, column in found.items():
            at = ("data", "target", output) if isinstance(self.data.target, Mapping) else ("data", "target")
            if output not in self.graph.outputs:
                raise self._problem("NS303", f"the model has no output `{output}`", at, suggest(output, self.graph.outputs))
            if column not in table.columns:
                raise self._missing_column(column, table, at)
        if self.spec.train is not None and not found:
            raise self._problem("NS202", "`data` does not say which column is the target", ("data",), "add `target: COLUMN`")
        return found

    def _missing_column(self, column: str, table: Table, at: Path) -> SpecError:
        help = suggest(column, table.columns, list_up_to=40)
        return self._problem("NS502", f"the data has no column `{column}`", at, help)

    def _problem(self, code: str, message: str, at: Path, help: str = "", *, key: bool = False) -> SpecError:
        problem = Problem(code, message, help=help or ())
        span = self.spec.document.span(at, key=key)
        return SpecError(placed(problem, file=self.spec.document.file, span=span, path=dotted(at)))

    def _parts(self, reading: Reading, used: list[str], target: str | None) -> tuple[dict[str, Column], dict[str, Rows]]:
        """All rows behind one another, and the row numbers of each part."""
        for part, table in reading.parts.items():
            for name in used:
                if name not in table.columns:
                    raise self._problem("NS502", f"the {part} part has no column `{name}`", ("data", "source"))
        tables = list(reading.parts.items())
        starts = np.cumsum([0, *(table.rows for _, table in tables)])
        columns = {name: _joined(name, [table.columns[name] for _, table in tables]) for name in used}
        rows = {part: np.arange(starts[i], starts[i + 1]) for i, (part, _) in enumerate(tables)}
        if "all" in rows:
            return columns, self._split(rows["all"], columns, reading.parts["all"], target)
        if "validation" not in rows and self.data.split.validation:
            # Parts are given, but validation is still to be cut from train.
            split = self.data.split.model_copy(update={"test": 0.0})
            cut = self._split(rows["train"], columns, reading.parts["train"], target, split)
            rows |= {part: rows["train"][found] for part, found in cut.items()}
        if any(len(found) == 0 for found in rows.values()):
            raise self._problem("NS504", "a part of the data has no rows", ("data", "source"))
        return columns, rows

    def _split(
        self, rows: Rows, columns: Mapping[str, Column], table: Table, target: str | None, split: Any = None
    ) -> dict[str, Rows]:
        split = split or self.data.split
        at: Path = ("data", "split")
        labels = None if target is None else columns[target].values[rows]
        if split.stratify and labels is None:
            raise self._problem("NS504", "`stratify` needs a target", at)
        groups = None
        if split.group is not None:
            if split.group not in table.columns:
                raise self._missing_column(split.group, table, (*at, "group"))
            groups = table.columns[split.group].values
        if len(rows) == 0:
            raise self._problem("NS504", "the data has no rows", ("data", "source"))
        found: dict[str, Rows] = self.at(at, lambda: split_rows(len(rows), split, labels, groups))
        return found

    def _input_pipe(self, name: str, names: tuple[str, ...], raw: Mapping[str, Column], train: Rows) -> InputPipe:
        columns, kind = [], "number"
        declared = self.graph.inputs[name]
        for column in names:
            transforms, at = self._steps_for(column, raw[column].kind, name)
            values = (
                self._shaped(column, raw[column], declared, len(names)) if raw[column].kind == "array" else raw[column].values
            )
            pipe, kind = self._fit_column(column, raw[column].kind, values, transforms, train, at)
            columns.append(pipe)
            if kind == "category":
                help = f"add `{column}: one_hot` or `categories: one_hot` to `preprocess`"
                raise self._problem("NS513", f"the column `{column}` holds text", self._place_of_inputs(name), help)
        if any(column.kind == "array" for column in columns) and len(columns) > 1:
            raise self._problem(
                "NS513", f"an array column cannot be joined with others in `{name}`", self._place_of_inputs(name)
            )
        type = self._bound_type(name, declared, columns, raw)
        pipe_so_far = InputPipe(tuple(columns), (), type)
        joined = pipe_so_far.joined({column: raw[column].values for column in names})
        self._check_missing(columns, raw, joined, name)
        at = ("data", "preprocess", name)
        steps, _ = self.at(at, lambda: fit(self._transforms(name), joined, train, "array", f"the input `{name}`"))
        return replace(pipe_so_far, steps=steps)

    def _place_of_inputs(self, name: str) -> Path:
        return ("data", "inputs", name) if self.data.inputs else ("data", "source")

    def _check_missing(self, columns: list[ColumnPipe], raw: Mapping[str, Column], joined: Array, name: str) -> None:
        """Missing values that no step has filled are told by column."""
        if not count_missing(joined):
            return
        for column in columns:
            prepared = column.numpy(raw[column.name].values)
            self.at(self._place_of_inputs(name), partial(refuse_missing, prepared, f"the column `{column.name}`"))

    def _fit_column(
        self, column: str, kind: Any, values: Array, transforms: tuple[Transform, ...], train: Rows, at: Path
    ) -> tuple[ColumnPipe, Any]:
        wide = values.astype(np.float64) if kind == "number" else values
        steps, after = self.at(at, lambda: fit(transforms, wide, train, kind, f"the column `{column}`"))
        return ColumnPipe(column, kind, steps), after

    def _transforms(self, key: str) -> tuple[Transform, ...]:
        return self.data.preprocess.get(key, ())

    def _steps_for(self, column: str, kind: str, input: str) -> tuple[tuple[Transform, ...], Path]:
        """A column's own steps, else its kind's; a column that is called like its input has the input's."""
        preprocess = self.data.preprocess
        if column in preprocess and column != input:
            return preprocess[column], ("data", "preprocess", column)
        for word, known in KINDS.items():
            if known == kind and word in preprocess:
                return preprocess[word], ("data", "preprocess", word)
        return (), ("data", "preprocess")

    def _shaped(self, name: str, column: Column, declared: TensorType, count: int) -> Array:
        """An array in the input's shape, where that is known: the same elements in the same order."""
        if all(isinstance(size, int) for size in declared.shape) and count == 1:
            shape = [int(size) for size in declared.shape if isinstance(size, int)]
            if np.prod(column.values.shape[1:]) != np.prod(shape):
                found = list(column.values.shape[1:])
                help = f"write `input: {found}`" if "input" in self.graph.inputs else ""
                raise self._problem(
                    "NS507", f"the data's `{name}` is {found}, but the input is {declared}", self._input_place(), help
                )
            return column.values.reshape(column.rows, *shape)
        return column.values

    def _input_place(self) -> Path:
        return ("input",) if "input" in self.graph.inputs else ("inputs",)

    def _bound_type(self, name: str, declared: TensorType, columns: list[ColumnPipe], raw: Mapping[str, Column]) -> TensorType:
        """The input's type with its named dims bound by the data. Raises NS507 where they do not meet."""
        if len(columns) == 1 and columns[0].kind == "array":
            found: tuple[int, ...] = tuple(int(size) for size in raw[columns[0].name].values.shape[1:])
            if all(isinstance(size, int) for size in declared.shape):
                return declared
        else:
            found = (sum(_width(column) for column in columns),)
        shape = self._bind(declared.shape, found)
        if shape is None:
            said = f"{list(found)} after preprocessing" if len(found) == 1 and len(columns) > 1 else str(list(found))
            help = f"write `input: {list(found)}`" + (", or a name such as `[features]`" if len(found) == 1 else "")
            raise self._problem(
                "NS507", f"the data gives `{name}` {said}, but the input is {declared}", self._input_place(), help
            )
        free = self.graph.names - self.graph.weight_names
        kept = tuple(
            dim if isinstance(dim, Formula) and str(dim) in free else size
            for dim, size in zip(declared.shape, shape, strict=True)
        )
        return TensorType(kept, declared.dtype, declared.vocabulary)

    def _bind(self, declared: tuple[Dim, ...], found: tuple[int, ...]) -> tuple[Dim, ...] | None:
        if len(declared) != len(found):
            return None
        for dim, size in zip(declared, found, strict=True):
            if isinstance(dim, Formula):
                if self.lengths.setdefault(str(dim), size) != size:
                    return None
            elif dim != size:
                return None
        return found

    def _target_pipe(self, output: str, name: str, raw: Mapping[str, Column], train: Rows, table: Table) -> TargetPipe:
        column = raw[name]
        loss: Loss | None = losses_by_output(self.spec, self.graph).get(output)
        type = self.graph.output_types[output]
        transforms = self._transforms(name)
        wanted = loss.target if loss else "numbers"
        labelled = wanted in ("classes", "binary") and column.kind != "array"
        if labelled and not any(isinstance(step, Label) for step in transforms):
            transforms = (*transforms, Label())
        at: Path = ("data", "preprocess", name) if name in self.data.preprocess else ("data", "target")
        if column.kind == "category" and not labelled and not transforms:
            help = "use `cross_entropy` for classes, or a column of numbers"
            raise self._problem(
                "NS505", f"the target `{name}` holds text, but `{loss.type if loss else 'the loss'}` needs numbers", at, help
            )
        self.at(at, lambda: refuse_missing(column.values, f"the target `{name}`"))
        pipe, _ = self._fit_column(name, column.kind, column.values, transforms, train, at)
        classes = _class_names(pipe.steps, table.names if name == table.target else ())
        if classes is not None and loss is not None:
            self._check_classes(output, type, classes, loss, at)
        shape = self._target_shape(type, loss, column, at)
        return TargetPipe(name, column.kind, pipe.steps, shape, classes)

    def _check_classes(self, output: str, type: TensorType, classes: tuple[str, ...], loss: Loss, at: Path) -> None:
        size = type.shape[-1]
        if isinstance(size, Formula):
            self.lengths.setdefault(str(size), len(classes))
            size = self.lengths[str(size)]
        most = 2 if size == 1 else size
        if isinstance(most, int) and len(classes) > most:
            shown = ", ".join(classes[:5]) + (", ..." if len(classes) > 5 else "")
            raise self._problem(
                "NS506",
                f"the target has {len(classes)} classes ({shown}), but `{output}` gives {most}",
                at,
                f"give the last layer {len(classes)} units, or write `classes` for its size",
            )

    def _target_shape(self, type: TensorType, loss: Loss | None, column: Column, at: Path) -> tuple[int, ...]:
        lengths: Mapping[str, Dim] = self.lengths
        expected = type.bound(lengths).shape if loss is None else tuple(loss.target_shape(type.bound(lengths)))
        if any(not isinstance(size, int) for size in expected):
            raise self._problem("NS410", f"the output {type} has no length yet", at, "bind it with `--dim NAME=N`")
        shape = tuple(size for size in expected if isinstance(size, int))
        found = int(np.prod(column.values.shape[1:]))
        dense = tuple(int(size) for size in type.bound(lengths).shape if isinstance(size, int))
        if found == int(np.prod(shape)):
            return shape
        if found == int(np.prod(dense)):
            return dense
        raise self._problem(
            "NS507", f"the target has {list(column.values.shape[1:]) or 'one value'} a row, but the output is {type}", at
        )

    def _part(self, part: str, preprocess: Preprocess, raw: Mapping[str, Column], rows: Rows) -> Part:
        taken = {name: column.take(rows) for name, column in raw.items()}
        values = {name: column.values for name, column in taken.items()}
        inputs = {name: pipe.numpy(values) for name, pipe in preprocess.inputs.items()}
        targets = {
            name: self.at(("data", "target"), partial(pipe.numpy, values[pipe.column]))
            for name, pipe in preprocess.targets.items()
        }
        for name, array in inputs.items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise self._problem(
                    "NS503", f"the {part} part of `{name}` has values that are not finite", self._place_of_inputs(name)
                )
        return Part(inputs, targets, taken)

    def _hash(self, raw: Mapping[str, Column], rows: Mapping[str, Rows]) -> str:
        digest = hashlib.sha256()
        for name, column in sorted(raw.items()):
            text = column.values.dtype == object
            digest.update(name.encode())
            digest.update("\0".join(column.values.tolist()).encode() if text else np.ascontiguousarray(column.values).tobytes())
        for part, found in sorted(rows.items()):
            digest.update(part.encode() + np.ascontiguousarray(found).tobytes())
        return digest.hexdigest()


def _joined(name: str, columns: list[Column]) -> Column:
    """One column of several parts; numbers in one and text in another is text in all."""
    if len(columns) == 1:
        return columns[0]
    kinds = {column.kind for column in columns}
    if kinds == {"number", "category"}:
        columns = [
            c if c.kind == "category" else Column("category", np.asarray([_number_text(v) for v in c.values], dtype=object))
            for c in columns
        ]
    return Column(columns[0].kind, np.concatenate([column.values for column in columns]))


def _number_text(value: float) -> str:
    """A number as a category: `3`, not `3.0`."""
    if value != value:
        return ""
    return str(int(value)) if value == int(value) else str(value)


def _width(column: ColumnPipe) -> int:
    widths = [width for step in column.steps if (width := step.transform.width(step.state)) is not None]
    return widths[-1] if widths else 1


def _class_names(steps: tuple[Fitted, ...], names: tuple[str, ...]) -> tuple[str, ...] | None:
    for step in steps:
        if isinstance(step.transform, Label):
            classes = step.state["classes"]
            if names and all(isinstance(c, float) and 0 <= c < len(names) for c in classes):
                return tuple(names[int(c)] for c in classes)
            return tuple(str(int(c)) if isinstance(c, float) and c == int(c) else str(c) for c in classes)
    return None
