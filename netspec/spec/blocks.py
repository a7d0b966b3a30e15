"""The blocks of a spec: reusable pieces with variables of their own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from netspec.components.base import describe, quoted
from netspec.components.fields import NAME, name_help
from netspec.components.layers import LAYERS
from netspec.diagnostics import Path, suggest
from netspec.source import Plain
from netspec.spec.reader import Reader

REQUIRED = "required"
_FIELDS = ("inputs", "vars", "layers", "remat")
SCOPES = ("residual", "parallel", "repeat", "share", "block")
"""Items that hold layers, or stand for some, beside the layers themselves."""


@dataclass(eq=False)
class Block:
    """A block as it was written; its layers are read anew for each set of values."""

    name: str
    layers: Plain
    variables: Mapping[str, Plain] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()
    remat: bool = False
    used: bool = False
    broken: bool = False
    """What is wrong with its frame has been told: its calls are passed over."""

    @property
    def at(self) -> Path:
        """Where its list of layers stands."""
        return ("blocks", self.name, "layers")


def read_blocks(given: Plain, reader: Reader, reserved: tuple[str, ...]) -> dict[str, Block]:
    """The blocks of a file by name; what is wrong with their frame is reported."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        message = f"`blocks` takes names with their layers, found {describe(given)}"
        reader.report("NS204", message, ("blocks",), help="for example `blocks: {unit: {layers: [...]}}`")
        return {}
    found = {}
    for name, value in given.items():
        at: Path = ("blocks", name)
        block = None
        if not NAME.match(name):
            reader.report("NS210", f"a block cannot be called `{name}`", at, key=True, help=name_help(name))
        elif name in LAYERS or name in SCOPES or name == "activation":
            reader.report(
                "NS312", f"a block cannot be called like the layer `{name}`", at, key=True, help="choose another name"
            )
        else:
            block = _block(name, value, reader, reserved)
        found[name] = block or Block(name, None, broken=True)
    return found


def _block(name: str, value: Plain, reader: Reader, reserved: tuple[str, ...]) -> Block | None:
    at: Path = ("blocks", name)
    if not isinstance(value, dict):
        help = f"write `layers:` below `{name}:`, and the layers below that"
        reader.report(
            "NS204", f"a block takes `layers`, and perhaps `vars` and `inputs`, found {describe(value)}", at, help=help
        )
        return None
    unknown = [key for key in value if key not in _FIELDS]
    for key in unknown:
        reader.report("NS203", f"unknown field `{key}` for a block", (*at, key), key=True, help=suggest(key, _FIELDS))
    if unknown:
        return None
    if "layers" not in value:
        reader.report("NS202", f"the block `{name}` needs `layers`", at, key=True, caption="`layers` is missing")
        return None
    remat = value.get("remat", False)
    if not isinstance(remat, bool):
        reader.report("NS204", f"expected `true` or `false`, found {describe(remat)}", (*at, "remat"))
    variables = _variables(value.get("vars"), (*at, "vars"), reader, reserved)
    inputs = _inputs(value.get("inputs"), (*at, "inputs"), reader)
    if variables is None or inputs is None:
        return None
    return Block(name, value["layers"], variables, inputs, remat is True)


def _variables(given: Plain, at: Path, reader: Reader, reserved: tuple[str, ...]) -> dict[str, Plain] | None:
    """The variables of a block with their defaults; None where something is wrong with them."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        help = "write `vars: {filters: required, strides: 1}`"
        reader.report("NS204", f"`vars` takes names with defaults, found {describe(given)}", at, help=help)
        return None
    wrong = [name for name in given if not NAME.match(name) or name in reserved]
    for name in wrong:
        if name in reserved:
            message = f"a variable cannot be called `{name}`: a key of the file has that name"
            reader.report("NS308", message, (*at, name), key=True, help="choose another name")
        else:
            reader.report("NS210", f"a variable cannot be called `{name}`", (*at, name), key=True, help=name_help(name))
    return None if wrong else dict(given)


def _inputs(given: Plain, at: Path, reader: Reader) -> tuple[str, ...] | None:
    """The names of a block's inputs; None where something is wrong with them."""
    if given is None:
        return ()
    if not isinstance(given, list) or not given:
        reader.report(
            "NS204", f"`inputs` takes a list of names, found {describe(given)}", at, help="write `inputs: [below, skip]`"
        )
        return None
    found: list[str] = []
    for index, name in enumerate(given):
        if not isinstance(name, str) or not NAME.match(name) or name == "above":
            help = "`above` is the layer above: choose another name" if name == "above" else name_help(name)
            reader.report("NS210", f"a block's input cannot be called {quoted(name)}", (*at, index), help=help)
            return None
        if name in found:
            reader.report("NS304", f"`{name}` is an input twice", (*at, index), help="give each input a name of its own")
            return None
        found.append(name)
    return tuple(found)


def uncalled(blocks: Mapping[str, Block]) -> Iterator[Block]:
    """Blocks that nothing calls."""
    return (block for block in blocks.values() if not block.used and not block.broken)
