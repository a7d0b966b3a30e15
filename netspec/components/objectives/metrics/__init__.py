"""The metrics of the language, listed by hand."""

from netspec.components.objectives.metrics import classes, numbers
from netspec.components.objectives.metrics.base import EACH, ONE_OF, Metric, Reading, Tally

METRICS: dict[str, type[Metric]] = {metric.type: metric for metric in (*classes.METRICS, *numbers.METRICS)}

__all__ = ["EACH", "METRICS", "ONE_OF", "Metric", "Reading", "Tally"]
