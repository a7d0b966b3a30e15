"""`netspec train`: train, judge the test part, and where the spec says so, export and prove."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from netspec.cli.environment import prepare_jax, refuse_before_loading
from netspec.cli.output import DataRoot, Device, Dims, Root, Settings, SpecPath, dims, print_diagnostics, settings
from netspec.graph import validate as validation
from netspec.source import read_file


def train(
    spec: SpecPath,
    run: Annotated[
        Path | None, typer.Option("--run", metavar="DIR", help="The run folder itself; by default runs/NAME/TIME.")
    ] = None,
    runs: Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of all runs.")] = Path("runs"),
    resume: Annotated[bool, typer.Option("--resume", help="Go on with `--run`, or with the newest run of that name.")] = False,
    stop_after: Annotated[
        int | None, typer.Option("--stop-after", metavar="EPOCHS", min=1, help="Pause after so many epochs.")
    ] = None,
    allow_change: Annotated[
        list[str] | None, typer.Option("--allow-change", metavar="PATH", help="A field that may differ on `--resume`.")
    ] = None,
    set_: Settings = None,
    dim: Dims = None,
    root: Root = None,
    data_root: DataRoot = None,
    device: Device = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the result.")] = False,
) -> None:
    """Train a network; ends with its test score and, with an `export` section, a proven ONNX file."""
    found = validation.checked(read_file(spec), settings(set_), root=root)
    checked, program = found.sound()
    if found.warnings:
        print_diagnostics(found.warnings, stream=sys.stderr)
    refuse_before_loading(checked, program, device)
    prepare_jax(device)
    from netspec.data import Roots
    from netspec.report.finish import show
    from netspec.report.training import Display
    from netspec.training import Interrupted
    from netspec.verbs.train import train as verb

    display = Display(sys.stdout, quiet=quiet)
    try:
        with display:
            trained = verb(
                checked,
                program,
                Roots.of(spec, root, data_root, runs),
                run=run,
                resume=resume,
                stop_after=stop_after,
                lengths=dims(dim),
                allow_change=allow_change or (),
                finish=True,
                watcher=display,
                may_leave=True,
            )
    except Interrupted as stop:
        told = (
            f"; the state is saved: go on with `{_again(spec, run, set_)}`"
            if stop.saved
            else " before there was anything new to save"
        )
        sys.stderr.write(f"stopped by {stop}{told}\n")
        raise typer.Exit(stop.exit_code) from None
    if trained.finished is None:
        display.line(f"paused after epoch {trained.epochs}: {trained.folder.path}")
        display.line(f"go on with `{_again(spec, trained.folder.path, set_)}`")
        return
    show(trained.finished, trained.folder, display)
    if trained.finished.broken:
        print_diagnostics(trained.finished.broken, stream=sys.stderr)
        raise typer.Exit(1)


def _again(spec: Path, run: Path | None, set_: list[str] | None) -> str:
    """The command that goes on with a run."""
    words = ["netspec", "train", str(spec), "--resume", *(["--run", str(run)] if run else [])]
    return shlex.join([*words, *(word for setting in set_ or [] for word in ("--set", setting))])
