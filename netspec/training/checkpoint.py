"""Checkpoints: a folder of safetensors and a manifest of hashes, written beside and renamed.

A damaged checkpoint is detected at every load, named, and the one before is used; all damaged is an
error, never a silent fresh start. Which one is the newest, a counter in their manifests says, not their names.
"""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from netspec.diagnostics import Diagnostic, SpecError
from netspec.files import json_text, reason, unwritable
from netspec.training.seal import SEAL, Damaged, hash_of, read_sealed, sealed

Arrays = dict[str, np.ndarray[Any, Any]]
_STATE = "state.safetensors"
_MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Saved:
    """A checkpoint read back: arrays by name, and what was noted with them."""

    step: int
    arrays: Arrays
    notes: Mapping[str, Any]
    order: int = 0


class Listed(NamedTuple):
    """A checkpoint as a run's manifest lists it: its folder's name, its place in the order, and its manifest's seal."""

    name: str
    order: int
    seal: str


def save(folder: Path, step: int, arrays: Mapping[str, np.ndarray[Any, Any]], notes: Mapping[str, Any], order: int) -> Listed:
    """Write `folder/<step>`: beside, synced, renamed, so that it is whole or not there. Raises SpecError NS533."""
    final = folder / f"{step:010d}"
    beside = folder / f".{final.name}.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir()
        save_file({name: np.asarray(array, order="C") for name, array in arrays.items()}, beside / _STATE)
        plain = {"version": 2, "step": step, "order": order, "time": time.time(), "notes": notes}
        manifest = sealed({**plain, "sha256": {_STATE: hash_of(beside / _STATE)}})
        (beside / _MANIFEST).write_text(json_text(manifest, indent=1))
        for name in (_STATE, _MANIFEST):
            _sync(beside / name)
        if final.exists():
            doomed = folder / f".old.{final.name}"
            shutil.rmtree(doomed, ignore_errors=True)
            final.rename(doomed)
        beside.rename(final)
        _sync(folder)
        shutil.rmtree(folder / f".old.{final.name}", ignore_errors=True)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise _unsaved(folder, error) from None
    return Listed(final.name, order, manifest[SEAL])


def _unsaved(folder: Path, error: Exception) -> SpecError:
    """The problem of a checkpoint that cannot be written; safetensors words the system's errors anew."""
    full = f"os error {errno.ENOSPC}" in str(error)
    plain = error if isinstance(error, OSError) else OSError(errno.ENOSPC if full else errno.EIO, str(error))
    return unwritable(folder, plain, "free some space, then go on with `netspec train --resume`")


def load_one(folder: Path, seal: str | None = None) -> Saved:
    """Read one checkpoint, that with a seal where one is given. Raises Damaged with the file that is not what it was."""
    if folder.is_symlink():
        raise Damaged(f"`{folder}` is a link")
    manifest = read_sealed(folder / _MANIFEST)
    if seal is not None and manifest.get(SEAL) != seal:
        raise Damaged(f"`{folder}` is not the checkpoint that the run saved")
    try:
        hashes, step, notes = manifest["sha256"], int(manifest["step"]), manifest["notes"]
        if set(hashes) != {_STATE} or not isinstance(notes, dict):
            raise Damaged(f"`{folder / _MANIFEST}` is damaged")
        if hash_of(folder / _STATE) != hashes[_STATE]:
            raise Damaged(f"`{folder / _STATE}` is damaged")
        return Saved(step, load_file(folder / _STATE), notes, int(manifest.get("order", step)))
    except OSError as error:
        raise Damaged(f"`{folder / _STATE}` cannot be read ({reason(error)})") from None
    except (ValueError, KeyError, TypeError, SafetensorError) as error:
        raise Damaged(f"`{folder}` is damaged ({type(error).__name__})") from None


def steps(folder: Path, listed: Sequence[Listed] = ()) -> list[Path]:
    """Checkpoint folders, newest first, whether they are sound or not; those that are listed also where they are gone."""
    known = {each.name: each.order for each in listed}
    newest = max(known.values(), default=-1)
    there = [path for path in folder.iterdir() if path.name.isdigit()] if folder.is_dir() else []
    orders: dict[str, float] = dict(known)
    for path in there:
        if path.name not in orders:
            orders[path.name] = _order(path, newest)
    return [folder / name for name in sorted(orders, key=lambda name: (orders[name], name), reverse=True)]


def _order(path: Path, newest: int) -> float:
    """The place of a checkpoint that no manifest lists: its own counter says it, where that can be read."""
    try:
        manifest = read_sealed(path / _MANIFEST)
        return float(manifest.get("order", manifest["step"]))
    except (Damaged, KeyError, TypeError, ValueError):
        return newest + 0.5


def load_newest(folder: Path, listed: Sequence[Listed] = ()) -> tuple[Saved | None, tuple[str, ...]]:
    """The newest sound checkpoint and what was wrong with newer ones; None where there never was one.

    Raises SpecError NS530 where every one is damaged or gone.
    """
    told: list[str] = []
    found = steps(folder, listed)
    seals = {each.name: each.seal for each in listed}
    for path in found:
        try:
            return load_one(path, seals.get(path.name)), tuple(told)
        except Damaged as damage:
            told.append(str(damage))
    if found:
        help = "start anew with another `--run`, or restore the folder from a copy"
        message = f"no checkpoint in `{folder}` is sound: {'; '.join(told[:3])}"
        raise SpecError(Diagnostic("NS530", message, help=(help,), exit_code=5))
    return None, ()


def weights_of(saved: Saved) -> Arrays:
    """The best weights of a checkpoint by name, or its own where none was best."""
    # Moving averages come last: they take the place of the weights that they are averages of.
    for parts in (("best/weights/",), ("parameters/", "statistics/", "ema/")):
        found = {
            name.removeprefix(part): array for part in parts for name, array in saved.arrays.items() if name.startswith(part)
        }
        if found:
            return found
    return {}


def prune(folder: Path, kept: Sequence[Listed]) -> None:
    """Remove every checkpoint that is not listed any more, and the links that earlier versions made."""
    names = {each.name for each in kept}
    for path in folder.iterdir():
        if path.is_symlink():
            path.unlink(missing_ok=True)
        elif path.name.isdigit() and path.name not in names:
            doomed = path.with_name(f".old.{path.name}")
            path.rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)


def sweep(folder: Path) -> None:
    """Remove what a killed process left half written."""
    if folder.is_dir():
        for path in folder.iterdir():
            if path.name.startswith(".") and path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
