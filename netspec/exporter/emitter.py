"""The emitter on onnx-ir: nodes, initializers and layouts. Nothing else in netspec builds ONNX."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx_ir as ir

from netspec.emit import Array, Attribute, Flattened, Layout
from netspec.emit import Value as AnyValue
from netspec.exporter import opset as opsets
from netspec.tensor import Dim, DType, Formula, Shape, TensorType

DTYPES = {
    DType.float32: ir.DataType.FLOAT,
    DType.int32: ir.DataType.INT32,
    DType.int64: ir.DataType.INT64,
    DType.uint8: ir.DataType.UINT8,
    DType.boolean: ir.DataType.BOOL,
    DType.string: ir.DataType.STRING,
}


@dataclass(frozen=True, eq=False)
class EmittedValue:
    """A value of the ONNX graph with its netspec type and its real layout."""

    value: ir.Value
    type: TensorType
    layout: Layout = "channels_last"
    numpy_dtype: Any = np.float32


class OnnxEmitter:
    """Collects nodes. Each is named after the layer being emitted: `scope`."""

    def __init__(self, opset: int) -> None:
        self._opset = opset
        self.raised: str = ""
        self.nodes: list[ir.Node] = []
        self.initializers: dict[str, ir.Value] = {}
        self.scope = ""
        self.weight_scope = ""
        self._counts: Counter[str] = Counter()
        self._constants: dict[tuple[Any, ...], EmittedValue] = {}
        self._transposed: dict[tuple[int, str], EmittedValue] = {}
        self._domains: set[str] = set()

    @property
    def opset(self) -> int:
        """The opset being emitted."""
        return self._opset

    @property
    def domains(self) -> dict[str, int]:
        """The operator sets in use."""
        return {"": self._opset, **({"ai.onnx.ml": 3} if "ai.onnx.ml" in self._domains else {})}

    def inner(self, name: str) -> tuple[OnnxEmitter, str]:
        """An emitter for a graph inside of this one, and a name for that: no name there is one here, as ONNX wants it."""
        found, unique = OnnxEmitter(self._opset), self._unique(f"{self.scope}.{name}")
        found.scope, found.weight_scope, found._counts = unique, f"{self.weight_scope}.{name}", self._counts
        return found, unique

    def require_opset(self, version: int, reason: str) -> None:
        if version > self._opset:
            self._opset, self.raised = version, reason

    def input(self, name: str, type: TensorType, shape: Sequence[Any], dtype: Any, layout: Layout) -> EmittedValue:
        """A graph input with its real shape, the batch axis first."""
        value = ir.Value(name=name, shape=ir.Shape(shape), type=ir.TensorType(dtype))
        return EmittedValue(value, type, layout, _numpy_dtype(dtype))

    def _unique(self, name: str) -> str:
        self._counts[name] += 1
        return name if self._counts[name] == 1 else f"{name}_{self._counts[name]}"

    def op(
        self,
        operator: str,
        inputs: Sequence[AnyValue | None],
        *,
        domain: str = "",
        layout: Layout | None = None,
        type: TensorType | None = None,
        **attributes: Attribute,
    ) -> EmittedValue:
        return self._emit(operator, inputs, 1, domain, layout, type, attributes)[0]

    def ops(
        self, operator: str, inputs: Sequence[AnyValue | None], outputs: int, **attributes: Attribute
    ) -> tuple[EmittedValue, ...]:
        return self._emit(operator, inputs, outputs, "", None, None, attributes)

    def _emit(
        self,
        operator: str,
        inputs: Sequence[AnyValue | None],
        count: int,
        domain: str,
        layout: Layout | None,
        type: TensorType | None,
        attributes: dict[str, Attribute],
    ) -> tuple[EmittedValue, ...]:
        given = [value if value is None else own(value) for value in inputs]
        first = next((v for v in given if v is not None and v.value.const_value is None), None) or next(v for v in given if v)
        self._domains.add(domain)
        name = self._unique(f"{self.scope}.{operator}" if self.scope else operator)
        node = ir.node(
            operator,
            [None if value is None else value.value for value in given],
            {key: list(value) if isinstance(value, tuple) else value for key, value in attributes.items()},
            domain=domain,
            num_outputs=count,
            name=name,
        )
        for index, output in enumerate(node.outputs):
            output.name = name if count == 1 else f"{name}:{index}"
        self.nodes.append(node)
        dtype = _result_dtype(operator, given, attributes, first)
        return tuple(EmittedValue(output, type or first.type, layout or first.layout, dtype) for output in node.outputs)

    def _initializer(self, name: str, array: np.ndarray[Any, Any]) -> ir.Value:
        if array.dtype == object:
            tensor: Any = ir.StringTensor(
                [str(text).encode() for text in array.reshape(-1)], shape=ir.Shape(array.shape), name=name
            )
        else:
            tensor = ir.tensor(np.asarray(array, order="C"), name=name)
        value = ir.Value(name=name, shape=ir.Shape(array.shape), type=ir.TensorType(tensor.dtype), const_value=tensor)
        self.initializers[name] = value
        return value

    def _constant(self, array: np.ndarray[Any, Any]) -> EmittedValue:
        content = tuple(array.reshape(-1).tolist()) if array.dtype == object else array.tobytes()
        key = (str(array.dtype), array.shape, content)
        if key not in self._constants:
            value = self._initializer(self._unique("constant"), array)
            self._constants[key] = EmittedValue(value, TensorType(array.shape), numpy_dtype=array.dtype)
        return self._constants[key]

    def constant(self, array: Array | float | int, dtype: str = "float32") -> EmittedValue:
        return self._constant(np.asarray(array, dtype))

    def integers(self, values: Sequence[int]) -> EmittedValue:
        return self._constant(np.asarray(list(values), np.int64))

    def floats(self, values: Sequence[float]) -> EmittedValue:
        return self._constant(np.asarray(list(values), np.float32))

    def texts(self, values: Sequence[str]) -> EmittedValue:
        return self._constant(np.asarray(list(values), dtype=object))

    def like(self, x: AnyValue, values: object) -> EmittedValue:
        return self._constant(np.asarray(values, own(x).numpy_dtype))

    def weight(self, name: str, array: Array) -> EmittedValue:
        full = f"{self.weight_scope}/{name}"
        values = np.asarray(array)
        # A shared layer may need its weights in two forms: one for each layout that it reads.
        number = 1
        while full in self.initializers and not self._holds(full, values):
            number += 1
            full = f"{self.weight_scope}/{name}_{number}"
        if full not in self.initializers:
            self._initializer(full, values)
        return EmittedValue(self.initializers[full], TensorType(array.shape))

    def _holds(self, name: str, values: Array) -> bool:
        held = self.initializers[name].const_value
        return held is not None and np.array_equal(held.numpy(), values)

    def channels_first(self, x: AnyValue) -> EmittedValue:
        mine = own(x)
        rank = mine.type.rank
        if rank < 2 or mine.layout == "channels_first":
            return mine
        mine = self.channels_last(mine)
        return self._converted(mine, "channels_first", [0, rank, *range(1, rank)])

    def channels_last(self, x: AnyValue) -> EmittedValue:
        mine = own(x)
        if isinstance(mine.layout, Flattened):
            return self._unflattened(mine, mine.layout)
        if mine.layout == "channels_last" or mine.type.rank < 2:
            return mine
        if mine.layout == "time_major":
            return self._converted(mine, "channels_last", [1, 0, *range(2, mine.type.rank + 1)])
        return self._converted(mine, "channels_last", [0, *range(2, mine.type.rank + 1), 1])

    def features_last(self, x: AnyValue) -> EmittedValue:
        mine = own(x)
        return mine if mine.layout == "time_major" else self.channels_last(mine)

    def time_major(self, x: AnyValue) -> EmittedValue:
        mine = own(x)
        if mine.layout == "time_major":
            return mine
        return self._converted(self.channels_last(mine), "time_major", [1, 0, *range(2, mine.type.rank + 1)])

    def _converted(self, x: EmittedValue, layout: Layout, order: list[int]) -> EmittedValue:
        """`x` transposed; asked for again, the same Transpose serves."""
        key = (id(x.value), str(layout))
        if key not in self._transposed:
            self._transposed[key] = self.op("Transpose", [x], perm=order, layout=layout)
            self._transposed[(id(self._transposed[key].value), str(x.layout))] = x
        return self._transposed[key]

    def _unflattened(self, x: EmittedValue, layout: Flattened) -> EmittedValue:
        *spatial, channels = layout.shape
        rank = len(layout.shape)
        image = self.op("Reshape", [x, self.integers([0, channels, *spatial])])
        last = self.op("Transpose", [image], perm=[0, *range(2, rank + 1), 1])
        return self.op("Flatten", [last], axis=1, layout="channels_last")

    def agree(self, values: Sequence[AnyValue]) -> list[EmittedValue]:
        mine = [own(value) for value in values]
        layouts = {value.layout for value in mine if value.type.rank > 1}
        flat = any(isinstance(value.layout, Flattened) for value in mine)
        if flat or (len(layouts) > 1 and "time_major" in layouts):
            # What is joined need not lie in the same order afterwards: back to the order that `infer` means.
            return [self.channels_last(value) for value in mine]
        if len(layouts) <= 1:
            return mine
        first = sum(value.layout == "channels_first" for value in mine)
        convert = self.channels_first if 2 * first >= len(mine) else self.channels_last
        return [convert(value) for value in mine]

    def axis(self, x: AnyValue, axis: int) -> int:
        mine = own(x)
        if mine.layout == "channels_first" and mine.type.rank > 1 and axis > 0:
            return 1 if axis == mine.type.rank else axis + 1
        if mine.layout == "time_major":
            return {0: 1, 1: 0}.get(axis, axis)
        return axis

    def channel_constant(self, x: AnyValue, array: Array, name: str = "") -> EmittedValue:
        mine = own(x)
        values = np.asarray(array)
        if isinstance(mine.layout, Flattened):
            *spatial, channels = mine.layout.shape
            values = values.reshape(*spatial, channels)
            values = values.transpose(len(spatial), *range(len(spatial))).reshape(-1)
        elif mine.layout == "channels_first" and mine.type.rank > 1:
            values = values.reshape(-1, *(1 for _ in range(mine.type.rank - 1)))
        return self.weight(name, values) if name else self._constant(values)

    def shape_of(self, shape: Shape, *, like: AnyValue | None = None) -> EmittedValue:
        free = [index for index, size in enumerate(shape) if not isinstance(size, int)]
        sizes = [size if isinstance(size, int) else -1 for size in shape]
        if len(free) > 1:
            raise ValueError(f"cannot write the shape {shape} with one unknown")
        # 0 copies the batch; one free axis is what is left.
        return self.integers([0, *sizes])

    def label_encoder(self, x: AnyValue, keys: Sequence[object], *, default: int) -> EmittedValue:
        mine = own(x)
        positions = list(range(len(keys)))
        if mine.numpy_dtype is object:
            found = self.op(
                "LabelEncoder",
                [mine],
                domain="ai.onnx.ml",
                keys_strings=[str(key) for key in keys],
                values_int64s=positions,
                default_int64=default,
            )
        else:
            single = self.op("Cast", [mine], to=1)  # 1 is TensorProto.FLOAT
            found = self.op(
                "LabelEncoder",
                [single],
                domain="ai.onnx.ml",
                keys_floats=[float(key) for key in keys],  # type: ignore[arg-type]
                values_int64s=positions,
                default_int64=default,
            )
        return found

    def gelu(self, x: AnyValue, *, tanh: bool) -> EmittedValue:
        if self._opset >= opsets.GELU:
            return self.op("Gelu", [x], approximate="tanh" if tanh else "none")
        if not tanh:
            inner = self.op("Erf", [self.op("Mul", [x, self.constant(0.5**0.5)])])
        else:
            cube = self.op("Mul", [self.op("Mul", [x, x]), x])
            bent = self.op("Add", [x, self.op("Mul", [cube, self.constant(0.044715)])])
            inner = self.op("Tanh", [self.op("Mul", [bent, self.constant((2 / np.pi) ** 0.5)])])
        half = self.op("Mul", [x, self.constant(0.5)])
        return self.op("Mul", [half, self.op("Add", [inner, self.constant(1.0)])])

    def normalize(self, x: AnyValue, axes: Sequence[int], epsilon: float, *, centred: bool = True) -> EmittedValue:
        mine = own(x)
        where = self.integers(axes)
        if centred:
            mine = self.op("Sub", [mine, self.op("ReduceMean", [mine, where], keepdims=1)])
        square = self.op("ReduceMean", [self.op("Mul", [mine, mine]), where], keepdims=1)
        return self.op("Div", [mine, self.op("Sqrt", [self.op("Add", [square, self.constant(epsilon)])])])


def own(value: AnyValue) -> EmittedValue:
    """The value as this emitter made it."""
    assert isinstance(value, EmittedValue), "a value of another emitter"
    return value


def axis_name(dim: Dim) -> int | str:
    """A dim as ONNX writes it: a number, or its formula as a name."""
    return str(dim) if isinstance(dim, Formula) else dim


_NUMPY = {
    ir.DataType.FLOAT: np.float32,
    ir.DataType.DOUBLE: np.float64,
    ir.DataType.INT32: np.int32,
    ir.DataType.INT64: np.int64,
    ir.DataType.UINT8: np.uint8,
    ir.DataType.BOOL: np.bool_,
    ir.DataType.STRING: object,
}


def _numpy_dtype(dtype: ir.DataType) -> Any:
    return _NUMPY[dtype]


_BOOLEAN = {"Equal", "GreaterOrEqual", "Greater", "Less", "IsNaN", "Not", "And", "Or"}
_COUNTING = {"Shape", "ArgMax", "Size"}
_TYPE_FROM = {"Where": 1, "OneHot": 2}
"""Operators whose result has the element type of another input than the first."""


def _result_dtype(
    operator: str, given: Sequence[EmittedValue | None], attributes: dict[str, Attribute], first: EmittedValue
) -> Any:
    """The element type of an operator's result, as ONNX defines it."""
    if operator == "Cast":
        code = attributes["to"]
        assert isinstance(code, int)
        return _NUMPY[ir.DataType(code)]
    if operator == "LabelEncoder":
        return object if "values_strings" in attributes else np.int64
    if operator in _BOOLEAN:
        return np.bool_
    if operator in _COUNTING:
        return np.int64
    chosen = given[_TYPE_FROM[operator]] if operator in _TYPE_FROM else given[0] or first
    assert chosen is not None
    return chosen.numpy_dtype
