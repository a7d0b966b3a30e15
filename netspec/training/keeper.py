"""What is kept of a training: checkpoints, when they are due, and the best weights in each of them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from netspec.diagnostics import Diagnostic, SpecError
from netspec.spec.training import Checkpoint
from netspec.training import checkpoint
from netspec.training.folder import RunFolder
from netspec.training.progress import Progress, Tally
from netspec.training.state import packed, unpacked
from netspec.training.steps.stepping import State
from netspec.training.watch import Watcher

Array = np.ndarray[Any, Any]
_SHARE = 0.05
"""Of a training's time, where the spec does not say how often it is saved."""
_BEST = "best/"


class Keeper:
    """Saves a training in its folder, and finds it there again."""

    def __init__(self, folder: RunFolder, section: Checkpoint, watcher: Watcher) -> None:
        self.folder, self.section, self.watcher = folder, section, watcher
        self.order = max((each.order for each in folder.listed), default=0)
        self.best: dict[str, Array] = {}
        self.saved: tuple[int, int] | None = None
        """Epoch and position of the newest checkpoint."""
        self.saved_at = time.perf_counter()
        self.seconds = 0.0
        self.has_told = False

    def load(self, template: State) -> tuple[State, Progress, Tally] | None:
        """The newest sound checkpoint; None where nothing was saved. Raises SpecError NS530, NS531."""
        saved, told = self.folder.newest()
        for line in told:
            self.watcher.told(f"{line}: going back to the checkpoint before")
        if saved is None:
            return None
        self.order = max(self.order, saved.order)
        self.best = {name.removeprefix(_BEST): array for name, array in saved.arrays.items() if name.startswith(_BEST)}
        progress = Progress(**saved.notes["progress"])
        self.saved = (progress.epoch, progress.position)
        return unpacked(saved.arrays, template), progress, Tally.of(saved.arrays)

    def improved(self, weights: Mapping[str, Any]) -> None:
        """Keep weights as the best; they are saved with the next checkpoint."""
        self.best = packed({"weights": weights})
        self.saved = None

    def is_due(self, epoch: int) -> bool:
        """Whether a checkpoint is due after so many epochs.

        What the spec says is done. Where it says nothing, saving takes at most a twentieth of the time, and that is told.
        """
        if epoch % self.section.every_epochs:
            return False
        if "every_epochs" in self.section.model_fields_set:
            return True
        due = time.perf_counter() - self.saved_at >= self.seconds / _SHARE
        if not due and not self.has_told:
            self.has_told = True
            self.watcher.told(
                f"saving takes {self.seconds:.2g} s, longer than some epochs: not every epoch is saved "
                "(write `checkpoint: {every_epochs: 1}` to save each)"
            )
        return due

    def save(self, state: State, progress: Progress, tally: Tally | None = None) -> None:
        """Save a state, unless it is saved already. Raises SpecError NS533."""
        if self.saved == (progress.epoch, progress.position):
            return
        began = time.perf_counter()
        arrays = packed(state) | {_BEST + name: array for name, array in self.best.items()}
        arrays |= tally.arrays() if tally is not None else {}
        self.order += 1
        notes = {"progress": progress.json()}
        listed = checkpoint.save(self.folder.checkpoints, int(state["step"]), arrays, notes, self.order)
        self.folder.keep(listed, self.section.keep)
        self.saved = (progress.epoch, progress.position)
        self.saved_at = time.perf_counter()
        self.seconds = self.saved_at - began

    def check_room(self, state: State) -> None:
        """Raises SpecError NS533 where the disk has no room for the checkpoints that will be kept."""
        size = sum(int(np.prod(array.shape)) * array.dtype.itemsize for array in jax.tree.leaves(state))
        needed = 2 * size * (self.section.keep + 1)  # the best weights are at most as large as the state
        free = shutil.disk_usage(self.folder.path).free
        if needed > free:
            room = f"`{self.folder.path}` has room for {free / 1e9:.2g} GB"
            message = f"{self.section.keep + 1} checkpoints take {needed / 1e9:.2g} GB, and {room}"
            help = ("free some space, keep fewer by `checkpoint: {keep: 1}`, or choose another folder with `--runs`",)
            raise SpecError(Diagnostic("NS533", message, help=help, exit_code=5))
