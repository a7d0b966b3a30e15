"""`--set path=value`: changes to a spec from the command line, by name and never by index."""

from __future__ import annotations

from collections.abc import Mapping

from netspec.diagnostics import Problem, suggest
from netspec.source import Plain, read_text

_SECTIONS = ("data", "train", "export", "expect")


def parse_settings(settings: list[str]) -> dict[str, Plain]:
    """`["train.epochs=3"]` as a mapping. Raises Problem NS311 for what is not `path=value`."""
    parsed: dict[str, Plain] = {}
    for setting in settings:
        path, separator, text = setting.partition("=")
        if not separator or not path:
            raise Problem("NS311", f"`--set {setting}` is not `path=value`", help="for example `--set train.epochs=3`")
        parsed[path.strip()] = read_text(text, f"--set {path}").data
    return parsed


def override(data: dict[str, Plain], settings: Mapping[str, Plain]) -> dict[str, Plain]:
    """A copy of `data` with each setting applied. Raises Problem NS311 for a path that leads nowhere."""
    for path, value in settings.items():
        steps = path.split(".")
        if len(steps) == 1:
            data = _set_variable(data, path, value)
        elif steps[0] in _SECTIONS:
            data = _set(data, steps, value, path)
        elif steps[0] == "model" and len(steps) >= 3:
            data = {**data, "model": _set_layer(data.get("model"), steps[1], steps[2:], value, path)}
        else:
            raise _nowhere(path, f"it starts with a variable, a layer (`model.stem.units`) or one of {', '.join(_SECTIONS)}")
    return data


def _nowhere(path: str, why: str) -> Problem:
    return Problem("NS311", f"`--set {path}` leads nowhere: {why}")


def _set_variable(data: dict[str, Plain], name: str, value: Plain) -> dict[str, Plain]:
    variables = data.get("vars")
    known = variables if isinstance(variables, dict) else {}
    if name not in known:
        hint = suggest(name, known) or f"`{name}` is not under `vars`"
        raise Problem("NS311", f"`--set {name}` names no variable", help=hint)
    return {**data, "vars": {**known, name: value}}


def _set(holder: Plain, steps: list[str], value: Plain, path: str) -> dict[str, Plain]:
    """The mapping with one field replaced; a bare name or short value on the way becomes a mapping."""
    step, *rest = steps
    if isinstance(holder, str):
        holder = {holder: None}
    if holder is None:
        holder = {}
    if not isinstance(holder, dict):
        raise _nowhere(path, f"nothing named `{step}` can stand there")
    return {**holder, step: _set(holder.get(step), rest, value, path) if rest else value}


def _set_layer(model: Plain, name: str, steps: list[str], value: Plain, path: str) -> Plain:
    """The model with a field of the layer called `name` replaced, however deep the layer stands."""
    changed, count = _in_layers(model, name, steps, value, path)
    if count == 0:
        raise _nowhere(path, f"no layer is named `{name}`")
    return changed


def _in_layers(node: Plain, name: str, steps: list[str], value: Plain, path: str) -> tuple[Plain, int]:
    if isinstance(node, list):
        pairs = [_in_layers(item, name, steps, value, path) for item in node]
        return [item for item, _ in pairs], sum(count for _, count in pairs)
    if not isinstance(node, dict):
        return node, 0
    if node.get("name") == name:
        key = next((key for key in node if key not in ("name", "from")), None)
        if key is not None:
            return {**node, key: _set(node[key], steps, value, path)}, 1
    changed = {key: _in_layers(item, name, steps, value, path) for key, item in node.items()}
    return {key: item for key, (item, _) in changed.items()}, sum(count for _, count in changed.values())
