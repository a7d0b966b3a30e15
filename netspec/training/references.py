"""Runs that a spec names: `NAME/best` for the newest finished one of that name, `NAME/ID/best` for one of them.

A folder `NAME` that is a run itself, as `--run runs/NAME` makes it, is the one run of that name.
"""

from __future__ import annotations

from pathlib import Path

from netspec.diagnostics import Problem
from netspec.files import is_folder
from netspec.spec.sections import RUN_REFERENCE
from netspec.training.folder import RunFolder, started

_FINISHED = ("finished", "early")


def referred(runs: Path, reference: str) -> RunFolder:
    """The run folder that a reference means. Raises Problem NS531 where there is none that has finished."""
    match = RUN_REFERENCE.match(reference)
    if match is None:
        raise Problem("NS531", f"`{reference}` is no run", help="write `NAME/best`, or `NAME/ID/best`")
    name, identity = match["name"], match["id"]
    if identity is not None:
        path = runs / name / identity
        if _state(path) is None:
            raise Problem("NS531", f"there is no run `{name}/{identity}` in `{runs}`", help=_train(name))
        return RunFolder(path)
    folder = runs / name
    inside = [folder, *folder.iterdir()] if is_folder(folder) else []
    candidates = sorted(inside, key=lambda path: started(RunFolder(path)), reverse=True)
    found = [path for path in candidates if _state(path) in _FINISHED]
    if not found:
        begun = any(_state(path) for path in candidates)
        message = f"no run of `{name}` in `{runs}` has finished" if begun else f"there is no run of `{name}` in `{runs}`"
        raise Problem("NS531", message, help=_train(name))
    return RunFolder(found[0])


def _train(name: str) -> str:
    return f"train it first: `netspec train {name}.yaml`; or say where runs are by `--runs DIR`"


def _state(path: Path) -> str | None:
    """How a run stands; None for a folder that is none."""
    folder = RunFolder(path)
    return str(folder.manifest()["state"]) if folder.is_run() else None
