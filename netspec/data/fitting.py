"""Fitting: what the training part says becomes pipes for inputs and targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from netspec.components.objectives import Loss
from netspec.components.sources.base import Column, Kind, Table
from netspec.components.transforms.base import Array, Transform
from netspec.components.transforms.categories import Label, OneHot
from netspec.components.transforms.pipeline import (
    ColumnPipe,
    Fitted,
    InputPipe,
    TargetPipe,
    count_missing,
    fit,
    refuse_missing,
)
from netspec.data.columns import KINDS
from netspec.data.place import Place
from netspec.data.split import Rows
from netspec.diagnostics import Path
from netspec.graph.ir import Graph
from netspec.graph.objective import losses_by_output
from netspec.tensor import Dim, Formula, TensorType


class Fitter:
    """Fits pipes on the training rows; `lengths` gathers the dims that the data bind."""

    def __init__(self, place: Place, graph: Graph, raw: Mapping[str, Column], train: Rows, lengths: dict[str, int]) -> None:
        self.place, self.graph, self.raw, self.train, self.lengths = place, graph, raw, train, lengths
        self.preprocess = place.data.preprocess

    def input_pipe(self, name: str, names: tuple[str, ...]) -> InputPipe:
        """The pipe of an input that reads these columns. Raises SpecError NS503, NS507, NS513."""
        raw, columns = self.raw, []
        declared = self.graph.inputs[name]
        for column in names:
            transforms, at = self._steps_for(column, raw[column].kind, name)
            values = (
                self._shaped(column, raw[column], declared, len(names)) if raw[column].kind == "array" else raw[column].values
            )
            if raw[column].kind == "number":
                values = self._as_read(column, values, transforms, at)
            pipe, kind = self._fit_column(column, raw[column].kind, values, transforms, at)
            columns.append(pipe)
            if kind == "category":
                help = f"add `{column}: one_hot` or `categories: one_hot` to `preprocess`"
                raise self.place.problem("NS513", f"the column `{column}` holds text", place_of_inputs(self.place, name), help)
        if any(column.kind == "array" for column in columns) and len(columns) > 1:
            raise self.place.problem(
                "NS513", f"an array column cannot be joined with others in `{name}`", place_of_inputs(self.place, name)
            )
        type = self._bound_type(name, declared, columns)
        pipe_so_far = InputPipe(tuple(columns), (), type)
        joined = pipe_so_far.joined({column: raw[column].values for column in names})
        self._check_missing(columns, joined, name)
        at = ("data", "preprocess", name)
        steps, _ = self.place.at(at, lambda: fit(self._transforms(name), joined, self.train, "array", f"the input `{name}`"))
        return replace(pipe_so_far, steps=steps)

    def _check_missing(self, columns: list[ColumnPipe], joined: Array, name: str) -> None:
        """Missing values that no step has filled are told by column."""
        if not count_missing(joined):
            return
        for column in columns:
            prepared = column.numpy(self.raw[column.name].values)
            self.place.at(place_of_inputs(self.place, name), partial(refuse_missing, prepared, f"the column `{column.name}`"))

    def _fit_column(
        self, column: str, kind: Kind, values: Array, transforms: tuple[Transform, ...], at: Path
    ) -> tuple[ColumnPipe, Kind]:
        wide = values.astype(np.float64) if kind == "number" else values
        steps, after = self.place.at(at, lambda: fit(transforms, wide, self.train, kind, f"the column `{column}`"))
        return ColumnPipe(column, kind, steps), after

    def _as_read(self, column: str, values: Array, transforms: tuple[Transform, ...], at: Path) -> Array:
        """An input's numbers as an exported graph reads them, in float32. Raises NS513 where categories would fall together."""
        single = values.astype(np.float32)
        if any(isinstance(step, OneHot) for step in transforms) and len(np.unique(single)) != len(np.unique(values)):
            message = f"the numbers of `{column}` are too large to be told apart as categories in float32"
            raise self.place.problem("NS513", message, at, "store them as text")
        return single

    def _transforms(self, key: str) -> tuple[Transform, ...]:
        return self.preprocess.get(key, ())

    def _steps_for(self, column: str, kind: str, input: str) -> tuple[tuple[Transform, ...], Path]:
        """A column's own steps, else its kind's; a column that is called like its input has the input's."""
        preprocess = self.preprocess
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
                raise self.place.problem(
                    "NS507", f"the data's `{name}` is {found}, but the input is {declared}", self._input_place(), help
                )
            return column.values.reshape(column.rows, *shape)
        return column.values

    def _input_place(self) -> Path:
        return ("input",) if "input" in self.graph.inputs else ("inputs",)

    def _bound_type(self, name: str, declared: TensorType, columns: list[ColumnPipe]) -> TensorType:
        """The input's type with its named dims bound by the data. Raises NS507 where they do not meet."""
        if len(columns) == 1 and columns[0].kind == "array":
            found: tuple[int, ...] = tuple(int(size) for size in self.raw[columns[0].name].values.shape[1:])
            if all(isinstance(size, int) for size in declared.shape):
                return declared
        else:
            found = (sum(_width(column) for column in columns),)
        shape = self._bind(declared.shape, found)
        if shape is None:
            said = f"{list(found)} after preprocessing" if len(found) == 1 and len(columns) > 1 else str(list(found))
            help = f"write `input: {list(found)}`" + (", or a name such as `[features]`" if len(found) == 1 else "")
            raise self.place.problem(
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

    def target_pipe(self, output: str, name: str, table: Table) -> TargetPipe:
        """The pipe of an output's target column. Raises SpecError NS503, NS505, NS506, NS507."""
        column = self.raw[name]
        loss: Loss | None = losses_by_output(self.place.spec, self.graph).get(output)
        type = self.graph.output_types[output]
        transforms = self._transforms(name)
        wanted = loss.target if loss else "numbers"
        labelled = wanted in ("classes", "binary") and column.kind != "array"
        if labelled and not any(isinstance(step, Label) for step in transforms):
            transforms = (*transforms, Label())
        at: Path = ("data", "preprocess", name) if name in self.preprocess else ("data", "target")
        if column.kind == "category" and not labelled and not transforms:
            help = "use `cross_entropy` for classes, or a column of numbers"
            raise self.place.problem(
                "NS505", f"the target `{name}` holds text, but `{loss.type if loss else 'the loss'}` needs numbers", at, help
            )
        self.place.at(at, lambda: refuse_missing(column.values, f"the target `{name}`"))
        pipe, _ = self._fit_column(name, column.kind, column.values, transforms, at)
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
            raise self.place.problem(
                "NS506",
                f"the target has {len(classes)} classes ({shown}), but `{output}` gives {most}",
                at,
                f"give the last layer {len(classes)} units, or write `classes` for its size",
            )

    def _target_shape(self, type: TensorType, loss: Loss | None, column: Column, at: Path) -> tuple[int, ...]:
        lengths: Mapping[str, Dim] = self.lengths
        expected = type.bound(lengths).shape if loss is None else tuple(loss.target_shape(type.bound(lengths)))
        if any(not isinstance(size, int) for size in expected):
            raise self.place.problem("NS410", f"the output {type} has no length yet", at, "bind it with `--dim NAME=N`")
        shape = tuple(size for size in expected if isinstance(size, int))
        found = int(np.prod(column.values.shape[1:]))
        dense = tuple(int(size) for size in type.bound(lengths).shape if isinstance(size, int))
        if found == int(np.prod(shape)):
            return shape
        if found == int(np.prod(dense)):
            return dense
        raise self.place.problem(
            "NS507", f"the target has {list(column.values.shape[1:]) or 'one value'} a row, but the output is {type}", at
        )


def place_of_inputs(place: Place, name: str) -> Path:
    """Where a spec says which columns an input reads."""
    return ("data", "inputs", name) if place.data.inputs else ("data", "source")


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
