"""What training aims at and how: losses, optimizers, schedules, metrics."""

from netspec.components.objectives.losses import LOSSES, Loss
from netspec.components.objectives.metrics import METRICS, Metric, Tally
from netspec.components.objectives.optimizers import OPTIMIZERS, SCHEDULES, Optimizer, Schedule

__all__ = ["LOSSES", "METRICS", "OPTIMIZERS", "SCHEDULES", "Loss", "Metric", "Optimizer", "Schedule", "Tally"]
