"""Reading a spec's inputs and what it knows of named dims."""

from __future__ import annotations

from collections.abc import Mapping

from netspec.components.base import describe
from netspec.components.fields import NAME, name_help
from netspec.diagnostics import Path, suggest
from netspec.source import Plain
from netspec.spec.reader import Reader, Skip
from netspec.spec.sections import DimSection
from netspec.spec.top_level import InputSection
from netspec.spec.variables import Variables
from netspec.tensor import TensorType


class InputReader:
    """Reads `input`, `inputs` and `dims`; what is wrong is reported."""

    def __init__(self, data: Mapping[str, Plain], reader: Reader, variables: Variables) -> None:
        self.data, self.reader, self.variables = data, reader, variables
        self.known = self.dims()

    def dims(self) -> dict[str, DimSection]:
        """What `dims` says of each name."""
        given = self.data.get("dims") or {}
        if not isinstance(given, dict):
            message = f"`dims` takes names with what is known of them, found {describe(given)}"
            self.reader.report("NS204", message, ("dims",), help="for example `dims: {time: {max: 512}}`")
            return {}
        found = {}
        for name, value in given.items():
            at: Path = ("dims", name)
            try:
                dim = self.reader.validated(DimSection, self.reader.substituted(value, self.variables, at), at)
            except Skip:
                continue
            if not NAME.match(name):
                self.reader.report("NS210", f"a dim cannot be called `{name}`", at, key=True, help=name_help(name))
            elif dim is not None:
                found[name] = dim
        return found

    def inputs(self) -> dict[str, TensorType] | None:
        """The type of each input; None where one cannot be told."""
        if "input" in self.data:
            given: dict[str, Plain] = {"input": self.data["input"]}
            at: Path = ()
        elif isinstance(self.data.get("inputs"), dict):
            given, at = self.data["inputs"], ("inputs",)  # type: ignore[assignment]
        else:
            if "inputs" in self.data:
                message = f"`inputs` takes names with shapes, found {describe(self.data['inputs'])}"
                self.reader.report("NS204", message, ("inputs",))
            return None
        found = {name: self._input(name, value, (*at, name)) for name, value in given.items()}
        if not found:
            self.reader.report("NS202", "`inputs` is empty", at, help="for example `inputs: {photo: [64, 64, 3]}`")
        kept = {name: tensor for name, tensor in found.items() if tensor is not None}
        self._check_dims(kept)
        return kept if len(kept) == len(found) and found else None

    def _check_dims(self, inputs: Mapping[str, TensorType]) -> None:
        """What `dims` says must be of a name that some input has."""
        names = frozenset().union(*(tensor.names for tensor in inputs.values()))
        for name in self.known:
            if name not in names:
                help = suggest(name, names) or "a named dim stands in an input's shape"
                self.reader.report("NS303", f"no input has a dim `{name}`", ("dims", name), key=True, help=help)

    def _input(self, name: str, value: Plain, at: Path) -> TensorType | None:
        if not NAME.match(name) or name == "above":
            help = "`above` is the layer above: choose another name" if name == "above" else name_help(name)
            self.reader.report("NS210", f"an input cannot be called `{name}`", at, key=True, help=help)
            return None
        try:
            value = self.reader.substituted(value, self.variables, at)
        except Skip:
            return None
        section = self.reader.component(InputSection, {"shape": None} if value is None else value, at)
        return None if section is None else section.tensor(self.known)
