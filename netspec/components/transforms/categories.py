"""Steps for categories: one-hot vectors and class labels."""

from typing import Any, ClassVar

from netspec.components.sources.base import Kind
from netspec.components.transforms.base import Array, State, Transform
from netspec.diagnostics import Problem
from netspec.emit import Emitter, Value

_EITHER: frozenset[Kind] = frozenset({"category", "number"})


def _distinct(values: Array) -> list[Any]:
    import numpy as np

    if values.dtype == object:
        return sorted({str(value) for value in values if value != ""})
    return [float(value) for value in np.unique(values[~np.isnan(values)])]


def class_name(value: object) -> str:
    """What a class is called: a whole number has no point."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _positions(classes: list[Any], values: Array, unknown: int) -> Array:
    import numpy as np

    index = {value: i for i, value in enumerate(classes)}
    keys = values if values.dtype == object else values.astype(np.float64)
    return np.asarray([index.get(key, unknown) for key in keys.tolist()], np.int64)


_RARE = "split with `stratify: true` where there is one class a row, or by another `seed`, or get more data"


class OneHot(Transform):
    """A column becomes one feature for each category of the training part; a new category is all zeros.

    ONNX: LabelEncoder (ai.onnx.ml) and OneHot.

    ```yaml
    one_hot
    ```
    """

    type = "one_hot"
    accepts = _EITHER
    gives = "array"
    handles_missing = True

    def fit(self, values: Array) -> State:
        return {"categories": _distinct(values)}

    def numpy(self, state: State, values: Array) -> Array:
        import numpy as np

        categories = state["categories"]
        positions = _positions(categories, values, len(categories))
        return np.eye(len(categories) + 1, len(categories), dtype=np.float64)[positions]

    def onnx(self, g: Emitter, state: State, x: Value) -> Value:
        categories = state["categories"]
        # Unseen ones get the depth itself: OneHot answers with zeros. (-1 would wrap to the last class.)
        ids = g.label_encoder(x, categories, default=len(categories))
        hot = g.op("OneHot", [ids, g.integers([len(categories)]), g.floats([0.0, 1.0])], axis=-1)
        return g.op("Cast", [hot], to=11)  # 11 is TensorProto.DOUBLE

    def width(self, state: State) -> int | None:
        return len(state["categories"])


class Label(Transform):
    """A column of classes becomes their positions in sorted order, for a target or a condition. ONNX: LabelEncoder.

    Of sequences, each step is a class.

    ```yaml
    label
    ```
    """

    type = "label"
    accepts: ClassVar[frozenset[Kind]] = frozenset({"category", "number", "sequence"})
    on_steps = True

    def fit(self, values: Array) -> State:
        return {"classes": _distinct(values)}

    def numpy(self, state: State, values: Array) -> Array:
        positions = _positions(state["classes"], values, -1)
        if (positions < 0).any():
            new = values[int((positions < 0).argmax())]
            raise Problem("NS506", f"the class `{class_name(new)}` is not in the training part", help=_RARE)
        return positions

    def onnx(self, g: Emitter, state: State, x: Value) -> Value:
        # A class that training never saw lies beyond every table, so that a runtime refuses it.
        return g.label_encoder(x, state["classes"], default=len(state["classes"]))

    def inverse(self, state: State, values: Array) -> Array:
        import numpy as np

        return np.asarray([state["classes"][int(value)] for value in values], dtype=object)


TRANSFORMS: tuple[type[Transform], ...] = (OneHot, Label)
