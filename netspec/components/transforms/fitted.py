"""Fitted steps: fitting them one after the other, running them, and undoing them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netspec.components.canonical import canonical
from netspec.components.sources.base import Kind
from netspec.components.transforms import TRANSFORMS
from netspec.components.transforms.base import Array, State, Transform
from netspec.diagnostics import Problem


@dataclass(frozen=True)
class Fitted:
    """A step with what it learnt from the training part."""

    transform: Transform
    state: State

    def json(self) -> dict[str, Any]:
        """Plain data, for `preprocess.json`."""
        return {"step": canonical(self.transform), "state": dict(self.state)}

    @staticmethod
    def from_json(data: Mapping[str, Any]) -> Fitted:
        """The step that `json` wrote."""
        ((name, fields),) = data["step"].items()
        return Fitted(TRANSFORMS[name].model_validate(fields), data["state"])


def run(steps: Sequence[Fitted], values: Array) -> Array:
    """All steps, one after the other."""
    for step in steps:
        values = _applied(step, values)
    return values


def _applied(step: Fitted, values: Array) -> Array:
    """One step; where it works on each step of a sequence alone, all sequences are one long array to it."""
    if not (step.transform.on_steps and is_sequences(values)):
        return step.transform.numpy(step.state, values)
    import numpy as np

    from netspec.components.sources.files import objects

    ends = np.cumsum([len(each) for each in values])[:-1]
    return objects(np.split(step.transform.numpy(step.state, np.concatenate(list(values))), ends))


def is_sequences(values: Array) -> bool:
    """Whether a column holds an array for each row, rather than numbers or texts."""
    import numpy as np

    return values.dtype == object and values.ndim == 1 and len(values) > 0 and isinstance(values[0], np.ndarray)


def holds_text(values: Array) -> bool:
    """Whether a column holds texts, or for each row an array of them."""
    return bool(values[0].dtype == object) if is_sequences(values) else values.dtype == object


def filled(sequences: Array, steps: int) -> Array:
    """Sequences [steps, ...] of different lengths as one array [rows, steps, ...], with zeros behind their ends."""
    import numpy as np

    found = np.zeros((len(sequences), steps, *sequences[0].shape[1:]), sequences[0].dtype)
    for row, each in zip(found, sequences, strict=True):
        row[: len(each)] = each
    return found


def undo(steps: Sequence[Fitted], values: Array, context: Array | None = None) -> Array:
    """Numbers [rows, ...] back in original units; `context` [rows, steps, ...] are raw values that came before."""
    if context is None:
        for step in reversed(steps):
            values = step.transform.inverse(step.state, values)
        return values
    stages = [context]
    for step in steps:
        stages.append(_applied(step, stages[-1]))
    shape = values.shape
    values = values.reshape(len(values), -1, *context.shape[2:])
    for step, before in zip(reversed(steps), reversed(stages[:-1]), strict=True):
        values = step.transform.undo(step.state, values, before[:, len(before[0]) - step.transform.lag :])
    return values.reshape(shape)


def fit(transforms: Sequence[Transform], values: Array, train: Array, kind: Kind, what: str) -> tuple[tuple[Fitted, ...], Kind]:
    """Fits each step on the training rows of what the steps before it give.

    Raises Problem NS513 where a step does not work on that kind, NS503 where values are missing.
    """
    fitted: list[Fitted] = []
    current = values[train]
    for transform in transforms:
        if kind not in transform.accepts:
            held = "text" if kind == "category" else "sequences" if kind == "sequence" else "numbers"
            help = f"`{transform.type}` is for {' and '.join(sorted(_TOLD[each] for each in transform.accepts))}"
            raise Problem("NS513", f"`{transform.type}` does not work on {what}, which holds {held}", help=help)
        if not transform.handles_missing:
            refuse_missing(current, what)
        step = Fitted(transform, transform.fit(_flat(current) if transform.on_steps else current))
        current = _applied(step, current)
        kind = transform.gives or kind
        fitted.append(step)
    return tuple(fitted), kind


_TOLD: Mapping[Kind, str] = {"number": "numbers", "array": "arrays", "category": "text", "sequence": "sequences"}


def _flat(values: Array) -> Array:
    """All steps of all sequences, one behind the other."""
    import numpy as np

    return np.concatenate(list(values)) if is_sequences(values) else values


def refuse_missing(values: Array, what: str, help: str = "") -> None:
    """Raises NS503 where a value is missing."""
    missing = count_missing(values)
    if missing:
        step = "{impute: most_frequent}" if values.dtype == object else "{impute: median}"
        message = f"{missing} of {len(values)} values of {what} are missing"
        raise Problem("NS503", message, help=help or f"add `{step}` to its `preprocess` steps")


def count_missing(values: Array) -> int:
    """Rows with a value that is not there."""
    import numpy as np

    if is_sequences(values):
        return sum(count_missing(each[None]) for each in values)
    if values.dtype == object:
        return int((values == "").sum())
    if values.dtype.kind != "f":
        return 0
    return int(np.isnan(values).reshape(len(values), -1).any(axis=1).sum())
