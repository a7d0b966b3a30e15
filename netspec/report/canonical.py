"""The canonical form as YAML that people can read: short lists and mappings on one line."""

from __future__ import annotations

from typing import Any

import yaml

_WIDTH = 110


class _Dumper(yaml.SafeDumper):
    """Block style, but flow style for what fits on a line, and no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def as_yaml(data: Any) -> str:
    """Plain data as YAML 1.2 that reads back to the same data."""
    return "\n".join(_lines(data, 0)) + "\n"


def _lines(data: Any, indent: int) -> list[str]:
    pad = " " * indent
    out: list[str] = []
    items = data.items() if isinstance(data, dict) else [(None, item) for item in data]
    for key, value in items:
        head = f"{pad}- " if key is None else f"{pad}{_scalar(key)}: "
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
        return "{" + ", ".join(f"{_scalar(k)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    """One value; texts are quoted where YAML could take them for something else."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return number(value)
    if isinstance(value, int):
        return str(value)
    text = yaml.dump(value, Dumper=_Dumper, default_flow_style=True, width=10**9, allow_unicode=True).strip()
    return text.removesuffix("...").strip()


def number(value: float) -> str:
    """A float that every YAML parser reads as a number: `1.0e-3`, not `1e-3`."""
    if value != value or value in (float("inf"), float("-inf")):
        return {"inf": ".inf", "-inf": "-.inf"}.get(str(value), ".nan")
    text = repr(value)
    mantissa, separator, exponent = text.partition("e")
    if separator and "." not in mantissa:
        return f"{mantissa}.0e{exponent}"
    return text
