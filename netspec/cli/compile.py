"""`netspec compile`: the network as StableHLO, with the compiler's own figures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from netspec.cli.environment import prepare_jax, refuse_before_loading
from netspec.cli.output import Device, Dims, Settings, SpecPath, dims, settings
from netspec.diagnostics import Diagnostic, SpecError
from netspec.graph.validate import required
from netspec.source import read_file

_EMITS = ("stablehlo", "graph")
_PLATFORMS = ("cpu", "cuda", "tpu")


def compile(
    spec: SpecPath,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for what is written.")],
    emit: Annotated[str, typer.Option("--emit", metavar="stablehlo,graph", help="What to write.")] = "stablehlo,graph",
    platforms: Annotated[
        str, typer.Option("--platforms", metavar="cpu,cuda,tpu", help="What to lower for; none needs to be here.")
    ] = "cpu,cuda,tpu",
    set_: Settings = None,
    dim: Dims = None,
    device: Device = None,
) -> None:
    """Lower the network for each platform, and compile it for the device that is present."""
    wanted = _listed("--emit", emit, _EMITS)
    lowered_for = _listed("--platforms", platforms, _PLATFORMS)
    checked, program = required(read_file(spec), settings(set_), dims(dim))
    refuse_before_loading(checked, program, device)
    prepare_jax(device)
    from netspec.compiler.artifact import compile_program
    from netspec.graph.limits import refuse_oversized
    from netspec.report.compilation import report
    from netspec.training.limits import device_memory
    from netspec.training.start import bind

    bound = bind(program, dims(dim))
    refuse_oversized(checked, bound, device_memory())
    artifact = compile_program(checked, bound, output, emit=wanted, platforms=lowered_for)
    sys.stdout.write(report(artifact))


def _listed(option: str, text: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    wrong = [name for name in names if name not in allowed]
    if wrong or not names:
        help = f"write some of {','.join(allowed)}"
        raise SpecError(Diagnostic("NS205", f"`{option}` cannot be `{wrong[0] if wrong else text}`", help=(help,), exit_code=2))
    return names
