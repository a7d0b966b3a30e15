"""A network as a table that a person enjoys."""

from __future__ import annotations

import io

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from netspec.graph import Graph, Program
from netspec.graph.costs import training_memory
from netspec.report.tree import Row, flattened, tree
from netspec.spec import Spec
from netspec.tensor import Dim

_WIDTH = 150


def table(spec: Spec, program: Program, *, colour: bool, depth: int | None = None) -> str:
    """The layers with their shapes and costs, and what they come to; only the outermost `depth` levels if given."""
    console = Console(
        file=io.StringIO(), width=_WIDTH, force_terminal=colour, color_system="standard" if colour else None, highlight=False
    )
    console.print(Text(spec.name, style="bold"), end="")
    console.print(f"   {spec.description}" if spec.description else "", style="dim", markup=False, soft_wrap=True)
    for graph in program.graphs.values():
        console.print(_layers(graph, depth))
        console.print(_totals(spec, graph), markup=False)
    lines = str(console.file.getvalue()).splitlines()  # type: ignore[attr-defined]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _layers(graph: Graph, depth: int | None) -> Table:
    rows = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    rows.add_column("layer", no_wrap=True)
    rows.add_column("type", no_wrap=True)
    rows.add_column("output", no_wrap=True)
    rows.add_column("parameters", justify="right", no_wrap=True, min_width=10)
    rows.add_column("flops", justify="right", no_wrap=True)
    shown = flattened(tree(graph), depth)
    sources = {
        row.name: "" if row.rows else _sources(graph, row, above) for row, above in zip(shown, [None, *shown], strict=False)
    }
    branches = any(sources.values())
    if branches:
        rows.add_column("from", style="dim", no_wrap=True, max_width=40)
    for name, type in graph.inputs.items():
        note = f" of {type.vocabulary} ids" if type.vocabulary is not None else ""
        rows.add_row(name, Text("input", style="dim"), Text(f"{type}{note}"), "", "", *([""] if branches else []))
    for row in shown:
        scope = bool(row.rows)
        costs = (
            "" if scope and depth is None else count(row.parameters()),
            "" if scope and depth is None else short(row.flops()),
        )
        cells: list[Text | str] = [
            Text("  " * row.depth + row.own, style="bold" if scope else ""),
            Text(row.type, style="magenta" if scope else "cyan"),
            Text(str(row.output)),
            *costs,
        ]
        rows.add_row(*cells, *([sources[row.name]] if branches else []))
    return rows


def _sources(graph: Graph, row: Row, above: Row | None) -> str:
    """Where a layer reads from, left out where that is the line above, or what its scope reads."""
    names = [graph.node[port.node].item if port.node in graph.node else port.node for port in row.nodes[0].inputs]
    starts_scope = above is None or row.name.startswith(above.name + ".")
    before = None if above is None else above.last.item
    usual = len(names) == 1 if starts_scope and len(graph.inputs) == 1 else names == [before]
    return "" if usual else ", ".join(_relative(name, row) for name in names)


def _relative(name: str, row: Row) -> str:
    """A name as it is seen from a row's scope."""
    scope = row.name.rpartition(".")[0]
    return name.removeprefix(scope + ".") if scope else name


def _totals(spec: Spec, graph: Graph) -> str:
    trainable, everything = graph.parameter_count()
    lines = [f"{count(trainable)} parameters"]
    if everything != trainable:
        lines[0] += f", {count(everything)} with running statistics"
    lines.append(f"{short(graph.flops)} flops for one example (multiply-adds counted as two)")
    memory = training_memory(graph, spec.training)
    if spec.training is not None:
        lines.append(f"about {size(memory)} for a training step at batch size {spec.training.batch_size}")
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
