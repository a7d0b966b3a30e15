"""Checkpoints: a folder of safetensors and a manifest of hashes, written beside and renamed.

A damaged checkpoint is detected at every load, named, and the one before is used; all damaged is an
error, never a silent fresh start.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from netspec.diagnostics import Diagnostic, SpecError

Arrays = dict[str, np.ndarray[Any, Any]]
_STATE = "state.safetensors"
_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Saved:
    """A checkpoint read back: arrays by name, and what was noted with them."""

    step: int
    arrays: Arrays
    notes: Mapping[str, Any]


class Damaged(Exception):
    """A checkpoint's files are not what its manifest says."""


def save(folder: Path, step: int, arrays: Mapping[str, np.ndarray[Any, Any]], notes: Mapping[str, Any]) -> Path:
    """Write `folder/<step>`: beside, synced, renamed, so that it is whole or not there."""
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"{step:010d}"
    beside = folder / f".{final.name}.{os.getpid()}"
    shutil.rmtree(beside, ignore_errors=True)
    try:
        beside.mkdir()
        save_file({name: np.asarray(array, order="C") for name, array in arrays.items()}, beside / _STATE)
        manifest = {"version": 1, "step": step, "sha256": {_STATE: _sha256(beside / _STATE)}, "notes": notes}
        (beside / _MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True))
        for name in (_STATE, _MANIFEST):
            _sync(beside / name)
        if final.exists():
            shutil.rmtree(final)
        beside.rename(final)
        _sync(folder)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        message = f"cannot save a checkpoint in `{folder}`: {(error.strerror or str(error)).lower()}"
        help = "free some space, then go on with `netspec train --resume`"
        raise SpecError(Diagnostic("NS533", message, help=(help,), exit_code=5)) from None
    return final


def load(folder: Path) -> Saved:
    """Read one checkpoint. Raises Damaged with the file that is not what it was."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_text())
        for name, expected in manifest["sha256"].items():
            if _sha256(folder / name) != expected:
                raise Damaged(f"`{folder / name}` is damaged")
        return Saved(manifest["step"], load_file(folder / _STATE), manifest["notes"])
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise Damaged(f"`{folder}` is damaged ({type(error).__name__})") from None


def steps(folder: Path) -> list[Path]:
    """Checkpoint folders, newest first."""
    if not folder.is_dir():
        return []
    return sorted((path for path in folder.iterdir() if path.name.isdigit() and not path.is_symlink()), reverse=True)


def load_newest(folder: Path) -> tuple[Saved | None, tuple[str, ...]]:
    """The newest sound checkpoint and what was wrong with newer ones; None where there is none at all.

    Raises SpecError NS530 where every one is damaged.
    """
    told: list[str] = []
    found = steps(folder)
    for path in found:
        try:
            return load(path), tuple(told)
        except Damaged as damage:
            told.append(str(damage))
    if found:
        help = "start anew with another `--run`, or restore the folder from a copy"
        raise SpecError(
            Diagnostic("NS530", f"every checkpoint in `{folder}` is damaged: {'; '.join(told)}", help=(help,), exit_code=5)
        )
    return None, ()


def best_weights(folder: Path) -> Arrays | None:
    """The best weights of the newest sound checkpoint by name, or its own where none was best; None without a checkpoint.

    Raises SpecError NS530 where every checkpoint is damaged.
    """
    saved, _ = load_newest(folder)
    if saved is None:
        return None
    # Moving averages come last: they take the place of the weights that they are averages of.
    for parts in (("best/weights/",), ("parameters/", "statistics/", "ema/")):
        found = {
            name.removeprefix(part): array for part in parts for name, array in saved.arrays.items() if name.startswith(part)
        }
        if found:
            return found
    return {}


def link(folder: Path, name: str, target: Path) -> None:
    """Point the link `best` or `last` at a checkpoint, in one step."""
    beside = folder / f".{name}.{os.getpid()}"
    beside.unlink(missing_ok=True)
    beside.symlink_to(target.name)
    beside.replace(folder / name)


def prune(folder: Path, keep: int) -> None:
    """Remove all but the newest `keep` checkpoints and those that a link points at."""
    linked = {(folder / name).resolve() for name in ("best", "last") if (folder / name).is_symlink()}
    for path in steps(folder)[keep:]:
        if path.resolve() not in linked:
            doomed = path.with_name(f".old.{path.name}")
            path.rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove what a killed process left half written."""
    if folder.is_dir():
        for path in folder.iterdir():
            if path.name.startswith(".") and path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
