"""Sources of many files: patterns, folders with a class each, archives, and names that say something."""

import re
import tarfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from netspec.components.fields import DataPaths
from netspec.components.sources.base import Array, Locate, Reading, Source, Table, malformed
from netspec.diagnostics import Problem

MOST_BYTES = 4 << 30
_MOST_MEMBERS = 1_000_000


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

    def paths(self) -> tuple[str, ...]:
        return tuple(path for files in self.files().values() for path in files)

    def read(self, locate: Locate) -> Reading:
        found = {part: tuple(file for path in paths for file in located(locate, path)) for part, paths in self.files().items()}
        tables = {part: self.table(files) for part, files in found.items()}
        return Reading(tables, tuple(path for files in found.values() for path in files))

    def table(self, files: tuple[Path, ...]) -> Table:
        """The table that one part's files hold."""
        raise NotImplementedError


def located(locate: Locate, path: str) -> tuple[Path, ...]:
    """The files that a path means: itself, or all that fit a pattern such as `recordings/*_[0-4].wav`.

    Raises Problem NS501 where nothing fits, NS006 for what leads out of the root.
    """
    parts = path.split("/")
    first = next((i for i, part in enumerate(parts) if re.search(r"[*?\[]", part)), None)
    if first is None:
        return (locate(path),)
    base = locate("/".join(parts[:first]) or ".")
    found = tuple(sorted(each for each in base.glob("/".join(parts[first:])) if each.resolve().is_relative_to(base)))
    if not found:
        raise Problem("NS501", f"no file fits `{path}`", help=f"looked in `{base}`")
    return found


def named_files(files: tuple[Path, ...], endings: tuple[str, ...]) -> Iterator[Named]:
    """Every file with one of the endings: those given, in folders below them, and inside .tar and .tar.gz archives."""
    for path in files:
        if path.is_dir():
            inside = sorted(each for each in path.rglob("*") if each.suffix.lower() in endings and not each.is_symlink())
            yield from (Named(each.as_posix(), each.read_bytes) for each in inside)
        elif path.name.endswith((".tar", ".tar.gz", ".tgz")):
            yield from _members(path, endings)
        else:
            yield Named(path.as_posix(), path.read_bytes)


def _members(path: Path, endings: tuple[str, ...]) -> Iterator[Named]:
    """The files inside an archive, read without unpacking; sizes are checked first. Raises NS509."""
    try:
        with tarfile.open(path) as archive:
            members = []
            for number, member in enumerate(archive):
                if number > _MOST_MEMBERS:
                    raise malformed(path, f"it holds more than {_MOST_MEMBERS:,} files")
                if member.isfile() and Path(member.name).suffix.lower() in endings:
                    members.append(member)
            if sum(member.size for member in members) > MOST_BYTES:
                raise malformed(path, f"its files come to more than {MOST_BYTES >> 30} GiB")
            contents = {member.name: _content(archive, member) for member in members}
            _to_its_end(archive)
    except (tarfile.TarError, zlib.error, OSError, EOFError) as error:
        raise malformed(path, f"not a readable archive ({error})") from None
    for name in sorted(contents):
        yield Named(name, lambda name=name: contents[name])  # type: ignore[misc]


def _to_its_end(archive: tarfile.TarFile) -> None:
    """Reads what is left, so that a checksum over the whole is looked at: a damaged head looks like the archive's end."""
    stream = archive.fileobj
    while stream is not None and stream.read(1 << 20):
        pass


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(member)
    return stream.read(member.size) if stream else b""


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
