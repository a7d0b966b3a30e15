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
    """A weight for each class: how rare it is, or as given."""
    if train.class_weights is None:
        return None
    found = {}
    for output, pipe in dataset.preprocess.targets.items():
        if pipe.classes is None or output not in losses:
            continue
        if isinstance(train.class_weights, Mapping):
            unknown = set(train.class_weights) - set(pipe.classes)
            if unknown:
                message = f"`class_weights` names `{sorted(unknown)[0]}`, which is not a class"
                raise SpecError(
                    Diagnostic("NS506", message, path="train.class_weights", help=(f"classes: {', '.join(pipe.classes)}",))
                )
            weights = np.asarray([train.class_weights.get(name, 1.0) for name in pipe.classes])
        else:
            labels, steps = dataset.train.targets[output].astype(np.int64), dataset.train.steps.get(output)
            if steps is not None:
                labels = labels[np.arange(labels.shape[1])[None, :] < steps[:, None]]
            labels = labels.reshape(-1)
            counts = np.bincount(labels, minlength=len(pipe.classes))
            weights = labels.size / (len(pipe.classes) * np.maximum(counts, 1))
        found[output] = jnp.asarray(weights, jnp.float32)
    return found


def monitored(train: TrainSection, validates: bool) -> tuple[str, bool]:
    """The figure that decides which weights are best, and whether larger is better."""
    fallback = "validation_loss" if validates else "train_loss"
    name = train.early_stopping.monitor if train.early_stopping else fallback
    named = sorted((m for m in train.metrics if name.endswith(f"_{m.label}")), key=lambda m: -len(m.label))
    metric = named[0] if named else None
    return name, metric.larger_is_better if metric else False
