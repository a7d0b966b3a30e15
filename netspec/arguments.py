"""What the Python API is given: a wrong argument is a diagnostic, as a wrong spec is one."""

from __future__ import annotations

import operator
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netspec.components.base import describe
from netspec.diagnostics import Diagnostic, SpecError

_LONGEST = 10**18
_SEEDS = 2**63


def wrong(name: str, expected: str, value: object, *help: str) -> SpecError:
    """NS204 for an argument of another kind."""
    return SpecError(Diagnostic("NS204", f"`{name}`: expected {expected}, found {describe(value)}", help=help, exit_code=2))


def path_of(name: str, value: object) -> Path:
    """A path. Raises SpecError NS204."""
    if isinstance(value, str) or (isinstance(value, os.PathLike) and isinstance(os.fspath(value), str)):
        return Path(value)
    raise wrong(name, "a path", value)


def folder_of(name: str, value: object) -> Path | None:
    """A folder that is there, or None. Raises SpecError NS204, NS501."""
    if value is None:
        return None
    found = path_of(name, value)
    if not found.is_dir():
        raise SpecError(Diagnostic("NS501", f"`{name}`: `{found}` is no folder", exit_code=2))
    return found


def settings_of(value: object) -> Mapping[str, Any] | None:
    """Changes to a spec, by path. Raises SpecError NS204."""
    if value is None or (isinstance(value, Mapping) and all(isinstance(key, str) for key in value)):
        return value
    raise wrong("set", "a mapping of paths to values", value, 'for example `{"train.epochs": 3}`')


def dims_of(value: object) -> dict[str, int]:
    """Lengths of named sizes. Raises SpecError NS204."""
    given = {} if value is None else value
    if not isinstance(given, Mapping) or not all(isinstance(key, str) for key in given):
        raise wrong("dims", "a mapping of names to lengths", value, 'for example `{"features": 108}`')
    return {name: whole(f"dims[{name!r}]", length, 1, _LONGEST) for name, length in given.items()}


def whole(name: str, value: Any, least: int = 0, most: int = _SEEDS) -> int:
    """A whole number from `least` up to but not including `most`; NumPy's are taken too. Raises SpecError NS204, NS205."""
    try:
        found = operator.index(value)
    except TypeError:
        raise wrong(name, "a whole number", value) from None
    if isinstance(value, bool):
        raise wrong(name, "a whole number", value)
    if not least <= found < most:
        bounds = f"from {least} to " + ("2^63 - 1" if most == _SEEDS else f"{most - 1:,}")
        raise SpecError(Diagnostic("NS205", f"`{name}`: expected a whole number {bounds}, found {found}", exit_code=2))
    return found


def number(name: str, value: object) -> float:
    """A number from 0 on. Raises SpecError NS204, NS205."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise wrong(name, "a number", value)
    if not 0 <= value < float("inf"):
        raise SpecError(Diagnostic("NS205", f"`{name}`: expected a number from 0 on, found {value}", exit_code=2))
    return float(value)


def text_of(name: str, value: object) -> str:
    """A text. Raises SpecError NS204."""
    if isinstance(value, str):
        return value
    raise wrong(name, "a text", value)


def texts_of(name: str, value: object) -> tuple[str, ...]:
    """A list of texts. Raises SpecError NS204."""
    if isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value):
        return tuple(value)
    raise wrong(name, "a list of texts", value)
