"""The protocol that a layer's ONNX form is written against. Imports nothing but the tensor types.

`export` implements it on onnx-ir; a component only ever sees this. A value carries its layout, so a
run of convolutions stays channels-first inside and Transposes stand at its borders only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, runtime_checkable

if TYPE_CHECKING:
    import numpy

from netspec.tensor import Shape, TensorType

Array: TypeAlias = "numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.generic]]"
Attribute: TypeAlias = int | float | str | Sequence[int] | Sequence[float] | Sequence[str]


@dataclass(frozen=True)
class Flattened:
    """The layout of a vector that a channels-first image of `shape` [*spatial, channels] became."""

    shape: tuple[int, ...]


Layout: TypeAlias = Literal["channels_last", "channels_first", "time_major"] | Flattened
"""`[batch, *spatial, channels]`, `[batch, channels, *spatial]`, `[time, batch, features]`, or a flattened image."""


@runtime_checkable
class Value(Protocol):
    """A tensor of the emitted graph; its `type` is the one `infer` gave, whatever the layout."""

    @property
    def type(self) -> TensorType:
        """Shape without the batch axis, channels last."""
        ...

    @property
    def layout(self) -> Layout:
        """How the elements really lie."""
        ...


class Recurrent(Protocol):
    """What the emitter must know of a recurrent layer."""

    @property
    def return_sequences(self) -> bool:
        """Whether every step's output is due."""
        ...

    @property
    def bidirectional(self) -> bool:
        """Whether it reads from both ends."""
        ...

    @property
    def go_backwards(self) -> bool:
        """Whether it reads from the end."""
        ...

    @property
    def merge_mode(self) -> str:
        """How two directions become one."""
        ...

    @property
    def operator(self) -> str:
        """ONNX' operator: RNN, GRU or LSTM."""
        ...

    def output(self, x: TensorType) -> TensorType:
        """The output type."""
        ...

    def directions(self) -> tuple[str, ...]:
        """The prefixes of the weights of each direction."""
        ...

    def packed(self, weights: Mapping[str, Array]) -> dict[str, Array]:
        """ONNX' W, R and B, a row for each direction."""
        ...

    def curves(self) -> tuple[str, ...]:
        """The activations of one direction, in ONNX' order."""
        ...

    def activation_attributes(self, directions: int) -> dict[str, Attribute]:
        """The attributes that name the activations."""
        ...

    def onnx_attributes(self) -> dict[str, Attribute]:
        """What else the operator needs."""
        ...


class Emitter(Protocol):
    """What a component may do to the ONNX graph being built."""

    @property
    def opset(self) -> int:
        """The opset being emitted; raised by `require_opset`."""
        ...

    def op(
        self,
        operator: str,
        inputs: Sequence[Value | None],
        *,
        domain: str = "",
        layout: Layout | None = None,
        type: TensorType | None = None,
        **attributes: Attribute,
    ) -> Value:
        """One ONNX node with one output. Layout and type are the first input's unless given."""
        ...

    def ops(self, operator: str, inputs: Sequence[Value | None], outputs: int, **attributes: Attribute) -> tuple[Value, ...]:
        """One ONNX node with several outputs, all in the first input's layout."""
        ...

    def constant(self, array: Array | float | int, dtype: str = "float32") -> Value:
        """A small constant tensor, shared between uses."""
        ...

    def integers(self, values: Sequence[int]) -> Value:
        """An int64 vector, as axes, pads and shapes are given."""
        ...

    def floats(self, values: Sequence[float]) -> Value:
        """A float32 vector."""
        ...

    def texts(self, values: Sequence[str]) -> Value:
        """A vector of texts."""
        ...

    def like(self, x: Value, values: object) -> Value:
        """Numbers as a constant of `x`'s own element type."""
        ...

    def label_encoder(self, x: Value, keys: Sequence[object], *, default: int) -> Value:
        """Positions of texts or numbers among `keys`, int64; `default` for what is not there."""
        ...

    def weight(self, name: str, array: Array) -> Value:
        """An initializer called `<node>/<name>`."""
        ...

    def channels_first(self, x: Value) -> Value:
        """`x` as [batch, channels, *spatial]; transposed once, however often it is asked for."""
        ...

    def channels_last(self, x: Value) -> Value:
        """`x` as [batch, *spatial, channels]; transposed once, however often it is asked for."""
        ...

    def features_last(self, x: Value) -> Value:
        """`x` with its features on the last axis, whether the batch or the time stands first."""
        ...

    def time_major(self, x: Value) -> Value:
        """A sequence as [time, batch, features], as recurrent operators want it."""
        ...

    def lengths_of(self, x: Value) -> Value | None:
        """How many steps of each example count, int64 [batch]; None where all do."""
        ...

    def steps_of(self, x: Value) -> Value:
        """The number of steps of a sequence, int64 [1]."""
        ...

    def masked(self, x: Value, fill: float = 0.0) -> Value:
        """A sequence with `fill` past each length; itself where all steps count."""
        ...

    def attention_mask(self, x: Value, *, causal: bool) -> Value | None:
        """What to add to scores [batch, heads, time, time] so that only some steps are seen; None for all."""
        ...

    def recurrent(self, layer: Recurrent, x: Value, weights: Mapping[str, Array]) -> Value:
        """A recurrent layer by ONNX' own operator, with the lengths of the sequence."""
        ...

    def word_ids(self, x: Value, words: Sequence[str], *, lowercase: bool) -> Value:
        """Texts [batch] as ids [batch, time]; the lengths are told as well. From opset 20."""
        ...

    def log_energy(self, x: Value, filters: Array, taper: Array, *, hop: int, floor: float) -> Value:
        """Samples [batch, samples] as logarithms of the energy in bands, [batch, frames, bands]."""
        ...

    def agree(self, values: Sequence[Value]) -> Sequence[Value]:
        """All values in one layout: the minority is converted."""
        ...

    def axis(self, x: Value, axis: int) -> int:
        """The position in `x`'s real layout of a logical axis; 0 is the batch, -1 the channels."""
        ...

    def channel_constant(self, x: Value, array: Array, name: str = "") -> Value:
        """A per-channel vector [channels], shaped to broadcast against `x` in its layout; a weight if named."""
        ...

    def shape_of(self, shape: Shape, *, like: Value | None = None) -> Value:
        """`[batch, *shape]` as an int64 tensor for Reshape; free dims are read off `like` at run time."""
        ...

    def gelu(self, x: Value, *, tanh: bool) -> Value:
        """`Gelu`, or its expansion where the opset has none."""
        ...

    def normalize(self, x: Value, axes: Sequence[int], epsilon: float, *, centred: bool = True) -> Value:
        """`(x - mean) / sqrt(variance + epsilon)` over real axes in two passes; not centred: by the mean square."""
        ...

    def require_opset(self, version: int, reason: str) -> None:
        """Raise the opset to at least `version`, telling why."""
        ...
