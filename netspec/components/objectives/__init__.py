"""What training aims at and how: losses, optimizers, schedules, metrics."""

from netspec.components.objectives.adversarial import ADVERSARIAL_LOSSES, AdversarialLoss
from netspec.components.objectives.losses import LOSSES, Loss
from netspec.components.objectives.metrics import METRICS, Metric, Tally
from netspec.components.objectives.optimizers import OPTIMIZERS, SCHEDULES, Optimizer, Schedule

__all__ = [
    "ADVERSARIAL_LOSSES",
    "AdversarialLoss",
    "LOSSES",
    "METRICS",
    "OPTIMIZERS",
    "SCHEDULES",
    "Loss",
    "Metric",
    "Optimizer",
    "Schedule",
    "Tally",
]
