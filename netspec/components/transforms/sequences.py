"""Steps for sequences: words to ids, lengths, differences over time, sound to spectra."""

import re
from typing import Any, ClassVar, Literal

from pydantic import Field

from netspec.components.fields import Bool, Count, Positive
from netspec.components.sources.base import Kind
from netspec.components.sources.files import objects
from netspec.components.transforms.base import Array, State, Transform
from netspec.diagnostics import Problem
from netspec.emit import Emitter, Value

PADDING, UNKNOWN, FIRST = 0, 1, 2
"""Ids: what fills a sequence up, what the training part did not have, and the first word."""
_TOKEN = re.compile(r"\w+(?:'\w+)?|[^\w\s]")
_UPPER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


class Tokenize(Transform):
    """Texts become sequences of ids, by a vocabulary fitted on the training part; 0 is padding, 1 an unknown word.

    `by: word` lowers ASCII letters and splits at blanks (U+0020) only, which is exactly what the exported graph does;
    `by: token` also splits punctuation off, and `by: character` takes every character: those two run on the host.
    ONNX: StringNormalizer, StringSplit (opset 20) and LabelEncoder (ai.onnx.ml).

    ```yaml
    tokenize: {by: word, vocabulary: 8k}
    ```
    """

    type = "tokenize"
    short = "by"
    accepts = frozenset({"category"})
    gives: ClassVar[Kind | None] = "sequence"
    handles_missing = True
    by: Literal["word", "token", "character"] = Field("word", description="What one id stands for.")
    lowercase: Bool = Field(True, description="Lowers letters first; characters are kept as they are unless asked.")
    vocabulary: Count | None = Field(None, description="The most frequent so many get an id; by default all.", examples=[8000])
    least: Count = Field(1, description="Seen more rarely than this in the training part, a word gets no id.")

    @property
    def on_host(self) -> bool:
        return self.by != "word"

    def pieces(self, text: str) -> list[str]:
        """A text as what ids stand for."""
        if self.lowercase and self.by != "character":
            text = text.translate(_UPPER) if self.by == "word" else text.lower()
        if self.by == "word":
            return [word for word in text.split(" ") if word]
        return list(text) if self.by == "character" else _TOKEN.findall(text)

    def fit(self, values: Array) -> State:
        from collections import Counter

        counts: Counter[str] = Counter()
        for text in values:
            counts.update(self.pieces(text))
        kept = [word for word, count in counts.items() if count >= self.least]
        kept.sort(key=lambda word: (-counts[word], word))
        if not kept:
            raise Problem("NS503", "the training part has no words", help="check the column and `by`")
        return {"words": kept[: self.vocabulary] if self.vocabulary else kept}

    def numpy(self, state: State, values: Array) -> Array:
        import numpy as np

        index = {word: position for position, word in enumerate(state["words"], start=FIRST)}
        return objects([np.asarray([index.get(piece, UNKNOWN) for piece in self.pieces(text)] or [PADDING]) for text in values])

    def size(self, state: State) -> int | None:
        return len(state["words"]) + FIRST

    def names(self, state: State) -> tuple[str, ...]:
        """What each id stands for."""
        return ("<padding>", "<unknown>", *state["words"])

    def onnx(self, g: Emitter, state: State, x: Value) -> Value:
        return g.word_ids(x, state["words"], lowercase=self.lowercase)


class PadSequence(Transform):
    """Cuts sequences that are too long. Shorter ones are filled up in each batch, and their lengths are kept.

    ```yaml
    pad_sequence: {max: 120}
    ```
    """

    type = "pad_sequence"
    short = "max"
    accepts = frozenset({"sequence"})
    max: Count = Field(description="The most steps that are kept.", examples=[120])
    keep: Literal["start", "end"] = Field("start", description="Which end of a longer sequence is kept.")

    @property
    def on_host(self) -> bool:
        return self.keep == "end"

    def numpy(self, state: State, values: Array) -> Array:
        return objects([value[: self.max] if self.keep == "start" else value[-self.max :] for value in values])

    def onnx(self, g: Emitter, state: State, x: Value) -> Value:
        return g.op("Slice", [x, g.integers([0]), g.integers([self.max]), g.integers([1])])

    def onnx_lengths(self, g: Emitter, state: State, lengths: Value) -> Value:
        return g.op("Min", [lengths, g.integers([self.max])])

    def inverse(self, state: State, values: Array) -> Array:
        return values

    def onnx_inverse(self, g: Emitter, state: State, x: Value) -> Value:
        return x


