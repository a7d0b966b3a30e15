"""Fitting: what the training part says becomes pipes for inputs and targets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from netspec.components.sources.base import KINDS, Column, Kind
from netspec.components.sources.values import narrowed
from netspec.components.transforms.base import Array, Transform
from netspec.components.transforms.categories import Label, OneHot
from netspec.components.transforms.fitted import count_missing, fit, holds_text, refuse_missing, run
from netspec.components.transforms.pipeline import ColumnPipe, InputPipe
from netspec.data.place import Place
from netspec.data.split import Rows
from netspec.diagnostics import Path
from netspec.graph.ir import Graph
from netspec.tensor import Dim, DType, Formula, TensorType


class Fitter:
    """Fits pipes on the training rows; `lengths` gathers the dims that the data bind."""

    def __init__(self, place: Place, graph: Graph, raw: Mapping[str, Column], train: Rows, lengths: dict[str, int]) -> None:
        self.place, self.graph, self.raw, self.train, self.lengths = place, graph, raw, train, lengths
        self.preprocess = place.data.preprocess
        self.free = graph.names - graph.weight_names

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
        transforms = self.transforms(name)
        self._refuse_label(transforms, name, ("data", "preprocess", name))
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
        steps = self.transforms(column)
        pipe, _ = self.fit_column(column, kind, values, (*steps, *([] if steps else [Label()])), at)
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
        self._refuse_label(transforms, column, at)
        kind, values = self.raw[column].kind, self.raw[column].values
        if kind == "sequence" and holds_text(values):
            help = "write each row as one text with blanks between, and split it by `tokenize`"
            raise self.place.problem(
                "NS513", f"the column `{column}` holds lists of texts", place_of_inputs(self.place, input), help
            )
        if kind == "array" and not any(step.lag for step in transforms):
            values = self._shaped(column, self.raw[column], declared, len(names))
        if kind == "number":
            values = self._as_read(column, values, transforms, at)
        pipe, after = self.fit_column(column, kind, values, transforms, at)
        if after == "category" and len(names) > 1:
            self._refuse_text(input, column, declared)
        return pipe, after

    def _refuse_text(self, input: str, column: str, declared: TensorType) -> None:
        help = f"add `{column}: one_hot` or `categories: one_hot` to `preprocess`"
        if declared.vocabulary is not None:
            help = f"add `preprocess: {{{input}: {{tokenize: {{by: word}}}}}}`"
        raise self.place.problem("NS513", f"the column `{column}` holds text", place_of_inputs(self.place, input), help)

    def _refuse_label(self, transforms: tuple[Transform, ...], name: str, at: Path) -> None:
        """Positions in the order of the alphabet are no quantity that a network could weigh. Raises SpecError NS513."""
        if any(isinstance(step, Label) for step in transforms):
            raise self.place.problem("NS513", f"`label` is for targets, but `{name}` goes in", at, "write `one_hot`")

    def _check_missing(self, columns: list[ColumnPipe], joined: Array, name: str) -> None:
        """Missing values that no step has filled are told by column."""
        if not count_missing(joined):
            return
        for column in columns:
            prepared = column.numpy(self.raw[column.name].values)
            self.place.at(place_of_inputs(self.place, name), partial(refuse_missing, prepared, f"the column `{column.name}`"))

    def fit_column(
        self, column: str, kind: Kind, values: Array, transforms: tuple[Transform, ...], at: Path
    ) -> tuple[ColumnPipe, Kind]:
        wide = values.astype(np.float64) if kind == "number" else values
        steps, after = self.place.at(at, lambda: fit(transforms, wide, self.train, kind, f"the column `{column}`"))
        return ColumnPipe(column, kind, steps), after

    def _as_read(self, column: str, values: Array, transforms: tuple[Transform, ...], at: Path) -> Array:
        """An input's numbers as an exported graph reads them, in float32. Raises NS513 where numbers would fall together."""
        single = self.place.at(at, lambda: narrowed(column, values))
        if any(isinstance(step, OneHot) for step in transforms) and len(np.unique(single)) != len(np.unique(values)):
            message = f"the numbers of `{column}` are too large to be told apart as categories in float32"
            raise self.place.problem("NS513", message, at, "store them as text")
        return single

    def transforms(self, key: str) -> tuple[Transform, ...]:
        """The steps that `preprocess` has under a key."""
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
        kept = tuple(
            dim if isinstance(dim, Formula) and str(dim) in self.free else size
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

    def dims(self) -> Mapping[str, Dim]:
        """The dims that are bound so far."""
        return {**self.lengths}

    def fixed(self, type: TensorType) -> TensorType:
        """A type with the dims bound that weights depend on; the others stay free, whatever length the data have."""
        return type.bound({name: size for name, size in self.lengths.items() if name not in self.free})


def place_of_inputs(place: Place, name: str) -> Path:
    """Where a spec says which columns an input reads."""
    return ("data", "inputs", name) if place.data.inputs else ("data", "source")
