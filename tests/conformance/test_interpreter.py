"""Every layer against the interpreter of `tests/reference`: two forms in one class can share one mistake, a third cannot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest

from netspec.compiler.network import Functional
from netspec.components.layers import LAYERS
from netspec.diagnostics import Problem
from netspec.graph import Graph, Port
from netspec.graph.ir import check_ragged
from tests.conformance.cases import MORE, all_cases
from tests.reference.interpreter import RULES, interpreted
from tests.support import close, flax_values, graph_of, inputs_of, layer_document, weights_of

CASES = all_cases()
every_case = pytest.mark.parametrize("document", [d for _, d in CASES], ids=[name for name, _ in CASES])

PARAMETERS: dict[str, list[dict[str, Any]]] = {
    "rnn": [{"activation": "relu"}, {"go_backwards": True}, {"use_bias": False, "bidirectional": True, "merge_mode": "add"}],
    "gru": [
        {"reset_after": False},
        {"recurrent_activation": "hard_sigmoid", "activation": "softsign"},
        {"bidirectional": True, "merge_mode": "multiply"},
        {"go_backwards": True, "use_bias": False},
    ],
    "lstm": [
        {"activation": "softplus", "recurrent_activation": "hard_sigmoid"},
        {"bidirectional": True, "merge_mode": "average"},
        {"go_backwards": True},
        {"use_bias": False},
    ],
}


def test_every_layer_has_a_rule() -> None:
    assert set(LAYERS) == set(RULES)


def compared(graph: Graph, batch: int, spread: float = 1.0) -> None:
    """Every port of a graph, with weights away from where they begin; the edge of a step is left out."""
    weights = weights_of(graph, seed=batch)
    inputs = tuple(x * np.float32(spread) if x.dtype.kind == "f" else x for x in inputs_of(graph, batch, seed=batch + 7))
    found, expected = flax_values(graph, weights, inputs), interpreted(graph, weights, inputs)
    for node in graph.nodes:
        port = Port(node.name)
        a, b = found[port], expected[port]
        if node.op.discontinuous:
            far = np.abs(found[node.inputs[0]] - getattr(node.op, "threshold")) > 1e-4  # noqa: B009
            a, b = a[far], b[far]
        close(a, b.astype(np.float32))


@every_case
def test_flax_is_the_interpreter(document: dict[str, Any]) -> None:
    for batch in (1, 3):
        compared(graph_of(document), batch)


@pytest.mark.parametrize("name", [name for name, layer in LAYERS.items() if layer.elementwise])
def test_far_from_zero(name: str) -> None:
    compared(graph_of(layer_document(LAYERS[name])), 3, spread=8.0)


def recurrent() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, several in PARAMETERS.items():
        for fields in several:
            for sequences in (False, True):
                layer = {name: {"units": 3, "return_sequences": sequences, **fields}}
                yield f"{name}-{'-'.join(fields)}-{sequences}", {"input": [5, 4], "model": {"layers": [layer]}}


@pytest.mark.parametrize("document", [d for _, d in recurrent()], ids=[name for name, _ in recurrent()])
def test_every_recurrence(document: dict[str, Any]) -> None:
    compared(graph_of(document), 3)


def on_sequences(names: Any = LAYERS) -> Iterator[tuple[str, list[Any]]]:
    """Each layer's own items, where they can stand behind a sequence [time, 4]."""
    for name in names:
        documents = [layer_document(LAYERS[name]), *MORE.get(name, [])]
        for number, document in enumerate(documents):
            if isinstance(document["input"], list) and not any("like" in str(item) for item in document["model"]["layers"]):
                yield f"{name}-{number}", document["model"]["layers"]


@pytest.mark.parametrize("layers", [layers for _, layers in on_sequences()], ids=[name for name, _ in on_sequences()])
def test_behind_a_recurrent_layer(layers: list[Any]) -> None:
    """Time comes first inside a recurrence and second outside: what stands behind must not notice."""
    before = {"gru": {"units": 4, "return_sequences": True}}
    try:
        graph = graph_of({"input": [6, 3], "model": {"layers": [before, *layers]}})
    except AssertionError:
        pytest.skip("not a layer for sequences")
    compared(graph, 3)


def ragged_graph(layers: list[Any]) -> Graph | None:
    """A network on sequences of unequal lengths; None where a layer cannot have them."""
    try:
        graph = replace(graph_of({"input": ["time", 4], "model": {"layers": layers}}), ragged=frozenset({"time"}))
        check_ragged(graph)
    except (AssertionError, Problem):
        return None
    return graph


@pytest.mark.parametrize("before", [[], [{"gru": {"units": 4, "return_sequences": True}}]], ids=["first", "behind"])
@pytest.mark.parametrize("layers", [layers for _, layers in on_sequences()], ids=[name for name, _ in on_sequences()])
def test_rows_of_unequal_lengths(layers: list[Any], before: list[Any]) -> None:
    """A row in a batch answers as it does alone, whatever fills it up."""
    graph = ragged_graph([*before, *layers])
    if graph is None:
        pytest.skip("not a layer for sequences of unequal lengths")
    lengths = np.asarray([5, 2, 7])
    generator = np.random.default_rng(3)
    rows = [generator.normal(0, 1, (length, 4)).astype(np.float32) for length in lengths]
    weights, (port,) = weights_of(graph), graph.outputs.values()
    for filling in (0.0, 9.0):
        batch = np.full((3, 9, 4), filling, np.float32)
        for row, values in zip(batch, rows, strict=True):
            row[: len(values)] = values
        values, _ = jax.jit(Functional(graph).values)(weights, (batch,), lengths={"time": lengths})
        for index, row in enumerate(rows):
            expected = interpreted(graph.bind({"time": len(row)}), weights, (row[None],))[port][0]
            answer = np.asarray(values[port])[index]
            if graph.type_of(port).names:
                answer = answer[: len(expected)]
            close(answer, expected.astype(np.float32))
