"""What the verbs share: colours, diagnostics on a stream, common options."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from netspec.diagnostics import Diagnostic, Problem, SpecError, in_order
from netspec.diagnostics.limit import limited
from netspec.diagnostics.text import escaped, full
from netspec.files import json_text
from netspec.source import Plain, shown_lines
from netspec.spec.overrides import parse_settings

_DIM = re.compile(r"([a-z][a-z0-9_]*)=([1-9][0-9]{0,17})", re.ASCII)
SpecPath = Annotated[Path, typer.Argument(metavar="SPEC", help="A spec file.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change a variable, a section's field or a named layer's."),
]
Dims = Annotated[list[str] | None, typer.Option("--dim", metavar="NAME=N", help="Bind a named size.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
Root = Annotated[Path | None, typer.Option("--root", metavar="DIR", help="Folder that paths in the spec stay below.")]
DataRoot = Annotated[
    Path | None, typer.Option("--data-root", metavar="DIR", help="Folder where data files are looked for first.")
]
DataChanged = Annotated[
    bool, typer.Option("--data-changed", help="The data are not those that the run was trained on, and that is meant.")
]
Device = Annotated[
    str | None, typer.Option("--device", metavar="cpu|gpu|tpu", help="Where to compute; an error if it is not there.")
]


def colourful(stream: TextIO) -> bool:
    """Whether a stream gets colours: a terminal does, unless NO_COLOR; FORCE_COLOR insists."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def print_diagnostics(
    diagnostics: Iterable[Diagnostic], *, stream: TextIO, sources: Mapping[str, Sequence[str]] | None = None
) -> None:
    """Diagnostics in full, with the lines of their files as far as those can be read."""
    ordered = in_order(diagnostics)
    files = {d.file for d in ordered if d.file and d.span is not None}
    lines = {file: shown_lines(file) for file in sorted(files)} | dict(sources or {})
    stream.write(full(limited(ordered), lines, colour=colourful(stream)))


def settings(given: list[str] | None) -> dict[str, Plain]:
    """`--set` as a mapping. Raises SpecError NS311."""
    try:
        return parse_settings(given or [])
    except Problem as problem:
        raise SpecError(Diagnostic(problem.code, problem.message, help=problem.help, exit_code=2)) from None


def dims(given: list[str] | None) -> dict[str, int]:
    """`--dim` as a mapping. Raises SpecError NS410."""
    found = {}
    for text in given or []:
        match = _DIM.fullmatch(text)
        if match is None:
            help = ("for example `--dim features=108`",)
            raise SpecError(Diagnostic("NS410", f"`--dim {text}` is not `NAME=N`", help=help, exit_code=2))
        found[match[1]] = int(match[2])
    return found


def tell(notices: Iterable[str]) -> None:
    """What is to be said beside a result, on standard error."""
    for notice in notices:
        sys.stderr.write(f"note: {escaped(notice)}\n")


def print_json(data: Any) -> None:
    """One object on standard output."""
    sys.stdout.write(json_text(data, indent=2) + "\n")
