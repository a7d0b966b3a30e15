"""Files of a run that say of themselves whether they are what was written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netspec.files import json_text, open_regular

SEAL = "seal"
_MOST_BYTES = 256 << 20
"""The largest JSON file of a run that is read."""


class Damaged(Exception):
    """A file is not what was written; the message names it."""


def sealed(data: Mapping[str, Any]) -> dict[str, Any]:
    """The data with a hash of themselves."""
    plain = {key: value for key, value in data.items() if key != SEAL}
    return {**plain, SEAL: _seal(plain)}


def _seal(plain: Mapping[str, Any]) -> str:
    return hashlib.sha256(json_text(plain, sort_keys=True).encode()).hexdigest()


def read_bytes(path: Path, expected: str | None = None) -> bytes:
    """The bytes of a regular file of a run, which no link stands for. Raises Damaged."""
    try:
        with open_regular(path, follow=False) as stream:
            raw = stream.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise Damaged(f"`{path}` is missing") from None
    except OSError as error:
        raise Damaged(f"`{path}` cannot be read ({(error.strerror or str(error)).lower()})") from None
    if len(raw) > _MOST_BYTES or (expected is not None and hashlib.sha256(raw).hexdigest() != expected):
        raise Damaged(f"`{path}` is damaged")
    return raw


def read_json(path: Path, expected: str | None = None) -> dict[str, Any]:
    """A JSON object of a run. Raises Damaged."""
    try:
        data = json.loads(read_bytes(path, expected))
    except (ValueError, RecursionError):
        raise Damaged(f"`{path}` is damaged") from None
    if not isinstance(data, dict):
        raise Damaged(f"`{path}` is damaged")
    return data


def read_sealed(path: Path) -> dict[str, Any]:
    """A JSON object that was sealed; one without a seal is from before there were seals. Raises Damaged."""
    data = read_json(path)
    if SEAL in data and sealed(data)[SEAL] != data[SEAL]:
        raise Damaged(f"`{path}` is damaged")
    if SEAL not in data and data.get("version") != 1:
        raise Damaged(f"`{path}` is damaged")
    return data


def hash_of(path: Path) -> str:
    """sha256 of a file."""
    with open_regular(path, follow=False) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
