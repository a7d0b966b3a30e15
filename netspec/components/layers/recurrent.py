"""Recurrent layers over [time, features]. Words and defaults are Keras', and so are the weights' shapes and counts."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from netspec.components.base import describe
from netspec.components.fields import Bool, Rate, Size
from netspec.components.initializers import Glorot, Initializer, Orthogonal, Zeros
from netspec.components.layers.base import (
    Arrays,
    Forward,
    Regularizer,
    Weight,
    WeightedLayer,
    expect_rank,
    static_size,
)
from netspec.emit import Array, Emitter, Value
from netspec.tensor import Dim, TensorType

if TYPE_CHECKING:
    from flax import nnx

    from netspec.ops.cells import Cell
    from netspec.ops.recurrence import Recurrence

ONNX_ACTIVATIONS = {
    "tanh": "Tanh", "sigmoid": "Sigmoid", "relu": "Relu", "linear": "Affine", "hard_sigmoid": "HardSigmoid",
    "softsign": "Softsign", "softplus": "Softplus",
}  # fmt: skip
"""What a recurrent cell may use: the activations that ONNX' recurrent operators have."""
_ALPHA = {"linear": 1.0, "hard_sigmoid": 1 / 6}
_BETA = {"linear": 0.0, "hard_sigmoid": 0.5}


def _curve(value: object) -> str:
    if isinstance(value, str) and value in ONNX_ACTIVATIONS:
        return value
    known = ", ".join(f"`{name}`" for name in ONNX_ACTIVATIONS)
    raise PydanticCustomError(
        "ns516",
        "a recurrent cell cannot have {found} as an activation",
        {"found": describe(value), "help": f"ONNX' recurrent operators have {known}"},
    )


Curve = Annotated[str, BeforeValidator(_curve)]


