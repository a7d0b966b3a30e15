"""`netspec show`: layers, shapes, parameters, flops and memory."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from netspec.cli.output import AsJson, Dims, Settings, SpecPath, colourful, dims, print_json, settings
from netspec.diagnostics import Diagnostic, SpecError
from netspec.files import write_whole
from netspec.graph.ir import Program
from netspec.graph.validate import required
from netspec.source import read_file
from netspec.spec import Spec


def show(
    spec: SpecPath,
    expand: Annotated[bool, typer.Option("--expand", help="The canonical form, every default written.")] = False,
    depth: Annotated[
        int | None,
        typer.Option("--depth", metavar="N", min=1, help="Only the outermost levels, with what is inside summed up."),
    ] = None,
    graph: Annotated[
        Path | None, typer.Option("--graph", metavar="FILE.svg|.mmd", help="Draw the network: an SVG picture, or Mermaid.")
    ] = None,
    memory: Annotated[bool, typer.Option("--memory", help="Where the memory of a training step goes.")] = False,
    json: AsJson = False,
    set_: Settings = None,
    dim: Dims = None,
) -> None:
    """A network as a table: shapes, parameters, flops, memory."""
    checked, program = required(read_file(spec), settings(set_), dims(dim))
    if expand:
        from netspec.report.canonical import as_yaml
        from netspec.spec.expand import expanded

        sys.stdout.write(as_yaml(expanded(checked)))
        return
    if graph is not None:
        _draw(checked, program, graph, depth)
        return
    if memory:
        from netspec.report.memory import report

        sys.stdout.write(report(checked, program))
        return
    if json:
        from netspec.report.summary import summary

        print_json(summary(checked, program))
        return
    from netspec.report.table import table

    sys.stdout.write(table(checked, program, colour=colourful(sys.stdout), depth=depth))


def _draw(spec: Spec, program: Program, path: Path, depth: int | None) -> None:
    """Write a picture of the network. Raises SpecError NS205 for an ending that is no picture's, NS533."""
    from netspec.report.picture import mermaid, svg

    if path.suffix not in (".svg", ".mmd"):
        help = "name a file that ends in .svg or .mmd"
        raise SpecError(Diagnostic("NS205", f"`--graph {path}` is no picture", help=(help,), exit_code=2))
    write_whole(path, svg(spec, program, depth) if path.suffix == ".svg" else mermaid(program, depth))
