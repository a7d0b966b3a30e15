"""Which files are meant: a file by its name, and in folders and globs everything that looks like a spec."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from netspec.files import exists, is_folder, read_bounded
from netspec.source import MAX_BYTES, means_to_be_a_spec

_ENDINGS = (".yaml", ".yml", ".json")
_SIGNS = "*?["


def spec_files(path: str) -> list[Path]:
    """A file itself; of a folder or glob, everything that looks like a spec."""
    place = Path(path)
    if is_folder(place):
        return sorted(_specs_in(place))
    if any(sign in path for sign in _SIGNS) and not exists(place):
        return sorted(_matching(place))
    return [place]


def _matching(pattern: Path) -> Iterator[Path]:
    """The specs that a glob means; a pattern that no file system can hold means none."""
    parts = pattern.parts
    first = next(index for index, part in enumerate(parts) if any(sign in part for sign in _SIGNS))
    wanted: list[str] = []
    for part in parts[first:]:
        if part != "**" or wanted[-1:] != ["**"]:  # `**/**` finds the same files more slowly
            wanted.append(part)
    try:
        for path in Path(*parts[:first]).glob("/".join(wanted)):
            if path.suffix in _ENDINGS and _is_spec(path):
                yield path
    except (OSError, ValueError):
        return


def _specs_in(folder: Path) -> Iterator[Path]:
    """The specs in a folder and below; hidden folders and what trainings wrote are passed over, links not followed."""
    with os.scandir(folder) as entries:
        for entry in entries:
            path = Path(entry.path)
            if entry.name.startswith(".") or entry.is_symlink():
                continue
            if entry.is_dir(follow_symlinks=False):
                if not (path / "manifest.json").exists():
                    yield from _specs_in(path)
            elif path.suffix in _ENDINGS and _is_spec(path):
                yield path


def _is_spec(path: Path) -> bool:
    """Whether a regular file has a top-level `netspec` key, or is larger than a spec and yet begins like one."""
    try:
        raw = read_bounded(path, MAX_BYTES)
    except OSError:
        return False  # a pipe or a device; a file that is named by itself is told
    if path.suffix == ".json" and len(raw) <= MAX_BYTES:
        try:
            data = json.loads(raw) if b'"netspec"' in raw else None
        except (ValueError, RecursionError):
            return True  # it means to be a spec, and validating says what is wrong
        return isinstance(data, dict) and "netspec" in data
    return means_to_be_a_spec(raw)
