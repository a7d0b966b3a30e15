"""Training: the compiled step, the loop, checkpoints, the run folder."""

from netspec.training.folder import RunFolder
from netspec.training.loop import Interrupted, Outcome
from netspec.training.start import train
from netspec.training.watch import Watcher

__all__ = ["Interrupted", "Outcome", "RunFolder", "Watcher", "train"]
