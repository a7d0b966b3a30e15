"""Lowering a graph to ONNX: preprocessing, the network, and what the outputs are to be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnx_ir as ir

from netspec.components.layers import Layer
from netspec.components.transforms.fitted import Fitted
from netspec.components.transforms.pipeline import ColumnPipe, InputPipe, Preprocess
from netspec.diagnostics import Problem
from netspec.emit import Value as AnyValue
from netspec.exporter import opset as opsets
from netspec.exporter.emitter import DTYPES, EmittedValue, axis_name
from netspec.exporter.fold import fold_batch_norm
from netspec.exporter.sequences import SequenceEmitter
from netspec.graph.ir import Graph, Port
from netspec.graph.outputs import OutputPlan
from netspec.graph.shipping import no_chances, no_free_axis
from netspec.spec.sections import ExportSection
from netspec.tensor import DType, TensorType, names_in

Weights = Mapping[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Lowered:
    """An ONNX model, and which ONNX value each port of the graph became."""

    model: ir.Model
    values: Mapping[Port, EmittedValue]
    outputs: Mapping[str, OutputPlan]
    opset_reason: str
    inputs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def lower(
    graph: Graph,
    weights: Weights,
    section: ExportSection,
    *,
    name: str,
    preprocess: Preprocess | None = None,
    outputs: Mapping[str, OutputPlan] | None = None,
    raw_dtypes: Mapping[str, DType] | None = None,
) -> Lowered:
    """The ONNX model of a graph with its weights.

    `raw_dtypes` gives the element type of each raw array input. Raises Problem NS6xx for what has no
    ONNX form.
    """
    return _Lowering(graph, weights, section, preprocess, outputs or {}, raw_dtypes or {}).run(name)


class _Lowering:
    def __init__(
        self,
        graph: Graph,
        weights: Weights,
        section: ExportSection,
        preprocess: Preprocess | None,
        plans: Mapping[str, OutputPlan],
        raw_dtypes: Mapping[str, DType],
    ) -> None:
        self.original = graph
        self.graph, self.weights = fold_batch_norm(graph, weights)
        self.section, self.preprocess, self.plans, self.raw_dtypes = section, preprocess, plans, raw_dtypes
        self.g = SequenceEmitter(section.opset, section.masking)
        self.inputs: list[EmittedValue] = []
        self.described: dict[str, dict[str, Any]] = {}
        self.columns: dict[str, EmittedValue] = {}
        self.raw: dict[str, EmittedValue] = {}

    def run(self, name: str) -> Lowered:
        values: dict[Port, EmittedValue] = {}
        for input_name, type in self.graph.inputs.items():
            values[Port(input_name)] = self._input(input_name, type)
        for node in self.graph.nodes:
            self.g.scope, self.g.weight_scope = node.name, node.weight_scope
            own = {
                key: self.weights[f"{node.weight_scope}/{key}"] for key in node.weights if key in self._kept(node.weight_scope)
            }
            given: list[AnyValue] = [self._as_read(node.op, values[port]) for port in node.inputs]
            if node.op.length_rule(node.input_types) == "masks":
                given[0] = self.g.masked(given[0])
            result = node.op.onnx(self.g, given, own)
            assert isinstance(result, EmittedValue)
            values[Port(node.name)] = EmittedValue(result.value, node.output, result.layout, result.numpy_dtype)
        outputs, plans = self._outputs(values)
        return Lowered(self._model(name, outputs), values, plans, self.g.raised, self.described)

    def _as_read(self, layer: Layer, value: EmittedValue) -> EmittedValue:
        """A value in an order that a layer's ONNX form is written for: what recurrent operators give is not for all."""
        return value if layer.time_major or layer.elementwise else self._batch_first(value)

    def _batch_first(self, value: EmittedValue) -> EmittedValue:
        return self.g.channels_last(value) if value.layout == "time_major" else value

    def _kept(self, scope: str) -> set[str]:
        prefix = scope + "/"
        return {name.removeprefix(prefix) for name in self.weights if name.startswith(prefix)}

    def _batch(self) -> str | int:
        return "batch" if free_batch(self.section) else 1

    def _add_input(
        self, name: str, type: TensorType, shape: list[Any], dtype: ir.DataType, layout: Any = "channels_last"
    ) -> EmittedValue:
        value = self.g.input(name, type, [self._batch(), *shape], dtype, layout)
        self.inputs.append(value)
        return value

    def _input(self, name: str, type: TensorType) -> EmittedValue:
        pipe = self.preprocess.inputs.get(name) if self.preprocess and self.section.inputs == "raw" else None
        self.g.scope = name
        if pipe is None or pipe.on_host:
            self._lengths_input(name, type)
            return self._tensor_input(name, type, DTYPES[type.dtype], {"columns": None})
        if pipe.is_sequence:
            return self._sequence(name, type, pipe)
        if pipe.is_array:
            return self._arrays(name, type, pipe)
        joined = self._matrix(name, type, pipe) if pipe.raw_is_matrix else self._columns(name, type, pipe)
        wide = self._steps(pipe.steps, joined)
        single = self.g.op("Cast", [wide], to=6 if type.dtype is DType.int32 else 1)  # TensorProto.INT32, FLOAT
        shape = self.g.shape_of(type.shape)
        return single if type.rank == 1 else self.g.op("Reshape", [single, shape])

    def _arrays(self, name: str, type: TensorType, pipe: InputPipe) -> EmittedValue:
        """Array columns, such as images or windows of a series: one raw input each, under the column's name if several."""
        parts: list[AnyValue] = []
        plain = not any(column.steps for column in pipe.columns) and not pipe.steps
        for column in pipe.columns:
            own = type if len(pipe.columns) == 1 else TensorType((*type.shape[:-1], 1), type.dtype)
            lag = sum(step.transform.lag for step in column.steps)
            raw_type = TensorType((own.shape[0] + lag, *own.shape[1:]), own.dtype)
            dtype = DTYPES[DType.int32] if plain and type.dtype is DType.int32 else self._raw_dtype(column.name)
            raw_name = name if len(pipe.columns) == 1 else column.name
            raw = self._tensor_input(raw_name, raw_type, dtype, {"columns": [column.name], "input": name})
            self.raw[column.name] = raw
            x = raw if raw.numpy_dtype in (np.float32, np.int32) else self.g.op("Cast", [raw], to=1)
            parts.append(self._steps(column.steps, x))
        joined = parts[0] if len(parts) == 1 else self.g.op("Concat", parts, axis=-1)
        done = self._steps(pipe.steps, joined)  # type: ignore[arg-type]
        return done if plain else self._typed(done, type)

    def _raw_dtype(self, column: str) -> ir.DataType:
        return DTYPES[self.raw_dtypes.get(column, DType.float32)]

    def _sequence(self, name: str, type: TensorType, pipe: InputPipe) -> EmittedValue:
        """One column of sequences: texts as strings [batch], or numbers [batch, steps, ...] with their lengths."""
        (column,) = pipe.columns
        about = {"columns": [column.name], "input": name}
        steps = (*column.steps, *pipe.steps)
        self.described[name] = about
        if column.is_text:
            x: EmittedValue = self._add_input(name, TensorType(()), [], ir.DataType.STRING)
            lengths: AnyValue | None = None
        else:
            inner = () if steps and steps[0].transform.flattens else tuple(axis_name(dim) for dim in type.shape[1:])
            x = self._add_input(name, TensorType(type.shape), [f"{name}_steps", *inner], ir.DataType.FLOAT)
            lengths = self._add_input(f"{name}_lengths", TensorType(()), [], ir.DataType.INT64)
            self.described[f"{name}_lengths"] = {"columns": [column.name], "input": name, "lengths": pipe.ragged}
        for step in steps:
            if step.transform.flattens and lengths is not None:
                x = self.g.silent(x, lengths)
            x = step.transform.onnx(self.g, step.state, x)  # type: ignore[assignment]
            lengths = step.transform.onnx_lengths(self.g, step.state, self.g.counted if lengths is None else lengths)  # type: ignore[arg-type]
        if pipe.ragged is not None:
            self.g.lengths[pipe.ragged] = lengths  # type: ignore[assignment]
        x = x if type.dtype is not DType.int32 else self.g.op("Cast", [x], to=6)  # 6 is TensorProto.INT32
        return EmittedValue(x.value, type, "channels_last", x.numpy_dtype)

    def _typed(self, x: EmittedValue, type: TensorType) -> EmittedValue:
        """A float as what the network reads."""
        return self.g.op("Cast", [x], to=6) if type.dtype is DType.int32 else x  # 6 is TensorProto.INT32

    def _lengths_input(self, name: str, type: TensorType) -> None:
        """Where examples have lengths of their own, they come in as `<input>_lengths`, int64 [batch]."""
        for dim in type.shape[:1]:
            for ragged in sorted(names_in(dim) & self.graph.ragged - self.g.lengths.keys()):
                lengths = self._add_input(f"{name}_lengths", TensorType(()), [], ir.DataType.INT64)
                self.described[f"{name}_lengths"] = {"columns": None, "input": name, "lengths": ragged}
                self.g.lengths[ragged] = lengths

    def _tensor_input(self, name: str, type: TensorType, dtype: ir.DataType, about: dict[str, Any]) -> EmittedValue:
        shape = [axis_name(dim) for dim in type.shape]
        first = self.section.layout == "channels_first" and type.rank > 1
        if first:
            shape = [shape[-1], *shape[:-1]]
        self.described[name] = {"input": name, **about, "layout": "channels_first" if first else "channels_last"}
        return self._add_input(name, type, shape, dtype, "channels_first" if first else "channels_last")

    def _matrix(self, name: str, type: TensorType, pipe: InputPipe) -> EmittedValue:
        """Numbers alone: one raw tensor [batch, columns] of float32, NaN where a value is missing."""
        raw = self._add_input(name, type, [len(pipe.columns)], ir.DataType.FLOAT)
        self.described[name] = {"columns": [column.name for column in pipe.columns], "input": name}
        wide = self.g.op("Cast", [raw], to=11)  # 11 is TensorProto.DOUBLE
        if all(not column.steps for column in pipe.columns):
            return wide
        if len(pipe.columns) == 1:
            y = self._steps(pipe.columns[0].steps, wide)
            return self.g.op("Flatten", [y], axis=1) if _widens(pipe.columns[0]) else y
        if _alike(pipe.columns):
            return self._vectorised(wide, pipe.columns)
        parts: list[AnyValue] = []
        for index, column in enumerate(pipe.columns):
            picked = self.g.op("Gather", [wide, self.g.integers([index])], axis=1)
            y = self._steps(column.steps, picked)
            parts.append(self.g.op("Flatten", [y], axis=1) if _widens(column) else y)
        return self.g.op("Concat", parts, axis=1)

    def _columns(self, name: str, type: TensorType, pipe: InputPipe) -> EmittedValue:
        """Mixed columns: one raw input [batch, 1] a column, texts as strings."""
        parts: list[AnyValue] = []
        for column in pipe.columns:
            dtype = ir.DataType.STRING if column.is_text else ir.DataType.FLOAT
            self.g.scope = column.name
            raw = self._raw_column(column, name, dtype)
            x = raw if column.is_text else self.g.op("Cast", [raw], to=11)
            y = self._steps(column.steps, x)
            parts.append(self.g.op("Flatten", [y], axis=1) if _widens(column) else y)
        self.g.scope = name
        return parts[0] if len(parts) == 1 else self.g.op("Concat", parts, axis=1, type=type)  # type: ignore[return-value]

    def _raw_column(self, column: ColumnPipe, input: str, dtype: ir.DataType) -> EmittedValue:
        """A column's raw input [batch, 1]; one that several inputs read is one input of the graph."""
        if column.name in self.columns:
            return self.columns[column.name]
        name = column.name
        while name in self.graph.outputs or name in self.described or name in self.graph.inputs:
            name += "_column"
        self.described[name] = {"columns": [column.name], "input": input}
        self.columns[column.name] = self._add_input(name, TensorType((1,)), [1], dtype)
        return self.columns[column.name]

    def _vectorised(self, wide: EmittedValue, columns: tuple[ColumnPipe, ...]) -> EmittedValue:
        """The same steps for every column are one step on the whole matrix."""
        x: EmittedValue = wide
        for index, step in enumerate(columns[0].steps):
            states = [column.steps[index].state for column in columns]
            state = {key: [one[key] for one in states] for key in states[0]}
            x = step.transform.onnx(self.g, state, x)  # type: ignore[assignment]
        return x

    def _steps(self, steps: tuple[Fitted, ...], x: EmittedValue) -> EmittedValue:
        for step in steps:
            x = step.transform.onnx(self.g, step.state, x)  # type: ignore[assignment]
        return x

    def _outputs(self, values: Mapping[Port, EmittedValue]) -> tuple[list[ir.Value], dict[str, OutputPlan]]:
        outputs, plans = [], {}
        for name, port in self.graph.outputs.items():
            plan = self.plans.get(name, OutputPlan())
            self.g.scope = name
            type = self.graph.type_of(port)
            value, plan = self._finished(values[port], plan, type)
            axes = type.rank - (plan.kind == "labels" and plan.link == "softmax")
            first = self.section.layout == "channels_first" and type.rank > 1 and axes == type.rank
            value = self.g.channels_first(value) if first else self.g.channels_last(value)
            plans[name] = replace(plan, layout="channels_first" if first else "channels_last")
            outputs.append(self._named(name, value, plans[name], type))
        return outputs, plans

    def _undone(self, value: EmittedValue, plan: OutputPlan, type: TensorType) -> EmittedValue:
        """Numbers back in original units; forecasts go on from the last raw steps that were read."""
        if plan.context is None or plan.context not in self.raw:
            for step in reversed(plan.inverse):
                value = step.transform.onnx_inverse(self.g, step.state, value)  # type: ignore[assignment]
            return value
        raw = self.raw[plan.context]
        lag = sum(step.transform.lag for step in plan.inverse)
        last = [self.g.integers([-lag]), self.g.integers([2**31 - 1]), self.g.integers([1])]
        stages: list[AnyValue] = [self.g.op("Slice", [raw, *last]) if lag else raw]
        for step in plan.inverse:
            stages.append(step.transform.onnx(self.g, step.state, stages[-1]))
        horizon = static_elements(type)
        x: AnyValue = self.g.op("Reshape", [value, self.g.integers([0, horizon, 1])])
        for step, before in zip(reversed(plan.inverse), reversed(stages[:-1]), strict=True):
            own = step.transform.lag
            tail = before
            if own and own != lag:
                tail = self.g.op("Slice", [before, self.g.integers([-own]), self.g.integers([2**31 - 1]), self.g.integers([1])])
            x = step.transform.onnx_undo(self.g, step.state, x, tail, horizon)
        done = self.g.op("Reshape", [x, self.g.shape_of(type.shape)], layout="channels_last")
        return EmittedValue(done.value, type, "channels_last", done.numpy_dtype)

    def _finished(self, value: EmittedValue, plan: OutputPlan, type: TensorType) -> tuple[EmittedValue, OutputPlan]:
        """An output in the form that `export.outputs` asks for."""
        value = self._undone(value, plan, type)
        wanted = self.section.outputs
        if wanted == "as_spec" or plan.kind == "numbers" or (plan.kind == "scores" and self._stays_a_score(plan)):
            return value, plan
        value = self.g.channels_last(value)
        if plan.kind == "log_probabilities":
            value = self.g.op("Exp", [value])
        elif plan.kind == "logits":
            value = self.g.op("Softmax", [value], axis=-1) if plan.link == "softmax" else self.g.op("Sigmoid", [value])
        if wanted == "probabilities":
            if plan.kind == "margins":
                raise no_chances()
            return value, OutputPlan("probabilities", plan.link, plan.classes)
        return self._labels(value, plan), OutputPlan("labels", plan.link, plan.classes)

    def _stays_a_score(self, plan: OutputPlan) -> bool:
        """A score is no probability, and without a threshold nothing says where it turns."""
        return self.section.outputs == "probabilities" or plan.threshold is None

    def _labels(self, value: EmittedValue, plan: OutputPlan) -> EmittedValue:
        """Class names as strings; positions where the classes have no names."""
        if plan.link == "softmax":
            ids = self.g.op("ArgMax", [value], axis=-1, keepdims=0)
        else:
            ids = self.g.op(
                "Cast", [self.g.op("GreaterOrEqual", [value, self.g.constant(plan.cut)])], to=7
            )  # TensorProto.INT64
        if plan.classes is None:
            return ids
        return self.g.op(
            "LabelEncoder",
            [ids],
            domain="ai.onnx.ml",
            keys_int64s=list(range(len(plan.classes))),
            values_strings=list(plan.classes),
            default_string="",
        )

    def _named(self, name: str, value: EmittedValue, plan: OutputPlan, type: TensorType) -> ir.Value:
        """The graph output under its name: the producing node's output is renamed, or passed through Identity."""
        taken = value.value.producer() is None
        if taken or value.value.name in self.original.outputs:
            value = self.g.op("Identity", [value])
        value.value.name = name
        shape = [self._batch(), *(axis_name(dim) for dim in type.shape)]
        if plan.kind == "labels" and plan.link == "softmax":
            shape = shape[:-1]
        elif plan.layout == "channels_first":
            shape = [shape[0], shape[-1], *shape[1:-1]]
        dtype = {object: ir.DataType.STRING, np.int64: ir.DataType.INT64}.get(value.numpy_dtype, DTYPES[type.dtype])
        value.value.shape = ir.Shape(shape)
        value.value.type = ir.TensorType(dtype)
        return value.value

    def _model(self, name: str, outputs: list[ir.Value]) -> ir.Model:
        used = {value.name for node in self.g.nodes for value in node.inputs if value is not None}
        graph = ir.Graph(
            [value.value for value in self.inputs],
            outputs,
            nodes=_reaching(self.g.nodes, outputs),
            initializers=[value for key, value in self.g.initializers.items() if key in used],
            opset_imports=self.g.domains,
            name=name,
        )
        return ir.Model(graph, ir_version=opsets.ir_version(self.g.opset), producer_name="netspec")


