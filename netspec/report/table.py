"""A network as a table that a person enjoys."""

from __future__ import annotations

import io

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from netspec.graph import Graph, Node, Program
from netspec.graph.costs import training_memory
from netspec.report.summary import items, parameters
from netspec.spec import Spec
from netspec.tensor import Dim, total

_WIDTH = 110


def table(spec: Spec, program: Program, *, colour: bool) -> str:
    """The layers with their shapes and costs, and what they come to."""
    console = Console(
        file=io.StringIO(), width=_WIDTH, force_terminal=colour, color_system="standard" if colour else None, highlight=False
    )
    console.print(Text(spec.name, style="bold"), end="")
    console.print(f"   {spec.description}" if spec.description else "", style="dim", markup=False)
    for graph in program.graphs.values():
        console.print(_layers(graph))
        console.print(_totals(spec, graph), markup=False)
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def _layers(graph: Graph) -> Table:
    rows = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    rows.add_column("layer", no_wrap=True)
    rows.add_column("type", no_wrap=True)
    rows.add_column("output", no_wrap=True)
    rows.add_column("parameters", justify="right", no_wrap=True, min_width=10)
    rows.add_column("flops", justify="right", no_wrap=True)
    grouped = items(graph)
    straight = _is_chain(graph)
    if not straight:
        rows.add_column("from", style="dim", no_wrap=True, max_width=30)
    for name, type in graph.inputs.items():
        note = f" of {type.vocabulary} ids" if type.vocabulary is not None else ""
        rows.add_row(name, Text("input", style="dim"), f"{type}{note}", "", "", *([] if straight else [""]))
    for name, nodes in grouped:
        cells: list[Text | str] = [
            _name(name),
            Text(" + ".join(node.op.type for node in nodes), style="cyan"),
            str(nodes[-1].output),
            count(parameters(nodes)),
            short(total(node.flops for node in nodes)),
        ]
        rows.add_row(*cells, *([] if straight else [_sources(graph, nodes, grouped)]))
    return rows


def _name(name: str) -> Text:
    """What a scope holds steps in, so that what belongs together is seen together."""
    _, inside, own = name.partition(".")
    return Text(f"  {own}" if inside else name)


def _is_chain(graph: Graph) -> bool:
    """Whether every layer reads just the one above."""
    above = next(iter(graph.inputs))
    for node in graph.nodes:
        if [port.node for port in node.inputs] != [above]:
            return False
        above = node.name
    return True


def _sources(graph: Graph, nodes: list[Node], grouped: list[tuple[str, list[Node]]]) -> str:
    """Where an item reads from, left out where that is the line above."""
    names = [graph.node[port.node].item if port.node in graph.node else port.node for port in nodes[0].inputs]
    position = [name for name, _ in grouped].index(nodes[0].item)
    above = grouped[position - 1][0] if position else next(iter(graph.inputs))
    scope = nodes[0].item.rpartition(".")[0] or nodes[0].item
    return "" if names == [above] else ", ".join(name.removeprefix(f"{scope}.") for name in names)


def _totals(spec: Spec, graph: Graph) -> str:
    trainable, everything = graph.parameter_count()
    lines = [f"{count(trainable)} parameters"]
    if everything != trainable:
        lines[0] += f", {count(everything)} with running statistics"
    lines.append(f"{short(graph.flops)} flops for one example (multiply-adds counted as two)")
    memory = training_memory(graph, spec.train)
    if spec.train is not None:
        lines.append(f"about {size(memory)} for a training step at batch size {spec.train.batch_size}")
    return "\n".join(lines) + "\n"


def count(dim: Dim) -> str:
    """`36,554`, a formula, or nothing for zero."""
    if isinstance(dim, int):
        return f"{dim:,}" if dim else ""
    return str(dim)


def short(dim: Dim) -> str:
    """`1.3M`, a formula, or nothing for zero."""
    if not isinstance(dim, int):
        return str(dim)
    return _scaled(dim, "") if dim else ""


def size(dim: Dim) -> str:
    """Bytes as `12 MB`."""
    return _scaled(dim, "B") if isinstance(dim, int) else f"{dim} bytes"


def _scaled(number: int, unit: str) -> str:
    space = " " if unit else ""
    for factor, letter in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= factor:
            value = number / factor
            return f"{value:.3g}{space}{letter}{unit}" if value < 100 else f"{value:.0f}{space}{letter}{unit}"
    return f"{number}{space}{unit}"
