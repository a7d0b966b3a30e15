"""`netspec show`: layers, shapes, parameters, flops and memory."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from netspec.cli.output import AsJson, Dims, Settings, SpecPath, colourful, dims, print_json, settings
from netspec.diagnostics import Diagnostic, Problem, SpecError
from netspec.graph.validate import required
from netspec.source import read_file


def show(
    spec: SpecPath,
    expand: Annotated[bool, typer.Option("--expand", help="The canonical form, every default written.")] = False,
    depth: Annotated[
        int | None,
        typer.Option("--depth", metavar="N", min=1, help="Only the outermost levels, with what is inside summed up."),
    ] = None,
    json: AsJson = False,
    set_: Settings = None,
    dim: Dims = None,
) -> None:
    """A network as a table: shapes, parameters, flops, memory."""
    checked, program = required(read_file(spec), settings(set_))
    if expand:
        from netspec.report.canonical import as_yaml
        from netspec.spec.expand import expanded

        sys.stdout.write(as_yaml(expanded(checked)))
        return
    try:
        program = program.bind(dims(dim))
    except Problem as problem:
        raise SpecError(Diagnostic(problem.code, problem.message, file=str(spec), help=problem.help)) from None
    if json:
        from netspec.report.summary import summary

        print_json(summary(checked, program))
        return
    from netspec.report.table import table

    sys.stdout.write(table(checked, program, colour=colourful(sys.stdout), depth=depth))
