"""Fitting: what the training part says becomes pipes for inputs and targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from netspec.components.objectives import Loss
from netspec.components.objectives.losses import BinaryCrossEntropy
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
    run,
)
from netspec.data.columns import KINDS
from netspec.data.place import Place
from netspec.data.series import AHEAD
from netspec.data.split import Rows
from netspec.diagnostics import Path
from netspec.graph.ir import Graph
from netspec.graph.objective import losses_by_output
from netspec.tensor import Dim, DType, Formula, TensorType


class Fitter:
    """Fits pipes on the training rows; `lengths` gathers the dims that the data bind."""

    def __init__(self, place: Place, graph: Graph, raw: Mapping[str, Column], train: Rows, lengths: dict[str, int]) -> None:
        self.place, self.graph, self.raw, self.train, self.lengths = place, graph, raw, train, lengths
        self.preprocess = place.data.preprocess

    def input_pipe(self, name: str, names: tuple[str, ...]) -> InputPipe:
        """The pipe of an input that reads these columns. Raises SpecError NS503, NS507, NS513."""
        declared = self.graph.inputs[name]
        columns, kinds = [], []
        for column in names:
            pipe, kind = self._column_pipe(column, names, name, declared)
            columns.append(pipe)
            kinds.append(kind)
        raw_kinds = {self.raw[column].kind for column in names}
        if len(raw_kinds) > 1 and raw_kinds & {"array", "sequence"}:
            message = f"the columns of `{name}` are of kinds that cannot be joined: {', '.join(sorted(raw_kinds))}"
            raise self.place.problem("NS513", message, place_of_inputs(self.place, name))
        so_far = InputPipe(tuple(columns), (), declared)
        joined = so_far.joined({column: self.raw[column].values for column in names})
        transforms = self._transforms(name)
        if not (transforms and transforms[0].handles_missing):
            self._check_missing(columns, joined, name)
        kind = kinds[0] if len(kinds) == 1 and kinds[0] != "number" else "array"
        at = ("data", "preprocess", name)
        steps, after = self.place.at(at, lambda: fit(transforms, joined, self.train, kind, f"the input `{name}`"))
        if after == "category":
            self._refuse_text(name, names[0], declared)
        whole = replace(so_far, steps=steps)
        return replace(whole, type=self._bound_type(name, declared, whole, run(steps, joined)))

    def condition_pipe(self, name: str, column: str) -> InputPipe:
        """The pipe of the class that a pair is told, as ids. Raises SpecError NS503, NS506."""
        declared = self.graph.inputs[name]
        values, kind = self.raw[column].values, self.raw[column].kind
        at: Path = ("data", "preprocess", column) if column in self.preprocess else ("data", "target")
        self.place.at(at, lambda: refuse_missing(values, f"the column `{column}`"))
        steps = self._transforms(column)
        pipe, _ = self._fit_column(column, kind, values, (*steps, *([] if steps else [Label()])), at)
        classes = len(pipe.steps[-1].state.get("classes", ()))
        size = declared.vocabulary
        if isinstance(size, Formula):
            size = self.lengths.setdefault(str(size), classes)
        if isinstance(size, int) and classes > size:
            message = f"the column `{column}` has {classes} classes, but `condition` has {size}"
            raise self.place.problem("NS506", message, at, f"write `condition: {{classes: {classes}}}`")
        return InputPipe((pipe,), (), TensorType((), DType.int32, size))

    def _column_pipe(self, column: str, names: tuple[str, ...], input: str, declared: TensorType) -> tuple[ColumnPipe, Kind]:
        transforms, at = self._steps_for(column, self.raw[column].kind, input)
        kind, values = self.raw[column].kind, self.raw[column].values
        if kind == "array" and not any(step.lag for step in transforms):
            values = self._shaped(column, self.raw[column], declared, len(names))
        if kind == "number":
            values = self._as_read(column, values, transforms, at)
        pipe, after = self._fit_column(column, kind, values, transforms, at)
        if after == "category" and len(names) > 1:
            self._refuse_text(input, column, declared)
        return pipe, after

    def _refuse_text(self, input: str, column: str, declared: TensorType) -> None:
        help = f"add `{column}: one_hot` or `categories: one_hot` to `preprocess`"
        if declared.vocabulary is not None:
            help = f"add `preprocess: {{{input}: {{tokenize: {{by: word}}}}}}`"
        raise self.place.problem("NS513", f"the column `{column}` holds text", place_of_inputs(self.place, input), help)

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

    def _bound_type(self, name: str, declared: TensorType, pipe: InputPipe, joined: Array) -> TensorType:
        """The input's type with its named dims bound by the data. Raises NS507 where they do not meet."""
        if pipe.is_sequence:
            return self._sequence_type(name, declared, pipe, joined)
        found = tuple(int(size) for size in joined.shape[1:])
        if np.prod(found) == np.prod([size if isinstance(size, int) else 0 for size in declared.shape]) and pipe.is_array:
            return declared
        shape = self._bind(declared.shape, found)
        if shape is None:
            said = f"{list(found)} after preprocessing" if len(found) == 1 and len(pipe.columns) > 1 else str(list(found))
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

    def _sequence_type(self, name: str, declared: TensorType, pipe: InputPipe, joined: Array) -> TensorType:
        """The type of an input whose rows have lengths of their own; the vocabulary binds its size."""
        inner = tuple(int(size) for size in joined[0].shape[1:])
        first = declared.shape[0]
        if not isinstance(first, Formula):
            help = f"give the first axis a name: `[time{''.join(f', {size}' for size in inner)}]`"
            message = f"the rows of `{name}` have lengths of their own, but the input is {declared}"
            raise self.place.problem("NS507", message, self._input_place(), help)
        rest = self._bind(declared.shape[1:], inner)
        if rest is None:
            told = ", ".join(str(size) for size in (first, *inner))
            message = f"the data gives `{name}` [{told}], but the input is {declared}"
            raise self.place.problem("NS507", message, self._input_place(), f"write `input: [{told}]`")
        sizes = [step.transform.size(step.state) for step in (*pipe.columns[0].steps, *pipe.steps)]
        size = next((found for found in sizes if found is not None), None)
        vocabulary = declared.vocabulary
        if size is not None and declared.dtype is not DType.int32:
            help = f"write `{{shape: [{first}], vocabulary: words}}`"
            raise self.place.problem("NS507", f"`{name}` holds ids, but the input says numbers", self._input_place(), help)
        if isinstance(vocabulary, Formula) and size is not None:
            self.lengths.setdefault(str(vocabulary), size)
            vocabulary = self.lengths[str(vocabulary)]
        return TensorType((first, *rest), declared.dtype, vocabulary)

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
        if output == "anomaly" and self.place.spec.autoencoder is not None:
            loss = BinaryCrossEntropy()  # not to be trained on: it says that two classes are told apart
        type = self.graph.output_types[output]
        base = name.removesuffix(AHEAD)
        transforms = self._transforms(base)
        wanted = loss.target if loss else "numbers"
        labelled = wanted in ("classes", "binary") and column.kind != "array"
        if labelled and not any(isinstance(step, Label) for step in transforms):
            transforms = (*transforms, Label())
        at: Path = ("data", "preprocess", base) if base in self.preprocess else ("data", "target")
        if column.kind == "category" and not labelled and not transforms:
            help = "use `cross_entropy` for classes, or a column of numbers"
            raise self.place.problem(
                "NS505", f"the target `{name}` holds text, but `{loss.type if loss else 'the loss'}` needs numbers", at, help
            )
        self.place.at(at, lambda: refuse_missing(column.values, f"the target `{base}`"))
        pipe, _ = self._fit_column(name, column.kind, column.values, transforms, at)
        classes = _class_names(pipe.steps, table.names if name == table.target else ())
        if classes is not None and loss is not None:
            self._check_classes(output, type, classes, loss, at)
        context = base if name.endswith(AHEAD) and pipe.steps and base in self.raw else None
        lag = sum(step.transform.lag for step in pipe.steps)
        if lag and context is None:
            help = f"add `{base}` to `series: {{columns: [...]}}`, or leave `difference` out"
            message = f"the difference of `{base}` is undone from its last steps, but `{base}` does not go in"
            raise self.place.problem("NS513", message, at, help)
        shape = self._target_shape(type, loss, column, lag, at)
        ids = wanted == "classes" and column.kind == "array" and shape == tuple(type.bound(self._dims()).shape[:-1])
        if ids:
            self._check_ids(output, type.bound(self._dims()).shape[-1], column, at)
        return TargetPipe(name, column.kind, pipe.steps, shape, classes, context, ids)

    def _dims(self) -> Mapping[str, Dim]:
        return {**self.lengths}

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

    def _check_ids(self, output: str, classes: Dim, column: Column, at: Path) -> None:
        """Every position holds one of the classes. Raises SpecError NS506."""
        values: np.ndarray[Any, Any] = column.values
        if not isinstance(classes, int):
            return
        wrong = values[(values != np.floor(values)) | (values < 0) | (values >= classes)]
        if wrong.size:
            message = f"the target holds {wrong.flat[0]:g}, but `{output}` gives classes from 0 to {classes - 1}"
            raise self.place.problem("NS506", message, at, "give the last layer a unit for each class")

    def _target_shape(self, type: TensorType, loss: Loss | None, column: Column, lag: int, at: Path) -> tuple[int, ...]:
        lengths = self._dims()
        expected = type.bound(lengths).shape if loss is None else tuple(loss.target_shape(type.bound(lengths)))
        self._check_aligned(type, column, expected, at)
        if any(not isinstance(size, int) for size in expected):
            raise self.place.problem("NS410", f"the output {type} has no length yet", at, "bind it with `--dim NAME=N`")
        shape = tuple(size for size in expected if isinstance(size, int))
        found = int(np.prod(column.values.shape[1:])) - lag
        dense = tuple(int(size) for size in type.bound(lengths).shape if isinstance(size, int))
        if found == int(np.prod(shape)):
            return shape
        if found == int(np.prod(dense)):
            return dense
        told = list(column.values.shape[1:]) or "one value"
        help = f"the last layer has to give {told} a row, or `target` another column"
        raise self.place.problem("NS507", f"the target has {told} a row, but the output is {type}", at, help)

    def _check_aligned(self, type: TensorType, column: Column, expected: tuple[Dim, ...], at: Path) -> None:
        """A target has as many steps as its output. Raises SpecError NS507."""
        if column.kind == "sequence":
            message = "the target has sequences of different lengths, and one value or one length is due for all rows"
            raise self.place.problem("NS507", message, at, "choose another column as `target`")
        if column.values.ndim == 1 and any(not isinstance(size, int) for size in expected):
            message = f"the target has one value a row, but the output {type} has one for each step"
            help = "end the sequence: leave `return_sequences: true` out, or add `- global_avg_pool`"
            raise self.place.problem("NS507", message, at, help)


def place_of_inputs(place: Place, name: str) -> Path:
    """Where a spec says which columns an input reads."""
    return ("data", "inputs", name) if place.data.inputs else ("data", "source")


def _class_names(steps: tuple[Fitted, ...], names: tuple[str, ...]) -> tuple[str, ...] | None:
    for step in steps:
        if isinstance(step.transform, Label):
            classes = step.state["classes"]
            if names and all(isinstance(c, float) and 0 <= c < len(names) for c in classes):
                return tuple(names[int(c)] for c in classes)
            return tuple(str(int(c)) if isinstance(c, float) and c == int(c) else str(c) for c in classes)
    return None
