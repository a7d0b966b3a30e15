"""`netspec diff`: what changes for a reviewer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from netspec.cli.output import print_json
from netspec.diagnostics import Diagnostic, SpecError
from netspec.graph.validate import required
from netspec.source import read_file

FORMATS = ("text", "json", "markdown")


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The spec as it was.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The spec as it is.")],
    format: Annotated[str, typer.Option("--format", metavar="|".join(FORMATS), help="How it is written.")] = "text",
) -> None:
    """Layers added, removed and changed; shapes, parameters, flops and memory; which weights still load."""
    if format not in FORMATS:
        help = f"write one of {', '.join(FORMATS)}"
        raise SpecError(Diagnostic("NS205", f"unknown format `{format}`", help=(help,), exit_code=2))
    from netspec.report import difference as differences

    found = differences.difference(required(read_file(old)), required(read_file(new)))
    if format == "json":
        print_json(found.json())
    else:
        sys.stdout.write(differences.as_markdown(found) if format == "markdown" else differences.as_text(found))
