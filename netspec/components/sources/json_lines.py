"""JSON lines: a record a line, whose fields may be lists of any length."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from netspec.components.sources.base import Locator, Source, Table, malformed
from netspec.components.sources.bounded import MOST_COLUMNS, content, text_lines
from netspec.components.sources.files import PartedFiles
from netspec.components.sources.values import column_of
from netspec.diagnostics import Problem

_MOST_CELLS = 200_000_000


class JsonLines(PartedFiles):
    """A text file with one JSON object a line; each key is a column, and what a line leaves out (or `null`) is missing.

    A value is a number, a text, or a list: lists of different lengths are sequences, as `{"x": [[0.1, 2], [3, 4]], "y":
    ["up", "down"]}` has a target for each step.

    ```yaml
    json_lines: {train: train.jsonl, test: test.jsonl}
    ```
    """

    type = "json_lines"

    def table(self, files: tuple[Path, ...], roots: Locator) -> Table:
        records = [record for path in files for record in records_of(path)]
        if not records:
            raise malformed(files[0], "the file has no lines")
        names = dict.fromkeys(name for record in records for name in record)
        if len(names) > MOST_COLUMNS or len(names) * len(records) > _MOST_CELLS:
            raise malformed(files[0], f"its {len(records):,} lines have {len(names):,} different keys")
        try:
            return Table({name: column_of(name, [record.get(name) for record in records]) for name in names})
        except Problem as problem:
            raise Problem(problem.code, f"`{files[0]}`: {problem.message}", help=problem.help) from None


def records_of(path: Path) -> list[dict[str, Any]]:
    """The objects of a file, blank lines left out. Raises Problem NS509."""
    found = []
    for number, line in text_lines(path, content(path)):
        if not line.strip():
            continue
        try:
            record = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"), object_pairs_hook=_object)
        except UnicodeDecodeError:
            raise malformed(path, f"line {number} is not UTF-8") from None
        except (ValueError, RecursionError) as error:
            reason = _reason(error)
            help = "each line is an object of its own: a list over several lines is `.json`" if number == 1 else ""
            raise malformed(path, f"line {number} is not JSON ({reason})", help) from None
        if not isinstance(record, dict):
            raise malformed(path, f"line {number} is no object", 'write `{"column": value, ...}`')
        found.append(record)
    return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are different ones. Raises ValueError."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {json.dumps(twice[:80])} stands twice in an object")
    return found


def _reason(error: Exception) -> str:
    """Why a line is not JSON."""
    if isinstance(error, RecursionError):
        return "its lists are too deep"
    return error.msg if isinstance(error, json.JSONDecodeError) else str(error).split(";")[0]


SOURCES: tuple[type[Source], ...] = (JsonLines,)
