"""Sources of many files: patterns, folders with a class each, archives, and names that say something."""

import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from netspec.components.fields import DataPaths
from netspec.components.sources.base import Array, Locator, Reading, Source, Table, malformed
from netspec.components.sources.bounded import MOST_FILES, content, tar_members
from netspec.diagnostics import Problem
from netspec.files import reason


class Named:
    """A file's bytes under its path, read when they are asked for."""

    def __init__(self, path: str, read: Callable[[], bytes]) -> None:
        self.path, self.read = path, read

    @property
    def folder(self) -> str:
        """The name of the folder that it stands in."""
        return Path(self.path).parent.name

    @property
    def stem(self) -> str:
        """Its own name, without the ending."""
        return Path(self.path).stem


class PartedFiles(Source):
    """A source of files: one `path` to be split, or the parts given as `train`, `validation`, `test`."""

    short = "path"
    path: DataPaths | None = Field(
        None, description="The file, relative to the spec; it is split as `split` says.", examples=["rows.csv"]
    )
    train: DataPaths | None = Field(
        None, description="The training part's file, where the parts are given.", examples=["train.csv"]
    )
    validation: DataPaths | None = Field(None, description="The validation part's file.", examples=["validation.csv"])
    test: DataPaths | None = Field(None, description="The test part's file.", examples=["test.csv"])

    @model_validator(mode="after")
    def _path_or_parts(self) -> Self:
        if (self.path is None) == (self.train is None):
            raise PydanticCustomError(
                "ns205",
                "`{type}` takes either `path`, or `train` with perhaps `validation` and `test`",
                {"type": self.type, "help": "`path` is divided as `split` says; `train`, `validation` and `test` are not"},
            )
        if self.path is not None and (self.validation or self.test):
            part = "test" if self.test else "validation"
            help = "write `train` instead of `path` where the parts are given"
            raise PydanticCustomError("ns205", "`{part}` stands beside `path`", {"part": part, "help": help})
        return self

    def files(self) -> dict[str, tuple[str, ...]]:
        """The files of each part; the part `all` is still to be split."""
        given = {"all": self.path, "train": self.train, "validation": self.validation, "test": self.test}
        return {part: files for part, files in given.items() if files}

    def given_parts(self) -> tuple[str, ...]:
        return tuple(part for part in self.files() if part != "all")

    def paths(self) -> tuple[str, ...]:
        return tuple(path for files in self.files().values() for path in files)

    def read(self, roots: Locator) -> Reading:
        found = {part: tuple(file for path in paths for file in located(roots, path)) for part, paths in self.files().items()}
        tables = {part: self.table(files, roots) for part, files in found.items()}
        return Reading(tables, tuple(path for files in found.values() for path in files))

    def table(self, files: tuple[Path, ...], roots: Locator) -> Table:
        """The table that one part's files hold; `roots` is for what they are folders of."""
        raise NotImplementedError


def located(roots: Locator, path: str) -> tuple[Path, ...]:
    """The files that a path means: itself, or all that fit a pattern such as `recordings/*_[0-4].wav`.

    Raises Problem NS501 where nothing fits, NS006 for what leads out of the root.
    """
    parts = path.split("/")
    first = next((i for i, part in enumerate(parts) if re.search(r"[*?\[]", part)), None)
    if first is None:
        return (roots.locate(path),)
    base = roots.locate("/".join(parts[:first]) or ".")
    found = tuple(sorted(base.glob("/".join(parts[first:]))))
    if not found:
        raise Problem("NS501", f"no file fits `{path}`", help=f"looked in `{base}`")
    for each in found:
        roots.inside(each)
    return found  # by the names that they have here: a link's own may say its class


def named_files(files: tuple[Path, ...], endings: tuple[str, ...], roots: Locator) -> Iterator[Named]:
    """Every file with one of the endings: those given, in folders below them, and inside .tar and .tar.gz archives.

    Raises Problem NS509 for what cannot be read, NS006 for a link that leads out of the root.
    """
    for path in files:
        if path.is_dir():
            for each in below(path, endings, roots):
                yield Named(each.as_posix(), partial(content, each))
        elif path.name.endswith((".tar", ".tar.gz", ".tgz")):
            members = tar_members(path, endings)
            for name in sorted(members):
                yield Named(name, partial(members.__getitem__, name))
        else:
            yield Named(path.as_posix(), partial(content, path))


def below(folder: Path, endings: tuple[str, ...], roots: Locator, above: tuple[Path, ...] = ()) -> list[Path]:
    """The files below a folder that have one of the endings, in the order of their names. Raises Problem NS006, NS509."""
    here = folder.resolve()
    if here in above:
        raise malformed(folder, "its links lead in a circle")
    found: list[Path] = []
    for each in entries(folder, roots):
        if each.is_dir():
            found += below(each, endings, roots, (*above, here))
        elif each.suffix.lower() in endings:
            found.append(each)
    return sorted(found)


def entries(folder: Path, roots: Locator) -> list[Path]:
    """What stands in a folder, in the order of names. Raises Problem NS509, NS006 for a link that leads out of the root."""
    try:
        with os.scandir(folder) as scan:
            found = list(islice(scan, MOST_FILES + 1))
    except OSError as error:
        raise malformed(folder, f"cannot be read: {reason(error)}") from None
    if len(found) > MOST_FILES:
        raise malformed(folder, f"it holds more than {MOST_FILES:,} files")
    for each in found:
        if each.is_symlink():
            roots.inside(Path(each.path))
    return sorted(folder / each.name for each in found)


def name_pattern(pattern: str) -> "re.Pattern[str]":
    """`{digit}_{speaker}_{take}` as a regular expression. Raises Problem NS205 for a pattern without fields."""
    pieces = re.split(r"\{([a-z][a-z0-9_]*)\}", pattern)
    fields = pieces[1::2]
    if not fields or len(set(fields)) < len(fields):
        raise Problem("NS205", f"`{pattern}` has no fields, or one twice", help="for example `{digit}_{speaker}_{take}`")
    text = "".join(re.escape(piece) if i % 2 == 0 else f"(?P<{piece}>.+?)" for i, piece in enumerate(pieces))
    return re.compile(text + r"\Z")


def objects(values: list[Array]) -> Array:
    """Arrays of different lengths as one column."""
    import numpy as np

    found = np.empty(len(values), dtype=object)
    for index, value in enumerate(values):
        found[index] = value
    return found
