"""A run or an exported file behind one Predictor; `evaluate` and `predict` stand on it."""

from netspec.inference.predictor import Evaluation, Predictor, open_predictor
from netspec.inference.run import Run

__all__ = ["Evaluation", "Predictor", "Run", "open_predictor"]
