"""`netspec validate`: every problem of every spec, with its place."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from netspec.cli.output import Dims, Root, Settings, colourful, dims, settings
from netspec.cli.spec_files import spec_files
from netspec.diagnostics import Diagnostic, Severity, SpecError, in_order
from netspec.diagnostics.limit import limited
from netspec.diagnostics.text import concise, full, summary
from netspec.files import write_whole
from netspec.graph.validate import checked
from netspec.source import MAX_BYTES, read_bytes, read_file, shown_lines, split_lines

FORMATS = ("full", "concise", "json", "github", "sarif")


def validate(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files, folders, globs, or `-` for standard input.")],
    format: Annotated[str, typer.Option("--format", metavar="|".join(FORMATS), help="How problems are written.")] = "full",
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write there instead of standard output.")
    ] = None,
    stdin_filename: Annotated[str, typer.Option("--stdin-filename", metavar="NAME", help="What `-` is called.")] = "<stdin>",
    set_: Settings = None,
    dim: Dims = None,
    root: Root = None,
) -> None:
    """Check specs without running anything: every problem, with its place and the way out."""
    if format not in FORMATS:
        raise SpecError(
            Diagnostic("NS205", f"unknown format `{format}`", help=(f"write one of {', '.join(FORMATS)}",), exit_code=2)
        )
    found: list[Diagnostic] = []
    sources: dict[str, list[str]] = {}
    wanted, bound = settings(set_), dims(dim)
    files = 0
    for name, file in _named(paths, stdin_filename, found):
        files += 1
        try:
            document = read_file(file) if file else read_bytes(sys.stdin.buffer.read(MAX_BYTES + 1), name)
            told = checked(document, wanted, bound, root).diagnostics
            sources |= {name: split_lines(document.text)} if told else {}
        except SpecError as error:
            told = error.diagnostics
            sources[name] = shown_lines(name) if file else []
        found += told
    ordered = in_order(found)
    text = _rendered(ordered, sources, format, files, colour=output is None and colourful(sys.stdout))
    if output is None:
        sys.stdout.write(text)
    else:
        write_whole(output, text)
    sys.stderr.write(summary(ordered, files) + "\n")
    bad = [d for d in ordered if d.severity is Severity.error or (strict and d.severity is Severity.warning)]
    if bad:
        raise typer.Exit(max(d.exit_code for d in bad))


def _named(paths: list[str], stdin_filename: str, found: list[Diagnostic]) -> Iterator[tuple[str, Path | None]]:
    """What each path names: files, or standard input. A path that names no spec is noted in `found`."""
    for path in paths:
        files: list[Path | None] = [None] if path == "-" else [*spec_files(path)]
        if not files:
            help = ("a spec has a top-level `netspec` key",)
            found.append(Diagnostic("NS008", f"no spec in `{path}`", help=help, exit_code=2))
        for file in files:
            yield (stdin_filename if file is None else str(file)), file


def _rendered(
    diagnostics: tuple[Diagnostic, ...], sources: dict[str, list[str]], format: str, files: int, *, colour: bool
) -> str:
    shown = limited(diagnostics)
    if format == "json":
        from netspec.diagnostics.json import as_object

        return json.dumps(as_object(shown, files, diagnostics), indent=2) + "\n"
    if format == "github":
        from netspec.diagnostics.github import github

        return github(shown)
    if format == "sarif":
        from importlib.metadata import version

        from netspec.diagnostics.sarif import sarif

        return json.dumps(sarif(shown, version("netspec-compiler")), indent=2) + "\n"
    if format == "concise":
        return concise(shown, colour=colour)
    return full(shown, sources, colour=colour)
