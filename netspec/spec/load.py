"""From a document to a `Spec`: sections validated, variables replaced, families expanded."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path as FilePath

from netspec.components.base import describe, quoted
from netspec.components.fields import NAME, name_help
from netspec.diagnostics import Diagnostic, Path, Problem, Severity, Span, SpecError, closest, in_order, suggest
from netspec.source import Document, Plain, read_file
from netspec.spec.blocks import REQUIRED, Block, read_blocks, uncalled
from netspec.spec.composites import Autoencoder, Gan, Model
from netspec.spec.elsewhere import elsewhere
from netspec.spec.inputs import InputReader
from netspec.spec.items import Net
from netspec.spec.layers import Frame, Shared
from netspec.spec.model import KINDS, ModelReader
from netspec.spec.overrides import override
from netspec.spec.reader import MOST_ERRORS, Reader, Skip, TooLarge, TooMany
from netspec.spec.scopes import ItemReader
from netspec.spec.section import Section
from netspec.spec.sections import SECTIONS as SECTIONS
from netspec.spec.sections import DataSection, DimSection, ExpectSection, ExportSection, InitializeSection
from netspec.spec.training import AdversarialSection, TrainSection
from netspec.spec.variables import BROKEN, LATER, Variables
from netspec.tensor import TensorType

VERSION = 1
_REQUIRED = {"name": "name: digits-cnn", "model": "model: {mlp: {hidden: [64], output: 10}}"}
KEYS = ("netspec", "name", "description", "vars", "dims", "input", "inputs", "blocks", "model", *SECTIONS)


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
    initialize: InitializeSection | None = None
    data: DataSection | None = None
    train: TrainSection | None = None
    adversarial: AdversarialSection | None = None
    """The `train` section of a GAN pair."""
    export: ExportSection | None = None
    expect: ExpectSection | None = None
    refused: frozenset[str] = frozenset()
    """Names that were refused: what refers to them is not told again."""

    @property
    def training(self) -> TrainSection | AdversarialSection | None:
        """The `train` section, whichever kind it is."""
        return self.train or self.adversarial

    @property
    def networks(self) -> dict[str, Net]:
        """The networks by name, the one that is shipped first."""
        return self.model.networks

    @property
    def autoencoder(self) -> Autoencoder | None:
        """What `model.autoencoder` says, where it stands."""
        return self.model.composite if isinstance(self.model.composite, Autoencoder) else None

    @property
    def gan(self) -> Gan | None:
        """What `model.gan` says, where it stands."""
        return self.model.composite if isinstance(self.model.composite, Gan) else None

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
        self.document, self.reader, self.data = document, reader, data

    def spec(self) -> Spec | None:
        self._check_keys()
        variables = self.reader.seen = self._variables()
        reading = InputReader(self.data, self.reader, variables)
        inputs = reading.inputs()
        self._names_apart(variables, inputs)
        sections = {key: self._section(key, self._kind(key, model), variables) for key, model in SECTIONS.items()}
        if isinstance(sections["train"], AdversarialSection):
            sections["adversarial"], sections["train"] = sections["train"], None
        blocks = {**self._misspelt_blocks(), **read_blocks(self.data.get("blocks"), self.reader, KEYS)}
        layers = ItemReader(self.reader, variables, variables, Shared(blocks))
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
            **sections,  # type: ignore[arg-type]
            refused=frozenset(layers.shared.refused),
        )

    def _misspelt_blocks(self) -> dict[str, Block]:
        """What stands under a misspelt `blocks`: that has been told, and its calls are passed over."""
        sections = (value for key, value in self.data.items() if key not in KEYS and closest(key, KEYS) == "blocks")
        return {name: Block(name, None, broken=True) for value in sections if isinstance(value, dict) for name in value}

    def _model(self, layers: ItemReader, inputs: Mapping[str, TensorType]) -> Model | None:
        if "model" not in self.data:
            return None
        found = ModelReader(layers, inputs).read(self.data["model"])
        sound = not any(d.path.startswith(("blocks", "model")) for d in self.reader.diagnostics)
        for block in uncalled(layers.shared.blocks):
            self._uncalled(block, layers, tell=sound)  # else what was meant to call it may have been told already
        return found

    def _uncalled(self, block: Block, layers: ItemReader, *, tell: bool) -> None:
        """A block that nothing calls is told, and read all the same where its variables have values."""
        if tell:
            message, help = f"nothing calls the block `{block.name}`", f"add `- {block.name}: ...` to the layers, or remove it"
            self.reader.report("NS310", message, ("blocks", block.name), key=True, severity=Severity.warning, help=help)
        if REQUIRED not in block.variables.values():
            layers.scope(block.name, None, Frame(None, None, ("blocks",), block.at))

    def _check_keys(self) -> None:
        report = self.reader.report
        if type(self.data["netspec"]) is not int or self.data["netspec"] != VERSION:
            found = describe(self.data["netspec"])
            report("NS201", f"this version reads `netspec: {VERSION}`, found {found}", ("netspec",), help="write `netspec: 1`")
        unknown = [key for key in self.data if key not in KEYS and key != "$schema"]
        meant = {"model" if key in KINDS else closest(key, KEYS) for key in unknown[:MOST_ERRORS]}
        self.reader.blind = "vars" in meant
        for key in unknown:
            help = suggest(key, KEYS, list_up_to=0) or elsewhere(key, None) or suggest(key, KEYS, list_up_to=len(KEYS))
            report("NS203", f"unknown section `{key}`", (key,), key=True, help=help, caption="not a section")
        for key, example in _REQUIRED.items():
            if key not in self.data and key not in meant:
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
            elif name in KEYS:
                message = f"a variable cannot be called `{name}`: a key of the file has that name"
                self.reader.report("NS308", message, at, key=True, help="choose another name")
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
        """What a section is: that of a GAN pair is trained in another way."""
        model = self.data.get("model")
        return AdversarialSection if key == "train" and isinstance(model, dict) and "gan" in model else section

    def _section(self, key: str, model: type[Section], variables: Variables) -> Section | None:
        if key not in self.data:
            return None
        try:
            value = self.reader.substituted(self.data[key], variables, (key,))
        except Skip:
            return None
        return self.reader.validated(model, {} if value is None else value, (key,))
