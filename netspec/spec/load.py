"""From a document to a `Spec`: sections validated, variables replaced, families expanded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath

from netspec.components.base import describe
from netspec.components.fields import NAME, parse_count
from netspec.diagnostics import Diagnostic, Path, Problem, SpecError, in_order, suggest
from netspec.source import Document, Plain, read_file
from netspec.spec.families import FAMILIES, family_items
from netspec.spec.items import Item, Origin
from netspec.spec.layers import LayerReader
from netspec.spec.overrides import override
from netspec.spec.reader import Reader, Skip
from netspec.spec.sections import DataSection, DimSection, ExpectSection, ExportSection, Section, TrainSection
from netspec.spec.variables import BROKEN, Variables
from netspec.tensor import Dim, DType, TensorType, named

VERSION = 1
SECTIONS: dict[str, type[Section]] = {
    "data": DataSection,
    "train": TrainSection,
    "export": ExportSection,
    "expect": ExpectSection,
}
KEYS = ("netspec", "name", "description", "vars", "dims", "input", "inputs", "model", *SECTIONS)


@dataclass(frozen=True, eq=False)
class Spec:
    """A spec that reads well: every field is valid by itself, shapes are not looked at yet."""

    document: Document
    name: str
    description: str
    inputs: Mapping[str, TensorType]
    items: tuple[Item, ...]
    outputs: tuple[str, ...] | None = None
    variables: Variables = field(default_factory=dict)
    dims: Mapping[str, DimSection] = field(default_factory=dict)
    data: DataSection | None = None
    train: TrainSection | None = None
    export: ExportSection | None = None
    expect: ExpectSection | None = None

    @property
    def folder(self) -> FilePath:
        """The folder that paths in the spec are relative to."""
        return FilePath(self.document.file).parent


def load(path: str | FilePath, *, set: Mapping[str, Plain] | None = None) -> Spec:
    """The spec in a file, with `set` overrides applied. Raises SpecError with every problem of this stage."""
    spec, diagnostics = read_spec(read_file(FilePath(path)), set or {})
    if spec is None or any(d.severity == "error" for d in diagnostics):
        raise SpecError(diagnostics)
    return spec


def read_spec(document: Document, overrides: Mapping[str, Plain]) -> tuple[Spec | None, tuple[Diagnostic, ...]]:
    """A spec and what is wrong with it; None where there is not enough of a spec to go on with."""
    reader = Reader(document)
    data = document.data
    if not isinstance(data, dict):
        found = "an empty file" if data is None else describe(data)
        reader.report("NS201", f"a spec is a mapping that starts with `netspec: 1`, found {found}", ())
        return None, tuple(reader.diagnostics)
    if "netspec" not in data:
        help = "write `netspec: 1` as the first line"
        reader.report("NS201", "this is not a spec: `netspec` is missing", _first(data), key=True, help=help)
        return None, tuple(reader.diagnostics)
    try:
        data = override(data, overrides)
    except Problem as problem:
        reader.problem(problem, ())
        return None, tuple(reader.diagnostics)
    spec = _Loader(replace(document, data=data), reader, data).spec()
    return spec, in_order(reader.diagnostics)


def _first(data: Mapping[str, Plain]) -> Path:
    return (next(iter(data)),) if data else ()


class _Loader:
    def __init__(self, document: Document, reader: Reader, data: dict[str, Plain]) -> None:
        self.document, self.reader, self.data = document, reader, data

    def spec(self) -> Spec | None:
        self._check_keys()
        variables = self._variables()
        dims = self._dims(variables)
        inputs = self._inputs(variables)
        self._names_apart(variables, inputs)
        sections = {key: self._section(key, model, variables) for key, model in SECTIONS.items()}
        items, outputs = self._model(variables, inputs or {})
        name = self._name()
        if inputs is None or items is None:
            return None
        description = self.data.get("description")
        return Spec(
            self.document,
            name,
            description if isinstance(description, str) else "",
            inputs,
            items,
            outputs,
            variables,
            dims,
            **sections,  # type: ignore[arg-type]
        )

    def _check_keys(self) -> None:
        report = self.reader.report
        if type(self.data["netspec"]) is not int or self.data["netspec"] != VERSION:
            report("NS201", f"this version reads `netspec: {VERSION}`, found {describe(self.data['netspec'])}", ("netspec",))
        for key in self.data:
            if key not in KEYS and key != "$schema":
                report("NS203", f"unknown section `{key}`", (key,), key=True, help=suggest(key, KEYS), caption="not a section")
        for key in ("name", "model"):
            if key not in self.data:
                report("NS202", f"a spec needs `{key}`", ("netspec",), key=True, caption=f"`{key}` is missing")
        if ("input" in self.data) == ("inputs" in self.data):
            both = "input" in self.data
            message = "`input` and `inputs` cannot both stand" if both else "a spec needs `input`"
            help = "`input: X` is short for `inputs: {input: X}`" if both else "for example `input: [28, 28, 1]`"
            report("NS213" if both else "NS202", message, ("inputs",) if both else ("netspec",), key=True, help=help)
        if not isinstance(self.data.get("description", ""), str):
            report("NS204", f"expected text, found {describe(self.data['description'])}", ("description",))

    def _name(self) -> str:
        name = self.data.get("name")
        if name is None:
            return "unnamed"
        plain = name.replace("-", "_") if isinstance(name, str) else ""
        if not isinstance(name, str) or not NAME.match(plain) or len(name) > 100:
            help = "use lower case letters, digits, `-` and `_`, and start with a letter"
            self.reader.report("NS210", f"a spec's name cannot be {describe(name)}", ("name",), help=help)
            return "unnamed"
        return name

    def _variables(self) -> dict[str, Plain]:
        variables: dict[str, Plain] = {}
        given = self.data.get("vars")
        if given is None:
            return variables
        if not isinstance(given, dict):
            self.reader.report("NS204", f"`vars` takes names with values, found {describe(given)}", ("vars",))
            return variables
        for name, value in given.items():
            at = ("vars", name)
            if not NAME.match(name):
                self.reader.report(
                    "NS210",
                    f"a variable cannot be called `{name}`",
                    at,
                    key=True,
                    help="use lower case letters, digits and `_`",
                )
            elif name in KEYS:
                self.reader.report(
                    "NS308", f"a variable cannot be called `{name}` like a section", at, key=True, help="choose another name"
                )
            try:
                variables[name] = self.reader.substituted(value, variables, at)
            except Skip:
                variables[name] = BROKEN
        return variables

    def _dims(self, variables: Variables) -> dict[str, DimSection]:
        given = self.data.get("dims") or {}
        if not isinstance(given, dict):
            self.reader.report("NS204", f"`dims` takes names with what is known of them, found {describe(given)}", ("dims",))
            return {}
        found = {}
        for name, value in given.items():
            try:
                dim = self.reader.validated(
                    DimSection, self.reader.substituted(value, variables, ("dims", name)), ("dims", name)
                )
            except Skip:
                continue
            if dim is not None:
                found[name] = dim
        return found

    def _inputs(self, variables: Variables) -> dict[str, TensorType] | None:
        if "input" in self.data:
            given: dict[str, Plain] = {"input": self.data["input"]}
            at: Path = ()
        elif isinstance(self.data.get("inputs"), dict):
            given, at = self.data["inputs"], ("inputs",)  # type: ignore[assignment]
        else:
            if "inputs" in self.data:
                self.reader.report(
                    "NS204", f"`inputs` takes names with shapes, found {describe(self.data['inputs'])}", ("inputs",)
                )
            return None
        found = {name: self._input(name, value, variables, (*at, name)) for name, value in given.items()}
        kept = {name: tensor for name, tensor in found.items() if tensor is not None}
        return kept if len(kept) == len(found) and found else None

    def _input(self, name: str, value: Plain, variables: Variables, at: Path) -> TensorType | None:
        if not NAME.match(name) or name == "above":
            self.reader.report("NS210", f"an input cannot be called `{name}`", at, key=True)
            return None
        try:
            value = self.reader.substituted(value, variables, at)
        except Skip:
            return None
        fields = value if isinstance(value, dict) else {"shape": value}
        for key in fields.keys() - {"shape", "dtype", "vocabulary"}:
            help = suggest(key, ("shape", "dtype", "vocabulary"))
            self.reader.report("NS203", f"unknown field `{key}` for an input", (*at, key), key=True, help=help)
        shape_at = (*at, "shape") if isinstance(value, dict) else at
        shape = self._shape(fields.get("shape"), shape_at)
        vocabulary = self._dim(fields["vocabulary"], (*at, "vocabulary")) if "vocabulary" in fields else None
        dtype = fields.get("dtype", "float32" if vocabulary is None else "int32")
        if dtype not in ("float32", "int32"):
            self.reader.report(
                "NS205", f"an input cannot hold {describe(dtype)}", (*at, "dtype"), help="write `float32` or `int32`"
            )
            return None
        if vocabulary is not None and dtype != "int32":
            self.reader.report("NS213", "a `vocabulary` belongs to ids, which are `int32`", (*at, "dtype"))
            return None
        return None if shape is None else TensorType(shape, DType(dtype), vocabulary)

    def _shape(self, value: Plain, at: Path) -> tuple[Dim, ...] | None:
        if not isinstance(value, list):
            message = "an input needs a shape" if value is None else f"expected a list of sizes, found {describe(value)}"
            self.reader.report("NS204", message, at, help="for example [28, 28, 1], without the batch axis")
            return None
        if not 1 <= len(value) <= 4:
            self.reader.report("NS402", f"an input has one to four axes, found {len(value)}", at)
            return None
        dims = [self._dim(size, (*at, index)) for index, size in enumerate(value)]
        return None if any(dim is None for dim in dims) else tuple(dim for dim in dims if dim is not None)

    def _dim(self, value: Plain, at: Path) -> Dim | None:
        if isinstance(value, str) and NAME.match(value):
            return named(value)
        try:
            count = parse_count(value)
        except ValueError as error:
            self.reader.report("NS205", str(error), at)
            return None
        if count is None:
            self.reader.report("NS204", f"expected a size (a positive integer or a name), found {describe(value)}", at)
        elif count < 1:
            self.reader.report("NS205", f"a size is at least 1, found {count}", at)
        return count if count is not None and count >= 1 else None

    def _names_apart(self, variables: Variables, inputs: Mapping[str, TensorType] | None) -> None:
        for name, tensor in (inputs or {}).items():
            for clash in sorted(tensor.names & variables.keys()):
                at = ("input",) if "input" in self.data else ("inputs", name)
                self.reader.report(
                    "NS308", f"`{clash}` is both a variable and a dim", at, help=f"write `${clash}` for the variable"
                )

    def _section(self, key: str, model: type[Section], variables: Variables) -> Section | None:
        if key not in self.data:
            return None
        try:
            value = self.reader.substituted(self.data[key], variables, (key,))
        except Skip:
            return None
        return self.reader.validated(model, {} if value is None else value, (key,))

    def _model(
        self, variables: Variables, inputs: Mapping[str, TensorType]
    ) -> tuple[tuple[Item, ...] | None, tuple[str, ...] | None]:
        model = self.data.get("model")
        if "model" not in self.data:
            return None, None
        if not isinstance(model, dict):
            help = "write `model:` with `layers:`, `mlp:` or `cnn:` below it"
            self.reader.report("NS204", f"`model` takes one kind of network, found {describe(model)}", ("model",), help=help)
            return None, None
        kinds = ["layers", *FAMILIES]
        chosen = [key for key in model if key in kinds]
        for key in model:
            if key not in kinds and not (key == "outputs" and "layers" in model):
                self.reader.report(
                    "NS203", f"unknown kind of model `{key}`", ("model", key), key=True, help=suggest(key, kinds)
                )
        if len(chosen) != 1:
            if chosen or all(key in kinds for key in model):
                told = " and ".join(f"`{key}`" for key in chosen) or "none"
                self.reader.report(
                    "NS211",
                    f"`model` holds exactly one kind of network, found {told}",
                    ("model",),
                    key=True,
                    help=suggest("", kinds),
                )
            return None, None
        kind = chosen[0]
        if kind == "layers":
            return self._layers(model["layers"], variables), self._outputs(model.get("outputs"))
        return self._family(kind, model[kind], variables, inputs), None

    def _layers(self, value: Plain, variables: Variables) -> tuple[Item, ...] | None:
        items = LayerReader(self.reader, variables).items(value, ("model", "layers"))
        if isinstance(value, list) and not value:
            self.reader.report("NS202", "`layers` is empty", ("model", "layers"))
        return items if isinstance(value, list) else None

    def _outputs(self, value: Plain) -> tuple[str, ...] | None:
        if value is None:
            return None
        if not isinstance(value, list) or not value or not all(isinstance(name, str) for name in value):
            self.reader.report("NS204", f"`outputs` takes a list of layer names, found {describe(value)}", ("model", "outputs"))
            return None
        return tuple(str(name) for name in value)

    def _family(
        self, kind: str, value: Plain, variables: Variables, inputs: Mapping[str, TensorType]
    ) -> tuple[Item, ...] | None:
        at = ("model", kind)
        try:
            family = self.reader.component(FAMILIES[kind], self.reader.substituted(value, variables, at), at)
        except Skip:
            return None
        if family is None or not inputs:
            return None
        try:
            return family_items(family, inputs, Origin(at))
        except Problem as problem:
            self.reader.problem(problem, at, key=True)
            return None
