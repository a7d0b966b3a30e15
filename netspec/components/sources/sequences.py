"""Sequences: text, the .ts files of the UCR and UEA archives, sound, and series that a package brings."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from netspec.components.fields import Count
from netspec.components.sources.base import Array, Column, Known, Locator, Reading, Source, Table, malformed
from netspec.components.sources.files import Named, PartedFiles, name_pattern, named_files, objects
from netspec.components.sources.ts import read_ts
from netspec.components.sources.wav import read_wav
from netspec.diagnostics import Problem
from netspec.randomness import generator


class Text(PartedFiles):
    """Text: a folder (or .tar.gz) with a folder of .txt files for each class, a file a line, or one long text.

    Columns are `text`, and `label` where the folders name classes. One long text is for language models
    (`series: {window: 128, target: next}`).

    ```yaml
    text: {path: review_polarity.tar.gz}
    ```
    """

    type = "text"
    encoding: Literal["utf-8", "latin-1"] = Field("utf-8", description="How the bytes are read.")
    by: Literal["file", "line"] = Field("file", description="Whether each file, or each line that is not blank, is an example.")

    def table(self, files: tuple[Path, ...], roots: Locator) -> Table:
        import numpy as np

        texts: list[str] = []
        labels: list[str] = []
        for named in named_files(files, (".txt",), roots):
            content = self._decoded(named)
            pieces = [line for line in content.splitlines() if line.strip()] if self.by == "line" else [content]
            texts += pieces
            labels += [named.folder] * len(pieces)
        if not texts:
            raise malformed(files[0], "no .txt files in it", "each class is a folder of its own")
        columns = {"text": Column("category", np.asarray(texts, dtype=object))}
        several = len(set(labels)) > 1
        if several:
            columns["label"] = Column("category", np.asarray(labels, dtype=object))
        return Table(columns, inputs=("text",), target="label" if several else None)

    def _decoded(self, named: Named) -> str:
        raw = named.read()
        try:
            return raw.decode(self.encoding)
        except UnicodeDecodeError as error:
            line = raw[: error.start].count(b"\n") + 1
            raise malformed(named.path, f"line {line} is not UTF-8", "add `encoding: latin-1` to `text`") from None


class TimeSeries(PartedFiles):
    """The .ts files of the UCR and UEA archives: series of one or several dimensions, of equal lengths or not.

    Columns are `series` [time, dimensions] and `label`.

    ```yaml
    ts: {train: ItalyPowerDemand_TRAIN.ts, test: ItalyPowerDemand_TEST.ts}
    ```
    """

    type = "ts"

    def table(self, files: tuple[Path, ...], roots: Locator) -> Table:
        import numpy as np

        series: list[Array] = []
        labels: list[str] = []
        for path in files:
            found, own = read_ts(path)
            series += found
            labels += own
        if len({each.shape[1] for each in series}) > 1:
            raise malformed(files[0], "the series have different numbers of dimensions")
        equal = len({len(each) for each in series}) == 1
        column = Column("array", np.stack(series)) if equal else Column("sequence", objects(series))
        columns = {"series": column}
        if labels:
            columns["label"] = Column("category", np.asarray(labels, dtype=object))
        return Table(columns, inputs=("series",), target="label" if labels else None)


class Wav(PartedFiles):
    """Sound: .wav files, one an example, mono. `name` reads columns out of the files' names.

    Columns are `sound` [samples], `label` where the folders name classes, and the fields of `name`.

    ```yaml
    wav: {train: "recordings/*_[5-9].wav", test: "recordings/*_[0-4].wav", name: "{digit}_{speaker}_{take}", rate: 8000}
    ```
    """

    type = "wav"
    rate: Count = Field(description="Samples a second; a file with another rate is an error.", examples=[8000])
    name: str | None = Field(
        None,
        description="What the files' names say, with a column in each pair of braces.",
        examples=["{digit}_{speaker}_{take}"],
    )

    def table(self, files: tuple[Path, ...], roots: Locator) -> Table:
        import numpy as np

        named = list(named_files(files, (".wav",), roots))
        if not named:
            raise malformed(files[0], "no .wav files in it")
        columns: dict[str, Column] = {"sound": Column("sequence", objects([self._decoded(each) for each in named]))}
        folders = [each.folder for each in named]
        if self.name is not None:
            columns |= self._from_names(named)
        elif len(set(folders)) > 1:
            columns["label"] = Column("category", np.asarray(folders, dtype=object))
        target = "label" if "label" in columns else next((name for name in columns if name != "sound"), None)
        return Table(columns, inputs=("sound",), target=target)

    def _from_names(self, named: list[Named]) -> dict[str, Column]:
        import numpy as np

        assert self.name is not None
        pattern = name_pattern(self.name)
        found: list[dict[str, str]] = []
        for each in named:
            match = pattern.match(each.stem)
            if match is None:
                raise malformed(each.path, f"its name does not fit `{self.name}`")
            found.append(match.groupdict())
        return {key: Column("category", np.asarray([row[key] for row in found], dtype=object)) for key in found[0]}

    def _decoded(self, named: Named) -> Array:
        samples, rate = read_wav(named.read(), named.path)
        if rate != self.rate:
            raise malformed(named.path, f"it has {rate} samples a second, but `rate` says {self.rate}")
        if samples.shape[1] != 1:
            raise malformed(named.path, f"it has {samples.shape[1]} channels, and mono is read")
        result: Array = samples[:, 0]
        return result


class PyWavelets(Source):
    """A series that comes with PyWavelets: `nino`, El Niño's sea surface temperature each quarter since 1871; `ecg`.

    ```yaml
    pywavelets: nino
    ```
    """

    type = "pywavelets"
    short = "name"
    external = False
    name: Literal["nino", "ecg"] = Field(description="Which series.")

    def known(self) -> Known:
        return Known()

    def read(self, roots: Locator) -> Reading:
        import numpy as np
        import pywt

        found: Any = pywt.data.nino() if self.name == "nino" else pywt.data.ecg()
        values = np.asarray(found[1] if isinstance(found, tuple) else found, np.float64)
        if values.ndim != 1 or not len(values):
            raise Problem("NS509", f"PyWavelets' `{self.name}` is not what it was")
        return Reading({"all": Table({self.name: Column("number", values)}, (self.name,))})


class Synthetic(Source):
    """Data that are made up: tasks that recurrent networks are measured by, and a picture for generators.

    `adding` (Hochreiter and Schmidhuber 1997): numbers from 0 to 1 and two marks; the sum of the two marked numbers is
    due. `copy` (Arjovsky et al. 2016): ten symbols, blanks, and at a sign the ten symbols again. `ring`: points [2] about
    eight places on a circle of radius 2, with a standard deviation of 0.05; `target` is the place.

    ```yaml
    synthetic: {task: adding, rows: 10000, length: 100}
    ```
    """

    type = "synthetic"
    external = False
    task: Literal["adding", "copy", "ring"] = Field(description="Which task.")
    rows: Count = Field(10_000, description="Examples in all; they are split as `split` says.")
    length: Count = Field(100, description="Steps: of the whole sequence (`adding`), or of the blanks (`copy`).")
    seed: int = Field(0, description="Which examples of the many.")

    def known(self) -> Known:
        return Known(rows=self.rows)

    def read(self, roots: Locator) -> Reading:
        made = {"adding": _adding, "copy": _copying, "ring": _ring}[self.task](
            generator(self.seed, "task"), self.rows, self.length
        )
        columns = {name: Column("array" if values.ndim > 1 else "number", values) for name, values in made.items()}
        return Reading({"all": Table(columns, inputs=("input",), target="target")})


def _adding(generator: Any, rows: int, length: int) -> dict[str, Array]:
    import numpy as np

    numbers = generator.uniform(0, 1, (rows, length))
    marks = np.zeros((rows, length))
    half = max(1, length // 2)
    first, second = generator.integers(0, half, rows), generator.integers(half, max(length, half + 1), rows)
    marks[np.arange(rows), first] = 1
    marks[np.arange(rows), np.minimum(second, length - 1)] = 1
    return {"input": np.stack([numbers, marks], axis=-1).astype(np.float32), "target": (numbers * marks).sum(1)}


def _copying(generator: Any, rows: int, blanks: int) -> dict[str, Array]:
    """Symbols 2 to 9, blanks 0, and the sign 1 that asks for them; the target is blank until then."""
    import numpy as np

    count = 10
    symbols = generator.integers(2, 10, (rows, count))
    inputs = np.zeros((rows, blanks + 2 * count), np.int64)
    inputs[:, :count] = symbols
    inputs[:, count + blanks - 1] = 1
    targets = np.zeros_like(inputs)
    targets[:, -count:] = symbols
    return {"input": inputs.astype(np.float32), "target": targets.astype(np.float32)}


def _ring(generator: Any, rows: int, _: int) -> dict[str, Array]:
    """Normal clouds about eight places on a circle, as in Metz et al. 2016."""
    import numpy as np

    place = generator.integers(0, 8, rows)
    angle = place * (2 * np.pi / 8)
    middle = 2.0 * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    points = middle + 0.05 * generator.standard_normal((rows, 2))
    return {"input": points.astype(np.float32), "target": place.astype(np.float64)}


SOURCES: tuple[type[Source], ...] = (Text, TimeSeries, Wav, PyWavelets, Synthetic)
