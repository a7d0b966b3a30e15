"""Reading the items that hold layers of their own: residual, parallel, repeat, share, blocks in place and called."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Literal

from netspec.components.base import describe, quoted
from netspec.components.fields import NAME, name_help, parse_count
from netspec.components.layers import MERGES, Merge
from netspec.components.layers.merge import Add, Concat
from netspec.diagnostics import Path, closest, suggest
from netspec.source import Plain
from netspec.spec.blocks import REQUIRED, Block
from netspec.spec.items import BlockItem, Item, ParallelItem, RepeatItem, ResidualItem, ShareItem
from netspec.spec.layers import Frame, LayerReader, unknown
from netspec.spec.reader import MAX_LAYERS, Skip, TooLarge, too_many_layers

_DEEPEST = 32


class ItemReader(LayerReader):
    """Reads every kind of item."""

    def scope(self, key: str, value: Plain, frame: Frame) -> Item | None:
        if key in self.shared.blocks:
            return call(self, self.shared.blocks[key], value, frame)
        return _READERS[key](self, value, frame)


def residual(layers: LayerReader, value: Plain, frame: Frame) -> Item | None:
    """`residual: [layers]`, or `{layers: [...], shortcut: project}`."""
    if isinstance(value, list):
        return ResidualItem(frame.at, layers.items(value, frame.at), "identity", frame.name, frame.sources)
    fields = _fields(layers, value, "residual", {"layers", "shortcut"}, "layers", frame.at)
    if fields is None:
        return None
    body = layers.items(fields["layers"], (*frame.at, "layers"))
    shortcut: Literal["identity", "project"] | tuple[Item, ...] = "identity"
    at = (*frame.at, "shortcut")
    given = fields.get("shortcut")
    if isinstance(given, list):
        shortcut = layers.items(given, at)
    elif given is not None:
        chosen = layers.substituted(given, at)
        if chosen == "project":
            shortcut = "project"
        elif chosen is not None:
            help = "write `project`, or a list of layers"
            layers.reader.report("NS205", f"`shortcut` cannot be {describe(chosen)}", at, help=help)
            shortcut = (unknown(given, at),)
    return ResidualItem(frame.at, body, shortcut, frame.name, frame.sources)


def parallel(layers: LayerReader, value: Plain, frame: Frame) -> Item | None:
    """`parallel: {paths: {a: [layers], b: [layers]}, merge: concat}`."""
    fields = _fields(layers, value, "parallel", {"paths", "merge"}, "paths", frame.at)
    if fields is None:
        return None
    raw = fields["paths"]
    if not isinstance(raw, dict) or len(raw) < 2:
        found = "one" if isinstance(raw, dict) and raw else describe(raw)
        message = f"`paths` takes two or more named lists of layers, found {found}"
        help = "for example `paths: {wide: [...], deep: [...]}`"
        layers.reader.report("NS204", message, (*frame.at, "paths"), help=help)
        return None
    paths = []
    for name, body in raw.items():
        at = (*frame.at, "paths", name)
        named = layers.path_name(name, at) is not None
        paths.append((name, layers.items(body, at) if named else (unknown(body, at),)))
    merge = _merge(layers, fields.get("merge", "concat"), (*frame.at, "merge"))
    return ParallelItem(frame.at, tuple(paths), merge, frame.name, frame.sources)


def _merge(layers: LayerReader, value: Plain, at: Path) -> Merge:
    value = layers.substituted(value, at)
    if isinstance(value, str) and value in MERGES:
        return MERGES[value]()
    if isinstance(value, dict) and list(value) == ["concat"]:
        found = layers.reader.component(Concat, value["concat"], (*at, "concat"))
        return found or Concat()
    if value is not None:
        told = f"`{value}`" if isinstance(value, str) else describe(value)
        layers.reader.report("NS206", f"unknown merge {told}", at, help=suggest(value, MERGES))
    return Add()


def repeat(layers: LayerReader, value: Plain, frame: Frame) -> Item | None:
    """`repeat: {times: 3, layers: [...]}`, or `{over: {rate: [1, 2, 4]}, layers: [...]}`."""
    fields = _fields(layers, value, "repeat", {"times", "over", "layers"}, "layers", frame.at)
    if fields is None:
        return None
    at = (*frame.at, "layers")
    if fields.keys() - {"times", "over", "layers"} and not fields.keys() & {"times", "over"}:
        return None  # told already: the field that was meant is misspelt
    if ("times" in fields) == ("over" in fields):
        both = "times" in fields
        message = "`times` and `over` exclude each other" if both else "`repeat` needs `times` or `over`"
        help = "write `times: 3`, or `over: {rate: [1, 2, 4]}` for a variable that changes from round to round"
        place, key = ((*frame.at, "over"), True) if both else (frame.at, True)
        layers.reader.report("NS213" if both else "NS202", message, place, key=key, help=help)
        return None
    if "times" in fields:
        times = _times(layers, fields["times"], (*frame.at, "times"))
        if times is None:
            return None
        return RepeatItem(frame.at, (layers.items(fields["layers"], at),) * times, True, frame.name, frame.sources)
    values = _over(layers, fields["over"], (*frame.at, "over"))
    if values is None:
        return None
    layers.shared.budget.spend(frame.at, len(values))
    rounds = tuple(layers.seeing({**layers.variables, **each}).items(fields["layers"], at) for each in values)
    return RepeatItem(frame.at, rounds, False, frame.name, frame.sources)


def _times(layers: LayerReader, value: Plain, at: Path) -> int | None:
    value = layers.substituted(value, at)
    if value is None:
        return None
    try:
        times = parse_count(value)
    except ValueError:
        times = MAX_LAYERS + 1
    if times is None:
        layers.reader.report("NS204", f"expected a whole number, found {describe(value)}", at)
    elif times < 1:
        layers.reader.report("NS205", f"expected at least 1, found {times}", at)
    elif times > MAX_LAYERS:
        raise too_many_layers(at)
    else:
        return times
    return None


def _over(layers: LayerReader, value: Plain, at: Path) -> list[dict[str, Plain]] | None:
    """The variables of each round."""
    try:
        given = layers.reader.substituted(value, layers.variables, at)
    except Skip:
        return None
    if not isinstance(given, dict) or not given or not all(isinstance(each, list) and each for each in given.values()):
        help = "for example `over: {rate: [1, 2, 4, 8]}`"
        layers.reader.report("NS204", f"`over` takes variables with lists of values, found {describe(value)}", at, help=help)
        return None
    wrong = [name for name in given if not NAME.match(name)]
    if wrong:
        message, help = f"a variable cannot be called `{wrong[0]}`", name_help(wrong[0])
        layers.reader.report("NS210", message, (*at, wrong[0]), key=True, help=help)
        return None
    lists: dict[str, list[Plain]] = {name: each for name, each in given.items() if isinstance(each, list)}
    lengths = {name: len(each) for name, each in lists.items()}
    if len(set(lengths.values())) > 1:
        told = " and ".join(f"`{name}` has {length}" for name, length in lengths.items())
        message, help = f"the lists of `over` differ in length: {told}", "each list has one value for each round"
        layers.reader.report("NS205", message, at, help=help)
        return None
    return [dict(zip(lists, each, strict=True)) for each in zip(*lists.values(), strict=True)]


def share(layers: LayerReader, value: Plain, frame: Frame) -> Item | None:
    """`share: tower`, with `from`: the same weights on another input."""
    target = layers.substituted(value, frame.at)
    if target is None and value is not None:
        return None
    if not isinstance(target, str):
        help = "write `- share: tower` and below it `from: right`"
        layers.reader.report("NS204", f"`share` takes the name of a layer, found {describe(target)}", frame.at, help=help)
        return None
    if frame.sources is None:
        help = "say what it reads this time: `from: ...` below it"
        layers.reader.report("NS202", "`share` needs `from`", frame.at, key=True, help=help)
        return None
    return ShareItem(frame.at, target, frame.name, frame.sources)


def block(layers: LayerReader, value: Plain, frame: Frame) -> Item | None:
    """`block: {layers: [...]}`: layers as a scope of their own, the form that a block's call expands to."""
    fields = _fields(layers, value, "block", {"layers", "inputs", "type", "remat"}, "layers", frame.at)
    if fields is None:
        return None
    inputs, kind = fields.get("inputs", []), fields.get("type", "block")
    if not isinstance(inputs, list) or not all(isinstance(name, str) and NAME.match(name) for name in inputs):
        layers.reader.report("NS204", f"`inputs` takes a list of names, found {describe(inputs)}", (*frame.at, "inputs"))
        return None
    if not isinstance(kind, str) or not NAME.match(kind):
        message = f"a block's type cannot be {quoted(kind)}"
        layers.reader.report("NS210", message, (*frame.at, "type"), help=name_help(kind))
        return None
    body = layers.items(fields["layers"], (*frame.at, "layers"))
    names = tuple(str(name) for name in inputs)
    return BlockItem(frame.at, kind, body, names, fields.get("remat") is True, False, frame.name, frame.sources)


