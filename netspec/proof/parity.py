"""Parity: ONNX Runtime against Flax on real rows. Every export goes through here; no flag turns it off.

The tolerance comes from the model: the same network in float64 says how much float32 loses, and the
exported graph may lose a few times that. Rows on the edge of a step (a threshold, two classes that
tie) are left out of what follows the step and counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnx_ir as ir

from netspec.compiler.exact import exactly
from netspec.compiler.network import Functional
from netspec.components.transforms.fitted import is_sequences, undo
from netspec.components.transforms.pipeline import Preprocess
from netspec.data.scores import Rows, probabilities
from netspec.exporter.lower import Lowered
from netspec.exporter.session import feeds, session
from netspec.graph.ir import Graph, Port
from netspec.graph.outputs import OutputPlan
from netspec.tensor import bind, names_in

Array = np.ndarray[Any, Any]
_FLOOR = 2e-6
_TIMES = 10.0
_STEPS_LONGER = 8
_ALONE = 8
"""Rows of unequal lengths that are asked one by one."""
_FILLING = 7
"""What else than zeros may stand behind the end of a sequence; of ids it is 1."""


@dataclass(frozen=True)
class OutputParity:
    """How far one output of the file is from Flax."""

    max_abs: float
    max_rel: float
    tolerance: float
    compared: int
    left_out: int

    @property
    def holds(self) -> bool:
        """Whether the two agree."""
        return self.max_abs <= self.tolerance and self.compared > 0

    def json(self) -> dict[str, Any]:
        """Plain data."""
        return {**vars(self), "holds": self.holds}


@dataclass(frozen=True)
class Parity:
    """The whole comparison; `diverges_at` is the first layer that differs."""

    outputs: Mapping[str, OutputParity]
    sizes: Sequence[int]
    rows: int
    diverges_at: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    shapes: tuple[Mapping[str, Sequence[int]], ...] = ()

    @property
    def holds(self) -> bool:
        """Whether every output agrees."""
        return all(output.holds for output in self.outputs.values())

    def json(self) -> dict[str, Any]:
        """What stands in `model.parity.json`."""
        return {
            "holds": self.holds,
            "outputs": {name: output.json() for name, output in self.outputs.items()},
            "batch_sizes": list(self.sizes),
            "shapes": [dict(shapes) for shapes in self.shapes],
            "rows": self.rows,
            "diverges_at": self.diverges_at,
            "versions": dict(self.versions),
        }


@dataclass(frozen=True)
class Subject:
    """What is compared: a graph with its weights, and the file's preprocessing and output plans."""

    graph: Graph
    weights: Mapping[str, Array]
    preprocess: Preprocess
    plans: Mapping[str, OutputPlan]

    def values(self, raw: Mapping[str, Array], dtype: Any) -> dict[Port, Array]:
        """Every port's value at inference for raw columns, computed in `dtype`."""
        inputs, lengths = self.preprocess.prepare(raw)
        network = Functional(self.graph)
        weights = {name: jnp.asarray(array, dtype) for name, array in self.weights.items()}
        given = tuple(jnp.asarray(x, dtype if x.dtype.kind == "f" else x.dtype) for x in inputs.values())
        counts = {dim: jnp.asarray(each) for dim, each in lengths.items()}
        values, _ = exactly(network.values)(weights, given, lengths=counts)
        return {port: np.asarray(value) for port, value in values.items()}

    def counting(self, raw: Mapping[str, Array], output: str, shape: tuple[int, ...]) -> Array | None:
        """Which steps of an output count; what stands past a sequence's end means nothing."""
        _, lengths = self.preprocess.prepare(raw)
        return Rows(raw, lengths).counting(self.graph.output_types[output], shape)


def prove(subject: Subject, lowered: Lowered, content: bytes, raw: Mapping[str, Array], sizes: Sequence[int]) -> Parity:
    """Compare the file's bytes with Flax on raw rows, at each batch size and at two lengths of each free axis."""
    runtime = session(content)
    variants = [raw, *([longer] if (longer := _longer(subject, raw)) else [])]
    compared = [_compared(subject, lowered, runtime, rows, sizes) for rows in variants]
    outputs = {name: _worst([each for found in compared for each in found[name]]) for name in compared[0]}
    rows = len(next(iter(raw.values())))
    parity = Parity(outputs, [min(size, rows) for size in sizes], rows, shapes=tuple(_shapes(each) for each in variants))
    if parity.holds:
        return parity
    failing = next(
        rows for rows, found in zip(variants, compared, strict=True) if not all(_worst(each).holds for each in found.values())
    )
    return replace(parity, diverges_at=first_divergence(subject, lowered, failing))


