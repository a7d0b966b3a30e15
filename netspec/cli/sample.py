"""`netspec sample`: what a generator makes, as a picture or as numbers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netspec.cli.evaluate import Model, opened
from netspec.cli.output import Device
from netspec.diagnostics import Diagnostic, SpecError
from netspec.files import write_whole, written_whole

if TYPE_CHECKING:
    from netspec.inference.sampler import Sampler

_ENDINGS = (".png", ".npz", ".csv")


def sample(
    model: Model,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="A picture (.png), or numbers (.npz, .csv).")
    ] = Path("samples.png"),
    grid: Annotated[str, typer.Option("--grid", metavar="ROWSxCOLUMNS", help="How many samples, as they stand.")] = "8x8",
    rows: Annotated[
        int | None, typer.Option("--rows", metavar="N", min=1, help="How many samples, where no picture is due.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Decides the draws.")] = 0,
    class_: Annotated[str | None, typer.Option("--class", metavar="NAME", help="Only samples of this class.")] = None,
    interpolate: Annotated[
        bool, typer.Option("--interpolate", help="Each row of the grid leads from one latent vector to another.")
    ] = False,
    device: Device = None,
) -> None:
    """Draw from a GAN's generator or a VAE's decoder: a grid of samples, or arrays in the data's units."""
    if output.suffix not in _ENDINGS:
        help = (f"choose one of {', '.join(_ENDINGS)}",)
        raise SpecError(Diagnostic("NS205", f"cannot write samples as `{output.name}`", help=help, exit_code=2))
    shape = _grid(grid)
    from netspec.inference.opening import open_sampler

    sampler = open_sampler(opened(model, None, None, device))
    count = shape[0] * shape[1] if rows is None or output.suffix == ".png" else rows
    ways = interpolate and sampler.between(*shape, seed=seed, label=class_)
    draws = ways or sampler.draw(count, seed=seed, label=class_)
    made = sampler.make(draws)
    _write(sampler, output, draws, made, shape)
    what = f"{len(made)} samples" + (f" of class {class_}" if class_ is not None else "")
    sys.stdout.write(f"{output}   {what}   seed {seed}\n")


def _grid(text: str) -> tuple[int, int]:
    rows, _, columns = text.partition("x")
    if not (rows.isdigit() and columns.isdigit() and 0 < int(rows) * int(columns) <= 10_000):
        help = ("for example `--grid 8x8`",)
        raise SpecError(Diagnostic("NS205", f"`--grid {text}` is not ROWSxCOLUMNS", help=help, exit_code=2))
    return int(rows), int(columns)


def _write(sampler: Sampler, output: Path, draws: dict[str, Any], made: Any, grid: tuple[int, int]) -> None:
    import numpy as np

    from netspec.data import pictures

    if output.suffix == ".npz":
        texts = {name: values.astype(str) if values.dtype == object else values for name, values in draws.items()}
        with written_whole(output) as stream:
            np.savez_compressed(stream, allow_pickle=False, samples=made, **texts)
    elif output.suffix == ".csv":
        _write_csv(sampler, output, made)
    else:
        sheet = sampler.picture(made, grid)
        if sheet is None:
            help = ("write numbers: `-o samples.npz`, or `-o samples.csv` for rows of a table",)
            message = f"samples of {list(made.shape[1:])} are no pictures"
            raise SpecError(Diagnostic("NS205", message, help=help, exit_code=2))
        pictures.write(output, sheet)


def _write_csv(sampler: Sampler, output: Path, made: Any) -> None:
    """A row a sample, under the columns that the data have."""
    import csv
    from io import StringIO

    names = sampler.columns(made)
    text = StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(made.reshape(len(made), -1).tolist())
    write_whole(output, text.getvalue())
