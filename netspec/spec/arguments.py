"""The arguments of a block's call: a value for each of its variables."""

from __future__ import annotations

from collections.abc import Mapping

from netspec.components.base import describe
from netspec.diagnostics import Path, closest, suggest
from netspec.source import Plain
from netspec.spec.blocks import REQUIRED, Definition
from netspec.spec.frames import FrameReader
from netspec.spec.reader import Skip


def arguments(caller: FrameReader, block: Definition, value: Plain, at: Path) -> dict[str, Plain]:
    """The value of each variable of a block. Raises Skip where something is wrong, which has been reported."""
    names = block.variables
    fields = _fields(caller, block, value, at)
    _complain(caller, block, fields, at)
    found: dict[str, Plain] = {}
    for name, default in names.items():
        if name in fields:
            place = (*at, name) if isinstance(value, dict) else at
            found[name] = caller.reader.substituted(fields[name], caller.variables, place)
        else:
            seen = {**caller.file_variables, **found}
            found[name] = caller.reader.substituted(default, seen, ("blocks", block.name, "vars", name))
    return found


def _complain(caller: FrameReader, block: Definition, fields: Mapping[str, Plain], at: Path) -> None:
    """Report variables that are missing and those that do not exist. Raises Skip where there are any."""
    names = block.variables
    missing = [name for name, default in names.items() if default == REQUIRED and name not in fields]
    unknown = [name for name in fields if name not in names]
    for name in unknown:
        meant = closest(name, names) or (missing[0] if len(missing) == 1 else "")
        missing = [each for each in missing if each != meant]
        help = f"did you mean `{meant}`?" if meant else suggest(name, names) or f"`{block.name}` takes no variables"
        message, caption = f"unknown variable `{name}` for block `{block.name}`", f"not a variable of `{block.name}`"
        caller.reader.report("NS203", message, (*at, name), key=True, help=help, caption=caption)
    if missing:
        told = " and ".join(f"`{name}`" for name in missing)
        help = f"write `- {block.name}: {{{', '.join(f'{name}: ...' for name in missing)}}}`"
        caption = f"{told} {'is' if len(missing) == 1 else 'are'} missing"
        caller.reader.report("NS202", f"block `{block.name}` needs {told}", at, key=True, help=help, caption=caption)
    if missing or unknown:
        raise Skip


def _fields(caller: FrameReader, block: Definition, value: Plain, at: Path) -> Mapping[str, Plain]:
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    if len(block.variables) == 1:
        return {next(iter(block.variables)): value}
    takes = ", ".join(f"`{name}`" for name in block.variables) or "no variables"
    caller.reader.report("NS204", f"block `{block.name}` takes {takes}, found {describe(value)}", at)
    raise Skip
