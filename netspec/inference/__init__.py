"""A run or an exported file behind one Predictor; `evaluate` and `predict` stand on it."""

from netspec.inference.predictor import Evaluation, Predictor, open_predictor

__all__ = ["Evaluation", "Predictor", "open_predictor"]
