"""The blocks of a spec: reusable pieces with variables of their own."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from netspec.components.base import describe
from netspec.components.fields import NAME, name_help
from netspec.diagnostics import Path
from netspec.source import Plain
from netspec.spec.reader import Reader
from netspec.spec.top_level import BlockSection

REQUIRED = "required"


@dataclass(eq=False)
class Definition:
    """A block as it was written; its layers are read anew for each set of values."""

    name: str
    layers: Plain = None
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


def read_blocks(given: Plain, reader: Reader, taken: Container[str], keys: Container[str]) -> dict[str, Definition]:
    """The blocks of a file by name; what is wrong with their frame is reported.

    Args:
        given: What stands below `blocks`.
        reader: Where mistakes are reported.
        taken: The words that an item can be already.
        keys: The keys of a file, which no variable can be called.
    """
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
        elif name in taken:
            reader.report(
                "NS312", f"a block cannot be called like the layer `{name}`", at, key=True, help="choose another name"
            )
        else:
            block = _definition(name, value, reader, keys)
        found[name] = block or Definition(name, broken=True)
    return found


def _definition(name: str, value: Plain, reader: Reader, keys: Container[str]) -> Definition | None:
    at: Path = ("blocks", name)
    if not isinstance(value, dict):
        help = f"write `layers:` below `{name}:`, and the layers below that"
        message = f"a block takes `layers`, and perhaps `vars` and `inputs`, found {describe(value)}"
        reader.report("NS204", message, at, help=help)
        return None
    block = reader.component(BlockSection, value, at)
    if block is None or not check_variables(block.vars, (*at, "vars"), reader, keys):
        return None
    return Definition(name, value["layers"], block.vars, block.inputs, block.remat)


def check_variables(names: Iterable[str], at: Path, reader: Reader, keys: Container[str]) -> bool:
    """Whether no variable is called like a key of the file; one that is is reported."""
    taken = [name for name in names if name in keys]
    for name in taken:
        message = f"a variable cannot be called `{name}`: a key of the file has that name"
        reader.report("NS308", message, (*at, name), key=True, help="choose another name")
    return not taken


def uncalled(blocks: Mapping[str, Definition]) -> Iterator[Definition]:
    """Blocks that nothing calls."""
    return (block for block in blocks.values() if not block.used and not block.broken)
