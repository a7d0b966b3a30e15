"""What a data source is: it reads a table of columns, in one part or in given parts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Protocol, TypeAlias

from netspec.components.base import Component
from netspec.diagnostics import Problem

if TYPE_CHECKING:
    import numpy

Array: TypeAlias = "numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.generic]]"
Kind: TypeAlias = Literal["number", "category", "array", "sequence"]
"""`number`: float64 [rows], NaN where missing; `category`: text [rows], '' where missing; `array`: [rows, ...];
`sequence`: for each row an array [steps, ...] of its own length."""


KINDS: Mapping[str, Kind] = {"numbers": "number", "categories": "category", "images": "array"}
"""What `preprocess` calls all columns of a kind."""


@dataclass(frozen=True, eq=False)
class Column:
    """One named column; `values` has one entry a row."""

    kind: Kind
    values: Array

    @property
    def rows(self) -> int:
        """The number of rows."""
        return int(self.values.shape[0])

    def take(self, rows: Array) -> "Column":
        """The given rows only."""
        return Column(self.kind, self.values[rows])


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of equal length; `inputs` and `target` are what the source itself takes them to be."""

    columns: Mapping[str, Column]
    inputs: tuple[str, ...] = ()
    target: str | None = None
    names: tuple[str, ...] = ()
    """Names of the classes where the source knows them (target values are then indices)."""

    @property
    def rows(self) -> int:
        """The number of rows."""
        return next(iter(self.columns.values())).rows if self.columns else 0


@dataclass(frozen=True, eq=False)
class Reading:
    """What a source gives: `all` rows to be split, or `train` and perhaps `validation` and `test`."""

    parts: Mapping[str, Table]
    files: tuple[Path, ...] = field(default=())
    split: "Mapping[str, numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.int64]]] | None" = None
    """The rows of each part of `all`, where they are decided already."""


class Locator(Protocol):
    """Where a source may read: what `netspec.spec.paths.Roots` is."""

    def locate(self, path: str) -> Path:
        """From a path in a spec to a file that exists below the root. Raises Problem NS006 or NS501."""

    def inside(self, path: Path) -> Path:
        """A path that was found in a folder, its links followed. Raises Problem NS006 where they lead out of the root."""


class Known(NamedTuple):
    """What is known of a source before it is read: rows, classes of its target, the largest input value."""

    rows: int | None = None
    classes: int | None = None
    largest: float | None = None


class Source(Component):
    """Where examples come from."""

    external: ClassVar[bool] = True
    """Whether it reads files that the spec names."""

    def paths(self) -> tuple[str, ...]:
        """The paths as the spec writes them, so that `validate` can look for them."""
        return ()

    def given_parts(self) -> tuple[str, ...]:
        """The parts that have files of their own; none where all rows are to be split."""
        return ()

    def known(self) -> Known:
        """What `validate` may rely on without reading anything."""
        return Known()

    def read(self, roots: Locator) -> Reading:
        """The data. Raises Problem NS501 (missing) or NS509 (malformed)."""
        raise NotImplementedError


def malformed(path: Path | str, what: str, help: str = "") -> Problem:
    """The problem of a data file that is not what it says."""
    return Problem("NS509", f"`{path}`: {what}", help=help or ())


def equal_rows(columns: Mapping[str, Column], where: str) -> None:
    """Raises NS509 unless all columns have one length."""
    lengths = {name: column.rows for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"`{name}` has {rows}" for name, rows in lengths.items())
        raise Problem("NS509", f"the columns of {where} differ in length: {told}")