class Recurrent(WeightedLayer):
    """What recurrent layers share: the kernels, the directions, the dropouts."""

    short = "units"
    keeps_axes = "return_sequences: true"
    lengths = "uses"
    time_major = True
    stochastic = True
    carries = True
    operator: ClassVar[str] = ""
    gates: ClassVar[int] = 1
    order: ClassVar[tuple[int, ...]] = (0,)
    """Where ONNX' gates stand among ours."""
    units: Size = Field(description="Size of the state and of each output.")
    return_sequences: Bool = Field(False, description="Gives every step's output; otherwise the last one alone.")
    bidirectional: Bool = Field(False, description="Reads the sequence from both ends, with weights for each direction.")
    merge_mode: Literal["concat", "add", "average", "multiply"] = Field("concat", description="How two directions become one.")
    go_backwards: Bool = Field(False, description="Reads from the end, and gives the outputs in that order.")
    dropout: Rate = Field(0.0, description="Share of the inputs set to zero while training, the same for all steps.")
    recurrent_dropout: Rate = Field(0.0, description="Share of the state set to zero before the recurrent product.")
    activation: Curve = Field("tanh", description="The cell's activation: one that ONNX' recurrent operators have.")
    use_bias: Bool = Field(True, description="Adds learnt biases.")
    kernel_initializer: Initializer = Field(default_factory=Glorot, description="How the input kernel starts.")
    recurrent_initializer: Initializer = Field(default_factory=Orthogonal, description="How the recurrent kernel starts.")
    bias_initializer: Initializer = Field(default_factory=Zeros, description="How the biases start.")
    kernel_regularizer: Regularizer | None = Field(
        None, description="Penalty on the input kernel: `{l1: ..., l2: ...}`.", examples=[{"l2": 1e-4}]
    )

    @model_validator(mode="after")
    def _directions_make_sense(self) -> Self:
        if self.bidirectional and self.go_backwards:
            help = "leave `go_backwards` out: one direction reads from the end already"
            raise PydanticCustomError("ns205", "`go_backwards` stands beside `bidirectional`", {"help": help})
        if self.merge_mode != "concat" and not self.bidirectional:
            help = "add `bidirectional: true`, or leave `merge_mode` out"
            raise PydanticCustomError("ns205", "`merge_mode` needs two directions", {"help": help})
        return self

    def penalty_on(self, weight: str) -> Regularizer | None:
        return self.kernel_regularizer if weight.split("/")[-1] == "kernel" else None

    def stepwise(self, inputs: Sequence[TensorType]) -> bool:
        return self.return_sequences and not (self.bidirectional or self.go_backwards)

    def output(self, x: TensorType) -> TensorType:
        expect_rank(self, x, 2, "a sequence [time, features]")
        width = self.units * 2 if self.bidirectional and self.merge_mode == "concat" else self.units
        return TensorType((x.shape[0], width) if self.return_sequences else (width,))

    def _shapes(self, features: Dim) -> dict[str, tuple[Dim, ...]]:
        """The weights of one direction."""
        gates = self.units * self.gates
        shapes: dict[str, tuple[Dim, ...]] = {"kernel": (features, gates), "recurrent_kernel": (self.units, gates)}
        return {**shapes, "bias": (gates,)} if self.use_bias else shapes

    def directions(self) -> tuple[str, ...]:
        """The prefixes of the weights' names."""
        return ("forward/", "backward/") if self.bidirectional else ("",)

    def parameters(self, inputs: Sequence[TensorType]) -> dict[str, Weight]:
        shapes = self._shapes(inputs[0].shape[1])
        return {
            f"{prefix}{name}": Weight(shape, self.trainable) for prefix in self.directions() for name, shape in shapes.items()
        }

    def flops(self, inputs: Sequence[TensorType]) -> Dim:
        steps, features = inputs[0].shape
        return steps * self.units * self.gates * (features + self.units) * 2 * len(self.directions())

    def cell(self) -> "Cell":
        """The JAX cell."""
        raise NotImplementedError

    def bias_init(self) -> Any:
        """How the input bias starts; an LSTM's forget gate with 1."""
        return self.bias_initializer.jax()

    def flax(self, inputs: Sequence[TensorType], rngs: "nnx.Rngs") -> Forward:
        from netspec.ops.recurrence import RecurrentLayer

        features = static_size(inputs[0].shape[1], "the number of features")
        first = self._direction(features, rngs, reverse=self.go_backwards)
        second = self._direction(features, rngs, reverse=True) if self.bidirectional else None
        return RecurrentLayer(first, second, merge=self.merge_mode, sequences=self.return_sequences, flipped=self.go_backwards)

    def _direction(self, features: int, rngs: "nnx.Rngs", *, reverse: bool) -> "Recurrence":
        from netspec.ops.recurrence import Recurrence, Run

        makers: Mapping[str, Callable[[], Any]] = {
            "kernel": self.kernel_initializer.jax,
            "recurrent_kernel": self.recurrent_initializer.jax,
            "bias": self.bias_init,
            "recurrent_bias": self.bias_initializer.jax,
        }
        inits = {name: makers[name]() for name in self._shapes(features)}
        return Recurrence(
            Run(self.cell(), reverse),
            features,
            static_size(self.units, "`units`"),
            inits,
            rngs=rngs,
            dropout=self.dropout,
            recurrent_dropout=self.recurrent_dropout,
        )

    def onnx_attributes(self) -> dict[str, Any]:
        """What the operator needs beside its size and direction."""
        return {}

    def curves(self) -> tuple[str, ...]:
        """The activations of one direction, as ONNX lists them."""
        return (self.activation,)

    def onnx(self, g: Emitter, inputs: Sequence[Value], weights: Arrays) -> Value:
        return g.recurrent(self, inputs[0], weights)

    def packed(self, weights: Mapping[str, Array]) -> dict[str, Array]:
        """ONNX' W [directions, gates * units, features], R [directions, gates * units, units] and B."""
        import numpy as np

        found: dict[str, list[Array]] = {"W": [], "R": [], "B": []}
        for prefix in self.directions():
            own = {name.removeprefix(prefix): array for name, array in weights.items() if name.startswith(prefix)}
            found["W"].append(self._reordered(own["kernel"]).T)
            found["R"].append(self._reordered(own["recurrent_kernel"]).T)
            if self.use_bias:
                bias = self._reordered(own["bias"])
                second = self._reordered(own["recurrent_bias"]) if "recurrent_bias" in own else np.zeros_like(bias)
                found["B"].append(np.concatenate([bias, second]))
        return {name: np.stack(arrays) for name, arrays in found.items() if arrays}

    def _reordered(self, array: Array) -> Array:
        """Columns by gate, in ONNX' order."""
        import numpy as np

        blocks = np.split(array, self.gates, axis=-1)
        return np.concatenate([blocks[gate] for gate in self.order], axis=-1)

    def activation_attributes(self, directions: int) -> dict[str, Any]:
        """The cell's activations, for each direction of the operator."""
        curves = self.curves() * directions
        found: dict[str, Any] = {"activations": [ONNX_ACTIVATIONS[name] for name in curves]}
        # ONNX Runtime hands these out to those activations alone that take them, one after the other.
        taking = [name for name in curves if name in _ALPHA]
        if taking:
            found["activation_alpha"] = [_ALPHA[name] for name in taking]
            found["activation_beta"] = [_BETA[name] for name in taking]
        return found