class Difference(Transform):
    """The change from one step to the next, along time; undone by adding up from the last step that was seen.

    ```yaml
    difference: 1
    ```
    """

    type = "difference"
    short = "steps"
    accepts = frozenset({"array"})
    steps: Count = Field(1, description="How far back the step stands that is subtracted; 12 for months of a year.")

    @property
    def lag(self) -> int:
        return self.steps

    def numpy(self, state: State, values: Array) -> Array:
        result: Array = values[:, self.steps :] - values[:, : -self.steps]
        return result

    def undo(self, state: State, values: Array, before: Array) -> Array:
        import numpy as np

        known = [before[:, i] for i in range(before.shape[1])]
        for i in range(values.shape[1]):
            known.append(values[:, i] + known[-self.steps])
        return np.stack(known[before.shape[1] :], axis=1)

    def onnx(self, g: Emitter, state: State, x: Value) -> Value:
        far = g.integers([2**31 - 1])
        later = g.op("Slice", [x, g.integers([self.steps]), far, g.integers([1])])
        return g.op("Sub", [later, g.op("Slice", [x, g.integers([0]), g.integers([-self.steps]), g.integers([1])])])

    def onnx_undo(self, g: Emitter, state: State, x: Value, before: Value, horizon: int) -> Value:
        known = [g.op("Slice", [before, g.integers([i]), g.integers([i + 1]), g.integers([1])]) for i in range(self.steps)]
        for i in range(horizon):
            step = g.op("Slice", [x, g.integers([i]), g.integers([i + 1]), g.integers([1])])
            known.append(g.op("Add", [step, known[-self.steps]]))
        made = known[self.steps :]
        return made[0] if len(made) == 1 else g.op("Concat", made, axis=1)


class LogMel(Transform):
    """Sound as the logarithm of its energy in bands that are spaced as we hear (Davis and Mermelstein 1980).

    A sequence of samples becomes a sequence of `[bands]`, one for each `hop` samples.

    ```yaml
    log_mel: {rate: 8000, bands: 40}
    ```
    """

    type = "log_mel"
    flattens = True
    accepts = frozenset({"sequence", "array"})
    rate: Count = Field(description="Samples a second.", examples=[8000])
    bands: Count = Field(40, description="Bands of the spectrum.")
    window: Count = Field(256, description="Samples of each frame.")
    hop: Count = Field(128, description="Samples from one frame to the next.")
    floor: Positive = Field(1e-6, description="Added before the logarithm.")

    def onnx(self, g: Emitter, state: State, x: Value) -> Value:
        import numpy as np

        filters, taper = mel_filters(self.rate, self.window, self.bands), np.hanning(self.window + 1)[:-1]
        return g.log_energy(x, filters, taper, hop=self.hop, floor=self.floor)

    def onnx_lengths(self, g: Emitter, state: State, lengths: Value) -> Value:
        frames = g.op("Div", [g.op("Sub", [lengths, g.integers([self.window])]), g.integers([self.hop])])
        return g.op("Max", [g.op("Add", [frames, g.integers([1])]), g.integers([1])])

    def numpy(self, state: State, values: Array) -> Array:
        import numpy as np

        filters, taper = mel_filters(self.rate, self.window, self.bands), np.hanning(self.window + 1)[:-1]
        found = [self._spectrum(np.asarray(value, np.float64), filters, taper) for value in values]
        equal = values.dtype != object
        return np.stack(found) if equal else objects(found)

    def _spectrum(self, samples: Array, filters: Array, taper: Array) -> Array:
        import numpy as np

        if len(samples) < self.window:
            samples = np.pad(samples, (0, self.window - len(samples)))
        frames = np.lib.stride_tricks.sliding_window_view(samples, self.window)[:: self.hop]
        power = np.abs(np.fft.rfft(frames * taper, axis=-1)) ** 2
        result: Array = np.log(power @ filters + self.floor).astype(np.float32)
        return result


def mel_filters(rate: int, window: int, bands: int) -> Array:
    """Triangles [window // 2 + 1, bands], evenly spaced in mel from 0 to half the rate."""
    import numpy as np

    def mel(hertz: Any) -> Any:
        return 2595 * np.log10(1 + np.asarray(hertz) / 700)

    edges = 700 * (10 ** (np.linspace(0, mel(rate / 2), bands + 2) / 2595) - 1)
    bins = np.linspace(0, rate / 2, window // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    result: Array = np.maximum(0, np.minimum(rising, falling))
    return result


TRANSFORMS: tuple[type[Transform], ...] = (Tokenize, PadSequence, Difference, LogMel)