def _compared(
    subject: Subject, lowered: Lowered, runtime: Any, raw: Mapping[str, Array], sizes: Sequence[int]
) -> dict[str, list[OutputParity]]:
    """Every output at every batch size."""
    names = [value.name for value in runtime.get_outputs()]
    found: dict[str, list[OutputParity]] = {name: [] for name in names}
    whole = reference_outputs(subject, lowered, raw) if not subject.graph.ragged else None
    for size in sizes:
        part = {name: column[:size] for name, column in raw.items()}
        reference = whole or reference_outputs(subject, lowered, part)  # a smaller batch is filled up to less
        answers = runtime.run(None, feeds(runtime, lowered.inputs, subject.preprocess, part))
        for name, answer in zip(names, answers, strict=True):
            expected = reference[name].first(size)
            counting = subject.counting(part, name, expected.value.shape)
            found[name].append(_compare(lowered.outputs[name].channels_last(np.asarray(answer)), expected, counting))
    if subject.graph.ragged:
        for name, more in _of_lengths(subject, lowered, runtime, raw, max(sizes)).items():
            found[name] += more
    return found


def _of_lengths(
    subject: Subject, lowered: Lowered, runtime: Any, raw: Mapping[str, Array], size: int
) -> dict[str, list[OutputParity]]:
    """Rows of unequal lengths answer alone as they do among others, whatever stands behind their ends."""
    raw = {name: column[:size] for name, column in raw.items()}
    whole = reference_outputs(subject, lowered, raw)
    found: dict[str, list[OutputParity]] = {value.name: [] for value in runtime.get_outputs()}
    refilled = _refilled(subject, lowered, raw, feeds(runtime, lowered.inputs, subject.preprocess, raw))
    asked = [(raw, whole, refilled)] if refilled else []
    for row in range(min(_ALONE, len(next(iter(raw.values())))) if size > 1 else 0):
        one = {name: column[row : row + 1] for name, column in raw.items()}
        alone = {name: each.row(row) for name, each in whole.items()}
        asked.append((one, alone, feeds(runtime, lowered.inputs, subject.preprocess, one)))
    for rows, references, fed in asked:
        for name, answer in zip(found, runtime.run(None, fed), strict=True):
            moved = lowered.outputs[name].channels_last(np.asarray(answer))
            expected = references[name].cut(_steps_due(subject, rows, name))
            counting = subject.counting(rows, name, expected.value.shape)
            found[name].append(_compare(moved, expected, counting))
    return found


def _steps_due(subject: Subject, raw: Mapping[str, Array], output: str) -> int | None:
    """How many steps an output of some rows has, those that fill up among them; None where it has none of any number."""
    type = subject.graph.output_types[output]
    if type.rank < 2 or not names_in(type.shape[0]):
        return None
    inputs, _ = subject.preprocess.prepare(raw)
    ragged = {name: pipe.ragged for name, pipe in subject.preprocess.inputs.items()}
    due = bind(type.shape[0], {dim: inputs[name].shape[1] for name, dim in ragged.items() if dim is not None})
    return due if isinstance(due, int) else None


def _refilled(
    subject: Subject, lowered: Lowered, raw: Mapping[str, Array], fed: Mapping[str, Array]
) -> dict[str, Array] | None:
    """The same feeds with something else behind each sequence's end; None where nothing stands there."""
    _, lengths = subject.preprocess.prepare(raw)
    found, changed = dict(fed), False
    for name, array in fed.items():
        about = lowered.inputs[name]
        pipe = subject.preprocess.inputs[about["input"]]
        counts = lengths.get(pipe.ragged or "")
        if about["columns"] is not None:
            column = raw[about["columns"][0]]
            counts = np.asarray([len(each) for each in column]) if is_sequences(column) else None
        if "lengths" in about or counts is None or array.ndim < 2:
            continue
        first = about.get("layout") == "channels_first" and array.ndim > 2
        moved = np.moveaxis(array.copy(), 1, -1) if first else array.copy()
        behind = np.arange(moved.shape[1])[None, :] >= counts[:, None]
        moved[behind] = 1 if moved.dtype.kind in "iu" else _FILLING
        changed |= bool(behind.any())
        found[name] = np.ascontiguousarray(np.moveaxis(moved, -1, 1) if first else moved)
    return found if changed else None


