"""Recurrent layers: Flax, ONNX Runtime, the reference evaluator and Keras' formulas are one and the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnx_ir as ir
import pytest
from onnx.reference import ReferenceEvaluator

from netspec.compiler.network import Functional
from netspec.exporter.session import session
from netspec.graph import Graph, build
from netspec.ops import cells, recurrence
from netspec.ops.activation import CURVES
from tests.support import close, flax_values, graph_of, lowered_of, onnx_outputs, spec_of, weights_of

KINDS = ("rnn", "gru", "lstm")
BATCHES, TIMES = (1, 3, 32), (1, 7, 100)


def network(*layers: Any, ragged: bool, features: int = 3) -> Graph:
    program, found = build(spec_of({"input": ["time", features], "model": {"layers": list(layers)}}))
    assert program is not None, found
    return program.with_ragged({"time"} if ragged else ()).main


def fed(graph: Graph, batch: int, steps: int, *, ragged: bool) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any] | None]:
    generator = np.random.default_rng(batch * 1000 + steps)
    x = generator.normal(size=(batch, steps, int(graph.inputs["input"].shape[1]))).astype(np.float32)
    return x, generator.integers(1, steps + 1, batch) if ragged else None


def expected(graph: Graph, weights: Any, x: Any, lengths: Any) -> np.ndarray[Any, Any]:
    given = None if lengths is None else {"time": jnp.asarray(lengths, jnp.int32)}
    values, _ = jax.jit(Functional(graph).values)(weights, (x,), lengths=given)
    (port,) = graph.outputs.values()
    return np.asarray(values[port])


def small(weights: dict[str, Any]) -> dict[str, Any]:
    """Weights of a trained network's size: float32 loses little over a hundred steps."""
    return {name: array * 0.4 for name, array in weights.items()}


