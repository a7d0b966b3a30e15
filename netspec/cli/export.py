"""`netspec export` and `netspec verify`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netspec.cli.environment import prepare_jax
from netspec.cli.output import AsJson, DataChanged, DataRoot, Root, print_diagnostics, print_json, tell
from netspec.diagnostics import Diagnostic, SpecError
from netspec.diagnostics.text import escaped

if TYPE_CHECKING:
    from netspec.inference.run import Run


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")] = Path("model.onnx"),
    opset: Annotated[int | None, typer.Option("--opset", min=18, max=23, help="ONNX opset, 18 to 23.")] = None,
    inputs: Annotated[
        str | None, typer.Option("--inputs", metavar="raw|prepared", help="With or without preprocessing in the graph.")
    ] = None,
    outputs: Annotated[
        str | None, typer.Option("--outputs", metavar="as_spec|probabilities|labels", help="What the graph gives.")
    ] = None,
    part: Annotated[
        str,
        typer.Option(
            "--part",
            metavar="NAME",
            help="One side of a GAN pair (generator, discriminator) or a half of an autoencoder (encoder, decoder); "
            "`both` writes two files.",
        ),
    ] = "",
    data_changed: DataChanged = False,
    json: AsJson = False,
    root: Root = None,
    data_root: DataRoot = None,
) -> None:
    """Write a run as ONNX, preprocessing inside, proven equal to the network on real examples."""
    _check("--inputs", inputs, ("raw", "prepared"))
    _check("--outputs", outputs, ("as_spec", "probabilities", "labels"))
    prepare_jax("cpu")
    from netspec.inference.run import Run
    from netspec.proof.run import export_run
    from netspec.report.table import size
    from netspec.verbs.promises import broken_size

    written = []
    broken: list[Diagnostic] = []
    whole = Run(run, root, data_root, data_changed=data_changed)
    for name, file in _files(whole, part, output).items():
        opened = whole.asked(part=name) if name else whole
        exported = export_run(opened, file, opset=opset, inputs=inputs, outputs=outputs)
        written.append(exported)
        broken += broken_size(opened.spec, exported.file.bytes)
        tell(opened.notices)
    if json:
        print_json(written[0].json() if len(written) == 1 else [each.json() for each in written])
    for exported in [] if json else written:
        worst = max(each.max_abs for each in exported.parity.outputs.values())
        sys.stdout.write(
            f"{exported.file.path}   {size(exported.file.bytes)}   opset {exported.file.opset}   {exported.file.nodes} nodes\n"
        )
        sys.stdout.write(f"proven: ONNX Runtime and Flax agree within {worst:.1e} on {exported.parity.rows} raw examples\n")
        if exported.opset_reason:
            sys.stdout.write(f"the opset was raised: {exported.opset_reason}\n")
    if broken:
        print_diagnostics(broken, stream=sys.stderr)
        raise typer.Exit(1)


def _files(run: Run, part: str, output: Path) -> dict[str, Path]:
    """The file of each part that is to be written."""
    if part != "both":
        return {part: output}
    from netspec.graph.pieces import parts_of

    parts = [name for name in parts_of(run.spec) if name != "network"]
    if len(parts) != 2:
        help = ("leave out `--part`",)
        raise SpecError(Diagnostic("NS205", "`--part both` is for networks of two parts", help=help, exit_code=2))
    return {name: output.with_name(f"{output.stem}-{name}.onnx") for name in parts}


def _check(option: str, value: str | None, allowed: tuple[str, ...]) -> None:
    if value is not None and value not in allowed:
        raise SpecError(
            Diagnostic("NS205", f"`{option}` cannot be `{value}`", help=(f"write one of {', '.join(allowed)}",), exit_code=2)
        )


def verify(
    model: Annotated[Path, typer.Argument(metavar="FILE.onnx", help="An exported file.")],
    json: AsJson = False,
) -> None:
    """Check an exported file on its own: ONNX's checker, its metadata, its stored examples."""
    from netspec.exporter.verify import verify as check

    result = check(model)
    if json:
        print_json(result)
    else:
        why = f": {result['why']}" if result["why"] else ""
        sys.stdout.write(f"{escaped(str(model))}: {result['verdict']}{escaped(why)}\n")
        for key, value in result.items():
            if key not in ("path", "verdict", "why"):
                sys.stdout.write(f"  {key:<16}{escaped(str(value))}\n")
    if result["verdict"] != "sound":
        raise typer.Exit(1)