def _shapes(raw: Mapping[str, Array]) -> dict[str, list[int]]:
    """The shapes of the raw arrays that were compared, without the batch axis."""
    return {name: [int(size) for size in array.shape[1:]] for name, array in raw.items() if array.ndim > 1}


def _longer(subject: Subject, raw: Mapping[str, Array]) -> dict[str, Array] | None:
    """The same rows with every free axis a few steps longer; None where no axis is free."""
    found, changed = dict(raw), False
    for pipe in subject.preprocess.inputs.values():
        if not pipe.is_array or all(isinstance(size, int) for size in pipe.type.shape):
            continue
        name = pipe.columns[0].name
        extra = [(0, 0 if isinstance(size, int) else _STEPS_LONGER) for size in pipe.type.shape]
        found[name] = np.pad(raw[name], [(0, 0), *extra], mode="wrap")
        changed = True
    return found if changed else None


@dataclass(frozen=True)
class Reference:
    """What an output ought to be, how much it may differ, and which rows [rows] or elements [rows, ...] can be compared."""

    value: Array
    tolerance: float
    comparable: Array

    def first(self, rows: int) -> Reference:
        """Only the first rows: at inference each row is answered by itself."""
        return Reference(self.value[:rows], self.tolerance, self.comparable[:rows])

    def row(self, row: int) -> Reference:
        """One row by itself."""
        return Reference(self.value[row : row + 1], self.tolerance, self.comparable[row : row + 1])

    def cut(self, steps: int | None) -> Reference:
        """Only so many steps; all where None."""
        if steps is None:
            return self
        comparable = self.comparable[:, :steps] if self.comparable.ndim > 1 else self.comparable
        return Reference(self.value[:, :steps], self.tolerance, comparable)


def reference_outputs(subject: Subject, lowered: Lowered, raw: Mapping[str, Array]) -> dict[str, Reference]:
    """Flax' outputs in the file's form, with a tolerance that float64 gives."""
    single = subject.values(raw, np.float32)
    with jax.enable_x64(True):
        double = subject.values(raw, np.float64)
    steady = _steady_rows(subject.graph, single, double)
    found = {}
    for name, port in subject.graph.outputs.items():
        before, after = subject.plans[name], lowered.outputs[name]
        value, wide = (finished(values[port], before, after.kind, raw) for values in (single, double))
        if after.kind == "labels":
            sure = _sure(single[port], before)
            found[name] = Reference(_texts(value, after), 0.0, sure & _along(steady, sure.ndim))
            continue
        lost = float(np.abs(value[steady] - wide[steady]).max(initial=0.0))
        scale = float(np.abs(wide[steady]).max(initial=1.0))
        found[name] = Reference(value, _TIMES * lost + _FLOOR * max(scale, 1.0), steady)
    return found


def _steady_rows(graph: Graph, single: Mapping[Port, Array], double: Mapping[Port, Array]) -> Array:
    """Rows in which no step (a threshold) is so near that float32 could fall on the other side."""
    rows = len(next(iter(single.values())))
    steady = np.ones(rows, bool)
    for node in graph.nodes:
        if node.op.discontinuous:
            before = node.inputs[0]
            margin = np.abs(double[before] - getattr(node.op, "threshold", 0.0)).reshape(rows, -1).min(axis=1)
            lost = np.abs(single[before] - double[before]).max(initial=0.0)
            steady &= margin > _TIMES * lost + _FLOOR
    return steady


def finished(value: Array, plan: OutputPlan, kind: str, raw: Mapping[str, Array]) -> Array:
    """A network output in the form `kind` that the file gives."""
    value = undo(plan.inverse, value, None if plan.context is None else raw[plan.context])
    if kind == plan.kind:
        return value
    chances = np.exp(value) if plan.kind == "log_probabilities" else value
    if plan.kind == "logits":
        chances = probabilities(value, plan.link)
    if kind != "labels":
        return chances
    return chances.argmax(-1) if plan.link == "softmax" else (chances >= plan.cut).astype(np.int64)


def _sure(logits: Array, plan: OutputPlan) -> Array:
    """Labels whose class leads by more than rounding, in the labels' own shape."""
    wide = logits.astype(np.float64)
    if plan.kind == "scores":
        return np.abs(wide - plan.cut) > 1e-4 * np.abs(plan.cut)
    if plan.link == "sigmoid":
        return np.abs(wide - (0.5 if plan.kind == "probabilities" else 0.0)) > 1e-4
    ordered = np.sort(wide, axis=-1)
    return ordered[..., -1] - ordered[..., -2] > 1e-4


