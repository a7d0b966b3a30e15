"""`--set path=value`: changes to a spec from the command line, by name and never by index."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from netspec.diagnostics import Path, Problem, suggest
from netspec.source import Plain, read_text
from netspec.spec.fields import layer_fields
from netspec.spec.language import KINDS, keys, top_level
from netspec.spec.networks import NETWORKS
from netspec.spec.top_level import InputSection


def parse_settings(settings: list[str]) -> dict[str, Plain]:
    """`["train.epochs=3"]` as a mapping. Raises Problem NS311 for what is not `path=value`."""
    parsed: dict[str, Plain] = {}
    for setting in settings:
        path, separator, text = setting.partition("=")
        if not separator or not path:
            raise Problem("NS311", f"`--set {setting}` is not `path=value`", help="for example `--set train.epochs=3`")
        parsed[path.strip()] = read_text(text, f"--set {path}").data
    return parsed


def override(data: dict[str, Plain], settings: Mapping[str, Plain]) -> tuple[dict[str, Plain], dict[Path, str]]:
    """A copy of `data` with each setting applied, and the places that settings reached.

    Raises Problem NS311 for a path that leads nowhere.
    """
    reached: dict[Path, str] = {}
    for path, value in settings.items():
        steps = path.split(".")
        if (len(steps) == 1 and path not in keys()) or (steps[0] == "vars" and len(steps) == 2):
            data = _set_variable(data, steps[-1], value)
            reached["vars", steps[-1]] = path
        elif steps[0] == "model" and len(steps) >= 3 and not _is_of_network(data.get("model"), steps[1]):
            model, places = _set_layer(data.get("model"), steps[1], steps[2:], value, path)
            data = {**data, "model": model}
            reached |= {("model", *place): path for place in places}
        elif steps[0] in keys() and (len(steps) == 1 or steps[0] in (*top_level(), "vars")):
            data = _set_section(data, steps, value, path)
            reached[tuple(steps)] = path
        else:
            known = ", ".join(key for key in top_level() if key != "model")
            raise _nowhere(path, f"it starts with a variable, a layer (`model.stem.units`) or one of {known}")
    return data, reached


def _is_of_network(model: Plain, word: str) -> bool:
    """Whether a path below `model` leads into the network itself, not to a layer that is named so."""
    return isinstance(model, dict) and (word in model or word == "outputs") and (word in NETWORKS or word == "outputs")


def _nowhere(path: str, why: str) -> Problem:
    return Problem("NS311", f"`--set {path}` leads nowhere: {why}")


def _set_variable(data: dict[str, Plain], name: str, value: Plain) -> dict[str, Plain]:
    variables = data.get("vars")
    known = variables if isinstance(variables, dict) else {}
    if name not in known:
        hint = suggest(name, known) or f"`{name}` is not under `vars`"
        raise Problem("NS311", f"`--set {name}` names no variable", help=hint)
    return {**data, "vars": {**known, name: value}}


def _set_section(data: dict[str, Plain], steps: list[str], value: Plain, path: str) -> dict[str, Plain]:
    changed = _set(data, steps, value, path, "")
    assert isinstance(changed, dict)
    return changed


def _set(holder: Plain, steps: list[str], value: Plain, path: str, owner: str) -> Plain:
    """The mapping with one field replaced; a bare name or a short value on the way becomes a mapping."""
    step, *rest = steps
    if isinstance(holder, str) and holder in _components():
        holder = {holder: None}
    short = _components().get(owner)
    if holder is not None and not isinstance(holder, dict) and short:
        holder = {short: holder}
    if holder is None:
        holder = {}
    if not isinstance(holder, dict):
        raise _nowhere(path, f"nothing named `{step}` can stand there")
    if rest and step in _components() and step not in holder and len(holder) == 1 and next(iter(holder)) in _components():
        raise _nowhere(path, f"`{next(iter(holder))}` stands there, not `{step}`")
    return {**holder, step: _set(holder.get(step), rest, value, path, step) if rest else value}


@cache
def _components() -> dict[str, str | None]:
    """The short field of every component that a spec can name."""
    found: dict[str, str | None] = {}
    for kind in KINDS.values():
        for name, each in kind.catalogue.items():  # where two kinds share a word, the one with a short form is meant
            short = None if each.short in layer_fields(each) else each.short
            found[name] = found.get(name) or short
    return {**found, "input": InputSection.short}


def _set_layer(model: Plain, name: str, steps: list[str], value: Plain, path: str) -> tuple[Plain, list[Path]]:
    """The model with a field of the layer called `name` replaced, however deep it stands, and where that is."""
    changed, places = _in_layers(model, name, steps, value, path)
    if not places:
        raise _nowhere(path, f"no layer is named `{name}`")
    return changed, places


def _in_layers(node: Plain, name: str, steps: list[str], value: Plain, path: str) -> tuple[Plain, list[Path]]:
    if isinstance(node, list):
        found = [_in_layers(item, name, steps, value, path) for item in node]
        return [item for item, _ in found], [(i, *place) for i, (_, places) in enumerate(found) for place in places]
    if not isinstance(node, dict):
        return node, []
    key = next((key for key in node if key not in ("name", "from")), None)
    if node.get("name") == name and key is not None:
        return {**node, key: _set(node[key], steps, value, path, key)}, [(key, *steps)]
    inner = {key: _in_layers(item, name, steps, value, path) for key, item in node.items()}
    places = [(key, *place) for key, (_, found_in) in inner.items() for place in found_in]
    return {key: item for key, (item, _) in inner.items()}, places
