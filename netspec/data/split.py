"""Dividing rows into train, validation and test: a pure function of the rows and a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from netspec.diagnostics import Problem
from netspec.randomness import generator

if TYPE_CHECKING:
    from netspec.spec.sections import Split

Rows = np.ndarray[tuple[int, ...], np.dtype[np.int64]]


def split_rows(
    rows: int, split: Split, labels: np.ndarray[Any, Any] | None, groups: np.ndarray[Any, Any] | None
) -> dict[str, Rows]:
    """Row numbers of each part, sorted by nothing but the draw. Raises Problem NS504 for an empty part."""
    wanted = {"validation": split.validation, "test": split.test}
    if split.by == "time":
        parts = _in_order(rows, _sizes(rows, wanted))
    elif split.stratify and labels is not None:
        parts = _stratified(labels, wanted, split.seed)
    elif groups is not None:
        parts = _grouped(groups, wanted, split.seed)
    else:
        order = generator(split.seed, "split").permutation(rows)
        parts = _cut(order, _sizes(rows, wanted))
    for part, found in parts.items():
        asked = part == "train" or wanted.get(part)
        if asked and not len(found):
            raise Problem(
                "NS504",
                f"the {part} part is empty: {rows} rows are too few for this split",
                field=part if part in wanted else "",
            )
    return {part: found for part, found in parts.items() if len(found)}


def _sizes(rows: int, wanted: dict[str, float | int]) -> dict[str, int]:
    return {part: round(rows * share) if isinstance(share, float) else share for part, share in wanted.items()}


def _cut(order: Rows, sizes: dict[str, int]) -> dict[str, Rows]:
    """Test first, then validation; train is the rest."""
    test, validation = sizes["test"], sizes["validation"]
    return {"train": order[test + validation :], "validation": order[test : test + validation], "test": order[:test]}


def _in_order(rows: int, sizes: dict[str, int]) -> dict[str, Rows]:
    order = np.arange(rows)
    end = max(rows - sizes["test"], 0)
    middle = max(end - sizes["validation"], 0)
    return {"train": order[:middle], "validation": order[middle:end], "test": order[end:]}


def _stratified(labels: np.ndarray[Any, Any], wanted: dict[str, float | int], seed: int) -> dict[str, Rows]:
    rows = len(labels)
    shares = {part: share if isinstance(share, float) else share / rows for part, share in wanted.items()}
    random = generator(seed, "split")
    gathered: dict[str, list[Rows]] = {"train": [], "validation": [], "test": []}
    _, classes = np.unique(labels.astype(str), return_inverse=True)
    # Every class is cut at its share of the way, and what rounding leaves over is carried to the next.
    carried = dict.fromkeys(wanted, 0.0)
    for label in range(classes.max() + 1):
        members = random.permutation(np.flatnonzero(classes == label))
        sizes = {}
        for part, share in shares.items():
            exact = len(members) * share + carried[part]
            sizes[part] = round(exact)
            carried[part] = exact - sizes[part]
        for part, found in _cut(members, sizes).items():
            gathered[part].append(found)
    return {part: random.permutation(np.concatenate(found)) for part, found in gathered.items()}


def _grouped(groups: np.ndarray[Any, Any], wanted: dict[str, float | int], seed: int) -> dict[str, Rows]:
    names, member = np.unique(groups.astype(str), return_inverse=True)
    parts = _cut(generator(seed, "split").permutation(len(names)), _sizes(len(names), wanted))
    return {part: np.flatnonzero(np.isin(member, found)) for part, found in parts.items()}
