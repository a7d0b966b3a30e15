"""What the data add to a training: the fill of augmentation, class weights, the figure to watch."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np

from netspec.components.objectives import Loss
from netspec.components.transforms.pipeline import Preprocess
from netspec.data.prepare import Dataset
from netspec.diagnostics import Diagnostic, SpecError
from netspec.spec.training import TrainSection


def fills(preprocess: Preprocess) -> tuple[jax.Array, ...]:
    """For each input, what a raw zero became: augmentation fills with it."""
    found = []
    for pipe in preprocess.inputs.values():
        zero = np.zeros((1, *(int(size) for size in pipe.type.shape if isinstance(size, int))), np.float32)
        if pipe.is_array and len(pipe.columns) == 1 and not any(step.transform.lag for step in pipe.columns[0].steps):
            zero = pipe.prepare({pipe.columns[0].name: zero}).values
        found.append(jnp.asarray(zero[0].reshape(-1, zero.shape[-1])[0]))
    return tuple(found)


def class_weights(train: TrainSection, losses: Mapping[str, Loss], dataset: Dataset) -> dict[str, jax.Array] | None:
    """For each output a weight for each class, [labels, classes]: how rare it is, or as given.

    Labels are those that are told apart each for itself, several sigmoids; an output of one has one row.
    Raises SpecError NS506 for a class that is none, NS519 where no target has classes.
    """
    if train.class_weights is None:
        return None
    named = {output: names for output in losses if (names := _class_names(output, losses[output], dataset)) is not None}
    if not named:
        help = "classes are labels, positions of classes, or 0 and 1: shares and numbers have none"
        message = "`class_weights` weighs nothing: no target has classes"
        raise SpecError(Diagnostic("NS519", message, path="train.class_weights", help=(help,)))
    found = {}
    for output, names in named.items():
        labels = _labels(output, losses[output], dataset)
        if isinstance(train.class_weights, Mapping):
            unknown = sorted(set(train.class_weights) - set(names))
            if unknown:
                message = f"`class_weights` names `{unknown[0]}`, which is not a class"
                help = f"classes: {', '.join(names[:20])}"
                raise SpecError(Diagnostic("NS506", message, path="train.class_weights", help=(help,)))
            weights = np.tile([train.class_weights.get(name, 1.0) for name in names], (labels.shape[1], 1))
        else:
            counts = np.stack([np.bincount(each, minlength=len(names)) for each in labels.T])
            weights = len(labels) / (len(names) * np.maximum(counts, 1))
        found[output] = jnp.asarray(weights, jnp.float32)
    return found


def _class_names(output: str, loss: Loss, dataset: Dataset) -> tuple[str, ...] | None:
    """What the classes of an output's target are called; None where it has none."""
    pipe = dataset.preprocess.targets.get(output)
    if pipe is None or loss.target == "numbers":
        return None
    if pipe.classes:
        return pipe.classes
    values = dataset.train.targets[output]
    if loss.target == "classes":
        return tuple(map(str, range(int(values.max()) + 1))) if values.dtype.kind == "i" else None
    return ("0", "1") if np.isin(values, (0, 1)).all() else None


def _labels(output: str, loss: Loss, dataset: Dataset) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """The classes of a training part as [positions that count, labels]."""
    values, steps = dataset.train.targets[output].astype(np.int64), dataset.train.steps.get(output)
    if steps is not None:
        values = values[np.arange(values.shape[1])[None, :] < steps[:, None]]
    return values.reshape(-1, values.shape[-1] if loss.target == "binary" and values.ndim > 1 else 1)


def monitored(train: TrainSection, validates: bool) -> tuple[str, bool]:
    """The figure that decides which weights are best, and whether larger is better."""
    fallback = "validation_loss" if validates else "train_loss"
    name = train.early_stopping.monitor if train.early_stopping else fallback
    named = sorted((m for m in train.metrics if name.endswith(f"_{m.label}")), key=lambda m: -len(m.label))
    metric = named[0] if named else None
    return name, metric.larger_is_better if metric else False
