"""Parts of a program that are shipped or asked by themselves: one side of a pair, a half of an autoencoder, any named value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from netspec.diagnostics import Problem, suggest
from netspec.graph.ir import Graph, Node, Port, Program
from netspec.spec.load import Spec

CODE = "code"


def parts_of(spec: Spec) -> Sequence[str]:
    """The parts of a spec's program by name, the one that is meant unless told otherwise first."""
    if spec.gan is not None:
        return "generator", "discriminator"
    if spec.autoencoder is not None:
        return "network", "encoder", "decoder"
    return ("network",)


def piece(spec: Spec, program: Program, part: str = "") -> Graph:
    """The graph of a part. Raises Problem NS303 for a part that is not there."""
    parts = parts_of(spec)
    part = part or parts[0]
    if part not in parts:
        what = "a network of one part" if len(parts) == 1 else f"made of {', '.join(f'`{each}`' for each in parts)}"
        raise Problem("NS303", f"there is no part `{part}`: the spec is {what}", help=suggest(part, parts))
    if part in program.graphs:
        return program.graphs[part]
    graph = program.main
    code = named_port(graph, CODE)
    if part == "encoder":
        return between(graph, {name: Port(name) for name in graph.inputs}, {CODE: code})
    return between(graph, {CODE: code}, {"decoder": graph.outputs["decoder"]})


def named_port(graph: Graph, name: str) -> Port:
    """The value of an output, or of a named layer. Raises Problem NS303 where there is none of that name."""
    if name in graph.outputs:
        return graph.outputs[name]
    last = [node for node in graph.nodes if node.item == name]
    if not last:
        named = [node.item for node in graph.nodes if "." not in node.item and not node.item[-1].isdigit()]
        raise Problem("NS303", f"no output and no layer is named `{name}`", help=suggest(name, [*graph.outputs, *named]))
    return Port(last[-1].name)


def between(graph: Graph, inputs: Mapping[str, Port], outputs: Mapping[str, Port]) -> Graph:
    """What leads from some values to others: `inputs` are ports that become the graph's inputs, under these names."""
    cut = {port: Port(name) for name, port in inputs.items()}
    needed = set(outputs.values()) - cut.keys()
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if any(port.node == node.name for port in needed):
            kept.append(replace(node, inputs=tuple(cut.get(port, port) for port in node.inputs)))
            needed |= {port for port in node.inputs if port not in cut}
    types = {name: graph.type_of(port) for name, port in inputs.items()}
    nodes = tuple(reversed(kept))
    read = {port.node for node in nodes for port in node.inputs} | {port.node for port in outputs.values()}
    return replace(graph, inputs={n: t for n, t in types.items() if n in read}, nodes=nodes, outputs=dict(outputs))
