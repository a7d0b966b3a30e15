"""Training: the compiled step, the loop, checkpoints, the run folder."""

from netspec.training.folder import RunFolder
from netspec.training.loop import Interrupted, Outcome, Watcher
from netspec.training.start import train

__all__ = ["Interrupted", "Outcome", "RunFolder", "Watcher", "train"]