class Rnn(Recurrent):
    """The simple recurrent layer (Elman 1990): `h' = activation(x W + h U + b)`. ONNX: RNN.

    `[time, features]` becomes `[units]`, or with `return_sequences` `[time, units]`.

    ```yaml
    input: [6, 3]
    model: {layers: [{rnn: {units: 4, return_sequences: true}}]}
    ```
    """

    type = "rnn"
    operator = "RNN"

    def cell(self) -> "Cell":
        from netspec.ops.activation import CURVES
        from netspec.ops.cells import Rnn as RnnCell

        return RnnCell(CURVES[self.activation])


class Gru(Recurrent):
    """The gated recurrent unit (Cho et al. 2014), by default with the reset after the product, as cuDNN. ONNX: GRU.

    The gates stand in the order reset, update, candidate.

    ```yaml
    input: [6, 3]
    model: {layers: [{gru: 4}]}
    ```
    """

    type = "gru"
    operator = "GRU"
    gates = 3
    order = (1, 0, 2)
    reset_after: Bool = Field(True, description="Resets after the recurrent product, with a bias of its own there.")
    recurrent_activation: Curve = Field("sigmoid", description="The gates' activation.")

    def _shapes(self, features: Dim) -> dict[str, tuple[Dim, ...]]:
        shapes = super()._shapes(features)
        return {**shapes, "recurrent_bias": shapes["bias"]} if self.use_bias and self.reset_after else shapes

    def cell(self) -> "Cell":
        from netspec.ops.activation import CURVES
        from netspec.ops.cells import Gru as GruCell
        from netspec.ops.cells import GruBefore

        made = GruCell if self.reset_after else GruBefore
        return made(CURVES[self.activation], CURVES[self.recurrent_activation])

    def curves(self) -> tuple[str, ...]:
        return (self.recurrent_activation, self.activation)

    def onnx_attributes(self) -> dict[str, Any]:
        return {"linear_before_reset": int(self.reset_after)}


class Lstm(Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber 1997) with forget gates that start open. ONNX: LSTM.

    The gates stand in the order input, forget, candidate, output.

    ```yaml
    input: [6, 3]
    model: {layers: [{lstm: {units: 4, bidirectional: true}}]}
    ```
    """

    type = "lstm"
    operator = "LSTM"
    gates = 4
    order = (0, 3, 1, 2)
    recurrent_activation: Curve = Field("sigmoid", description="The gates' activation.")
    unit_forget_bias: Bool = Field(True, description="Starts the forget gate's bias with 1 (Jozefowicz et al. 2015).")

    def cell(self) -> "Cell":
        from netspec.ops.activation import CURVES
        from netspec.ops.cells import Lstm as LstmCell

        return LstmCell(CURVES[self.activation], CURVES[self.recurrent_activation])

    def bias_init(self) -> Any:
        plain = self.bias_initializer.jax()
        if not self.unit_forget_bias:
            return plain
        units = static_size(self.units, "`units`")

        def init(key: Any, shape: Any, dtype: Any = "float32") -> Any:
            return plain(key, shape, dtype).at[units : 2 * units].set(1.0)

        return init

    def curves(self) -> tuple[str, ...]:
        return (self.recurrent_activation, self.activation, self.activation)


LAYERS = (Rnn, Gru, Lstm)
