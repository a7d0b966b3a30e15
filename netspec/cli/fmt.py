"""`netspec fmt`: the canonical layout of spec files, comments kept."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from netspec.cli.output import print_diagnostics
from netspec.cli.spec_files import spec_files
from netspec.diagnostics import Diagnostic, SpecError
from netspec.files import read_bounded, write_whole
from netspec.source import MAX_BYTES, read_bytes, read_file
from netspec.source.layout import formatted


def fmt(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files, folders, globs, or `-` for standard input.")],
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if a file would change.")] = False,
) -> None:
    """Lay specs out in the one canonical way. Comments stay, and the meaning never changes."""
    changed, seen = 0, 0
    failed: list[Diagnostic] = []
    for path in paths:
        if path == "-":
            sys.stdout.write(formatted(read_bytes(sys.stdin.buffer.read(MAX_BYTES + 1), "<stdin>")))
            continue
        files = spec_files(path)
        if not files:
            raise SpecError(Diagnostic("NS008", f"no spec in `{path}`", exit_code=2))
        for file in files:
            seen += 1
            try:
                changed += _one(file, check=check)
            except SpecError as error:
                failed += error.diagnostics
    if failed:
        print_diagnostics(failed, stream=sys.stdout)
    word = "would change" if check else "changed"
    if seen:
        sys.stderr.write(f"{seen} file{'s' * (seen != 1)}, {changed} {word}\n")
    if failed or (check and changed):
        raise typer.Exit(max([1, *(d.exit_code for d in failed)]))


def _one(file: Path, *, check: bool) -> bool:
    """Format a file; whether its text was not yet so. The file is replaced whole or not at all."""
    document = read_file(file)
    text = formatted(document)
    if read_bounded(file, MAX_BYTES) == text.encode():
        return False
    sys.stdout.write(f"{file}\n")
    if not check:
        write_whole(file, text)
    return True
