"""Starting and resuming a training: data, program, folder and loop put together."""

from __future__ import annotations

import platform
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

import jax

from netspec.data import Dataset, Roots, prepare
from netspec.diagnostics import Diagnostic, Problem, Severity, SpecError, placed
from netspec.diagnostics.ignore import without_ignored
from netspec.graph import Program
from netspec.graph.ir import RaggedProblem
from netspec.graph.limits import refuse_oversized
from netspec.graph.run_lints import known_length, length_of, lint_length
from netspec.machine import processor
from netspec.source import split_lines
from netspec.spec import Spec
from netspec.spec.expand import expanded
from netspec.spec.reader import Reader, dotted
from netspec.training.anomaly import threshold
from netspec.training.checkpoint import Saved, weights_of
from netspec.training.courses import course
from netspec.training.folder import RESOLVED, Lock, RunFolder, files_of, new_run, newest_run
from netspec.training.initialize import initial_weights
from netspec.training.limits import device_memory
from netspec.training.loop import Course, Outcome, Trainer
from netspec.training.samples import Features
from netspec.training.signals import Interrupted, Signals
from netspec.training.watch import Quiet, Watcher

_JUMP = 0.05
"""A change of the learning rate, from one step to the next, that is worth a warning."""
_PACKAGES = ("netspec-compiler", "jax", "jaxlib", "flax", "optax", "numpy")


class Trained(NamedTuple):
    """A run folder, how its training ended, and what it read and prepared."""

    folder: RunFolder
    outcome: Outcome
    dataset: Dataset


def train(
    spec: Spec,
    program: Program,
    roots: Roots,
    *,
    run: Path | None = None,
    resume: bool = False,
    stop_after: int | None = None,
    lengths: Mapping[str, int] | None = None,
    allow_change: Sequence[str] = (),
    watcher: Watcher | None = None,
    features: Callable[[], Features | None] = lambda: None,
    may_leave: bool = False,
) -> Trained:
    """Train a spec in a run folder of its own, or go on with an earlier one.

    `features` opens the classifier that a pair is judged by, where its spec names one. `may_leave` is for a command: a
    signal that comes while XLA compiles ends the process.

    Raises SpecError for anything wrong with spec, data or folder, Interrupted after a signal.
    """
    watcher = watcher or Quiet()
    if spec.training is None:
        message = "the spec has no `train` section"
        raise SpecError(
            Diagnostic("NS510", message, file=spec.document.file, help=("add `train: {loss: ..., optimizer: ...}`",))
        )
    dataset = prepare(spec, program, roots, lengths)
    needed = frozenset().union(*(graph.weight_names for graph in program.graphs.values()))
    kept = {name: length for name, length in dataset.lengths.items() if name in needed}
    bound = ragged(bind(program, kept), dataset.preprocess.ragged, spec)
    refuse_oversized(spec, bound, device_memory())
    _warn_length(spec, bound, dataset, watcher)
    _warn_positive(spec, dataset, watcher)
    folder = _folder(spec, roots, run, resume)
    _refuse_used(folder, resume)
    with Lock(folder), Signals(_leaving(folder) if may_leave else None) as signals:
        # Everything that may be wrong with an earlier run is found before a byte of it is changed.
        saved = _resumed(folder, spec, dataset, allow_change, watcher) if resume else None
        start = {} if saved is not None else initial_weights(spec, bound, roots)
        planned = course(spec, bound, dataset, features())
        if saved is not None:
            _warn_jump(folder, planned, saved, watcher)
        trainer = Trainer(folder, planned, watcher, start, signals)
        state = trainer.begin(resume=resume)
        _begin(folder, spec, roots, dataset, kept)
        try:
            outcome = trainer.run(*state, stop_after=stop_after)
        except Interrupted as stop:
            _end(folder, f"interrupted by {stop}")
            raise
        except SpecError:
            _end(folder, "failed")
            raise
        last, _ = folder.newest()
        strange = threshold(spec, bound.main, dataset, weights_of(last) if last is not None else {})
        more = {} if strange is None else {"threshold": strange}
        _end(folder, outcome.ended, best_epoch=outcome.progress.best_epoch, **more)
    return Trained(folder, outcome, dataset)


