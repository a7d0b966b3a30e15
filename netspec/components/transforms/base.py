"""What a preprocessing step is: fitted on the training part, applied by NumPy and in ONNX alike."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from netspec.components.base import Component
from netspec.components.sources.base import Kind
from netspec.emit import Emitter, Value

if TYPE_CHECKING:
    import numpy

Array: TypeAlias = "numpy.ndarray[tuple[int, ...], numpy.dtype[Any]]"
State: TypeAlias = Mapping[str, Any]
"""What was fitted, as JSON: numbers, texts and lists of them."""


class Transform(Component):
    """One step. It works on one column [rows], or on an array [rows, ...] whose last axis are features.

    Numbers of a table are float64 between the steps and cast to float32 once at the end, in NumPy
    and in ONNX, so the two agree to the last bit.
    """

    accepts: ClassVar[frozenset[Kind]] = frozenset({"number", "array"})
    gives: ClassVar[Kind | None] = None
    """The kind of the result where it differs from what goes in."""
    handles_missing: ClassVar[bool] = False
    on_steps: ClassVar[bool] = False
    """Works on each step alone, so the steps of all sequences may be handed to it one behind the other."""

    flattens: ClassVar[bool] = False
    """Takes sequences of plain numbers, whatever shape each step of its result has."""

    @property
    def on_host(self) -> bool:
        """Has no ONNX form: netspec's own `predict` does it before the graph."""
        return False

    @property
    def undoable(self) -> bool:
        """Whether numbers can be led back to what they were, here and in an exported graph."""
        return type(self).inverse is not Transform.inverse and type(self).onnx_inverse is not Transform.onnx_inverse

    @property
    def lag(self) -> int:
        """Steps that a sequence loses at its start."""
        return 0

    def fit(self, values: Array) -> State:
        """What the training part says; {} for a step without fitting."""
        return {}

    def numpy(self, state: State, values: Array) -> Array:
        """The step on the host."""
        raise NotImplementedError

    def onnx(self, g: Emitter, state: State, x: Value) -> Value:
        """The step in the exported graph. `x` is double for tables, float for arrays, string for categories."""
        raise NotImplementedError

    def onnx_lengths(self, g: Emitter, state: State, lengths: Value) -> Value:
        """The lengths of the sequences that it gives, int64 [batch], from those of the sequences that it takes."""
        return lengths

    def onnx_inverse(self, g: Emitter, state: State, x: Value) -> Value:
        """Back to original units in the exported graph, for targets; `x` is float."""
        raise NotImplementedError

    def inverse(self, state: State, values: Array) -> Array:
        """Back to original units."""
        raise NotImplementedError

    def undo(self, state: State, values: Array, before: Array) -> Array:
        """Back to original units where what came `before` [rows, lag, ...] counts; `values` are [rows, horizon, ...]."""
        return self.inverse(state, values)

    def onnx_undo(self, g: Emitter, state: State, x: Value, before: Value, horizon: int) -> Value:
        """The same in the exported graph."""
        return self.onnx_inverse(g, state, x)

    def size(self, state: State) -> int | None:
        """The number of ids that it gives; None where it gives none."""
        return None

    def width(self, state: State) -> int | None:
        """Features that one column becomes; None where it stays one."""
        return None
