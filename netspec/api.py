"""The Python API. Frameworks are imported inside the functions that need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from netspec.arguments import dims_of, folder_of, number, path_of, settings_of, text_of, texts_of, whole
from netspec.diagnostics import Diagnostic, SpecError
from netspec.graph import validate as validation
from netspec.source import Plain, read_file
from netspec.spec import Spec
from netspec.spec import load as _load

if TYPE_CHECKING:
    import numpy

    from netspec.compiler.network import Network
    from netspec.inference import Evaluation, Predictor
    from netspec.inference.run import Run
    from netspec.proof import Exported
    from netspec.training import Watcher


def load(path: str | Path, *, set: Mapping[str, Plain] | None = None) -> Spec:
    """The spec in a YAML or JSON file. Raises SpecError with every problem of reading it."""
    return _load(path_of("path", path), set=settings_of(set))


def validate(path: str | Path, *, set: Mapping[str, Plain] | None = None) -> tuple[Diagnostic, ...]:
    """Every problem of a spec, without training it; an empty tuple where all is well."""
    file, changes = path_of("path", path), settings_of(set)
    try:
        return validation.checked(read_file(file), changes).diagnostics
    except SpecError as error:
        return error.diagnostics


def compile(spec: Spec | str | Path, *, dims: Mapping[str, int] | None = None, seed: int = 0) -> Network:
    """The spec as a `flax.nnx.Module` with fresh weights.

    `dims` binds named sizes that weights depend on. Call it with one array [batch, ...] an input.
    Raises SpecError.
    """
    from netspec.compiler.network import Network
    from netspec.graph.limits import refuse_oversized
    from netspec.training.limits import device_memory
    from netspec.training.start import bind

    lengths, start = dims_of(dims), whole("seed", seed)
    checked, program = _required(spec, None, lengths)
    bound = bind(program, lengths)
    refuse_oversized(checked, bound, device_memory())
    return Network(bound.main, start)


def train(
    spec: Spec | str | Path,
    *,
    set: Mapping[str, Plain] | None = None,
    run: str | Path | None = None,
    runs: str | Path | None = None,
    data_root: str | Path | None = None,
    dims: Mapping[str, int] | None = None,
    resume: bool = False,
    stop_after: int | None = None,
    allow_change: Sequence[str] = (),
    finish: bool = False,
    watcher: Watcher | None = None,
) -> Run:
    """Train a spec, and return the run with its best weights.

    Args:
        spec: A spec, or the path of its file.
        set: Changes by path, as `{"train.epochs": 3}`.
        run: The run folder itself; by default `RUNS/NAME/TIME`.
        runs: The folder of all runs, by default `runs`.
        data_root: Where data files are looked for besides.
        dims: Lengths of named sizes that the data do not bind.
        resume: Go on with `run`, or with the newest run of that name.
        stop_after: Pause after so many epochs.
        allow_change: Fields that may differ from the run that is gone on with.
        finish: Judge the test part, export and prove as the spec says, as the command does; `Run.finished` has the result,
            broken promises among it, which are never raised.
        watcher: Who is told how it goes.

    Raises:
        SpecError: for anything wrong with the spec, its data or the folder.
    """
    from netspec.data import Roots
    from netspec.verbs.train import train as verb

    checked, program = _required(spec, set)
    runs = None if runs is None else path_of("runs", runs)
    return verb(
        checked,
        program,
        Roots.of(checked.document.file, None, folder_of("data_root", data_root), runs),
        run=None if run is None else path_of("run", run),
        resume=resume,
        stop_after=None if stop_after is None else whole("stop_after", stop_after, 1),
        lengths=dims_of(dims),
        allow_change=texts_of("allow_change", allow_change),
        finish=finish,
        watcher=watcher,
    )


def evaluate(
    run: Run | str | Path,
    *,
    part: str = "test",
    data: str | Path | None = None,
    data_root: str | Path | None = None,
    data_changed: bool = False,
) -> Evaluation:
    """Metrics of a run, or of an .onnx file, on a part of its data (looked for below `data_root`) or on a file.

    Raises SpecError, NS534 where the data are others than the run was trained on, unless `data_changed` says so.
    """
    file = None if data is None else path_of("data", data)
    return _predictor(run, data_root, data_changed=data_changed).evaluate(text_of("part", part), file)


def predict(run: Run | str | Path, rows: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Readable outputs for raw columns: probabilities, or numbers in the target's units. Raises SpecError."""
    from netspec.inference.rows import columns_of

    predictor = _predictor(run)
    return predictor.predict(columns_of(predictor.preprocess, rows))