def _leaving(folder: RunFolder) -> Callable[[int], None]:
    """What is said and noted when a process leaves while something compiles."""

    def leave(number: int) -> None:
        name = signal.Signals(number).name
        if folder.is_run():
            _end(folder, f"interrupted by {name} while compiling")
        sys.stderr.write(f"stopped by {name} while compiling, before there was anything new to save\n")

    return leave


def _resumed(folder: RunFolder, spec: Spec, dataset: Dataset, allow_change: Sequence[str], watcher: Watcher) -> Saved | None:
    """The checkpoint that an earlier run goes on from; None where it never saved one. Raises SpecError NS530, NS534."""
    _check_unchanged(folder, spec, dataset, allow_change)
    if folder.manifest()["version"] == 1:
        watcher.told("this run was begun by an earlier version of netspec: what it lists no hash for cannot be checked")
    saved, _ = folder.newest()
    if saved is None:
        watcher.told("the run has saved nothing yet: it starts from its beginning")
    return saved


def bind(program: Program, lengths: Mapping[str, int]) -> Program:
    """The program with every dim bound that weights depend on. Raises SpecError NS410 for one that is not."""
    unbound = sorted(frozenset().union(*(graph.weight_names for graph in program.graphs.values())) - lengths.keys())
    if unbound:
        help = f"give it one with `--dim {unbound[0]}=N`, or let the data bind it"
        raise SpecError(Diagnostic("NS410", f"the size `{unbound[0]}` has no length yet", help=(help,)))
    try:
        return program.bind(lengths)
    except Problem as problem:
        raise SpecError(Diagnostic(problem.code, problem.message, help=problem.help)) from None


def ragged(program: Program, names: frozenset[str], spec: Spec) -> Program:
    """The program for sequences of different lengths. Raises SpecError NS414 with the place of the layer that cannot."""
    try:
        return program.with_ragged(names)
    except RaggedProblem as problem:
        span = spec.document.span(problem.node.origin.path, key=True)
        path = dotted(problem.node.origin.path)
        raise SpecError(placed(problem, file=spec.document.file, span=span, path=path)) from None


def _warn_length(spec: Spec, program: Program, dataset: Dataset, watcher: Watcher) -> None:
    """What the number of rows says of the training, unless `validate` knew it already."""
    if known_length(spec) is None:
        reader = Reader(spec.document)
        lint_length(reader, spec, program, length_of(spec, dataset.train.rows))
        for warning in without_ignored(reader.diagnostics, split_lines(spec.document.text)):
            watcher.warned(warning)


_YES = {"1", "true", "yes", "y", "t", "positive", "pos", "on", "present"}
"""Classes that anybody takes for the positive one of two."""


def _warn_positive(spec: Spec, dataset: Dataset, watcher: Watcher) -> None:
    """Of two classes that are no yes and no, one is the positive one, and nobody said which."""
    asked = [metric.type for metric in (spec.train.metrics if spec.train else ()) if metric.of_positive]
    given = (spec.data.positive, spec.data.classes) if spec.data else ()
    for output, pipe in dataset.preprocess.targets.items():
        said = any(output in each if isinstance(each, Mapping) else each is not None for each in given)
        if said or not asked or pipe.classes is None or len(pipe.classes) != 2 or pipe.classes[1].lower() in _YES:
            continue
        other, taken = pipe.classes
        message = f"`{asked[0]}` is a figure of `{taken}`, the last of two classes in sorted order"
        help = (f"where `{other}` is meant: `data: {{positive: {other}}}`", f"`positive: {taken}` says that this is right")
        at = ("data", "target") if spec.data is not None and spec.data.target is not None else ("data",)
        span = spec.document.span(at, key=True)
        warning = Diagnostic("NS553", message, Severity.warning, file=spec.document.file, span=span, path=dotted(at), help=help)
        for each in without_ignored((warning,), split_lines(spec.document.text)):
            watcher.warned(each)


def _folder(spec: Spec, roots: Roots, run: Path | None, resume: bool) -> RunFolder:
    if run is not None:
        if resume and not RunFolder(run).is_run():
            message = f"there is no run in `{run}` to resume"
            raise SpecError(
                Diagnostic("NS531", message, help=("leave out `--resume`, or check the folder's name",), exit_code=2)
            )
        return RunFolder(run)
    if not resume:
        return new_run(roots.runs, spec.name)
    found = newest_run(roots.runs, spec.name)
    if found is None:
        message = f"there is no run of `{spec.name}` in `{roots.runs}` to resume"
        raise SpecError(
            Diagnostic("NS531", message, help=("leave out `--resume`, or name the folder with `--run`",), exit_code=2)
        )
    return found


