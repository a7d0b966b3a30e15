"""The Python API. Frameworks are imported inside the functions that need them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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


def load(path: str | Path, *, set: Mapping[str, Plain] | None = None) -> Spec:
    """The spec in a YAML or JSON file. Raises SpecError with every problem of reading it."""
    return _load(path, set=set)


def validate(path: str | Path, *, set: Mapping[str, Plain] | None = None) -> tuple[Diagnostic, ...]:
    """Every problem of a spec, without training it; an empty tuple where all is well."""
    try:
        return validation.checked(read_file(Path(path)), set).diagnostics
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

    checked, program = _required(spec, None)
    bound = bind(program, dims or {})
    refuse_oversized(checked, bound, device_memory())
    return Network(bound.main, seed)


def train(
    spec: Spec | str | Path,
    *,
    set: Mapping[str, Plain] | None = None,
    run: str | Path | None = None,
    runs: str | Path | None = None,
    data_root: str | Path | None = None,
    resume: bool = False,
) -> Run:
    """Train a spec, and return the run with its best weights. Raises SpecError."""
    from netspec.data import Roots
    from netspec.inference.features import features_of
    from netspec.inference.run import Run
    from netspec.training import train as start

    checked, program = _required(spec, set)
    roots = Roots.of(checked.document.file, None, data_root and Path(data_root), runs and Path(runs))  # type: ignore[arg-type]
    folder, _ = start(
        checked,
        program,
        roots,
        run=Path(run) if run else None,
        resume=resume,
        features=lambda: features_of(checked, roots),
    )
    return Run(folder.path, roots.root, roots.data_root)


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
    return _predictor(run, data_root, data_changed=data_changed).evaluate(part, Path(data) if data else None)


def predict(run: Run | str | Path, rows: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """Readable outputs for raw columns: probabilities, or numbers in the target's units. Raises SpecError."""
    from netspec.inference.rows import columns_of

    predictor = _predictor(run)
    return predictor.predict(columns_of(predictor.preprocess, rows))


def generate(run: Run | str | Path, length: int = 200, prompt: str = "", *, temperature: float = 1.0, seed: int = 0) -> str:
    """What a language model writes after the prompt: `length` tokens as text, drawn from the seed. Raises SpecError."""
    from netspec.inference.generate import Generator
    from netspec.inference.run import Run

    opened = run if isinstance(run, Run) else Run(run)
    return "".join(Generator(opened).text(length, prompt, temperature=temperature, seed=seed))


def sample(
    run: Predictor | str | Path, rows: int = 64, *, seed: int = 0, label: str | None = None, interpolate: int = 0
) -> numpy.ndarray[Any, Any]:
    """What a GAN's generator or a VAE's decoder makes: `rows` examples in original units, [rows, ...].

    `label` asks for one class; with `interpolate` each of `rows` ways leads in so many steps from one latent vector to
    another, [rows * interpolate, ...]. Raises SpecError.
    """
    from netspec.inference.opening import open_sampler

    sampler = open_sampler(run)
    draws = sampler.between(rows, interpolate, seed=seed, label=label) if interpolate else None
    return sampler.make(draws or sampler.draw(rows, seed=seed, label=label))


def export(run: Run | str | Path, path: str | Path, *, part: str = "", **changes: Any) -> Exported:
    """Write a run as an ONNX file, proven equal to it; of a GAN pair or an autoencoder perhaps a `part`.

    `changes` replace fields of `export:`. Raises SpecError.
    """
    from netspec.inference.run import Run
    from netspec.proof.run import export_run

    opened = run if isinstance(run, Run) else Run(run)
    return export_run(opened.asked(part=part) if part else opened, Path(path), **changes)


def _required(spec: Spec | str | Path, set: Mapping[str, Plain] | None) -> tuple[Spec, Any]:
    document = spec.document if isinstance(spec, Spec) else read_file(Path(spec))
    return validation.required(document, set)


def _predictor(run: Predictor | str | Path, data_root: str | Path | None = None, *, data_changed: bool = False) -> Predictor:
    from netspec.inference import Predictor, open_predictor

    if isinstance(run, Predictor):
        return run
    return open_predictor(Path(run), None, Path(data_root) if data_root else None, data_changed=data_changed)
