"""Steps for numbers: missing values and scales."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from netspec.components.fields import Float
from netspec.components.sources.base import Kind
from netspec.components.transforms.base import Array, State, Transform
from netspec.diagnostics import Problem
from netspec.emit import Emitter, Value

ANY: frozenset[Kind] = frozenset({"number", "array", "category", "sequence"})
_NUMBERS: frozenset[Kind] = frozenset({"number", "array", "sequence"})


class Impute(Transform):
    """Fills missing values by what the training part says, or with a value.

    ```yaml
    impute: median
    ```
    """

    type = "impute"
    short = "strategy"
    accepts = ANY
    on_steps = True
    handles_missing = True
    strategy: Literal["mean", "median", "most_frequent", "constant"] = Field(description="What fills the gap.")
    value: Float | str | None = Field(None, description="The filler, for `strategy: constant`.", examples=[0])

    @model_validator(mode="after")
    def _value_given(self) -> Self:
        if self.strategy == "constant" and self.value is None:
            help = "write `{strategy: constant, value: 0}`"
            raise PydanticCustomError("ns202", "`strategy: constant` needs `value`", {"help": help})
        if self.strategy != "constant" and self.value is not None:
            help = "write `strategy: constant`, or remove `value`"
            raise PydanticCustomError("ns205", "`value` belongs to `strategy: constant`", {"help": help})
        return self

    def fit(self, values: Array) -> State:
        import numpy as np

        text = values.dtype == object
        if self.strategy == "constant":
            if isinstance(self.value, str) != text:
                raise Problem("NS513", f"the column holds {'text' if text else 'numbers'}, but `value` does not", field="value")
            return {"value": self.value}
        if text and self.strategy != "most_frequent":
            raise Problem("NS513", f"`{self.strategy}` needs numbers, but the column holds text", help="use `most_frequent`")
        present = values[values != ""] if text else values[~np.isnan(values)]
        if present.size == 0:
            raise Problem("NS503", "every value of the training part is missing", help="drop the column, or use `constant`")
        if self.strategy == "most_frequent":
            found, counts = np.unique(present, return_counts=True)
            best = found[counts.argmax()]
            return {"value": str(best) if text else float(best)}
        return {"value": float(np.median(present) if self.strategy == "median" else np.mean(present))}

    def numpy(self, state: State, values: Array) -> Array:
        import numpy as np

        missing = values == "" if values.dtype == object else np.isnan(values)
        return np.where(missing, state["value"], values)

    def onnx(self, g: Emitter, state: State, x: Value) -> Value:
        if isinstance(state["value"], str):
            # Equal compares texts from opset 19 only; LabelEncoder tells '' from the rest in all.
            present = g.op("Cast", [g.label_encoder(x, [""], default=1)], to=9)  # 9 is TensorProto.BOOL
            return g.op("Where", [present, x, g.texts([state["value"]])])
        return g.op("Where", [g.op("IsNaN", [x]), g.like(x, state["value"]), x])

    def onnx_inverse(self, g: Emitter, state: State, x: Value) -> Value:
        return x

    def inverse(self, state: State, values: Array) -> Array:
        return values


class _Affine(Transform):
    """`y = (x - shift) / scale`, for each feature."""

    accepts = _NUMBERS
    on_steps = True

    def numpy(self, state: State, values: Array) -> Array:
        shift, scale = _constants(state, values)
        result: Array = (values - shift) / scale
        return result

    def onnx(self, g: Emitter, state: State, x: Value) -> Value:
        return g.op("Div", [g.op("Sub", [x, g.like(x, state["shift"])]), g.like(x, state["scale"])])

    def onnx_inverse(self, g: Emitter, state: State, x: Value) -> Value:
        return g.op("Add", [g.op("Mul", [x, g.like(x, state["scale"])]), g.like(x, state["shift"])])

    def inverse(self, state: State, values: Array) -> Array:
        shift, scale = _constants(state, values)
        result: Array = values * scale + shift
        return result


def _constants(state: State, values: Array) -> tuple[Array, Array]:
    import numpy as np

    dtype = values.dtype if values.dtype.kind == "f" else np.dtype(np.float32)
    return np.asarray(state["shift"], dtype), np.asarray(state["scale"], dtype)


def _axes(values: Array) -> tuple[int, ...]:
    return tuple(range(values.ndim - 1)) or (0,)


def _plain(values: Any) -> Any:
    return values.tolist()


class Standardize(_Affine):
    """To mean 0 and standard deviation 1 of the training part, for each feature or channel.

    ```yaml
    standardize
    ```
    """

    type = "standardize"

    def fit(self, values: Array) -> State:
        import numpy as np

        wide = values.astype(np.float64)
        scale = np.std(wide, axis=_axes(values))
        # A constant feature carries nothing; a scale of one keeps it at zero instead of dividing by zero.
        return {"shift": _plain(np.mean(wide, axis=_axes(values))), "scale": _plain(np.where(scale > 0, scale, 1.0))}


class MinMax(_Affine):
    """To the range 0 to 1 of the training part, or another, for each feature or channel.

    ```yaml
    min_max: {to: [-1, 1]}
    ```
    """

    type = "min_max"
    short = "to"
    to: tuple[Float, Float] = Field((0.0, 1.0), description="The range that the training part fills.")

    def fit(self, values: Array) -> State:
        import numpy as np

        wide = values.astype(np.float64)
        least, most = np.min(wide, axis=_axes(values)), np.max(wide, axis=_axes(values))
        low, high = self.to
        if high <= low:
            raise Problem("NS205", "`to` needs its lower end first", field="to")
        scale = np.where(most > least, (most - least) / (high - low), 1.0)
        return {"shift": _plain(least - low * scale), "scale": _plain(scale)}


class Rescale(_Affine):
    """From one known range to another; nothing is fitted.

    ```yaml
    rescale: {from: [0, 255], to: [0, 1]}
    ```
    """

    type = "rescale"
    model_config = {"validate_by_name": False}
    source: tuple[Float, Float] = Field((0.0, 255.0), alias="from", description="The range of the data.")
    to: tuple[Float, Float] = Field((0.0, 1.0), description="The range of the result.")

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        if self.source[0] >= self.source[1] or self.to[0] >= self.to[1]:
            help = "write `[0, 255]` for the range from 0 to 255"
            raise PydanticCustomError("ns205", "a range needs its lower end first", {"help": help})
        return self

    def fit(self, values: Array) -> State:
        (a, b), (c, d) = self.source, self.to
        scale = (b - a) / (d - c)
        return {"shift": a - c * scale, "scale": scale}


class Log(Transform):
    """The natural logarithm; numbers must be positive. Undone by the exponential. ONNX: Log.

    ```yaml
    log
    ```
    """

    type = "log"
    accepts = _NUMBERS
    on_steps = True

    def fit(self, values: Array) -> State:
        if (values <= 0).any():
            raise Problem(
                "NS503", "the logarithm needs positive numbers", help="add `{rescale: ...}` before it, or leave it out"
            )
        return {}

    def numpy(self, state: State, values: Array) -> Array:
        import numpy as np

        with np.errstate(divide="ignore", invalid="ignore"):  # what is not finite is told when the rows are checked
            result: Array = np.log(values)
        return result

    def inverse(self, state: State, values: Array) -> Array:
        import numpy as np

        result: Array = np.exp(values)
        return result

    def onnx(self, g: Emitter, state: State, x: Value) -> Value:
        return g.op("Log", [x])

    def onnx_inverse(self, g: Emitter, state: State, x: Value) -> Value:
        return g.op("Exp", [x])


TRANSFORMS: tuple[type[Transform], ...] = (Impute, Standardize, MinMax, Rescale, Log)
