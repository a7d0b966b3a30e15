"""Fitted preprocessing: what a run stores, NumPy applies and the exported graph contains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from netspec.components.sources.base import Kind
from netspec.components.sources.files import objects
from netspec.components.transforms.base import Array
from netspec.components.transforms.fitted import Fitted, filled, is_sequences, run, undo
from netspec.tensor import DType, TensorType, multiple_of, named, names_in


@dataclass(frozen=True)
class ColumnPipe:
    """A column and its steps."""

    name: str
    kind: Kind
    steps: tuple[Fitted, ...] = ()

    def numpy(self, values: Array) -> Array:
        """[rows] or [rows, ...] prepared; numbers of a table are float64 until the very end."""
        import numpy as np

        if self.kind == "number":
            values = values.astype(np.float64)
        return run(self.steps, values)

    def rounded(self, values: Array) -> Array:
        """Raw values as an exported graph reads them: numbers of a table enter as float32."""
        import numpy as np

        return values.astype(np.float32) if self.kind == "number" else values

    @property
    def is_text(self) -> bool:
        """Whether the column holds text before its steps."""
        return self.kind == "category"


class Prepared(NamedTuple):
    """An input of the network [rows, *shape], and for ragged sequences how many steps of each row count."""

    values: Array
    lengths: Array | None = None


@dataclass(frozen=True)
class InputPipe:
    """One input of the network: its columns joined, the input's own steps, its type."""

    columns: tuple[ColumnPipe, ...]
    steps: tuple[Fitted, ...]
    type: TensorType

    @property
    def is_array(self) -> bool:
        """Fed by array columns, such as images or windows, rather than by a table's columns."""
        return all(column.kind == "array" for column in self.columns)

    @property
    def is_sequence(self) -> bool:
        """Whether each row is a sequence with a length of its own."""
        last = self.columns[0].kind
        for step in (*self.columns[0].steps, *self.steps):
            last = step.transform.gives or last
        return len(self.columns) == 1 and last == "sequence"

    @property
    def undone(self) -> tuple[Fitted, ...]:
        """The steps that lead from this input, as the network reads it, back to original units.

        None of them where some step cannot be undone, or where columns were prepared in different ways.
        """
        first = self.columns[0].steps
        alike = all([type(s.transform) for s in c.steps] == [type(s.transform) for s in first] for c in self.columns)
        if not alike or not all(step.transform.undoable for step in (*first, *self.steps)):
            return ()
        return (*(_side_by_side([c.steps[i] for c in self.columns]) for i in range(len(first))), *self.steps)

    @property
    def on_host(self) -> bool:
        """Whether some step has no ONNX form."""
        return any(step.transform.on_host for column in self.columns for step in column.steps) or any(
            step.transform.on_host for step in self.steps
        )

    @property
    def raw_is_matrix(self) -> bool:
        """Fed by numbers alone: the raw input is one tensor [batch, columns]."""
        return all(column.kind == "number" for column in self.columns)

    @property
    def ragged(self) -> str | None:
        """The named dim along which rows have lengths of their own."""
        names = names_in(self.type.shape[0]) if self.is_sequence else frozenset()
        return next(iter(sorted(names)), None)

    def prepare(self, columns: Mapping[str, Array]) -> Prepared:
        """The network's input from raw columns."""
        import numpy as np

        prepared = run(self.steps, self.joined(columns))
        dtype = np.int32 if self.type.dtype is DType.int32 else np.float32
        if is_sequences(prepared):
            return self._filled(prepared, dtype)
        return Prepared(self.shaped(prepared.astype(dtype)))

    def _filled(self, sequences: Array, dtype: Any) -> Prepared:
        """Sequences filled up with zeros to the longest one."""
        import numpy as np

        lengths = np.asarray([len(each) for each in sequences], np.int32)
        multiple = multiple_of(self.type.shape[0])
        longest = -(-int(lengths.max()) // multiple) * multiple
        return Prepared(filled(sequences, longest).astype(dtype), lengths)

    def shaped(self, values: Array) -> Array:
        """The same elements [rows, *shape], where the shape is known."""
        shape = [int(size) for size in self.type.shape if isinstance(size, int)]
        return values.reshape(len(values), *shape) if len(shape) == self.type.rank else values

    def joined(self, columns: Mapping[str, Array]) -> Array:
        """The columns after their own steps, as one array."""
        import numpy as np

        if len(self.columns) == 1 and self.columns[0].kind != "number":
            column = self.columns[0]
            values = columns[column.name]
            lag = sum(step.transform.lag for step in column.steps)
            prepared = column.numpy(self.shaped(values) if column.kind == "array" and not lag else values)
            return prepared if prepared.ndim > 1 or prepared.dtype == object else prepared[:, None]
        parts = [column.numpy(column.rounded(columns[column.name])) for column in self.columns]
        return np.concatenate([part if part.ndim > 1 else part[:, None] for part in parts], axis=-1)

    def json(self) -> dict[str, Any]:
        """Plain data, for `preprocess.json`."""
        return {
            "columns": [{"name": c.name, "kind": c.kind, "steps": [s.json() for s in c.steps]} for c in self.columns],
            "steps": [step.json() for step in self.steps],
            "shape": [size if isinstance(size, int) else str(size) for size in self.type.shape],
            "multiple_of": multiple_of(self.type.shape[0]) if self.type.shape else 1,
            "dtype": self.type.dtype.value,
            "vocabulary": self.type.vocabulary if isinstance(self.type.vocabulary, int) else None,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> InputPipe:
        """The pipe that `json` wrote."""
        columns = tuple(ColumnPipe(c["name"], c["kind"], _fitted(c["steps"])) for c in data["columns"])
        shape = tuple(named(size, data["multiple_of"]) if isinstance(size, str) else size for size in data["shape"])
        return InputPipe(columns, _fitted(data["steps"]), TensorType(shape, DType(data["dtype"]), data["vocabulary"]))


@dataclass(frozen=True)
class TargetPipe:
    """A target column, how it is prepared, and the names of its classes where it has any.

    `context` is the input column whose last steps come before a forecast: what was taken as a difference is
    added up from there. `ids` says that an array holds the class of each position. Where the first size of `shape` is
    None, each row has a value for every step, however many it has.
    """

    column: str
    kind: Kind
    steps: tuple[Fitted, ...]
    shape: tuple[int | None, ...]
    classes: tuple[str, ...] | None = None
    context: str | None = None
    ids: bool = False

    def prepared(self, values: Array) -> Array:
        """[rows, *shape], or of sequences an array [steps, *shape[1:]] a row: labels and ids as int32, all else as float32."""
        if self.shape[:1] == (None,) and not is_sequences(values):
            values = objects(list(values))  # rows that happen to be of one length
        found = ColumnPipe(self.column, self.kind, self.steps).numpy(values)
        if is_sequences(found):
            inner = [size for size in self.shape[1:] if size is not None]
            return objects([self._typed(each).reshape(len(each), *inner) for each in found])
        return self._typed(found).reshape(len(found), *(size for size in self.shape if size is not None))

    def _typed(self, values: Array) -> Array:
        import numpy as np

        integral = self.ids or (values.dtype.kind == "i" and self.shape[-1:] != (1,))
        return values.astype(np.int32 if integral else np.float32)

    def inverse(self, values: Array, raw: Mapping[str, Array]) -> Array:
        """Numbers back in the target's own units; labels and probabilities stay as they are."""
        if self.classes is not None:
            return values
        return undo(self.steps, values, None if self.context is None else raw[self.context])

    def json(self) -> dict[str, Any]:
        """Plain data, for `preprocess.json`."""
        return {
            "column": self.column,
            "kind": self.kind,
            "steps": [step.json() for step in self.steps],
            "shape": list(self.shape),
            "classes": None if self.classes is None else list(self.classes),
            "context": self.context,
            "ids": self.ids,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> TargetPipe:
        """The pipe that `json` wrote."""
        classes = None if data["classes"] is None else tuple(data["classes"])
        steps = _fitted(data["steps"])
        return TargetPipe(data["column"], data["kind"], steps, tuple(data["shape"]), classes, data["context"], data["ids"])


@dataclass(frozen=True)
class Preprocess:
    """Everything fitted for a spec."""

    inputs: Mapping[str, InputPipe]
    targets: Mapping[str, TargetPipe]
    mirrors: Mapping[str, str] = field(default_factory=dict)
    """The outputs that are to make an input again, with that input's name."""

    def undone(self, output: str) -> tuple[Fitted, ...]:
        """The steps that lead from an output back to original units: its target's, or those of the input that it makes."""
        if output in self.mirrors:
            return self.inputs[self.mirrors[output]].undone
        pipe = self.targets.get(output)
        return pipe.steps if pipe is not None and pipe.classes is None else ()

    @property
    def ragged(self) -> frozenset[str]:
        """The named dims along which rows have lengths of their own."""
        return frozenset(pipe.ragged for pipe in self.inputs.values() if pipe.ragged is not None)

    def prepare(self, columns: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Array]]:
        """The network's inputs by name, and the lengths by ragged dim."""
        found = {name: pipe.prepare(columns) for name, pipe in self.inputs.items()}
        ragged = {name: pipe.ragged for name, pipe in self.inputs.items()}
        lengths = {dim: found[name].lengths for name, dim in ragged.items() if dim is not None}
        return {name: each.values for name, each in found.items()}, {k: v for k, v in lengths.items() if v is not None}

    def json(self) -> dict[str, Any]:
        """Plain data, for `preprocess.json`."""
        return {
            "inputs": {name: pipe.json() for name, pipe in self.inputs.items()},
            "targets": {name: pipe.json() for name, pipe in self.targets.items()},
            "mirrors": dict(self.mirrors),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Preprocess:
        """What `json` wrote."""
        return Preprocess(
            {name: InputPipe.from_json(pipe) for name, pipe in data["inputs"].items()},
            {name: TargetPipe.from_json(pipe) for name, pipe in data["targets"].items()},
            data.get("mirrors", {}),
        )


def _side_by_side(steps: Sequence[Fitted]) -> Fitted:
    """The same step of several columns as one step on all of them."""
    if len(steps) == 1:
        return steps[0]
    return Fitted(steps[0].transform, {key: [step.state[key] for step in steps] for key in steps[0].state})


def _fitted(steps: Sequence[Mapping[str, Any]]) -> tuple[Fitted, ...]:
    return tuple(Fitted.from_json(step) for step in steps)
