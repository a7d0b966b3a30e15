"""From a document to a `Spec`: sections validated, variables replaced, families expanded."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath
from typing import Self, TypeVar

from netspec.components.base import describe, quoted, written
from netspec.components.fields import NAME, name_help
from netspec.diagnostics import Diagnostic, Path, Problem, Severity, Span, SpecError, closest, in_order, suggest
from netspec.source import Document, Plain, read_file
from netspec.spec.blocks import REQUIRED, Definition, check_variables, read_blocks, uncalled
from netspec.spec.elsewhere import elsewhere
from netspec.spec.frames import Frame, Shared
from netspec.spec.inputs import InputReader
from netspec.spec.items import Net
from netspec.spec.language import SECTIONS, VERSION, SpecFile, items, keys
from netspec.spec.layers import LayerReader
from netspec.spec.model import ModelReader
from netspec.spec.networks import NETWORKS, Autoencoder, Gan, Model
from netspec.spec.overrides import override
from netspec.spec.reader import MOST_ERRORS, Reader, Skip, TooLarge, TooMany
from netspec.spec.section import Section
from netspec.spec.sections import DataSection, DimSection, ExpectSection, ExportSection, InitializeSection
from netspec.spec.training import AdversarialSection, Training, TrainSection
from netspec.spec.variables import BROKEN, LATER, Variables
from netspec.tensor import TensorType

S = TypeVar("S", bound=Section)


@dataclass(frozen=True, eq=False)
class Spec:
    """A spec that reads well: every field is valid by itself, shapes are not looked at yet."""

    document: Document
    name: str
    description: str
    inputs: Mapping[str, TensorType]
    model: Model
    variables: Variables = field(default_factory=dict)
    dims: Mapping[str, DimSection] = field(default_factory=dict)
    sections: Mapping[str, Section] = field(default_factory=dict)
    """The sections beside the model that the file has, by their keys."""
    refused: frozenset[str] = frozenset()
    """Names that were refused: what refers to them is not told again."""

    def _section(self, key: str, section: type[S]) -> S | None:
        found = self.sections.get(key)
        return found if isinstance(found, section) else None

    def with_section(self, key: str, section: Section) -> Self:
        """The same spec with another section."""
        return replace(self, sections={**self.sections, key: section})

    @property
    def initialize(self) -> InitializeSection | None:
        """The section `initialize`."""
        return self._section("initialize", InitializeSection)

    @property
    def data(self) -> DataSection | None:
        """The section `data`."""
        return self._section("data", DataSection)

    @property
    def training(self) -> TrainSection | AdversarialSection | None:
        """The section `train`, whichever kind it is."""
        return self.train or self.adversarial

    @property
    def train(self) -> TrainSection | None:
        """The section `train` of one network."""
        return self._section("train", TrainSection)

    @property
    def adversarial(self) -> AdversarialSection | None:
        """The section `train` of a GAN pair."""
        return self._section("train", AdversarialSection)

    @property
    def export(self) -> ExportSection | None:
        """The section `export`."""
        return self._section("export", ExportSection)

    @property
    def expect(self) -> ExpectSection | None:
        """The section `expect`."""
        return self._section("expect", ExpectSection)

    @property
    def networks(self) -> dict[str, Net]:
        """The networks by name, the one that is shipped first."""
        return self.model.networks

    @property
    def autoencoder(self) -> Autoencoder | None:
        """What `model.autoencoder` says, where it stands."""
        return self.model.network if isinstance(self.model.network, Autoencoder) else None

    @property
    def gan(self) -> Gan | None:
        """What `model.gan` says, where it stands."""
        return self.model.network if isinstance(self.model.network, Gan) else None

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
    """A spec and what is wrong with it; None where there is not enough of a spec to go on with.

    Raises SpecError NS311 for a setting that leads nowhere.
    """
    reader = Reader(document)
    data = document.data
    if not isinstance(data, dict):
        found = "an empty file" if data is None else describe(data)
        help = "write `netspec: 1` as the first line, and one key a line below it: `name: ...`, `input: ...`, `model: ...`"
        reader.report("NS201", f"a spec is a mapping that starts with `netspec: 1`, found {found}", (), help=help)
        start = Span(1, 1, 1, 1)  # where there is nothing, there is a beginning
        return None, tuple(replace(each, span=each.span or start) for each in reader.diagnostics)
    if "netspec" not in data:
        help = "write `netspec: 1` as the first line"
        reader.report("NS201", "this is not a spec: `netspec` is missing", _first(data), key=True, help=help)
        return None, tuple(reader.diagnostics)
    try:
        data, reached = override(data, overrides)
    except Problem as problem:
        raise SpecError(Diagnostic(problem.code, problem.message, help=problem.help, exit_code=2)) from None
    document = replace(document, data=data, settings=reached)
    reader.document = document
    spec = None
    try:
        spec = _Loader(document, reader, data).spec()
    except TooLarge as stop:
        with suppress(TooMany):
            reader.report(stop.code, str(stop), stop.at, key=True, help=stop.help)
    except TooMany:
        pass
    return spec, in_order(reader.diagnostics)


def _first(data: Mapping[str, Plain]) -> Path:
    return (next(iter(data)),) if data else ()


def _place_of(name: str, document: Document, at: Path) -> Path:
    """Where a dim's name stands in an input."""
    return next((path for path in document.spans.values if path[: len(at)] == at and _at(document.data, path) == name), at)


