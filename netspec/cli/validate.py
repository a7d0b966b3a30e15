"""`netspec validate`: every problem of every spec, with its place."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from netspec.cli.output import Dims, Settings, colourful, dims, settings
from netspec.diagnostics import Diagnostic, Severity, SpecError, in_order
from netspec.diagnostics.text import concise, full, summary
from netspec.graph.validate import checked
from netspec.source import Document, read_bytes, read_file

_ENDINGS = (".yaml", ".yml", ".json")
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
) -> None:
    """Check specs without running anything: every problem, with its place and the way out."""
    if format not in FORMATS:
        raise SpecError(
            Diagnostic("NS205", f"unknown format `{format}`", help=(f"write one of {', '.join(FORMATS)}",), exit_code=2)
        )
    found: list[Diagnostic] = []
    sources: dict[str, list[str]] = {}
    documents = _documents(paths, stdin_filename, found, sources)
    for document in documents:
        sources[document.file] = document.text.splitlines()
        found += checked(document, settings(set_), dims(dim)).diagnostics
    ordered = in_order(found)
    text = _rendered(ordered, sources, format, len(sources), colour=output is None and colourful(sys.stdout))
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text)
    sys.stderr.write(summary(ordered, len(sources)) + "\n")
    bad = [d for d in ordered if d.severity is Severity.error or (strict and d.severity is Severity.warning)]
    if bad:
        raise typer.Exit(max(d.exit_code for d in bad))


def _rendered(
    diagnostics: tuple[Diagnostic, ...], sources: dict[str, list[str]], format: str, files: int, *, colour: bool
) -> str:
    if format == "json":
        from netspec.diagnostics.json import as_object

        return json.dumps(as_object(diagnostics, files), indent=2) + "\n"
    if format == "github":
        from netspec.diagnostics.github import github

        return github(diagnostics)
    if format == "sarif":
        from importlib.metadata import version

        from netspec.diagnostics.sarif import sarif

        return json.dumps(sarif(diagnostics, version("netspec-compiler")), indent=2) + "\n"
    if format == "concise":
        return concise(diagnostics, colour=colour)
    return full(diagnostics, sources, colour=colour)


def _documents(paths: list[str], stdin_filename: str, found: list[Diagnostic], sources: dict[str, list[str]]) -> list[Document]:
    """The documents that paths name; what cannot be read is noted in `found`."""
    documents = []
    for path in paths:
        if path == "-":
            named: list[tuple[str, Path | None]] = [(stdin_filename, None)]
        else:
            named = [(str(p), p) for p in spec_files(path)]
        if not named:
            found.append(
                Diagnostic("NS008", f"no spec in `{path}`", help=("a spec has a top-level `netspec` key",), exit_code=2)
            )
        for name, file in named:
            try:
                documents.append(read_file(file) if file else read_bytes(sys.stdin.buffer.read(), name))
            except SpecError as error:
                found += error.diagnostics
                sources[name] = _text_of(file)
    return documents


def _text_of(file: Path | None) -> list[str]:
    if file is None or not file.is_file() or file.stat().st_size > 1 << 21:
        return []
    return file.read_text(encoding="utf-8", errors="replace").splitlines()


def spec_files(path: str) -> list[Path]:
    """A file itself; of a folder or glob, everything that looks like a spec."""
    place = Path(path)
    if place.is_dir():
        return sorted(_specs_in(place))
    if any(sign in path for sign in "*?[") and not place.exists():
        parts = place.parts
        first = next(index for index, part in enumerate(parts) if any(sign in part for sign in "*?["))
        found = Path(*parts[:first]).glob(str(Path(*parts[first:])))
        return sorted(p for p in found if p.is_file() and _is_spec(p))
    return [place]


def _specs_in(folder: Path) -> Iterator[Path]:
    """The specs in a folder and below; hidden folders and what trainings wrote are passed over."""
    for path in folder.iterdir():
        if path.name.startswith(".") or path.is_symlink():
            continue
        if path.is_dir():
            if not (path / "manifest.json").exists():
                yield from _specs_in(path)
        elif path.suffix in _ENDINGS and _is_spec(path):
            yield path


def _is_spec(path: Path) -> bool:
    """Whether a file has a top-level `netspec` key."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix == ".json":
        try:
            data = json.loads(text) if '"netspec"' in text else None
        except (ValueError, RecursionError):
            return True  # it means to be a spec, and validating says what is wrong
        return isinstance(data, dict) and "netspec" in data
    return any(line.startswith(("netspec:", "'netspec':", '"netspec":')) for line in text.splitlines())
