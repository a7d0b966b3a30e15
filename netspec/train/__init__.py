"""Training: the compiled step, the loop, checkpoints, the run folder."""

from netspec.train.folder import RunFolder
from netspec.train.loop import Interrupted, Outcome, Watcher
from netspec.train.start import train

__all__ = ["Interrupted", "Outcome", "RunFolder", "Watcher", "train"]
