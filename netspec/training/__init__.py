"""Training: the compiled step, the loop, checkpoints, the run folder."""

from netspec.training.folder import RunFolder
from netspec.training.loop import Outcome
from netspec.training.signals import Interrupted
from netspec.training.start import train
from netspec.training.watch import Watcher

__all__ = ["Interrupted", "Outcome", "RunFolder", "Watcher", "train"]
