"""One long text for a language model: a stream of ids, cut into windows whose target is the next id."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from netspec.components.sources.base import Array, Column
from netspec.components.transforms.fitted import Fitted
from netspec.components.transforms.pipeline import ColumnPipe, InputPipe, Preprocess, TargetPipe
from netspec.components.transforms.sequences import PADDING, Tokenize
from netspec.data.place import Place
from netspec.graph.ir import Graph
from netspec.randomness import generator
from netspec.spec.sections import SeriesSection
from netspec.tensor import Dim, Formula, TensorType

COLUMN = "text"


@dataclass(frozen=True)
class Stream:
    """Ids in their order, and the length of a window."""

    ids: Array
    window: int

    def windows(self, offset: int = 0) -> tuple[Array, Array]:
        """Inputs and targets [windows, window], one behind the other from `offset` on."""
        count = (len(self.ids) - 1 - offset) // self.window
        end = offset + count * self.window
        return (
            self.ids[offset:end].reshape(count, self.window),
            self.ids[offset + 1 : end + 1].reshape(count, self.window),
        )

    def shifted(self, seed: int, epoch: int) -> tuple[Array, Array]:
        """The windows of an epoch: they start at a place of its own, a pure function of seed and epoch."""
        count = max(1, (len(self.ids) - 1) // self.window - 1)
        room = len(self.ids) - 1 - count * self.window
        offset = int(generator(seed, "window_start", epoch).integers(0, max(1, room)))
        inputs, targets = self.windows(offset)
        return inputs[:count], targets[:count]


def in_lanes(windows: int, most: int = 8) -> Iterator[tuple[Array, bool]]:
    """Windows of a text as it is judged: a few lanes read side by side, so that states go on from row to row.

    Gives the windows of each step, and whether they follow those of the step before. What fills no lane comes last.
    """
    lanes = max(1, min(most, windows // 2))
    steps = windows // lanes
    order = np.arange(lanes * steps).reshape(lanes, steps)
    for step in range(steps):
        yield order[:, step], step > 0
    if lanes * steps < windows:
        yield np.arange(lanes * steps, windows), False


class StreamReader:
    """Reads a text into the streams of each part, the tokenizer fitted on the training part."""

    def __init__(self, place: Place, graph: Graph, series: SeriesSection) -> None:
        self.place, self.graph, self.series = place, graph, series

    def parts(self, text: str) -> dict[str, str]:
        """The text cut by time. Raises SpecError NS504 for an empty part."""
        split, size = self.place.data.split, len(text)
        test = round(size * split.test) if isinstance(split.test, float) else split.test
        validation = round(size * split.validation) if isinstance(split.validation, float) else split.validation
        middle, end = size - test - validation, size - test
        found = {"train": text[: max(middle, 0)], "validation": text[max(middle, 0) : end], "test": text[end:]}
        asked = {"train": True, "validation": bool(split.validation), "test": bool(split.test)}
        for part, piece in found.items():
            if asked[part] and len(piece) <= self.series.window:
                message = f"the {part} part has {len(piece)} characters, fewer than a window of {self.series.window}"
                raise self.place.problem("NS517", message, ("data", "series", "window"), "make the window shorter")
        return {part: piece for part, piece in found.items() if asked[part]}

    def fitted(self, text: str, lengths: dict[str, int]) -> Preprocess:
        """The pipes of input and target, fitted on the training text; they bind the vocabulary's size."""
        (name, declared), *_ = self.graph.inputs.items()
        steps = [step for step in self.place.data.preprocess.get(name, ()) if isinstance(step, Tokenize)]
        if not steps:
            help = f"add `preprocess: {{{name}: {{tokenize: {{by: character}}}}}}`"
            raise self.place.problem("NS513", "a language model needs a `tokenize` step", ("data", "preprocess"), help)
        tokenize = steps[0]
        column = np.asarray([text], dtype=object)
        state = tokenize.fit(column)
        size = tokenize.size(state)
        assert size is not None
        output = next(iter(self.graph.outputs))
        for dim in (declared.vocabulary, self.graph.output_types[output].shape[-1]):
            if isinstance(dim, Formula):
                lengths.setdefault(str(dim), size)
        self._check_sizes(name, output, size, lengths)
        fitted = Fitted(tokenize, state)
        type = TensorType(declared.shape, declared.dtype, size)
        names = tokenize.names(state)
        shape = (self.series.window,)
        return Preprocess(
            {name: InputPipe((ColumnPipe(COLUMN, "category", (fitted,)),), (), type)},
            {output: TargetPipe(COLUMN, "category", (fitted,), shape, names)},
        )

    def _check_sizes(self, name: str, output: str, size: int, lengths: Mapping[str, int]) -> None:
        """Input and output have an id for each that the tokenizer gives. Raises SpecError NS514, NS506."""
        dims: Mapping[str, Dim] = {**lengths}
        known, given = self.graph.inputs[name].bound(dims).vocabulary, self.graph.output_types[output].bound(dims).shape[-1]
        if isinstance(known, int) and known < size:
            at = ("input", "vocabulary") if "input" in self.graph.inputs else ("inputs", name, "vocabulary")
            message = f"the text has {size} ids, but `vocabulary: {known}` has ids from 0 to {known - 1}"
            raise self.place.problem("NS514", message, at, "write a name such as `characters`: the text binds it")
        if isinstance(given, int) and given < size:
            at = ("data", "preprocess", name)
            help = f"give the last layer {size} units, or the name that is the input's `vocabulary`"
            raise self.place.problem("NS506", f"the text has {size} ids, but `{output}` gives {given}", at, help)

    def stream(self, text: str, preprocess: Preprocess) -> Stream:
        """A part's ids. Raises SpecError NS517 where they do not fill a window."""
        (pipe,) = preprocess.inputs.values()
        (ids,) = pipe.columns[0].numpy(np.asarray([text], dtype=object))
        if len(ids) <= self.series.window:
            message = f"a part of the text has {len(ids)} ids, and a window of {self.series.window} needs one more than it has"
            raise self.place.problem("NS517", message, ("data", "series", "window"), "make the window shorter")
        return Stream(np.asarray(ids, np.int32), self.series.window)


def texts_of(windows: Array, names: tuple[str, ...], joined: Callable[[list[str]], str] = "".join) -> Column:
    """Windows of ids as texts again, so that raw rows can be asked about."""
    texts = [joined(["" if i == PADDING else names[i] for i in row]) for row in windows.tolist()]
    return Column("category", np.asarray(texts, dtype=object))
