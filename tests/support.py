"""What tests share: specs from layers, random weights, ONNX Runtime and the reference evaluator."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import onnx_ir as ir
import pytest
import yaml
from onnx.reference import ReferenceEvaluator

from netspec.compiler.network import Functional
from netspec.components.layers import Layer
from netspec.exporter.lower import Lowered, lower
from netspec.exporter.session import session
from netspec.graph import Graph, Port, build
from netspec.source import read_text
from netspec.spec import Spec, read_spec
from netspec.spec.sections import ExportSection
from netspec.tensor import TensorType

SHARED = Path(os.environ.get("NETSPEC_SHARED", Path(__file__).parents[1] / ".." / "shared")).resolve()
SPECS = Path(__file__).parents[1] / "specs"

needs_shared = pytest.mark.skipif(not (SHARED / "data").is_dir(), reason="the shared data sets are not here")


def spec_of(document: Mapping[str, Any]) -> Spec:
    """A spec from plain data; fails with its diagnostics."""
    text = json.dumps({"netspec": 1, "name": "example", **document})
    spec, found = read_spec(read_text(text, "example.json"), {})
    assert spec is not None, found
    assert not found, found
    return spec


def graph_of(document: Mapping[str, Any], **lengths: int) -> Graph:
    """The bound graph of plain data; fails with its diagnostics."""
    program, found = build(spec_of(document))
    assert program is not None, found
    return program.main.bind(lengths)


def example_of(component: type[Any]) -> Any:
    """The YAML block of a component's docstring."""
    block = re.search(r"```yaml\n(.*?)```", component.__doc__ or "", re.DOTALL)
    assert block, f"{component.__name__} has no YAML example in its docstring"
    lines = block[1].splitlines()
    indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return yaml.load("\n".join(line[indent:] for line in lines), Loader=yaml.CSafeLoader)


def weights_of(graph: Graph, seed: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    """Random weights for every name; variances are positive, vectors of spectral norm have length one."""
    generator = np.random.default_rng(seed)
    found = {}
    for name, weight in graph.weights():
        array = generator.normal(0, 0.5, [int(size) for size in weight.shape]).astype(np.float32)
        if name.endswith("/var"):
            array = np.abs(array) + 0.5
        if name.endswith("/u"):
            array = array / np.linalg.norm(array)
        found[name] = array
    return found


def inputs_of(graph: Graph, batch: int = 3, seed: int = 1) -> tuple[np.ndarray[Any, Any], ...]:
    """Random inputs of the declared types."""
    generator = np.random.default_rng(seed)
    return tuple(_input(tensor, batch, generator) for tensor in graph.inputs.values())


def _input(tensor: TensorType, batch: int, generator: np.random.Generator) -> np.ndarray[Any, Any]:
    shape = (batch, *(int(size) for size in tensor.shape))
    if tensor.vocabulary is not None:
        return generator.integers(0, int(tensor.vocabulary), shape).astype(np.int32)
    return generator.normal(0, 1, shape).astype(np.float32)


def flax_values(graph: Graph, weights: Mapping[str, Any], inputs: tuple[Any, ...]) -> dict[Port, np.ndarray[Any, Any]]:
    """Every port's value at inference."""
    values, _ = jax.jit(Functional(graph).values)(dict(weights), inputs)
    return {port: np.asarray(value) for port, value in values.items()}


def lowered_of(graph: Graph, weights: Mapping[str, Any], **section: Any) -> Lowered:
    """The ONNX model of the bare network."""
    return lower(graph, weights, ExportSection(inputs="prepared", **section), name="example")


def onnx_outputs(
    lowered: Lowered, graph: Graph, inputs: tuple[Any, ...], *, reference: bool = False
) -> dict[str, np.ndarray[Any, Any]]:
    """What ONNX Runtime, or onnx's reference evaluator, answers."""
    fed = dict(zip(graph.inputs, inputs, strict=True))
    proto = ir.to_proto(lowered.model)
    if reference:
        evaluator = ReferenceEvaluator(proto)
        return dict(zip([v.name for v in proto.graph.output], evaluator.run(None, fed), strict=True))
    runtime = session(proto.SerializeToString())
    return dict(zip([v.name for v in runtime.get_outputs()], runtime.run(None, fed), strict=True))


def close(
    actual: np.ndarray[Any, Any], expected: np.ndarray[Any, Any], *, absolute: float = 1e-5, relative: float = 1e-4
) -> None:
    """The project's bound for small networks: 1e-5 + 1e-4 |expected|."""
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, atol=absolute, rtol=relative)


def layer_document(layer: type[Layer]) -> dict[str, Any]:
    """The document of a layer's docstring example."""
    document = example_of(layer)
    assert isinstance(document, dict)
    return document
