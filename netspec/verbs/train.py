"""Training, to its end if asked for: what `netspec train` and `netspec.train` both are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from netspec.graph import Program
from netspec.inference.features import features_of
from netspec.inference.run import Run
from netspec.spec import Spec
from netspec.spec.paths import Roots
from netspec.training import Watcher
from netspec.training import train as start


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
    finish: bool = False,
    watcher: Watcher | None = None,
    may_leave: bool = False,
) -> Run:
    """Train a spec, and return the run with its best weights; paused ones are never finished.

    Args:
        spec: A spec without errors.
        program: What it builds to.
        roots: Where its data may lie.
        run: The run folder itself; by default a new one below the roots' folder of runs.
        resume: Go on with `run`, or with the newest run of that name.
        stop_after: Pause after so many epochs.
        lengths: Lengths of named sizes that the data do not bind.
        allow_change: Fields that may differ from the run that is gone on with.
        finish: Judge the test part, export and prove as the spec says: `Run.finished` has the result.
        watcher: Who is told how it goes.
        may_leave: A signal that comes while XLA compiles ends the process.

    Raises:
        SpecError: for anything wrong with the spec, its data or the folder.
        Interrupted: after a signal.
    """
    folder, outcome, dataset = start(
        spec,
        program,
        roots,
        run=run,
        resume=resume,
        stop_after=stop_after,
        lengths=lengths,
        allow_change=allow_change,
        watcher=watcher,
        features=lambda: features_of(spec, roots),
        may_leave=may_leave,
    )
    found = Run(folder.path, roots.root, roots.data_root)
    found.epochs = outcome.progress.epoch
    if finish and outcome.ended != "paused":
        from netspec.verbs.finish import finish as end

        found.finished = end(found, spec, dataset)
    return found
