"""A program as plain data and as text: what `compile --emit graph` writes and hashes are taken of."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from netspec.components.canonical import fields
from netspec.graph.ir import Graph, Port, Program
from netspec.tensor import Dim, TensorType


def dump(program: Program) -> dict[str, Any]:
    """Every graph with its nodes, types and weights; the same for every way of writing the same spec."""
    return {"entry": program.entry, "graphs": {name: _graph(graph) for name, graph in program.graphs.items()}}


def graph_hash(program: Program) -> str:
    """sha256 of the dump."""
    return hashlib.sha256(json.dumps(dump(program), sort_keys=True).encode()).hexdigest()


def _graph(graph: Graph) -> dict[str, Any]:
    return {
        "inputs": {name: _type(t) for name, t in graph.inputs.items()},
        "nodes": [
            {
                "name": node.name,
                "type": node.op.type,
                "fields": fields(node.op),
                "inputs": [_port(port) for port in node.inputs],
                "outputs": [_type(t) for t in node.outputs],
                "weights": {name: [_dim(size) for size in weight.shape] for name, weight in node.weights.items()},
                "weight_scope": node.weight_scope,
            }
            for node in graph.nodes
        ],
        "outputs": {name: _port(port) for name, port in graph.outputs.items()},
    }


def _port(port: Port) -> str:
    return port.node if port.output == 0 else f"{port.node}:{port.output}"


def _type(tensor: TensorType) -> dict[str, Any]:
    found: dict[str, Any] = {"shape": [_dim(size) for size in tensor.shape], "dtype": tensor.dtype.value}
    if tensor.vocabulary is not None:
        found["vocabulary"] = _dim(tensor.vocabulary)
    return found


def _dim(dim: Dim) -> int | str:
    return dim if isinstance(dim, int) else str(dim)
