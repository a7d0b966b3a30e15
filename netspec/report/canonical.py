"""The canonical form as YAML that people can read: short lists and mappings on one line."""

from __future__ import annotations

import re
from typing import Any

_WIDTH = 110


_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*\Z")
_WORDS_OF_1_1 = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""Words that some YAML parsers take for something else than text."""


def as_yaml(data: Any) -> str:
    """Plain data as YAML 1.2 that reads back to the same data."""
    return "\n".join(_lines(data, 0)) + "\n"


def _lines(data: Any, indent: int) -> list[str]:
    pad = " " * indent
    out: list[str] = []
    items = data.items() if isinstance(data, dict) else [(None, item) for item in data]
    for key, value in items:
        head = f"{pad}- " if key is None else f"{pad}{scalar(key)}: "
        flow = _flow(value)
        if not isinstance(value, (dict, list)) or not value or len(head) + len(flow) <= _WIDTH:
            out.append(head + flow)
            continue
        inner = _lines(value, indent + 2)
        if key is None:
            out += [head + inner[0].lstrip(), *inner[1:]]
        else:
            out += [head.rstrip(), *inner]
    return out


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{scalar(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return scalar(value)


def scalar(value: Any) -> str:
    """One value as YAML; texts are quoted where YAML could take them for something else."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, int):
        return str(value)
    if _PLAIN.match(value) and value.lower() not in _WORDS_OF_1_1:
        return str(value)
    return '"' + "".join(_escaped(character) for character in value) + '"'


def _escaped(character: str) -> str:
    """A character inside double quotes, by YAML's own escapes."""
    if character in ('"', "\\"):
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def number(value: float) -> str:
    """A float that every YAML parser reads as a number: `1.0e-3`, not `1e-3`."""
    if value != value or value in (float("inf"), float("-inf")):
        return {"inf": ".inf", "-inf": "-.inf"}.get(str(value), ".nan")
    text = repr(value)
    mantissa, separator, exponent = text.partition("e")
    if separator and "." not in mantissa:
        return f"{mantissa}.0e{exponent}"
    return text
