"""A run or an exported file behind one Predictor; `evaluate` and `predict` stand on it."""

from netspec.inference.opening import open_predictor
from netspec.inference.predictor import Evaluation, Predictor

__all__ = ["Evaluation", "Predictor", "open_predictor"]
