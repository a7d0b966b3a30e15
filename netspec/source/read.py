"""Reading specs from files, bytes and texts: YAML and JSON are one language."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from netspec.diagnostics import Diagnostic, Span, SpecError
from netspec.files import read_bounded, reason
from netspec.source.document import MAX_BYTES, Document, refused, split_lines
from netspec.source.json import read_json
from netspec.source.yaml import read_yaml

_KEY = re.compile(rb"""^(?:\xef\xbb\xbf)?["']?netspec["']?[ \t]*:""", re.MULTILINE)


def read_file(path: Path) -> Document:
    """Read a spec file. Raises SpecError (NS001, NS002, NS005, NS008 and the syntax codes).

    A link to something that is no spec is told as such: none of its lines is shown to anybody.
    """
    file = str(path)
    try:
        raw = read_bounded(path, MAX_BYTES)
    except OSError as error:
        raise SpecError(Diagnostic("NS001", f"cannot read `{file}`: {reason(error)}", file=file, exit_code=2)) from None
    if is_linked(path) and not means_to_be_a_spec(raw):
        message, help = f"`{file}` leads by a link to something that is no spec", "name the file itself"
        raise SpecError(Diagnostic("NS008", message, file=file, help=(help,), exit_code=2))
    return read_bytes(raw, file)


def shown_lines(file: str) -> list[str]:
    """The lines of a spec file that diagnostics may show; none of what is no spec, or cannot be read."""
    try:
        raw = read_bounded(file, MAX_BYTES)
    except OSError:
        return []
    if len(raw) > MAX_BYTES or (is_linked(Path(file)) and not means_to_be_a_spec(raw)):
        return []
    return split_lines(raw.decode("utf-8", "replace"))


def is_linked(path: Path) -> bool:
    """Whether a path leads through a symbolic link."""
    return os.path.realpath(path) != os.path.abspath(path)


def means_to_be_a_spec(raw: bytes) -> bool:
    """Whether a text has a line that starts with the key `netspec`, or is JSON that holds it."""
    return _KEY.search(raw) is not None or (raw.lstrip()[:1] == b"{" and b'"netspec"' in raw)


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
