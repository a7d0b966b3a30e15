"""Which columns an input and a target read: what the spec says, else what the source takes them to be."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from netspec.components.sources.base import KINDS, Column, Table
from netspec.data.place import Place
from netspec.data.series import AHEAD
from netspec.diagnostics import Path, suggest
from netspec.graph.ir import Graph

_FEWEST_ROWS = 20
"""Below this many rows nobody can tell an identifier from chance."""

"""The keys of `preprocess` that mean every column of a kind."""


def input_columns(place: Place, graph: Graph, table: Table) -> dict[str, tuple[str, ...]]:
    """The columns of each input. Raises SpecError NS502 for one that is not there."""
    found = _columns(place, graph, table)
    if "condition" in graph.inputs:
        found["condition"] = (_condition(place, graph, table),)
    return found


def _condition(place: Place, graph: Graph, table: Table) -> str:
    """The column that fills the condition of a pair."""
    column = next(iter(_targets_given(place, graph, table).values()), None)
    if column is None:
        message = "`condition` needs a class for each row, but `data` does not say which column is the target"
        raise place.problem("NS202", message, ("data",), "add `target: COLUMN`")
    if column not in table.columns:
        raise place.missing_column(column, table, ("data", "target"))
    return column


def _columns(place: Place, graph: Graph, table: Table) -> dict[str, tuple[str, ...]]:
    given = place.data.inputs
    targets = set(_targets_given(place, graph, table).values())
    everything = tuple(name for name, column in table.columns.items() if name not in targets and not _is_identifier(column))
    if given is None:
        name, *more = (name for name in graph.inputs if name != "condition")
        if more:
            raise place.problem("NS202", "with several inputs, `data.inputs` says which columns each reads", ("data",))
        return {name: table.inputs or everything}
    found = {}
    for name, columns in given.items():
        at = ("data", "inputs", name)
        if name not in graph.inputs:
            raise place.problem("NS303", f"the model has no input `{name}`", at, suggest(name, graph.inputs))
        found[name] = everything if columns == ("all",) else columns
        for index, column in enumerate(found[name]):
            if column not in table.columns:
                raise place.missing_column(column, table, (*at, index) if len(columns) > 1 else at)
    return found


def _is_identifier(column: Column) -> bool:
    """Row numbers, or a word of its own on every row: nothing to learn from."""
    values = column.values
    if column.kind not in ("number", "category") or column.rows < _FEWEST_ROWS:
        return False
    if column.kind == "number":
        return bool((np.diff(values) == 1).all())
    return len(set(values.tolist())) == column.rows and not any(" " in value for value in values)


def target_columns(place: Place, graph: Graph, table: Table) -> dict[str, str]:
    """The target column of each output that has one. Raises SpecError NS502 for one that is not there."""
    found = _targets_given(place, graph, table)
    if place.spec.gan is not None:
        return {}  # what stands there is the condition
    if place.spec.autoencoder is not None:
        return _labels_of_anomalies(place, table)
    for output, column in found.items():
        at: Path = ("data", "target", output) if isinstance(place.data.target, Mapping) else ("data", "target")
        if output not in graph.outputs:
            raise place.problem("NS303", f"the model has no output `{output}`", at, suggest(output, graph.outputs))
        if column not in table.columns:
            raise place.missing_column(column, table, at)
    if place.spec.train is not None and not found:
        raise place.problem("NS202", "`data` does not say which column is the target", ("data",), "add `target: COLUMN`")
    return found


def _labels_of_anomalies(place: Place, table: Table) -> dict[str, str]:
    """The column that says which rows are strange: nothing is trained on it, the scores are judged by it."""
    assert place.spec.autoencoder is not None
    target = place.data.target
    if target is None or place.spec.autoencoder.anomaly is None:
        return {}
    column = target.get("anomaly") if isinstance(target, Mapping) else target
    if column is None:
        raise place.problem("NS303", "an autoencoder has no target but `anomaly`", ("data", "target"))
    if column not in table.columns:
        raise place.missing_column(column, table, ("data", "target"))
    return {"anomaly": column}


def _targets_given(place: Place, graph: Graph, table: Table) -> dict[str, str]:
    target = place.data.target if place.data.target is not None else table.target
    if place.data.series is not None and table.target is not None:  # what is due are later steps of the column that is named
        target = dict.fromkeys(target, table.target) if isinstance(target, Mapping) else table.target
    if isinstance(target, Mapping):
        return dict(target)
    return {} if target is None else {next(iter(graph.outputs)): target}


def check_keys(place: Place, columns: Mapping[str, tuple[str, ...]], targets: Mapping[str, str]) -> None:
    """Every key of `preprocess` names an input, a column or a kind, and only one of them."""
    used = {name.removesuffix(AHEAD) for names in (*columns.values(), targets.values()) for name in names}
    known = {*columns, *used, *KINDS}
    for key in place.data.preprocess:
        at = ("data", "preprocess", key)
        if key not in known:
            help = suggest(key, known, list_up_to=30)
            raise place.problem("NS512", f"`{key}` names no input, no column that is read, and no kind", at, help, key=True)
        if (key in columns) + (key in used and columns.get(key) != (key,)) + (key in KINDS) > 1:
            raise place.problem(
                "NS512", f"`{key}` could mean an input, a column or a kind", at, "rename the input or the column", key=True
            )