def _refuse_used(folder: RunFolder, resume: bool) -> None:
    if not resume and folder.is_run():
        message = f"`{folder.path}` holds a run already"
        raise SpecError(
            Diagnostic("NS532", message, help=("go on with it by `--resume`, or choose another `--run`",), exit_code=2)
        )


def _check_unchanged(folder: RunFolder, spec: Spec, dataset: Dataset, allowed: Sequence[str]) -> None:
    """Resuming under another spec or other data is refused, with the fields that changed."""
    before, after = _flat(folder.read_json(RESOLVED)), _flat(expanded(spec))
    changed = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    free = ("description", "expect", "export", *allowed)
    refused = [key for key in changed if not any(key == path or key.startswith(path + ".") for path in free)]
    if refused:
        shown = ", ".join(f"`{key}` ({before.get(key, 'not set')} -> {after.get(key, 'not set')})" for key in refused[:5])
        help = " ".join(f"--allow-change {key}" for key in refused[:3])
        message = f"the spec changed since the run began: {shown}"
        raise SpecError(
            Diagnostic("NS534", message, file=spec.document.file, help=(f"start a new run, or resume with `{help}`",))
        )
    if folder.manifest()["data_sha256"] != dataset.sha256:
        raise SpecError(Diagnostic("NS534", "the data changed since the run began", help=("start a new run",)))


def _warn_jump(folder: RunFolder, course: Course, saved: Saved, watcher: Watcher) -> None:
    """Tells where a schedule that stretches over other epochs than it began with goes on from another rate."""
    epochs = folder.read_json(RESOLVED).get("train", {}).get("epochs", course.train.epochs)
    if saved.step == 0 or epochs == course.train.epochs:
        return
    then = replace(course.objective, train=course.train.model_copy(update={"epochs": epochs}))  # type: ignore[type-var]
    for name, rate in course.objective.rates(saved.step).items():
        left = then.rates(saved.step - 1)[name]
        if abs(rate - left) > _JUMP * max(abs(left), abs(rate)):
            what = name.replace("_", " ")
            message = f"the {what} was {left:.3g} and goes on at {rate:.3g}: the schedule ends later than it did"
            help = "train anew for so many epochs, or change `schedule` along with them"
            watcher.warned(Diagnostic("NS552", message, Severity.warning, help=(help,)))


def _flat(data: Any, path: str = "") -> dict[str, Any]:
    if isinstance(data, list):
        data = {str(index): item for index, item in enumerate(data)}
    if not isinstance(data, dict) or not data:
        return {path: data}
    return {k: v for key, item in data.items() for k, v in _flat(item, f"{path}.{key}" if path else key).items()}


def _begin(folder: RunFolder, spec: Spec, roots: Roots, dataset: Dataset, lengths: Mapping[str, int]) -> None:
    """Write the run's files and its manifest; the checkpoints that an earlier one lists stay listed."""
    assert spec.training is not None
    device = jax.devices()[0]
    before = folder.manifest() if folder.is_run() else {}
    manifest = {
        "name": spec.name,
        "state": "running",
        "started": before.get("started", _now()),
        "started_at": before.get("started_at", time.time()),
        "seed": spec.training.seed,
        "lengths": lengths,
        "ragged": sorted(dataset.preprocess.ragged),
        "rows": {name: part.rows for name, part in dataset.parts.items()},
        "data_sha256": dataset.sha256,
        "device": {"platform": device.platform, "kind": device.device_kind, "count": jax.device_count()},
        "machine": {"processor": processor(), "python": platform.python_version()},
        "versions": {name: _version(name) for name in _PACKAGES},
        "roots": {"folder": str(roots.folder), "root": str(roots.root), "data_root": str(roots.data_root or "")},
        "spec_file": Path(spec.document.file).name,
        "checkpoints": before.get("checkpoints", []),
        "last": before.get("last"),
    }
    folder.begin(manifest, files_of(spec, dataset.preprocess))


def _end(folder: RunFolder, state: str, **more: Any) -> None:
    """Note how a training ended, and the hashes of what grew while it ran."""
    folder.update(state=state, ended=_now(), **more)
    grown = [folder.metrics, *sorted((folder.path / "tensorboard").glob("*"))]
    folder.add(*(path.relative_to(folder.path).as_posix() for path in grown))


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
