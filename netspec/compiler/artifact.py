"""Ahead-of-time artifacts: StableHLO for platforms that need not be here, and the compiler's figures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
from jax import export

from netspec.compiler.network import Functional
from netspec.files import make_folder, write_whole
from netspec.graph import Graph, Program
from netspec.graph.costs import training_memory
from netspec.graph.dump import dump
from netspec.spec import Spec
from netspec.tensor import Dim, Formula


@dataclass(frozen=True)
class Artifact:
    """What was written, what the compiler says of the device here, and our estimate."""

    files: tuple[Path, ...]
    device: str
    compiler: dict[str, float] = field(default_factory=dict)
    estimated_flops: int | str = 0
    estimated_memory: int | str = 0
    batch: int = 1


def compile_program(spec: Spec, program: Program, folder: Path, *, emit: Sequence[str], platforms: Sequence[str]) -> Artifact:
    """Lower the inference function for each platform and write it. Raises SpecError NS533."""
    graph = program.main
    network = Functional(graph)
    weights = {name: jax.ShapeDtypeStruct(_static(w.shape), jnp.float32) for name, w in graph.weights()}

    def forward(weights: dict[str, jax.Array], *inputs: jax.Array) -> dict[str, jax.Array]:
        values, _ = network.values(weights, inputs)
        return {name: values[port] for name, port in graph.outputs.items()}

    files = []
    make_folder(folder)
    if "stablehlo" in emit:
        lowered = export.export(jax.jit(forward), platforms=list(platforms))(weights, *_abstract_inputs(graph))
        files += _write_stablehlo(folder, spec.name, lowered)
    if "graph" in emit:
        path = folder / f"{spec.name}.graph.json"
        write_whole(path, json.dumps(dump(program), indent=1) + "\n")
        files.append(path)
    batch = spec.training.batch_size if spec.training else 1
    return Artifact(
        tuple(files),
        f"{jax.devices()[0].platform} ({jax.devices()[0].device_kind})",
        _compiler_figures(forward, weights, graph, batch),
        _plain(graph.flops),
        _plain(training_memory(graph, spec.training)),
        batch,
    )


def _plain(dim: Dim) -> int | str:
    return dim if isinstance(dim, int) else str(dim)


def _static(shape: Sequence[Any]) -> tuple[int, ...]:
    return tuple(int(size) for size in shape)


def _abstract_inputs(graph: Graph) -> list[jax.ShapeDtypeStruct]:
    """Inputs with a symbolic batch, and a symbol for every free dim."""
    names = ["batch", *sorted(graph.names)]
    symbols = dict(zip(names, export.symbolic_shape(", ".join(names)), strict=True))
    found = []
    for tensor in graph.inputs.values():
        dims = [symbols[str(size)] if isinstance(size, Formula) else size for size in tensor.shape]
        found.append(jax.ShapeDtypeStruct((symbols["batch"], *dims), jnp.dtype(tensor.dtype.value)))
    return found


def _write_stablehlo(folder: Path, name: str, lowered: export.Exported) -> list[Path]:
    """The readable module, and the portable bytes that `jax.export.deserialize` runs."""
    text, portable = folder / f"{name}.stablehlo.mlir", folder / f"{name}.stablehlo.bin"
    write_whole(text, lowered.mlir_module())
    write_whole(portable, bytes(lowered.serialize()))
    return [text, portable]


def _compiler_figures(forward: Any, weights: Any, graph: Graph, batch: int) -> dict[str, float]:
    """XLA's own cost and memory of one inference batch on the device present; {} where a dim is free."""
    if graph.names:
        return {}
    inputs = [jax.ShapeDtypeStruct((batch, *_static(t.shape)), jnp.dtype(t.dtype.value)) for t in graph.inputs.values()]
    compiled = jax.jit(forward).lower(weights, *inputs).compile()
    cost, memory = compiled.cost_analysis() or {}, compiled.memory_analysis()
    found = {"flops": float(cost.get("flops", 0.0)), "bytes accessed": float(cost.get("bytes accessed", 0.0))}
    if memory is not None:
        found |= {
            "argument bytes": float(memory.argument_size_in_bytes),
            "output bytes": float(memory.output_size_in_bytes),
            "temporary bytes": float(memory.temp_size_in_bytes),
        }
    return found