_READERS: dict[str, Callable[[LayerReader, Plain, Frame], Item | None]] = {
    "residual": residual,
    "parallel": parallel,
    "repeat": repeat,
    "share": share,
    "block": block,
}


def call(layers: LayerReader, block: Block, value: Plain, frame: Frame) -> Item | None:
    """A call of a block of the file: its layers read with the call's values. Raises TooLarge."""
    block.used = True
    if block.broken:
        return None
    shared = layers.shared
    if block.name in shared.calling:
        chain = " -> ".join(f"`{name}`" for name in (*shared.calling[shared.calling.index(block.name) :], block.name))
        message, help = f"the block `{block.name}` calls itself", "`repeat` is for several rounds of the same layers"
        layers.reader.report("NS313", message, frame.at, key=True, caption=chain, help=help)
        return None
    if len(shared.calling) >= _DEEPEST:
        raise TooLarge(frame.at, f"blocks call each other more than {_DEEPEST} levels deep")
    failed = BlockItem(frame.at, block.name, (), block.inputs, False, True, frame.name, frame.sources)
    try:
        given = _arguments(layers, block, value, frame.at)
    except Skip:
        return failed
    key = (block.name, json.dumps(given, sort_keys=True))
    if key not in shared.bodies:
        before = shared.calling
        shared.calling = (*before, block.name)
        with layers.reader.calling(frame.at):
            shared.bodies[key] = _inside(layers, block, given)
        shared.calling = before
    return BlockItem(frame.at, block.name, shared.bodies[key], block.inputs, block.remat, True, frame.name, frame.sources)


