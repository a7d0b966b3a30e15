"""Windows over a series: what goes in is a stretch of steps, what is due are the steps that follow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from netspec.components.sources.base import Array, Column, Table
from netspec.components.sources.values import narrowed
from netspec.data.place import Place
from netspec.data.split import Rows
from netspec.spec.sections import SeriesSection, Split

AHEAD = " ahead"
"""What the name of a target column ends in: the same series, later."""


@dataclass(frozen=True)
class Windows:
    """Windows as columns of arrays, and where in the series each one's target starts and ends."""

    table: Table
    starts: Rows
    ends: Rows
    steps: int


class Windowing:
    """Cuts tables into windows, as a spec's `series` says."""

    def __init__(self, place: Place, series: SeriesSection) -> None:
        self.place, self.series = place, series

    def columns(self, table: Table) -> tuple[str, ...]:
        """The columns that go in. Raises SpecError NS502, NS513."""
        chosen = self.series.columns or table.inputs or tuple(n for n, c in table.columns.items() if c.kind == "number")
        for index, name in enumerate(chosen):
            at = ("data", "series", "columns", index)
            if name not in table.columns:
                raise self.place.missing_column(name, table, at)
            if table.columns[name].kind != "number":
                raise self.place.problem(
                    "NS513", f"the column `{name}` holds text, and a series is numbers", at, "choose others"
                )
        if not chosen:
            raise self.place.problem("NS502", "the data has no column of numbers", ("data", "series"))
        return chosen

    def target(self, table: Table) -> str:
        """The column whose future is due."""
        given = self.place.data.target
        if isinstance(given, Mapping):
            (given,) = given.values()
        name = given if given is not None else self.columns(table)[0]
        if name not in table.columns:
            raise self.place.missing_column(name, table, ("data", "target"))
        return name

    def lag(self, column: str) -> int:
        """Steps that the column's preprocessing takes away at the start of a window."""
        preprocess = self.place.data.preprocess
        steps = preprocess.get(column, preprocess.get("numbers", ()))
        return sum(step.lag for step in steps)

    def windows(self, table: Table) -> Windows:
        """All windows of a table. Raises SpecError NS517 where there is none."""
        series, columns, target = self.series, self.columns(table), self.target(table)
        first = max(self.lag(name) for name in (*columns, target))
        last = table.rows - series.window - series.horizon
        starts = np.arange(first, last + 1, series.stride)
        if not len(starts):
            needed = first + series.window + series.horizon
            message = f"a window of {series.window} steps with what follows needs {needed}, but the series has {table.rows}"
            raise self.place.problem("NS517", message, ("data", "series", "window"), "make the window shorter")
        if self.lag(target) and series.at == "last" and series.horizon > 1:
            message = "`difference` cannot be undone for the last of several steps alone"
            raise self.place.problem("NS513", message, ("data", "series", "at"), "write `at: all`")
        used = {name: self._steps(name, table.columns[name]) for name in dict.fromkeys((*columns, target))}
        found = {name: _cut(used[name], starts - self.lag(name), series.window + self.lag(name)) for name in columns}
        begins = starts + series.window
        if series.at == "last" and series.horizon > 1:
            found[target + AHEAD] = _cut(used[target], begins + series.horizon - 1, 1)
        else:
            lag = self.lag(target)
            found[target + AHEAD] = _cut(used[target], begins - lag, series.horizon + lag)
        cut = Table(found, columns, target + AHEAD)
        return Windows(cut, begins, begins + series.horizon, table.rows)

    def _steps(self, name: str, column: Column) -> Array:
        """A column's numbers as float32. Raises SpecError NS513 where that would make different ones one."""
        return self.place.at(("data", "series"), lambda: narrowed(name, column.values))


def _cut(steps: Array, starts: Rows, length: int) -> Column:
    """`length` steps from each start on, [windows, length, 1]."""
    stretches = starts[:, None] + np.arange(length)[None, :]
    return Column("array", steps[stretches][..., None])


def split_windows(windows: Windows, split: Split) -> dict[str, Rows]:
    """The windows of each part by time: a window belongs where its whole target lies, one across a border to none."""
    sizes = {part: _steps(windows.steps, share) for part, share in (("test", split.test), ("validation", split.validation))}
    test = windows.steps - sizes["test"]
    validation = test - sizes["validation"]
    edges = {"train": (0, validation), "validation": (validation, test), "test": (test, windows.steps)}
    inside = {part: np.flatnonzero((windows.starts >= low) & (windows.ends <= high)) for part, (low, high) in edges.items()}
    return {part: rows for part, rows in inside.items() if part == "train" or sizes[part]}


def held_back(windows: Windows, split: Split) -> dict[str, Table]:
    """The training part's own windows with its end as the validation part, where a file for each part is given."""
    parts = split_windows(windows, split.model_copy(update={"test": 0.0}))
    table = windows.table
    taken = {part: {name: column.take(rows) for name, column in table.columns.items()} for part, rows in parts.items()}
    return {part: Table(columns, table.inputs, table.target) for part, columns in taken.items()}


def _steps(steps: int, share: float | int) -> int:
    return round(steps * share) if isinstance(share, float) else share
