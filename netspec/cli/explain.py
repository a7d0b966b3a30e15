"""`netspec explain`: what a code means and how to mend it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from netspec.diagnostics import Diagnostic, SpecError, suggest

if TYPE_CHECKING:
    from netspec.diagnostics.codes import Code


def explain(
    code: Annotated[str, typer.Argument(metavar="[CODE]", help="Such as NS203; without it all codes are listed.")] = "",
) -> None:
    """What a code means, with an example that gives it and the mended one; without a code, all of them in short."""
    from netspec.diagnostics.codes import CODES

    if not code:
        sys.stdout.write("\n".join(line for found in CODES.values() for line in _short(found)) + "\n")
        return
    found = CODES.get(code.upper())
    if found is None:
        help = suggest(code.upper(), CODES, list_up_to=0) or "`netspec explain` lists all codes"
        raise SpecError(Diagnostic("NS206", f"no code is called `{code}`", help=(help,), exit_code=2))
    lines = [f"{found.code}: {found.title}", "", *_wrapped(found.why)]
    wrong, right = ("\n".join(part) for part in found.lines)
    for title, example in (("This gives it:", found.bad or wrong), ("This is right:", found.good or right)):
        lines += ["", title, "", *(f"    {line}" for line in example.splitlines())]
    sys.stdout.write("\n".join(lines) + "\n")


def _short(code: Code) -> Iterator[str]:
    """A code's title, the lines that give it and those that mend it."""
    wrong, right = code.lines
    margin = min(len(line) - len(line.lstrip()) for line in (*wrong, *right))
    yield f"{code.code}  {code.title}"
    yield from (f"       - {line[margin:]}" for line in wrong)
    yield from (f"       + {line[margin:]}" for line in right)


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, 96)
