"""Checks of a whole graph's names: sizes that nothing knows, and layers that nothing uses."""

from __future__ import annotations

from collections import defaultdict

from netspec.diagnostics import Path, Severity, suggest
from netspec.graph.ir import Graph, Node
from netspec.source import Plain
from netspec.spec.language import binders
from netspec.spec.load import Spec
from netspec.spec.reader import Reader
from netspec.tensor import Formula, names_in


def check_sizes(reader: Reader, spec: Spec, graph: Graph) -> None:
    """A bare name is a size only if it stands in an input's shape or is an output's last axis."""
    known = frozenset().union(*(t.names for t in graph.inputs.values()))
    last = {t.shape[-1] for t in graph.output_types.values() if t.shape}
    for node in graph.nodes:
        for field in type(node.op).model_fields:
            value = getattr(node.op, field)
            if isinstance(value, Formula) and not names_in(value) <= known and value not in last:
                _unknown_size(reader, spec, str(value), node, field)


def _unknown_size(reader: Reader, spec: Spec, name: str, node: Node, field: str) -> None:
    at = (*node.origin.path, field)
    with reader.called(node.origin.calls):
        if name in spec.variables or _is_variable(name, spec.document.data, at):
            reader.report("NS309", f"`{name}` is a variable, and here it stands as a name", at, help=f"write `${name}`")
            return
        known = sorted(frozenset().union(*(t.names for net in spec.networks.values() for t in net.inputs.values())))
        help = suggest(name, known) or "a name is a size where an input has it, or as the size of an output"
        reader.report("NS309", f"nothing says how large `{name}` is", at, help=help)


def _is_variable(name: str, data: Plain, at: Path) -> bool:
    """Whether a block or a repeat around a place has a variable of that name."""
    for step in at:
        if isinstance(data, dict):
            if any(isinstance(own := data.get(key), dict) and name in own for key in binders()):
                return True
            data = data.get(str(step))
        else:
            data = data[step] if isinstance(data, list) and isinstance(step, int) else None
    return False


def check_used(reader: Reader, graph: Graph, at: Path) -> None:
    """Warns of layers whose value reaches no output, and of inputs that nothing reads."""
    needed = {port.node for port in graph.outputs.values()}
    for node in reversed(graph.nodes):
        if node.name in needed:
            needed |= {port.node for port in node.inputs}
    used: defaultdict[str, bool] = defaultdict(bool)
    for node in graph.nodes:
        used[node.item] |= node.name in needed
    read = {graph.node[port.node].item: node.item for node in graph.nodes for port in node.inputs if port.node in graph.node}
    told: set[str] = set()
    for node in graph.nodes:
        # What leads to an unused layer is told with it.
        if not used[node.item] and node.item not in told and read.get(node.item, node.item) == node.item:
            told.add(node.item)
            help = "remove it, let a layer read it by `from:`, or list it under `outputs`"
            _unused(reader, node, help)
    for name in graph.inputs:
        if name not in needed and not told and at == ("model",):  # a pair's condition is told as NS415
            at = ("inputs", name) if len(graph.inputs) > 1 else ("input",)
            help = "remove it, or let a layer read it by `from:`"
            message = f"nothing reads the input `{name}`"
            reader.report("NS310", message, at, key=True, severity=Severity.warning, help=help)


def _unused(reader: Reader, node: Node, help: str) -> None:
    message = f"nothing uses this `{node.op.type}`"
    reader.report("NS310", message, node.origin.path, key=True, severity=Severity.warning, help=help)
