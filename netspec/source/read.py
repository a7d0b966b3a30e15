"""Reading specs from files, bytes and texts: YAML and JSON are one language."""

from __future__ import annotations

import json
from pathlib import Path

from netspec.diagnostics import Diagnostic, Span, SpecError
from netspec.source.document import MAX_BYTES, Document, refused
from netspec.source.json import read_json
from netspec.source.yaml import read_yaml


def read_file(path: Path) -> Document:
    """Read a spec file. Raises SpecError (NS001, NS002, NS005 and the syntax codes)."""
    file = str(path)
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or "cannot be opened"
        raise SpecError(Diagnostic("NS001", f"cannot read `{file}`: {reason.lower()}", file=file, exit_code=2)) from None
    return read_bytes(raw, file)


def read_bytes(raw: bytes, file: str) -> Document:
    """Read a spec from bytes; `file` is what diagnostics call it."""
    if len(raw) > MAX_BYTES:
        help = "data belong into files of their own"
        raise refused("NS002", "the file is larger than 1 MiB", file, Span(1, 1, 1, 1), help)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = len(raw[raw.rfind(b"\n", 0, error.start) + 1 : error.start].decode("utf-8-sig")) + 1
        message = f"the byte {raw[error.start]:#04x} is not UTF-8"
        raise refused("NS005", message, file, Span(line, column, line, column + 1), "save the file as UTF-8") from None
    return read_text(text, file)


def read_text(text: str, file: str = "<text>") -> Document:
    """Read a spec from text. Raises SpecError with every syntax problem found."""
    if file.endswith(".json") or (text.lstrip()[:1] == "{" and _looks_like_json(text)):
        return read_json(text, file)
    return read_yaml(text, file)


def _looks_like_json(text: str) -> bool:
    """Flow YAML also starts with a brace; JSON goes on with a double quote or ends at once."""
    return text.lstrip()[1:].lstrip()[:1] in ('"', "}")


def read_own(text: str, file: str) -> Document:
    """JSON that netspec wrote itself: the canonical form of a large spec is larger than a spec may be."""
    return Document(file, text, json.loads(text), True)
