"""Every layer of the registry is proven: a component that is registered is a component that holds."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnx_ir as ir
import pytest
from flax import nnx

from netspec.compiler.network import Functional, Network, weight_name
from netspec.components.layers import LAYERS
from netspec.graph import Graph
from tests.conformance.cases import all_cases
from tests.support import close, flax_values, graph_of, inputs_of, layer_document, lowered_of, onnx_outputs, weights_of

CASES = all_cases()
every_case = pytest.mark.parametrize("document", [d for _, d in CASES], ids=[name for name, _ in CASES])


@pytest.mark.parametrize("name", LAYERS)
def test_every_field_is_described(name: str) -> None:
    layer = LAYERS[name]
    assert layer.type == name
    assert layer.__doc__
    for field, info in layer.model_fields.items():
        assert info.description, f"{name}.{field} has no description"
        assert info.description.endswith("."), f"{name}.{field}: a description is a sentence"


@every_case
def test_shapes_are_what_jax_gives(document: dict[str, Any]) -> None:
    graph = graph_of(document)
    network = Functional(graph)
    weights = {name: jax.ShapeDtypeStruct(a.shape, a.dtype) for name, a in weights_of(graph).items()}
    inputs = tuple(jax.ShapeDtypeStruct(x.shape, x.dtype) for x in inputs_of(graph))
    values, _ = jax.eval_shape(network.values, weights, inputs)
    for node in graph.nodes:
        for port, expected in ((port, graph.type_of(port)) for port in values if port.node == node.name):
            assert values[port].shape == (3, *expected.shape), port
            assert values[port].dtype == expected.dtype.value, port


@every_case
def test_parameters_are_the_modules_state(document: dict[str, Any]) -> None:
    graph = graph_of(document)
    state = nnx.to_flat_state(nnx.state(nnx.eval_shape(lambda: Network(graph))))
    found = {weight_name(path): variable.shape for path, variable in state}
    assert found == {name: weight.shape for name, weight in graph.weights()}
    kinds = {weight_name(path): isinstance(variable, nnx.BatchStat) for path, variable in state}
    assert kinds == {name: weight.statistic for name, weight in graph.weights()}


@cache
def _graph(text: str) -> Graph:
    """One graph a document, so that its answers are computed once."""
    return graph_of(json.loads(text))


@every_case
def test_both_evaluators_are_flax(document: dict[str, Any]) -> None:
    agrees(_graph(json.dumps(document)))
    agrees(_graph(json.dumps(document)), reference=True)


@pytest.mark.parametrize("opset", range(18, 24))
def test_every_opset(opset: int) -> None:
    for name, document in CASES:
        graph = _graph(json.dumps(document))
        lowered = lowered_of(graph, weights_of(graph), opset=opset)
        assert lowered.model.opset_imports[""] == opset, name
        agrees(graph, opset=opset)


@pytest.mark.parametrize("name", LAYERS)
def test_between_two_convolutions(name: str) -> None:
    """Layout mistakes show where a layer meets channels-first neighbours."""
    document = between_convolutions(name)
    if document is None:
        pytest.skip("works on vectors or ids only")
    graph = graph_of(document)
    agrees(graph)
    channels_first = lowered_of(graph, weights_of(graph), layout="channels_first")
    inputs = tuple(np.moveaxis(x, -1, 1) if x.ndim > 2 else x for x in inputs_of(graph))
    (answer,) = onnx_outputs(channels_first, graph, inputs).values()
    (port,) = graph.outputs.values()
    expected = flax_values(graph, weights_of(graph), inputs_of(graph))[port]
    close(answer, np.moveaxis(expected, -1, 1) if expected.ndim > 2 else expected)


def between_convolutions(name: str) -> dict[str, Any] | None:
    """The layer's example with a convolution before it and, where an image comes out, one behind it."""
    document = layer_document(LAYERS[name])
    shape = document["input"]
    if not isinstance(shape, list):
        return None
    layers = document["model"]["layers"]
    rank = len(shape) - 1
    if LAYERS[name].elementwise or name in (
        "dense",
        "softmax",
        "log_softmax",
        "add",
        "subtract",
        "multiply",
        "average",
        "maximum",
        "concat",
    ):
        shape, rank = [6, 6, 4], 2
    if rank < 1:
        return None
    before = {f"conv{rank}d": {"filters": shape[-1], "kernel_size": 3, "padding": "same"}, "name": "before"}
    after = {f"conv{rank}d": {"filters": 3, "kernel_size": 1}, "name": "after"}
    whole = {"input": shape, "model": {"layers": [before, *layers, after]}}
    inner = graph_of({"input": shape, "model": {"layers": [before, *layers]}})
    (result,) = inner.output_types.values()
    if result.rank != rank + 1:
        whole["model"]["layers"].pop()
        if result.rank == 1:
            whole["model"]["layers"].append({"dense": 3})
    return whole


