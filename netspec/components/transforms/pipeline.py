"""Fitted preprocessing: what a run stores, NumPy applies and the exported graph contains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netspec.components.canonical import canonical
from netspec.components.sources.base import Kind
from netspec.components.transforms import TRANSFORMS
from netspec.components.transforms.base import Array, State, Transform
from netspec.diagnostics import Problem
from netspec.tensor import DType, TensorType, named


@dataclass(frozen=True)
class Fitted:
    """A step with what it learnt from the training part."""

    transform: Transform
    state: State

    def json(self) -> dict[str, Any]:
        """Plain data, for `preprocess.json`."""
        return {"step": canonical(self.transform), "state": dict(self.state)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Fitted:
        """The step that `json` wrote."""
        ((name, fields),) = data["step"].items()
        return Fitted(TRANSFORMS[name].model_validate(fields), data["state"])


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


@dataclass(frozen=True)
class InputPipe:
    """One input of the network: its columns joined, the input's own steps, its type."""

    columns: tuple[ColumnPipe, ...]
    steps: tuple[Fitted, ...]
    type: TensorType

    @property
    def is_array(self) -> bool:
        """Fed by one array column, such as images, rather than by a table's columns."""
        return len(self.columns) == 1 and self.columns[0].kind == "array"

    @property
    def raw_is_matrix(self) -> bool:
        """Fed by numbers alone: the raw input is one tensor [batch, columns]."""
        return not self.is_array and all(column.kind == "number" for column in self.columns)

    def numpy(self, columns: Mapping[str, Array]) -> Array:
        """The network's input [rows, *shape] from raw columns."""
        import numpy as np

        joined = self.joined(columns)
        prepared = run(self.steps, joined)
        return self.shaped(prepared.astype(np.int32 if self.type.dtype is DType.int32 else np.float32))

    def shaped(self, values: Array) -> Array:
        """The same elements [rows, *shape], where the shape is known."""
        shape = [int(size) for size in self.type.shape if isinstance(size, int)]
        return values.reshape(len(values), *shape) if len(shape) == self.type.rank else values

    def joined(self, columns: Mapping[str, Array]) -> Array:
        """The columns after their own steps, as one array."""
        import numpy as np

        if self.is_array:
            column = self.columns[0]
            return column.numpy(self.shaped(columns[column.name]))
        parts = [column.numpy(column.rounded(columns[column.name])) for column in self.columns]
        return np.concatenate([part if part.ndim > 1 else part[:, None] for part in parts], axis=1)

    def json(self) -> dict[str, Any]:
        """Plain data, for `preprocess.json`."""
        return {
            "columns": [{"name": c.name, "kind": c.kind, "steps": [s.json() for s in c.steps]} for c in self.columns],
            "steps": [step.json() for step in self.steps],
            "shape": [size if isinstance(size, int) else str(size) for size in self.type.shape],
            "dtype": self.type.dtype.value,
            "vocabulary": self.type.vocabulary if isinstance(self.type.vocabulary, int) else None,
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> InputPipe:
        """The pipe that `json` wrote."""
        columns = tuple(ColumnPipe(c["name"], c["kind"], _fitted(c["steps"])) for c in data["columns"])
        shape = tuple(named(size) if isinstance(size, str) else size for size in data["shape"])
        return InputPipe(columns, _fitted(data["steps"]), TensorType(shape, DType(data["dtype"]), data["vocabulary"]))


@dataclass(frozen=True)
class TargetPipe:
    """A target column, how it is prepared, and the names of its classes where it has any."""

    column: str
    kind: Kind
    steps: tuple[Fitted, ...]
    shape: tuple[int, ...]
    classes: tuple[str, ...] | None = None

    def numpy(self, values: Array) -> Array:
        """[rows, *shape]: labels as int32, all else as float32."""
        import numpy as np

        prepared = ColumnPipe(self.column, self.kind, self.steps).numpy(values)
        integral = prepared.dtype.kind == "i" and self.shape[-1:] != (1,)
        return prepared.astype(np.int32 if integral else np.float32).reshape(len(prepared), *self.shape)

    def inverse(self, values: Array) -> Array:
        """Numbers back in the target's own units; labels and probabilities stay as they are."""
        if self.classes is not None:
            return values
        for step in reversed(self.steps):
            values = step.transform.inverse(step.state, values)
        return values

    def json(self) -> dict[str, Any]:
        """Plain data, for `preprocess.json`."""
        return {
            "column": self.column,
            "kind": self.kind,
            "steps": [step.json() for step in self.steps],
            "shape": list(self.shape),
            "classes": None if self.classes is None else list(self.classes),
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> TargetPipe:
        """The pipe that `json` wrote."""
        classes = None if data["classes"] is None else tuple(data["classes"])
        return TargetPipe(data["column"], data["kind"], _fitted(data["steps"]), tuple(data["shape"]), classes)


@dataclass(frozen=True)
class Preprocess:
    """Everything fitted for a spec."""

    inputs: Mapping[str, InputPipe]
    targets: Mapping[str, TargetPipe]

    def json(self) -> dict[str, Any]:
        """Plain data, for `preprocess.json`."""
        return {
            "inputs": {name: pipe.json() for name, pipe in self.inputs.items()},
            "targets": {name: pipe.json() for name, pipe in self.targets.items()},
        }

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Preprocess:
        """What `json` wrote."""
        return Preprocess(
            {name: InputPipe.from_json(pipe) for name, pipe in data["inputs"].items()},
            {name: TargetPipe.from_json(pipe) for name, pipe in data["targets"].items()},
        )


def run(steps: Sequence[Fitted], values: Array) -> Array:
    """All steps, one after the other."""
    for step in steps:
        values = step.transform.numpy(step.state, values)
    return values


def fit(transforms: Sequence[Transform], values: Array, train: Array, kind: Kind, what: str) -> tuple[tuple[Fitted, ...], Kind]:
    """Fits each step on the training rows of what the steps before it give.

    Raises Problem NS513 where a step does not work on that kind, NS503 where values are missing.
    """
    fitted: list[Fitted] = []
    current = values[train]
    for transform in transforms:
        if kind not in transform.accepts:
            held = "text" if kind == "category" else "numbers"
            raise Problem("NS513", f"`{transform.type}` does not work on {what}, which holds {held}")
        if not transform.handles_missing:
            refuse_missing(current, what)
        step = Fitted(transform, transform.fit(current))
        current = transform.numpy(step.state, current)
        kind = transform.gives or kind
        fitted.append(step)
    return tuple(fitted), kind


def refuse_missing(values: Array, what: str) -> None:
    """Raises NS503 where a value is missing."""
    missing = count_missing(values)
    if missing:
        help = "add `{impute: most_frequent}`" if values.dtype == object else "add `{impute: median}`"
        raise Problem(
            "NS503", f"{missing} of {len(values)} values of {what} are missing", help=f"{help} to its `preprocess` steps"
        )


def count_missing(values: Array) -> int:
    """Rows with a value that is not there."""
    import numpy as np

    if values.dtype == object:
        return int((values == "").sum())
    if values.dtype.kind != "f":
        return 0
    return int(np.isnan(values).reshape(len(values), -1).any(axis=1).sum())


def _fitted(steps: Sequence[Mapping[str, Any]]) -> tuple[Fitted, ...]:
    return tuple(Fitted.from_json(step) for step in steps)
