"""What a spec alone tells of its sequences: windows, language models and sound that do not fit the network."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from netspec.components.sources.sequences import Wav
from netspec.components.transforms.sequences import LogMel, Tokenize
from netspec.diagnostics import Path
from netspec.graph.ir import Graph
from netspec.graph.objective import losses_by_output
from netspec.spec.load import Spec
from netspec.spec.reader import Reader
from netspec.spec.sections import DataSection, SeriesSection
from netspec.tensor import Dim, TensorType


def check_sequences(reader: Reader, spec: Spec, graph: Graph) -> None:
    """NS213, NS507 and NS513 for what cannot go together, whatever the data hold."""
    data = spec.data
    if data is None:
        return
    _sound(reader, data)
    if data.series is not None:
        _drawn(reader, data)
        _one_target(reader, data)
    if data.series is None or len(graph.inputs) != 1 or len(graph.outputs) != 1:
        return
    if data.series.target == "next":
        _language_model(reader, data, data.series, graph)
    elif data.inputs is None:
        _window(reader, data.series, graph)
        _horizon(reader, spec, data.series, graph)


def _drawn(reader: Reader, data: DataSection) -> None:
    """A series is cut by time: no row of it is drawn, so none can be drawn by its class or with its group."""
    for field, given in (("stratify", data.split.stratify), ("group", data.split.group is not None)):
        if given:
            message = f"`{field}` says how rows are drawn, but a `series` is divided by time"
            reader.report("NS213", message, ("data", "split", field), key=True, help=f"remove `{field}`, or `series`")


def _one_target(reader: Reader, data: DataSection) -> None:
    """What is due behind a window goes to one output."""
    if isinstance(data.target, Mapping) and len(data.target) > 1:
        names = list(data.target)
        help = f"keep `{names[0]}` alone, or train a network for each"
        message = f"a series has one target, found {len(names)}"
        reader.report("NS507", message, ("data", "target", names[1]), key=True, help=help)


def _sound(reader: Reader, data: DataSection) -> None:
    """Spectra are made for the rate that the sound has."""
    if not isinstance(data.source, Wav):
        return
    for key, steps in data.preprocess.items():
        for index, step in enumerate(steps):
            if isinstance(step, LogMel) and step.rate != data.source.rate:
                message = f"the sound has {data.source.rate} samples a second, but `log_mel` is made for {step.rate}"
                at = (*_step_at(reader, key, index), "log_mel", "rate")
                reader.report("NS513", message, at, help=f"write `rate: {data.source.rate}`")


def _step_at(reader: Reader, key: str, index: int) -> Path:
    """Where a step stands: in a list, or alone."""
    listed: Path = ("data", "preprocess", key, index)
    return listed if listed in reader.document.spans.values else listed[:-1]


def _window(reader: Reader, series: SeriesSection, graph: Graph) -> None:
    """The input takes the steps of a window."""
    (type,) = graph.inputs.values()
    columns: Dim = len(series.columns) or type.shape[-1]
    if not isinstance(columns, int) or not all(isinstance(size, int) for size in type.shape):
        return
    if _elements(type) != series.window * columns:
        message = f"a window has {series.window} steps of {columns}, but the input is {type}"
        help = f"write `input: [{series.window}, {columns}]`, or change `window`"
        reader.report("NS507", message, ("data", "series", "window"), help=help)


def _horizon(reader: Reader, spec: Spec, series: SeriesSection, graph: Graph) -> None:
    """The output gives the steps that are due."""
    ((name, type),) = graph.output_types.items()
    loss = losses_by_output(spec, graph).get(name)
    if loss is None or loss.target != "numbers" or not all(isinstance(size, int) for size in type.shape):
        return
    due = 1 if series.at == "last" else series.horizon
    if due not in (_elements(type), prod(size for size in loss.target_shape(type) if isinstance(size, int))):
        told = "one step is due" if due == 1 else f"{due} steps are due"
        help = f"the last layer has to give {due}: `- dense: {due}`"
        reader.report("NS507", f"{told}, but the output is {type}", ("data", "series", "horizon"), help=help)


def _language_model(reader: Reader, data: DataSection, series: SeriesSection, graph: Graph) -> None:
    """Ids go in, and each step gives the next one."""
    ((name, given),), (output,) = graph.inputs.items(), graph.output_types.values()
    at: Path = ("data", "series", "target")
    if not any(isinstance(step, Tokenize) for step in data.preprocess.get(name, ())):
        help = f"add `preprocess: {{{name}: {{tokenize: {{by: character}}}}}}` to `data`"
        reader.report("NS513", "a language model needs a `tokenize` step", at, help=help)
    elif given.vocabulary is None or given.rank != 1:
        help = "write `{shape: [time], vocabulary: characters}`"
        reader.report("NS507", f"a language model reads ids, but the input is {given}", at, help=help)
    elif given.shape[0] != series.window and isinstance(given.shape[0], int):
        help = f"write `shape: [time]`, or `window: {given.shape[0]}`"
        message = f"a window has {series.window} steps, but the input is {given}"
        reader.report("NS507", message, ("data", "series", "window"), help=help)
    elif output.rank != 2 or output.shape[0] != given.shape[0]:
        help = "keep every step: `return_sequences: true` in each recurrent layer"
        reader.report("NS507", f"each step gives the next id, but the output is {output}", at, help=help)


def _elements(type: TensorType) -> int:
    return prod(size for size in type.shape if isinstance(size, int))