def generate(run: Run | str | Path, length: int = 200, prompt: str = "", *, temperature: float = 1.0, seed: int = 0) -> str:
    """What a language model writes after the prompt: `length` tokens as text, drawn from the seed. Raises SpecError."""
    from netspec.inference.generate import Generator
    from netspec.inference.run import Run

    opened = run if isinstance(run, Run) else Run(path_of("run", run))
    wanted, start = whole("length", length), whole("seed", seed)
    return "".join(
        Generator(opened).text(wanted, text_of("prompt", prompt), temperature=number("temperature", temperature), seed=start)
    )


def sample(
    run: Predictor | str | Path, rows: int = 64, *, seed: int = 0, label: str | None = None, interpolate: int = 0
) -> numpy.ndarray[Any, Any]:
    """What a GAN's generator or a VAE's decoder makes: `rows` examples in original units, [rows, ...].

    `label` asks for one class; with `interpolate` each of `rows` ways leads in so many steps from one latent vector to
    another, [rows * interpolate, ...]. Raises SpecError.
    """
    from netspec.inference import Predictor
    from netspec.inference.opening import open_sampler

    rows, seed, interpolate = whole("rows", rows, 1), whole("seed", seed), whole("interpolate", interpolate)
    sampler = open_sampler(run if isinstance(run, Predictor) else path_of("run", run))
    draws = sampler.between(rows, interpolate, seed=seed, label=label) if interpolate else None
    return sampler.make(draws or sampler.draw(rows, seed=seed, label=label))


def export(
    run: Run | str | Path,
    path: str | Path,
    *,
    part: str = "",
    inputs: Literal["raw", "prepared"] | None = None,
    outputs: Literal["as_spec", "probabilities", "labels"] | None = None,
    layout: Literal["channels_last", "channels_first"] | None = None,
    dynamic: Sequence[str] | None = None,
    masking: Literal["native", "portable"] | None = None,
    opset: int | None = None,
) -> Exported:
    """Write a run as an ONNX file, proven equal to it; of a GAN pair or an autoencoder perhaps a `part`.

    What is not None takes the place of the field of that name in the spec's `export`. Raises SpecError.
    """
    from netspec.inference.run import Run
    from netspec.proof.run import export_run

    opened = run if isinstance(run, Run) else Run(path_of("run", run))
    opened = opened.asked(part=text_of("part", part)) if part else opened
    changes: Mapping[str, Any] = {
        "inputs": inputs,
        "outputs": outputs,
        "layout": layout,
        "dynamic": dynamic,
        "masking": masking,
        "opset": opset,
    }
    return export_run(opened, path_of("path", path), **changes)


def _required(
    spec: Spec | str | Path, set: Mapping[str, Plain] | None, lengths: Mapping[str, int] | None = None
) -> tuple[Spec, Any]:
    document = spec.document if isinstance(spec, Spec) else read_file(path_of("spec", spec))
    return validation.required(document, settings_of(set), lengths)


def _predictor(run: Predictor | str | Path, data_root: str | Path | None = None, *, data_changed: bool = False) -> Predictor:
    from netspec.inference import Predictor, open_predictor

    if isinstance(run, Predictor):
        return run
    return open_predictor(path_of("run", run), None, folder_of("data_root", data_root), data_changed=data_changed)
