"""JSON lines: a record a line, whose fields may be lists of any length."""

import json
from pathlib import Path
from typing import Any

from netspec.components.sources.base import Source, Table, malformed
from netspec.components.sources.files import PartedFiles
from netspec.components.sources.values import column_of
from netspec.diagnostics import Problem


class JsonLines(PartedFiles):
    """A text file with one JSON object a line; each key is a column, and what a line leaves out (or `null`) is missing.

    A value is a number, a text, or a list: lists of different lengths are sequences, as `{"x": [[0.1, 2], [3, 4]], "y":
    ["up", "down"]}` has a target for each step.

    ```yaml
    json_lines: {train: train.jsonl, test: test.jsonl}
    ```
    """

    type = "json_lines"

    def table(self, files: tuple[Path, ...]) -> Table:
        records = [record for path in files for record in _records(path)]
        if not records:
            raise malformed(files[0], "the file has no lines")
        names = dict.fromkeys(name for record in records for name in record)
        try:
            return Table({name: column_of(name, [record.get(name) for record in records]) for name in names})
        except Problem as problem:
            raise malformed(files[0], problem.message, *problem.help) from None


def _records(path: Path) -> list[dict[str, Any]]:
    """The objects of a file, blank lines left out. Raises Problem NS509."""
    found = []
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        except UnicodeDecodeError:
            raise malformed(path, f"line {number} is not UTF-8") from None
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else "its lists are too deep"
            help = "each line is an object of its own: a list over several lines is `.json`" if number == 1 else ""
            raise malformed(path, f"line {number} is not JSON ({reason})", help) from None
        if not isinstance(record, dict):
            raise malformed(path, f"line {number} is no object", 'write `{"column": value, ...}`')
        found.append(record)
    return found


SOURCES: tuple[type[Source], ...] = (JsonLines,)