@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
@pytest.mark.parametrize("sequences", [False, True], ids=["last", "sequence"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["uni", "bi"])
@pytest.mark.parametrize("kind", KINDS)
def test_onnx_runtime_is_flax(kind: str, bidirectional: bool, sequences: bool, ragged: bool) -> None:
    """Two layers, so that one stands behind another."""
    fields = {"units": 5, "bidirectional": bidirectional}
    layers = [{kind: {**fields, "return_sequences": True}}, {kind: {**fields, "return_sequences": sequences}}]
    graph = network(*layers, ragged=ragged)
    weights = small(weights_of(graph))
    models = {masking: ir.to_proto(lowered_of(graph, weights, masking=masking).model) for masking in ("native", "portable")}
    for batch in BATCHES:
        for steps in TIMES:
            x, lengths = fed(graph, batch, steps, ragged=ragged)
            given = {"input": x} | ({} if lengths is None else {"input_lengths": lengths})
            truth = expected(graph, weights, x, lengths)
            for model in models.values():
                (answer,) = session(model.SerializeToString()).run(None, given)
                close(answer, truth)
            if steps < 100 and batch < 32:
                (answer,) = ReferenceEvaluator(models["portable"]).run(None, given)
                close(np.asarray(answer), truth)


@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
@pytest.mark.parametrize(
    "fields",
    [
        {"go_backwards": True},
        {"go_backwards": True, "return_sequences": True},
        {"bidirectional": True, "merge_mode": "add", "return_sequences": True},
        {"bidirectional": True, "merge_mode": "average"},
        {"bidirectional": True, "merge_mode": "multiply", "return_sequences": True},
        {"use_bias": False},
        {"activation": "relu"},
        {"activation": "linear", "bidirectional": True},
        {"activation": "softsign"},
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", KINDS)
def test_every_field(kind: str, fields: dict[str, Any], ragged: bool) -> None:
    graph = network({kind: {"units": 4, **fields}}, ragged=ragged)
    weights = small(weights_of(graph))
    x, lengths = fed(graph, 3, 7, ragged=ragged)
    given = {"input": x} | ({} if lengths is None else {"input_lengths": lengths})
    truth = expected(graph, weights, x, lengths)
    for masking in ("native", "portable"):
        model = ir.to_proto(lowered_of(graph, weights, masking=masking).model)
        close(session(model.SerializeToString()).run(None, given)[0], truth)
    if "activation" not in fields:  # the reference evaluator knows the usual ones only
        close(np.asarray(ReferenceEvaluator(model).run(None, given)[0]), truth)


@pytest.mark.parametrize("fields", [{"recurrent_activation": "hard_sigmoid"}, {"reset_after": False}], ids=str)
def test_fields_of_the_gru(fields: dict[str, Any]) -> None:
    graph = network({"gru": {"units": 4, "return_sequences": True, **fields}}, ragged=True)
    weights = small(weights_of(graph))
    x, lengths = fed(graph, 3, 7, ragged=True)
    model = ir.to_proto(lowered_of(graph, weights).model)
    (answer,) = session(model.SerializeToString()).run(None, {"input": x, "input_lengths": lengths})
    close(answer, expected(graph, weights, x, lengths))


@pytest.mark.parametrize(
    "layers",
    [
        [{"embedding": 4}, "global_avg_pool", {"dense": 2}],
        [{"embedding": 4}, "global_max_pool"],
        [{"embedding": 4}, {"conv1d": {"filters": 3, "kernel_size": 3, "padding": "same"}}, "relu", "global_max_pool"],
        [{"embedding": 4}, {"conv1d": {"filters": 3, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}}, {"gru": 3}],
        [{"embedding": 4}, {"positional_embedding": 64}, {"multi_head_attention": 2}, "layer_norm", "global_avg_pool"],
        [{"embedding": 4}, {"multi_head_attention": {"heads": 2, "causal": True}}, {"lstm": 3}],
        [{"embedding": 4}, {"lstm": {"units": 3, "return_sequences": True}}, "layer_norm", {"dense": 2}],
        [{"embedding": 4}, {"residual": [{"gru": {"units": 4, "return_sequences": True}}]}, "global_avg_pool"],
        [{"embedding": 4}, {"parallel": {"paths": {"a": [{"gru": 2}], "b": ["global_max_pool"]}}}],
    ],
    ids=str,
)
def test_what_lies_past_a_length_changes_nothing(layers: list[Any]) -> None:
    """Padding of any content and amount gives the same answer, in Flax and in the file."""
    document = {"input": {"shape": ["time"], "vocabulary": 11}, "model": {"layers": layers}}
    program, found = build(spec_of(document))
    assert program is not None, found
    graph = program.with_ragged({"time"}).main
    weights = small(weights_of(graph))
    generator = np.random.default_rng(3)
    lengths = np.asarray([2, 7, 4])
    ids = generator.integers(1, 11, (3, 7)).astype(np.int32)
    padded = np.concatenate([ids, generator.integers(1, 11, (3, 5)).astype(np.int32)], axis=1)
    for row, length in enumerate(lengths):
        padded[row, length:] = generator.integers(1, 11, 12 - length)
    model = session(ir.to_proto(lowered_of(graph, weights).model).SerializeToString())
    first, second = expected(graph, weights, ids, lengths), expected(graph, weights, padded, lengths)
    for x, truth in ((ids, first), (padded, second)):
        (answer,) = model.run(None, {"input": x, "input_lengths": lengths})
        if truth.ndim == 2:
            close(answer, truth)
        else:
            for row, length in enumerate(lengths):
                close(answer[row, :length], truth[row, :length])
    if first.ndim == 2:
        close(second, first)
    else:
        for row, length in enumerate(lengths):
            close(second[row, :length], first[row, :length])


@pytest.mark.parametrize("kind", KINDS)
def test_a_stack_is_a_few_nodes(kind: str) -> None:
    """A Transpose, the operator and a Squeeze for each layer, and nothing in between."""
    fields = {"units": 4, "return_sequences": True}
    one = lowered_of(graph := network({kind: 4}, ragged=False), weights_of(graph)).model
    assert [node.op_type for node in one.graph] == ["Transpose", kind.upper(), "Squeeze"]
    two = lowered_of(graph := network({kind: fields}, {kind: fields}, {"dense": 2}, ragged=False), weights_of(graph)).model
    operators = [node.op_type for node in two.graph]
    assert operators == ["Transpose", kind.upper(), "Squeeze", kind.upper(), "Squeeze", "MatMul", "Add", "Transpose"]


def all_cells() -> list[Any]:
    tanh, sigmoid = CURVES["tanh"], CURVES["sigmoid"]
    found = [cells.Rnn(tanh), cells.Gru(tanh, sigmoid), cells.Lstm(tanh, sigmoid)]
    return found + [cells.Lstm(curve, CURVES["hard_sigmoid"]) for curve in CURVES.values()]


TRIED = [(cell, bool(i % 2), "cpu") for i, cell in enumerate(all_cells())] + [(cell, True, "gpu") for cell in all_cells()[:3]]


@pytest.mark.parametrize(
    ("cell", "reverse", "backend"),
    [pytest.param(*each, id=f"{type(each[0]).__name__}-{i}-{each[2]}") for i, each in enumerate(TRIED)],
)
def test_gradients_are_those_of_autodiff(cell: Any, reverse: bool, backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gathered weight gradient against plain reverse mode, with lengths, biases, states and dropout; as a GPU has it too,
    several steps a round and some left over."""
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    steps, batch, units = 13, 4, 3
    keys = jax.random.split(jax.random.key(0), 6)
    gates = cell.gates * units
    x = jax.random.normal(keys[0], (steps, batch, gates))
    kernel, bias = jax.random.normal(keys[1], (units, gates)), jax.random.normal(keys[2], (gates,))
    start = tuple(jax.random.normal(keys[3], (batch, units)) for _ in range(cell.carries))
    valid = jnp.arange(steps)[:, None] < jnp.asarray([13, 1, 3, 12])[None, :]
    keep = (jax.random.uniform(keys[4], (batch, units)) > 0.3) / 0.7

    def plain(x: Any, kernel: Any, bias: Any, start: Any) -> Any:
        def step(state: Any, each: Any) -> Any:
            after, _ = cell.forward(each[0], (state[0] * keep) @ kernel + bias, state)
            chosen = each[1][:, None]
            kept = tuple(jnp.where(chosen, a, b) for a, b in zip(after, state, strict=True))
            return kept, jnp.where(chosen, after[0], 0)

        last, ys = jax.lax.scan(step, start, (x, valid), reverse=reverse)
        return (jnp.sin(ys) * jnp.arange(1, units + 1)).sum() + sum((s**2).sum() for s in last)

    def ours(x: Any, kernel: Any, bias: Any, start: Any) -> Any:
        ys, last = recurrence.recur(recurrence.Run(cell, reverse), x, kernel, bias, start, valid, keep)
        return (jnp.sin(ys) * jnp.arange(1, units + 1)).sum() + sum((s**2).sum() for s in last)

    a, b = (jax.jit(jax.grad(f, argnums=(0, 1, 2, 3)))(x, kernel, bias, start) for f in (plain, ours))
    for left, right in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        np.testing.assert_allclose(left, right, atol=2e-5, rtol=2e-4)


def test_a_sequence_in_pieces_is_the_sequence() -> None:
    graph = network(
        {"lstm": {"units": 4, "return_sequences": True}}, {"gru": {"units": 3, "return_sequences": True}}, ragged=False
    )
    functional, weights = Functional(graph), weights_of(graph)
    x, _ = fed(graph, 2, 9, ragged=False)
    whole = expected(graph, weights, x, None)
    carry: dict[str, Any] = {}
    pieces = []
    for start in (0, 3, 6):
        values, _ = functional.values(
            {k: jnp.asarray(v) for k, v in weights.items()}, (jnp.asarray(x[:, start : start + 3]),), carry=carry
        )
        (port,) = graph.outputs.values()
        pieces.append(np.asarray(values[port]))
    close(np.concatenate(pieces, axis=1), whole)


@pytest.mark.parametrize(
    "fields", [{}, {"bidirectional": True}, {"go_backwards": True}, {"use_bias": False}, {"reset_after": False}], ids=str
)
@pytest.mark.parametrize("sequences", [False, True], ids=["last", "sequence"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_softplus_does_not_overflow(kind: str, sequences: bool, fields: dict[str, Any]) -> None:
    """ONNX Runtime's own cells have log(1 + exp(x)), which is infinite above 88."""
    if kind != "gru":
        fields = {name: value for name, value in fields.items() if name != "reset_after"}
    layer = {kind: {"units": 3, "activation": "softplus", "return_sequences": sequences, **fields}}
    graph = graph_of({"input": ["time", 4], "model": {"layers": [layer]}})
    weights, lengths = weights_of(graph), np.asarray([2, 6, 4])
    x = 600 * np.random.default_rng(0).normal(0, 1, (3, 6, 4)).astype(np.float32)
    (port,) = graph.outputs.values()
    expected = flax_values(graph, weights, (x,))[port]
    lowered = lowered_of(graph, weights)
    onnx.checker.check_model(ir.to_proto(lowered.model), full_check=True)
    close(onnx_outputs(lowered, graph, (x,))["output"], expected, absolute=1e-4)
    ragged = replace(graph, ragged=frozenset({"time"}))
    values, _ = jax.jit(Functional(ragged).values)(weights, (x,), lengths={"time": lengths})
    counting = np.arange(6)[None, :] < lengths[:, None] if sequences else slice(None)
    for masking in ("native", "portable"):
        runtime = session(ir.to_proto(lowered_of(ragged, weights, masking=masking).model).SerializeToString())
        (answer,) = runtime.run(None, {"input": x, "input_lengths": lengths})
        close(answer[counting], np.asarray(values[port])[counting], absolute=1e-4)
