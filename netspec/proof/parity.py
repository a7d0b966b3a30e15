"""Parity: ONNX Runtime against Flax on real rows. Every export goes through here; no flag turns it off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import numpy as np
import onnx_ir as ir

from netspec.exporter.lower import Lowered
from netspec.exporter.session import feeds, session
from netspec.proof.questions import longer, questions
from netspec.proof.reference import FLOOR, TIMES, Reference, Subject, along

Array = np.ndarray[Any, Any]


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


def prove(subject: Subject, lowered: Lowered, content: bytes, raw: Mapping[str, Array], sizes: Sequence[int]) -> Parity:
    """Compare the file's bytes with Flax on raw rows, at each batch size and at two lengths of each free axis."""
    runtime = session(content)
    variants = [raw, *([steps] if (steps := longer(subject, raw)) else [])]
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
    """Every output of every question."""
    names = [value.name for value in runtime.get_outputs()]
    found: dict[str, list[OutputParity]] = {name: [] for name in names}
    for asked in questions(subject, lowered, runtime, raw, sizes):
        for name, answer in zip(names, runtime.run(None, asked.fed), strict=True):
            due = asked.due[name]
            counting = subject.counting(asked.raw, name, due.value.shape)
            found[name].append(_compare(lowered.outputs[name].channels_last(np.asarray(answer)), due, counting))
    return found


def _shapes(raw: Mapping[str, Array]) -> dict[str, list[int]]:
    """The shapes of the raw arrays that were compared, without the batch axis."""
    return {name: [int(size) for size in array.shape[1:]] for name, array in raw.items() if array.ndim > 1}


def _compare(answer: Array, reference: Reference, counting: Array | None = None) -> OutputParity:
    expected, rows = reference.value, len(reference.value)
    left_out = int((~reference.comparable.reshape(rows, -1)).any(axis=1).sum())
    if answer.shape != expected.shape:
        return OutputParity(float("inf"), float("inf"), reference.tolerance, 0, left_out)
    kept = np.broadcast_to(along(reference.comparable, expected.ndim), expected.shape)
    if counting is not None:
        kept = kept & along(counting, expected.ndim)
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
        allowed = TIMES * lost + FLOOR * max(float(np.abs(double[port]).max(initial=1.0)), 1.0)
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
