"""Exporting a run: its best weights, proven on rows of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netspec.data.latent import codes
from netspec.proof.export import SIZES, Exported, export
from netspec.training.folder import damaged

if TYPE_CHECKING:
    from netspec.inference.run import Run

Array = np.ndarray[Any, Any]


def export_run(run: Run, path: Path, raw: Mapping[str, Array] | None = None, **changes: Any) -> Exported:
    """Lower, prove and write a run, or the part of it that was opened.

    `raw` are the columns that it is proven on, where they are at hand; `changes` take the place of fields of `export`.

    Raises SpecError, NS530 where the newest checkpoint is damaged.
    """
    weights = run.weights
    if run.fallback:  # older weights may be looked at, but what is shipped is what was trained
        raise damaged(run.fallback)
    return export(run.spec, run.shipped, weights, run.manifest["lengths"], examples(run, raw), path, run.part_name, **changes)


def examples(run: Run, raw: Mapping[str, Array] | None = None) -> Mapping[str, Array]:
    """Raw columns of some rows, those given or read again; what is drawn is drawn."""
    drawn = codes(run.spec, run.preprocess, max(SIZES), seed=0)
    if drawn is not None:
        return drawn
    return {name: column.values for name, column in run.part(proven_on(run)).raw.items()} if raw is None else raw


def proven_on(run: Run) -> str:
    """The part whose rows a run is proven on: `validation`, else `train`."""
    return "validation" if "validation" in run.manifest["rows"] else "train"
