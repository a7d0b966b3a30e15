"""A spec made from a csv file's columns: what each holds decides how it is prepared."""

from __future__ import annotations

import csv
import itertools
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from netspec.diagnostics import Diagnostic, SpecError, suggest
from netspec.report.canonical import scalar

_MOST_ROWS = 20_000
_MOST_CLASSES = 30
_MOST_CATEGORIES = 50
_MISSING = ("", "?", "NA", "N/A", "NaN", "nan", "null", "None")


@dataclass(frozen=True)
class Guess:
    """What a column holds."""

    name: str
    numbers: bool
    missing: frozenset[str]
    distinct: int
    rows: int
    counts_up: bool = False

    @property
    def is_useful(self) -> bool:
        """Whether a network can learn from it: not constant, no row numbers, not another text on nearly every row."""
        return self.distinct > 1 and not self.counts_up and (self.numbers or self.distinct <= _MOST_CATEGORIES)


def spec_for(file: Path, target: str | None, folder: Path) -> str:
    """The text of a spec that trains on a csv file. Raises SpecError NS001, NS502, NS509."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            sample = stream.read(1 << 16)
            stream.seek(0)
            delimiter = _delimiter(sample)
            rows = [row for _, row in zip(range(_MOST_ROWS), csv.reader(stream, delimiter=delimiter), strict=False) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SpecError(Diagnostic("NS001", f"cannot read `{file}`: {reason.lower()}", exit_code=2)) from None
    if len(rows) < 2 or len({len(row) for row in rows}) > 1:
        message = f"`{file}` is not a table: its lines have different numbers of values, or there are too few"
        raise SpecError(Diagnostic("NS509", message, exit_code=2))
    header = _has_header(rows)
    names = rows[0] if header else [f"column_{i + 1}" for i in range(len(rows[0]))]
    guesses = {name: _guess(name, [row[i] for row in rows[header:]]) for i, name in enumerate(names)}
    if target is None or target not in guesses:
        told = f"no column is called `{target}`" if target else "`--target` says which column to predict"
        help = suggest(target or "", guesses, list_up_to=40)
        raise SpecError(Diagnostic("NS502", told, help=(help,) if help else (), exit_code=2))
    return _text(file, folder, delimiter, header, guesses, target)


def _delimiter(sample: str) -> str:
    try:
        return csv.Sniffer().sniff(sample, delimiters=",;\t|").delimiter
    except csv.Error:
        return ","


def _has_header(rows: Sequence[Sequence[str]]) -> bool:
    """A header is texts that are all different, above at least one column of numbers, or unlike what stands below."""
    first = rows[0]
    return not any(_is_number(value) for value in first) and len(set(first)) == len(first)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text.strip().lower() not in ("nan", "inf", "-inf", "infinity")


def _guess(name: str, values: Sequence[str]) -> Guess:
    stripped = [value.strip() for value in values]
    missing = frozenset(value for value in stripped if value in _MISSING)
    present = [value for value in stripped if value not in missing]
    numbers = bool(present) and all(_is_number(value) for value in present)
    steps = {float(b) - float(a) for a, b in itertools.pairwise(present)} if numbers and not missing else set()
    return Guess(name, numbers, missing, len(set(present)), len(values), steps == {1.0})


def _text(file: Path, folder: Path, delimiter: str, header: bool, guesses: dict[str, Guess], target: str) -> str:
    goal = guesses[target]
    inputs = [guess for name, guess in guesses.items() if name != target and guess.is_useful]
    if not inputs:
        raise SpecError(Diagnostic("NS502", f"no column but `{target}` can be learnt from", exit_code=2))
    left = [name for name, guess in guesses.items() if name != target and not guess.is_useful]
    classes = not goal.numbers or goal.distinct <= min(_MOST_CLASSES, goal.rows // 10 + 2)
    source = [f"path: {_quoted(_path(file, folder))}"]
    source += [] if delimiter == "," else [f"delimiter: {_quoted(delimiter)}"]
    source += [] if header else ["header: false"]
    marks = sorted(frozenset().union(*(guess.missing for guess in guesses.values())) - {""})
    source += [f"missing: [{', '.join(_quoted(mark) for mark in marks)}]"] if marks else []
    lines = [
        "# yaml-language-server: $schema=netspec-v1.schema.json",
        "netspec: 1",
        f"name: {_name(file.stem)}",
        f"description: {_quoted(f'Predicts {target} from the other columns of {file.name}.')}",
        "input: [features]                 # as many as the columns become, one-hot categories counted",
        "model:",
        f"  mlp: {{hidden: [64, 32], activation: relu, dropout: 0.1, output: {'classes' if classes else 1}}}",
        "data:",
        "  source:",
        f"    csv: {{{', '.join(source)}}}",
        f"  inputs: {{input: [{', '.join(_quoted(guess.name) for guess in inputs)}]}}",
        *([f"  # left out (an identifier, too many different texts, or one value only): {', '.join(left)}"] if left else []),
        f"  target: {_quoted(target)}",
        f"  split: {{validation: 0.15, test: 0.15{', stratify: true' if classes else ''}, seed: 0}}",
        "  preprocess:",
        *_steps(inputs),
        *([] if classes else [f"    {_quoted(target)}: standardize          # undone on the way out"]),
        "train:",
        f"  loss: {'cross_entropy' if classes else 'mean_squared_error'}",
        "  optimizer: {adam: {learning_rate: 1.0e-3}}",
        "  epochs: 50",
        f"  batch_size: {32 if goal.rows > 200 else 8}",
        "  early_stopping: {monitor: validation_loss, patience: 8}",
        f"  metrics: [{'accuracy, f1' if classes else 'rmse, mae, r2'}]",
        f"export: {'{outputs: probabilities}' if classes else '{}'}",
    ]
    return "\n".join(lines) + "\n"


def _steps(inputs: Sequence[Guess]) -> list[str]:
    numbers = [guess for guess in inputs if guess.numbers]
    texts = [guess for guess in inputs if not guess.numbers]
    found = []
    if numbers:
        gaps = any(guess.missing for guess in numbers)
        found.append(f"    numbers: {'[{impute: median}, standardize]' if gaps else 'standardize'}")
    if texts:
        gaps = any(guess.missing for guess in texts)
        found.append(f"    categories: {'[{impute: most_frequent}, one_hot]' if gaps else 'one_hot'}")
    return found


def _path(file: Path, folder: Path) -> str:
    """The file's path as a spec in `folder` writes it; one that lies elsewhere is found with `--data-root`."""
    relative = os.path.relpath(file.resolve(), folder.resolve())
    return Path(file.name if relative.startswith("..") else relative).as_posix()


def _name(stem: str) -> str:
    plain = re.sub(r"[^a-z0-9_-]+", "-", stem.lower()).strip("-_")
    return plain if plain[:1].isalpha() else f"data-{plain}".rstrip("-")


def _quoted(text: str) -> str:
    """A text as YAML reads it back."""
    return scalar(text)
