"""Reading a spec's inputs and what it knows of named dims."""

from __future__ import annotations

from collections.abc import Mapping

from netspec.components.base import describe
from netspec.components.fields import NAME, name_help, number_help, parse_count
from netspec.diagnostics import Path, suggest
from netspec.source import Plain
from netspec.spec.reader import Reader, Skip
from netspec.spec.sections import DimSection
from netspec.spec.variables import Variables
from netspec.tensor import Dim, DType, TensorType, named

_FIELDS = ("shape", "dtype", "vocabulary")
_FREE = "leave the batch axis out: it is always there; another axis of any length has a name, such as `time`"


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
        fields = value if isinstance(value, dict) else {"shape": value}
        unknown = [key for key in fields if key not in _FIELDS]
        for key in unknown:
            self.reader.report("NS203", f"unknown field `{key}` for an input", (*at, key), key=True, help=suggest(key, _FIELDS))
        if unknown and "shape" not in fields:
            return None  # what was meant has been told
        shape = self._shape(fields.get("shape"), (*at, "shape") if isinstance(value, dict) else at)
        vocabulary = self._dim(fields["vocabulary"], (*at, "vocabulary")) if "vocabulary" in fields else None
        dtype = fields.get("dtype", "float32" if vocabulary is None else "int32")
        if dtype not in ("float32", "int32"):
            help = "write `float32` or `int32`"
            self.reader.report("NS205", f"an input cannot hold {describe(dtype)}", (*at, "dtype"), help=help)
            return None
        if vocabulary is None and "vocabulary" in fields:
            return None
        if vocabulary is not None and dtype != "int32":
            message, help = "a `vocabulary` belongs to ids, which are `int32`", "remove `dtype`"
            self.reader.report("NS213", message, (*at, "dtype"), help=help)
            return None
        return None if shape is None or unknown else TensorType(shape, DType(dtype), vocabulary)

    def _shape(self, value: Plain, at: Path) -> tuple[Dim, ...] | None:
        if not isinstance(value, list):
            message = "an input needs a shape" if value is None else f"expected a list of sizes, found {describe(value)}"
            help = f"write [{value}]" if type(value) is int else number_help(value) or "for example [28, 28, 1]"
            self.reader.report("NS204", message, at, help=f"{help}, without the batch axis")
            return None
        if not 1 <= len(value) <= 4:
            help = "leave the batch axis out: it is always there" if value else "a single number is `[1]`"
            self.reader.report("NS402", f"an input has one to four axes, found {len(value)}", at, help=help)
            return None
        dims = [self._dim(size, (*at, index)) for index, size in enumerate(value)]
        return None if any(dim is None for dim in dims) else tuple(dim for dim in dims if dim is not None)

    def _dim(self, value: Plain, at: Path) -> Dim | None:
        if isinstance(value, str) and NAME.match(value):
            known = self.known.get(value)
            return named(value, known.multiple_of if known else 1)
        try:
            count = parse_count(value)
        except ValueError as error:
            self.reader.report("NS205", str(error), at)
            return None
        if count is None:
            help = number_help(value) or _FREE
            self.reader.report(
                "NS204", f"expected a size (a positive integer or a name), found {describe(value)}", at, help=help
            )
        elif count < 1:
            self.reader.report("NS205", f"a size is at least 1, found {count}", at, help=_FREE)
        return count if count is not None and count >= 1 else None