@every_case
def test_gradients_flow_when_compiled(document: dict[str, Any]) -> None:
    """Reverse mode under jit, through every layer: what training does."""
    graph = graph_of(document)
    network, inputs = Functional(graph), inputs_of(graph)
    weights = {name: jnp.asarray(array) for name, array in weights_of(graph).items()}
    if all(x.dtype.kind != "f" for x in inputs):
        inputs = tuple(jnp.asarray(x) for x in inputs)

    def total(weights: dict[str, jax.Array], inputs: tuple[jax.Array, ...]) -> jax.Array:
        values, _ = network.values(weights, inputs, rngs=jax.random.key(0))
        return sum((values[port] ** 2).sum() for port in graph.outputs.values())  # type: ignore[return-value]

    floats = all(x.dtype.kind == "f" for x in inputs)
    found = jax.jit(jax.grad(total, argnums=(0, 1) if floats else 0))(weights, inputs)
    assert all(np.isfinite(np.asarray(leaf)).all() for leaf in jax.tree.leaves(found))


@every_case
def test_gradients_of_gradients_flow(document: dict[str, Any]) -> None:
    """Reverse over reverse under jit, through every layer: what gradient penalties take."""
    graph = graph_of(document)
    network, inputs = Functional(graph), inputs_of(graph)
    if any(x.dtype.kind != "f" for x in inputs):
        pytest.skip("ids have no gradient")
    weights = {name: jnp.asarray(array) for name, array in weights_of(graph).items()}

    def total(weights: dict[str, jax.Array], x: jax.Array) -> jax.Array:
        values, _ = network.values(weights, (x, *inputs[1:]), rngs=jax.random.key(0))
        return sum((values[port] ** 2).sum() for port in graph.outputs.values())  # type: ignore[return-value]

    def slope(weights: dict[str, jax.Array], x: jax.Array) -> jax.Array:
        return (jax.grad(total, argnums=1)(weights, x) ** 2).sum()

    found = jax.jit(jax.grad(slope, argnums=(0, 1)))(weights, jnp.asarray(inputs[0]))
    assert all(np.isfinite(np.asarray(leaf)).all() for leaf in jax.tree.leaves(found))


@every_case
def test_onnx_inference_agrees_with_ours(document: dict[str, Any]) -> None:
    graph = graph_of(document)
    lowered = lowered_of(graph, weights_of(graph))
    proto = ir.to_proto(lowered.model)
    for output in proto.graph.output:
        output.type.tensor_type.ClearField("shape")
    inferred = onnx.shape_inference.infer_shapes(proto, strict_mode=True, data_prop=True)
    for output in inferred.graph.output:
        expected = graph.output_types[output.name]
        dims = [d.dim_value or d.dim_param for d in output.type.tensor_type.shape.dim]
        assert len(dims) == expected.rank + 1
        for found, size in zip(dims[1:], expected.shape, strict=True):
            assert found == size or not isinstance(found, int) or found == 0


_TRUTHS: dict[int, tuple[Graph, Any]] = {}


def _truth(graph: Graph) -> Any:
    """What Flax answers; the graphs of `every opset` are asked many times."""
    if id(graph) not in _TRUTHS:
        _TRUTHS[id(graph)] = (graph, flax_values(graph, weights_of(graph), inputs_of(graph)))
    return _TRUTHS[id(graph)][1]


def agrees(graph: Graph, *, reference: bool = False, **section: Any) -> None:
    """The exported network answers as Flax does; elements on the edge of a step are left out."""
    weights, inputs = weights_of(graph), inputs_of(graph)
    values = _truth(graph)
    answers = onnx_outputs(lowered_of(graph, weights, **section), graph, inputs, reference=reference)
    for name, port in graph.outputs.items():
        node = graph.node.get(port.node)
        answer, expected = answers[name], values[port]
        if node is not None and node.op.discontinuous:
            far = np.abs(values[node.inputs[0]] - getattr(node.op, "threshold")) > 1e-4  # noqa: B009
            assert far.mean() > 0.5
            answer, expected = answer[far], expected[far]
        close(answer, expected)