def _along(rows: Array, axes: int) -> Array:
    """What is known of rows [rows] as [rows, 1, ...], to be joined with as many axes."""
    return rows.reshape(rows.shape + (1,) * (axes - rows.ndim))


def _texts(ids: Array, plan: OutputPlan) -> Array:
    return ids if plan.classes is None else np.asarray(plan.classes, dtype=object)[ids]


def _compare(answer: Array, reference: Reference, counting: Array | None = None) -> OutputParity:
    expected, rows = reference.value, len(reference.value)
    left_out = int((~reference.comparable.reshape(rows, -1)).any(axis=1).sum())
    if answer.shape != expected.shape:
        return OutputParity(float("inf"), float("inf"), reference.tolerance, 0, left_out)
    kept = np.broadcast_to(_along(reference.comparable, expected.ndim), expected.shape)
    if counting is not None:
        kept = kept & _along(counting, expected.ndim)
    compared = int(kept.reshape(rows, -1).any(axis=1).sum())
    a, b = answer[kept], expected[kept]
    if answer.dtype == object or expected.dtype == object:
        wrong = float((a.astype(str) != b.astype(str)).sum())
        return OutputParity(wrong, wrong, 0.0, compared, left_out)
    difference = np.abs(a.astype(np.float64) - b.astype(np.float64))
    if not np.isfinite(difference).all():
        return OutputParity(float("inf"), float("inf"), reference.tolerance, compared, left_out)
    relative = difference / np.maximum(np.abs(b), 1e-12)
    return OutputParity(
        float(difference.max(initial=0.0)),
        float(relative[np.abs(b) > 1e-3].max(initial=0.0)),
        reference.tolerance,
        compared,
        left_out,
    )


def _worst(each: Sequence[OutputParity]) -> OutputParity:
    """The comparison that comes nearest to failing, with all rows counted."""
    worst = max(each, key=lambda p: (not p.holds and p.compared > 0, p.max_abs / max(p.tolerance, 1e-30)))
    return OutputParity(
        worst.max_abs, worst.max_rel, worst.tolerance, sum(p.compared for p in each), sum(p.left_out for p in each)
    )


def first_divergence(subject: Subject, lowered: Lowered, raw: Mapping[str, Array]) -> str | None:
    """The first layer whose value differs, found by making every layer's value an output."""
    model = ir.from_proto(ir.to_proto(lowered.model))
    produced = {value.name: value for node in model.graph for value in node.outputs}
    shown = {port: v for port, v in lowered.values.items() if v.value.name in produced}
    for emitted in shown.values():
        value = produced[emitted.value.name]
        if value not in model.graph.outputs:
            model.graph.outputs.append(value)
    inferred = ir.to_proto(model)
    runtime = session(_with_types(inferred))
    answers = dict(
        zip(
            [v.name for v in runtime.get_outputs()],
            runtime.run(None, feeds(runtime, lowered.inputs, subject.preprocess, raw)),
            strict=True,
        )
    )
    single = subject.values(raw, np.float32)
    with jax.enable_x64(True):
        double = subject.values(raw, np.float64)
    for port, emitted in shown.items():
        answer = answers[emitted.value.name]
        if emitted.layout == "channels_first" and answer.ndim > 2:
            answer = np.moveaxis(answer, 1, -1)
        if emitted.layout == "time_major":
            answer = np.swapaxes(answer, 0, 1)
        lost = np.abs(single[port] - double[port]).max(initial=0.0)
        allowed = _TIMES * lost + _FLOOR * max(float(np.abs(double[port]).max(initial=1.0)), 1.0)
        if isinstance(emitted.layout, str) and answer.shape == single[port].shape and answer.dtype.kind == "f":
            if not np.abs(answer - single[port]).max(initial=0.0) <= allowed:
                return port.node
        elif (
            isinstance(emitted.layout, str)
            and answer.shape != single[port].shape
            and port not in subject.graph.outputs.values()
        ):
            return port.node
    return next(iter(subject.graph.outputs.values())).node


def _with_types(proto: Any) -> bytes:
    """Outputs that were inner values get their types from ONNX's inference."""
    import onnx

    inferred = onnx.shape_inference.infer_shapes(proto)
    types = {value.name: value for value in inferred.graph.value_info}
    for output in inferred.graph.output:
        if not output.type.WhichOneof("value") and output.name in types:
            output.CopyFrom(types[output.name])
    content: bytes = inferred.SerializeToString()
    return content
