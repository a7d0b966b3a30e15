"""`netspec explain`: what a code means and how to mend it."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from netspec.diagnostics import Diagnostic, SpecError, suggest


def explain(code: Annotated[str, typer.Argument(metavar="CODE", help="Such as NS203.")]) -> None:
    """What a code means, with an example that gives it and the mended one."""
    from netspec.diagnostics.codes import CODES

    found = CODES.get(code.upper())
    if found is None:
        help = suggest(code.upper(), CODES, list_up_to=0)
        raise SpecError(Diagnostic("NS206", f"no code is called `{code}`", help=(help,) if help else (), exit_code=2))
    lines = [f"{found.code}: {found.title}", "", *_wrapped(found.why)]
    for title, example in (("This gives it:", found.bad), ("This is right:", found.good)):
        if example:
            lines += ["", title, "", *(f"    {line}" for line in example.splitlines())]
    sys.stdout.write("\n".join(lines) + "\n")


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, 96)
