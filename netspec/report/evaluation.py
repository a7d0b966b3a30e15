"""Metrics and confusion matrices as text."""

from __future__ import annotations

import numpy as np

from netspec.inference import Evaluation

_MOST_CLASSES = 20


def figures(evaluation: Evaluation) -> str:
    """`test_accuracy 0.9889   test_f1 of churn 0.9886`."""
    shown = {_title(name, evaluation): value for name, value in evaluation.metrics.items()}
    return "   ".join(f"{name} {value:.4f}" if abs(value) < 1000 else f"{name} {value:.5g}" for name, value in shown.items())


def _title(name: str, evaluation: Evaluation) -> str:
    """A figure's name, with the class that it is a figure of."""
    return f"{name} of {evaluation.positive[name]}" if name in evaluation.positive else name


def report(evaluation: Evaluation) -> str:
    """Examples, metrics and the confusion matrix."""
    what = f"{evaluation.part} part" if evaluation.part in ("train", "validation", "test") else f"`{evaluation.part}`"
    lines = [f"{what}, {evaluation.examples:,} examples", ""]
    shown = {_title(name, evaluation): value for name, value in evaluation.metrics.items()}
    width = max((len(name) for name in shown), default=0)
    lines += [f"  {name:<{width}}  {value:.5g}" for name, value in shown.items()]
    if evaluation.confusion is not None and evaluation.classes is not None:
        lines += ["", *_confusion(evaluation.confusion, evaluation.classes)]
    return "\n".join(lines) + "\n"


def _confusion(matrix: np.ndarray[tuple[int, ...], np.dtype[np.int64]], classes: tuple[str, ...]) -> list[str]:
    if len(classes) > _MOST_CLASSES:
        return [f"the confusion matrix has {len(classes)} classes: see --json"]
    names = [name if len(name) <= 14 else name[:13] + "…" for name in classes]
    width = max(*(len(name) for name in names), len(str(matrix.max())), 2)
    first = max(max(len(name) for name in names), len("true \\ predicted"))
    head = "true \\ predicted"
    lines = [f"  {head:<{first}}  " + "  ".join(f"{name:>{width}}" for name in names)]
    for name, row in zip(names, matrix, strict=True):
        lines.append(f"  {name:<{first}}  " + "  ".join(f"{n if n else '·':>{width}}" for n in row.tolist()))
    return lines