def static_elements(type: TensorType) -> int:
    """Elements of an output whose shape is known."""
    elements = type.elements
    assert isinstance(elements, int), "a forecast has a known number of steps"
    return elements


def free_batch(section: ExportSection) -> bool:
    """Whether the file takes any number of rows, or one at a time."""
    return section.dynamic is None or "batch" in section.dynamic


def check_dynamic(section: ExportSection, graph: Graph) -> None:
    """Raises Problem where `dynamic` names what is no free axis, or leaves one out that no length was given."""
    if section.dynamic is None:
        return
    for name in section.dynamic:
        problem = no_free_axis(name, graph)
        if problem is not None:
            raise problem
    for name in sorted(graph.names - set(section.dynamic)):
        help = f"train with `--dim {name}=N`, or add `{name}` to `dynamic`"
        raise Problem("NS602", f"`dynamic` leaves out `{name}`, which has no length", help=help, field="dynamic")


def _reaching(nodes: list[ir.Node], outputs: list[ir.Value]) -> list[ir.Node]:
    """The nodes that some output needs, in order."""
    needed = set(outputs)
    kept = []
    for node in reversed(nodes):
        if needed.intersection(node.outputs):
            kept.append(node)
            needed.update(value for value in node.inputs if value is not None)
    return kept[::-1]


def _widens(column: ColumnPipe) -> bool:
    """Whether the column becomes several features."""
    return any(step.transform.width(step.state) is not None for step in column.steps)


def _alike(columns: tuple[ColumnPipe, ...]) -> bool:
    """Whether all columns have the same steps, of kinds that work on a matrix as on a column."""
    first = [(type(step.transform), sorted(step.state)) for step in columns[0].steps]
    plain = all(step.transform.width(step.state) is None for column in columns for step in column.steps)
    return plain and all([(type(s.transform), sorted(s.state)) for s in c.steps] == first for c in columns)