def _at(data: Plain, path: Path) -> Plain:
    for step in path:
        data = data[step]  # type: ignore[index]
    return data


class _Loader:
    def __init__(self, document: Document, reader: Reader, data: dict[str, Plain]) -> None:
        self.document, self.reader, self.data, self.keys = document, reader, data, keys()

    def spec(self) -> Spec | None:
        self._check_keys()
        variables = self.reader.seen = self._variables()
        reading = InputReader(self.data, self.reader, variables)
        inputs = reading.inputs()
        self._names_apart(variables, inputs)
        read = {key: self._section(key, self._kind(key, model), variables) for key, model in SECTIONS.items()}
        sections = {key: section for key, section in read.items() if section is not None}
        blocks = {**self._misspelt_blocks(), **read_blocks(self.data.get("blocks"), self.reader, items(), self.keys)}
        layers = LayerReader(self.reader, variables, variables, Shared(blocks))
        name = self._name()
        model = self._model(layers, inputs or {})
        if inputs is None or model is None:
            return None
        description = self.data.get("description")
        return Spec(
            self.document,
            name,
            description if isinstance(description, str) else "",
            inputs,
            model,
            variables,
            reading.known,
            sections,
            refused=frozenset(layers.shared.refused),
        )

    def _misspelt_blocks(self) -> dict[str, Definition]:
        """What stands under a misspelt `blocks`: that has been told, and its calls are passed over."""
        sections = (value for key, value in self.data.items() if key not in self.keys and closest(key, self.keys) == "blocks")
        return {name: Definition(name, broken=True) for value in sections if isinstance(value, dict) for name in value}

    def _model(self, layers: LayerReader, inputs: Mapping[str, TensorType]) -> Model | None:
        if "model" not in self.data:
            return None
        found = ModelReader(layers, inputs).read(self.data["model"])
        sound = not any(d.path.startswith(("blocks", "model")) for d in self.reader.diagnostics)
        for block in uncalled(layers.shared.blocks):
            self._uncalled(block, layers, tell=sound)  # else what was meant to call it may have been told already
        return found

    def _uncalled(self, block: Definition, layers: LayerReader, *, tell: bool) -> None:
        """A block that nothing calls is told, and read all the same where its variables have values."""
        if tell:
            message, help = f"nothing calls the block `{block.name}`", f"add `- {block.name}: ...` to the layers, or remove it"
            self.reader.report("NS310", message, ("blocks", block.name), key=True, severity=Severity.warning, help=help)
        if REQUIRED not in block.variables.values():
            layers.call(block, None, Frame(None, None, ("blocks",), block.at))

    def _check_keys(self) -> None:
        report = self.reader.report
        if type(self.data["netspec"]) is not int or self.data["netspec"] != VERSION:
            found = describe(self.data["netspec"])
            report("NS201", f"this version reads `netspec: {VERSION}`, found {found}", ("netspec",), help="write `netspec: 1`")
        unknown = [key for key in self.data if key not in self.keys and key != "$schema"]
        meant = {"model" if key in NETWORKS else closest(key, self.keys) for key in unknown[:MOST_ERRORS]}
        self.reader.blind = "vars" in meant
        for key in unknown:
            help = (
                suggest(key, self.keys, list_up_to=0)
                or elsewhere(key, None)
                or suggest(key, self.keys, list_up_to=len(self.keys))
            )
            report("NS203", f"unknown section `{key}`", (key,), key=True, help=help, caption="not a section")
        for key, info in SpecFile.model_fields.items():
            if info.is_required() and key not in self.data and key not in meant:
                example = written({key: next(iter(info.examples or ()))})[1:-1]
                caption = f"`{key}` is missing"
                report(
                    "NS202", f"a spec needs `{key}`", ("netspec",), key=True, caption=caption, help=f"for example `{example}`"
                )
        if ("input" in self.data) == ("inputs" in self.data) and not meant & {"input", "inputs"}:
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
            help = name_help(name, dash=True) if not isinstance(name, str) or len(name) <= 100 else "at most 100 characters"
            self.reader.report("NS210", f"a spec cannot be called {quoted(name)}", ("name",), help=help)
            return "unnamed"
        return name

    def _variables(self) -> dict[str, Plain]:
        variables: dict[str, Plain] = {}
        given = self.data.get("vars")
        if given is None:
            return variables
        if not isinstance(given, dict):
            help = "for example `vars: {width: 32}`"
            self.reader.report("NS204", f"`vars` takes names with values, found {describe(given)}", ("vars",), help=help)
            self.reader.blind = True
            return variables
        seen: dict[str, Plain] = dict.fromkeys(given, LATER)
        for name, value in given.items():
            at = ("vars", name)
            if not NAME.match(name):
                self.reader.report("NS210", f"a variable cannot be called `{name}`", at, key=True, help=name_help(name))
            check_variables([name], ("vars",), self.reader, self.keys)
            try:
                variables[name] = self.reader.substituted(value, seen, at)
            except Skip:
                variables[name] = BROKEN
            seen[name] = variables[name]
        return variables

    def _names_apart(self, variables: Variables, inputs: Mapping[str, TensorType] | None) -> None:
        for name, tensor in (inputs or {}).items():
            at: Path = ("input",) if "input" in self.data else ("inputs", name)
            for clash in sorted(tensor.names & variables.keys()):
                help = f"write `${clash}` for the variable, or give one of the two another name"
                place = _place_of(clash, self.document, at)
                self.reader.report("NS308", f"`{clash}` is both a variable and a dim", place, help=help)

    def _kind(self, key: str, section: type[Section]) -> type[Section]:
        """What a section is: how a network is trained hangs on what it is."""
        if section is not Training:
            return section
        model = self.data.get("model")
        kinds = [NETWORKS[kind].training for kind in (model if isinstance(model, dict) else {}) if kind in NETWORKS]
        return next((kind for kind in kinds if kind is not TrainSection), TrainSection)

    def _section(self, key: str, model: type[Section], variables: Variables) -> Section | None:
        if key not in self.data:
            return None
        try:
            value = self.reader.substituted(self.data[key], variables, (key,))
        except Skip:
            return None
        return self.reader.validated(model, {} if value is None else value, (key,))
