"""`netspec schema`: the JSON Schema, for editors."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from netspec.files import write_whole


def schema(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write there instead of standard output.")
    ] = None,
) -> None:
    """The JSON Schema of a spec, for completion and hover in editors."""
    text = schema_text()
    if output is None:
        sys.stdout.write(text)
    else:
        write_whole(output, text)


def schema_text() -> str:
    """The schema as it is committed."""
    import json

    from netspec.spec.schema import schema

    return json.dumps(schema(), indent=1) + "\n"
