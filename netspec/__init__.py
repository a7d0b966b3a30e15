"""netspec: a declarative network-spec compiler.

A handful of names, loaded when they are first used, so that `import netspec` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netspec.api import compile, evaluate, export, generate, load, predict, sample, train, validate
    from netspec.diagnostics import Diagnostic, SpecError

_PLACES = {
    **dict.fromkeys(
        ("load", "validate", "compile", "train", "evaluate", "predict", "generate", "sample", "export"), "netspec.api"
    ),
    **dict.fromkeys(("Diagnostic", "SpecError"), "netspec.diagnostics"),
}

__all__ = [
    "Diagnostic", "SpecError", "compile", "evaluate", "export", "generate", "load", "predict", "sample", "train", "validate",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module 'netspec' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
