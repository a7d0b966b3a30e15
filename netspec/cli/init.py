"""`netspec init`: a working spec to start from, with the schema beside it for editors."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from netspec.cli.schema import schema_text
from netspec.diagnostics import Diagnostic, SpecError, suggest
from netspec.files import exists, make_folder, write_whole

SCHEMA = "netspec-v1.schema.json"


def init(
    from_: Annotated[
        str | None, typer.Option("--from", metavar="TEMPLATE", help="A template; without it they are listed.")
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", metavar="FILE", help="A csv file to make a spec for.")] = None,
    target: Annotated[str | None, typer.Option("--target", metavar="COLUMN", help="What to predict from the others.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="The spec to write.")] = None,
) -> None:
    """Write a spec that trains as it is: a template, or one made from the columns of a csv file."""
    if (from_ is None) == (data is None):
        help = f"write `--from` with one of {', '.join(templates())}, or `--data rows.csv --target COLUMN`"
        raise SpecError(Diagnostic("NS202", "`netspec init` needs a template or data", help=(help,), exit_code=2))
    if data is not None:
        from netspec.report.starter import spec_for

        path = output or Path(data.stem.lower().replace(" ", "-") + ".yaml")
        text = spec_for(data, target, path.parent)
    else:
        assert from_ is not None
        text = template(from_)
        name = next(line for line in text.splitlines() if line.startswith("name: ")).removeprefix("name: ")
        path = output or Path(f"{name}.yaml")
    _write(path, text)


def templates() -> list[str]:
    """The names of the templates."""
    return sorted(each.name.removesuffix(".yaml") for each in files("netspec").joinpath("templates").iterdir())


def template(name: str) -> str:
    """The text of a template. Raises SpecError NS206."""
    known = templates()
    if name not in known:
        raise SpecError(Diagnostic("NS206", f"no template is called `{name}`", help=(suggest(name, known),), exit_code=2))
    return files("netspec").joinpath("templates", f"{name}.yaml").read_text()


def _write(path: Path, text: str) -> None:
    if exists(path):
        help = "choose another name with `-o FILE`"
        raise SpecError(Diagnostic("NS532", f"`{path}` exists already", help=(help,), exit_code=2))
    make_folder(path.parent)
    write_whole(path.parent / SCHEMA, schema_text())
    write_whole(path, text)
    sys.stdout.write(f"wrote {path}\ntrain it with: netspec train {path}\n")