def _inside(layers: LayerReader, block: Block, given: Mapping[str, Plain]) -> tuple[Item, ...]:
    """The block's layers: they see its own variables and the file's, never the caller's."""
    return layers.seeing({**layers.file_variables, **given}).items(block.layers, block.at)


def _arguments(layers: LayerReader, block: Block, value: Plain, at: Path) -> dict[str, Plain]:
    """The value of each variable of a block. Raises Skip where something is wrong, which has been reported."""
    names = block.variables
    fields = _call_fields(layers, block, value, at)
    missing = [name for name, default in names.items() if default == REQUIRED and name not in fields]
    unknown = [name for name in fields if name not in names]
    for name in unknown:
        meant = closest(name, names) or (missing[0] if len(missing) == 1 else "")
        missing = [each for each in missing if each != meant]
        help = f"did you mean `{meant}`?" if meant else suggest(name, names) or f"`{block.name}` takes no variables"
        message, caption = f"unknown variable `{name}` for block `{block.name}`", f"not a variable of `{block.name}`"
        layers.reader.report("NS203", message, (*at, name), key=True, help=help, caption=caption)
    if missing:
        told = " and ".join(f"`{name}`" for name in missing)
        help = f"write `- {block.name}: {{{', '.join(f'{name}: ...' for name in missing)}}}`"
        caption = f"{told} {'is' if len(missing) == 1 else 'are'} missing"
        layers.reader.report("NS202", f"block `{block.name}` needs {told}", at, key=True, help=help, caption=caption)
    if missing or unknown:
        raise Skip
    found: dict[str, Plain] = {}
    for name, default in names.items():
        if name in fields:
            place = (*at, name) if isinstance(value, dict) else at
            found[name] = layers.reader.substituted(fields[name], layers.variables, place)
        else:
            seen = {**layers.file_variables, **found}
            found[name] = layers.reader.substituted(default, seen, ("blocks", block.name, "vars", name))
    return found


def _call_fields(layers: LayerReader, block: Block, value: Plain, at: Path) -> Mapping[str, Plain]:
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    if len(block.variables) == 1:
        return {next(iter(block.variables)): value}
    takes = ", ".join(f"`{name}`" for name in block.variables) or "no variables"
    layers.reader.report("NS204", f"block `{block.name}` takes {takes}, found {describe(value)}", at)
    raise Skip


def _fields(
    layers: LayerReader, value: Plain, scope: str, known: set[str], needed: str, at: Path
) -> Mapping[str, Plain] | None:
    if not isinstance(value, dict):
        told = " and ".join(f"`{name}`" for name in layers.fields_of(scope))
        layers.reader.report("NS204", f"`{scope}` takes {told}, found {describe(value)}", at)
        return None
    unknown = [key for key in value if key not in known]
    for key in unknown:
        help = suggest(key, known)
        if needed not in value and len(unknown) == 1 and not closest(key, known):
            help = f"did you mean `{needed}`?"
        if key in layers.known():
            help = f"write `{needed}:` above it, and start each layer with `- `"
        layers.reader.report("NS203", f"unknown field `{key}` for `{scope}`", (*at, key), key=True, help=help)
    if needed not in value:
        if not unknown:
            help = f"add `{needed}:` with a list of layers" if needed == "layers" else f"add `{needed}:`"
            caption = f"`{needed}` is missing"
            layers.reader.report("NS202", f"`{scope}` needs `{needed}`", at, key=True, caption=caption, help=help)
        return None
    return value
