"""The .ts format of the UCR and UEA archives: a head of `@` lines, then a series a line, its dimensions apart by `:`."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from netspec.components.sources.base import Array, malformed
from netspec.components.sources.bounded import content, text_lines
from netspec.diagnostics import Problem


@dataclass
class _Head:
    """What the head says. Words that stand for nothing that can be checked are passed over."""

    dimensions: int | None = None
    length: int | None = None
    equal: bool = False
    labelled: bool = False
    labels: set[str] = field(default_factory=set)

    def take(self, line: str) -> None:
        """One line of the head. Raises ValueError for one that makes no sense."""
        word, *rest = line.split()
        word, is_true = word.lower(), [each.lower() for each in rest[:1]] == ["true"]
        if word == "@timestamps" and is_true:
            raise ValueError("series with time stamps are not read")
        if word == "@univariate" and is_true:
            self.dimensions = 1
        elif word in ("@dimension", "@dimensions"):
            self.dimensions = _count(word, rest)
        elif word == "@serieslength":
            self.length = _count(word, rest)
        elif word == "@equallength":
            self.equal = is_true
        elif word == "@classlabel":
            self.labelled, self.labels = is_true, set(rest[1:])


def _count(word: str, rest: list[str]) -> int:
    if len(rest) != 1 or not (rest[0].isascii() and rest[0].isdecimal()) or len(rest[0]) > 9:
        raise ValueError(f"`{word}` needs a number")
    return int(rest[0])


def read_ts(path: Path) -> tuple[list[Array], list[str]]:
    """The series [time, dimensions] of a .ts file, and their labels. Raises Problem NS509."""
    try:
        lines = [line.decode("utf-8") for _, line in text_lines(path, content(path))]
    except UnicodeDecodeError as error:
        raise malformed(path, f"not UTF-8 ({error.reason})") from None
    head, body = _parted(path, lines)
    series: list[Array] = []
    labels: list[str] = []
    for number, text in body:
        try:
            parts = text.split(":")
            if head.labelled:
                labels.append(_label(head, parts.pop().strip()))
            series.append(_dimensions(parts))
            _check(head, series)
        except ValueError as error:
            raise _wrong(path, number, error) from None
    if not series:
        raise malformed(path, "it holds no series")
    return series, labels


def _parted(path: Path, lines: Iterable[str]) -> tuple[_Head, list[tuple[int, str]]]:
    """The head, and the numbered lines behind `@data`."""
    head, body, data = _Head(), list[tuple[int, str]](), False
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith("@"):
            data = data or text.lower() == "@data"
            try:
                head.take(text)
            except ValueError as error:
                raise _wrong(path, number, error) from None
        elif data:
            body.append((number, text))
        else:
            raise malformed(path, f"line {number} stands before `@data`", "is this a .ts file?")
    return head, body


def _wrong(path: Path, number: int, error: ValueError) -> Problem:
    return malformed(path, f"line {number}: {error}")


def _label(head: _Head, label: str) -> str:
    if head.labels and label not in head.labels:
        raise ValueError(f"`{label}` is none of the classes that `@classLabel` names")
    return label


def _dimensions(parts: list[str]) -> Array:
    """A series [time, dimensions]. Raises ValueError."""
    import numpy as np

    rows = [[_number(value.strip()) for value in part.split(",")] for part in parts if part.strip()]
    if not rows or len(rows) < len(parts) or len({len(row) for row in rows}) > 1:
        raise ValueError("its dimensions have different lengths, or none")
    return np.asarray(rows, np.float32).T


def _number(text: str) -> float:
    if text == "":
        raise ValueError("a value is not there; `?` is the sign for one that is missing")
    return float("nan") if text == "?" else float(text)


def _check(head: _Head, series: list[Array]) -> None:
    """The newest series is what the head says. Raises ValueError."""
    steps, dimensions = series[-1].shape
    if head.dimensions not in (None, dimensions):
        raise ValueError(f"a series of {dimensions} dimensions, but the head says {head.dimensions}")
    if head.equal and head.length not in (None, steps):
        raise ValueError(f"a series of {steps} steps, but `@seriesLength` says {head.length}")
    if head.equal and steps != len(series[0]):
        raise ValueError(f"a series of {steps} steps, but `@equalLength` is true and the first has {len(series[0])}")
    if dimensions != series[0].shape[1]:
        raise ValueError(f"a series of {dimensions} dimensions, but the first has {series[0].shape[1]}")
