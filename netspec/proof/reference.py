"""What an output of an exported file ought to be, and by how much it may differ.

The tolerance comes from the model: the same network in float64 says how much float32 loses, and the exported graph may lose
a few times that. What stands on the edge of a step (a threshold, two classes that tie) is left out of what follows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from netspec.compiler.exact import exactly
from netspec.compiler.network import Functional
from netspec.components.transforms.fitted import undo
from netspec.components.transforms.pipeline import Preprocess
from netspec.data.scores import Rows, probabilities
from netspec.exporter.lower import Lowered
from netspec.graph.ir import Graph, Port
from netspec.graph.outputs import OutputPlan

Array = np.ndarray[Any, Any]
FLOOR = 2e-6
"""What any float32 graph may lose, as a share of its largest value."""
TIMES = 10.0
"""How many times as much as float32 loses in Flax the file may lose."""


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
    steady = steady_rows(subject.graph, single, double)
    found = {}
    for name, port in subject.graph.outputs.items():
        before, after = subject.plans[name], lowered.outputs[name]
        value, wide = (finished(values[port], before, after.kind, raw) for values in (single, double))
        if after.kind == "labels":
            sure = _sure(single[port], before)
            found[name] = Reference(_texts(value, after), 0.0, sure & along(steady, sure.ndim))
            continue
        lost = float(np.abs(value[steady] - wide[steady]).max(initial=0.0))
        scale = float(np.abs(wide[steady]).max(initial=1.0))
        found[name] = Reference(value, TIMES * lost + FLOOR * max(scale, 1.0), steady)
    return found


def steady_rows(graph: Graph, single: Mapping[Port, Array], double: Mapping[Port, Array]) -> Array:
    """Rows in which no step (a threshold) is so near that float32 could fall on the other side."""
    rows = len(next(iter(single.values())))
    steady = np.ones(rows, bool)
    for node in graph.nodes:
        if node.op.discontinuous:
            before = node.inputs[0]
            margin = np.abs(double[before] - getattr(node.op, "threshold", 0.0)).reshape(rows, -1).min(axis=1)
            lost = np.abs(single[before] - double[before]).max(initial=0.0)
            steady &= margin > TIMES * lost + FLOOR
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


def along(rows: Array, axes: int) -> Array:
    """What is known of rows [rows] as [rows, 1, ...], to be joined with as many axes."""
    return rows.reshape(rows.shape + (1,) * (axes - rows.ndim))


def _texts(ids: Array, plan: OutputPlan) -> Array:
    return ids if plan.classes is None else np.asarray(plan.classes, dtype=object)[ids]
