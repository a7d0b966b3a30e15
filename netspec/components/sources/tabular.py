"""Tables: csv files, rows inline in the spec, npz archives, scikit-learn's bundled sets."""

import csv
import io
import re
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator
from pydantic_core import PydanticCustomError

from netspec.components.base import describe
from netspec.components.fields import Bool, Texts
from netspec.components.sources.base import Column, Known, Locator, Reading, Source, Table, equal_rows, malformed
from netspec.components.sources.bounded import MOST_COLUMNS, check_lines, content, looks_like, npz_arrays
from netspec.components.sources.files import PartedFiles, objects
from netspec.components.sources.values import column_of, narrowed, texts
from netspec.diagnostics import Problem

if TYPE_CHECKING:
    import polars

_MOST_ROWS = 50_000_000
_MOST_DIGITS = 300


def _sign(value: object) -> str:
    if not isinstance(value, str) or len(value) != 1 or not value.isascii():
        raise PydanticCustomError("ns204", "expected one ASCII character, found {found}", {"found": describe(value)})
    return value


def _quote(value: object) -> str:
    return value if value == "none" else _sign(value)


def _distinct(value: tuple[str, ...]) -> tuple[str, ...]:
    twice = next((name for name in value if value.count(name) > 1), None)
    if twice is not None:
        raise PydanticCustomError("ns205", "the column `{name}` is named twice", {"name": twice})
    return value


Sign = Annotated[str, BeforeValidator(_sign)]
Quote = Annotated[str, BeforeValidator(_quote)]
Distinct = Annotated[Texts, AfterValidator(_distinct)]


class Csv(PartedFiles):
    """A text file with one row a line. A column whose values are all numbers is numbers, else categories.

    ```yaml
    csv: {path: iris.csv, missing: "?"}
    ```
    """

    type = "csv"
    delimiter: Sign = Field(",", description="What separates columns; `\\t` is a tab.")
    header: Bool = Field(True, description="Whether the first line names the columns.")
    columns: Distinct | None = Field(
        None, description="Names of the columns, where the file has no header (or in its place).", examples=[["age", "income"]]
    )
    missing: Texts = Field(("",), description="Texts that mean that a value is missing; nothing at all always does.")
    strip: Bool | str = Field(False, description="Cuts blanks, or these characters, from both ends of every value.")
    quote: Quote = Field('"', description="The quoting character; `none` where quotes are ordinary text.")

    def table(self, files: tuple[Path, ...], roots: Locator) -> Table:
        import polars as pl

        frames = [self._texts(path) for path in files]
        if any(frame.columns != frames[0].columns for frame in frames):
            raise malformed(files[0], "the files of one part have different columns")
        frame = pl.concat(frames)
        return Table(_typed(frame.filter(~pl.all_horizontal(pl.all().is_null()))))  # blank lines are no examples

    def texts(self, path: Path, absent: Collection[str] = ()) -> dict[str, list[str]]:
        """The columns of a file as texts, '' where a value is missing; of those that `columns` names `absent` may lack.

        Every line is a row, those without a value too: each is to have an answer of its own.

        Raises Problem NS502, NS509.
        """
        frame = self._texts(path, absent)
        return {name: frame[name].fill_null("").to_list() for name in frame.columns}

    def _texts(self, path: Path, absent: Collection[str] = ()) -> "polars.DataFrame":
        """A file's cells as texts, null where one is missing; blank lines are rows without a value, but for the last ones."""
        import polars as pl

        frame = self._frame(path, absent)
        if self.strip:
            characters = None if self.strip is True else self.strip
            frame = frame.with_columns(pl.all().str.strip_chars(characters))
        missing = ["", *self.missing]
        return frame.select(pl.when(pl.all().is_in(missing)).then(None).otherwise(pl.all()).name.keep())

    def _frame(self, path: Path, absent: Collection[str]) -> "polars.DataFrame":
        import polars as pl

        data = content(path)
        self._check_head(path, data)
        try:
            frame = pl.read_csv(
                data,
                has_header=self.header,
                separator=self.delimiter,
                quote_char=None if self.quote == "none" else self.quote,
                infer_schema=False,
                n_rows=_MOST_ROWS,
            )
        except pl.exceptions.NoDataError:
            raise malformed(path, "the file is empty") from None
        except pl.exceptions.PolarsError as error:
            reason = str(error).splitlines()[0]
            raise malformed(path, reason, "check `delimiter`, `header` and `quote`") from None
        except pl.exceptions.PanicException as error:  # polars' own faults are no Exceptions
            raise malformed(path, f"polars cannot read it ({str(error)[:200]})") from None
        frame = frame.head(max(0, frame.height - _blank_at_the_end(data)))
        if frame.height >= _MOST_ROWS:
            raise malformed(path, f"it has {_MOST_ROWS:,} rows or more", "train on fewer of them")
        if self.columns is None:
            return frame if self.header else frame.rename({name: f"column_{i + 1}" for i, name in enumerate(frame.columns)})
        left = tuple(name for name in self.columns if name not in absent)
        names = left if frame.width == len(left) else self.columns
        if len(names) != frame.width:
            raise Problem(
                "NS502", f"`{path.name}` has {frame.width} columns, but `columns` names {len(self.columns)}", field="columns"
            )
        return frame.rename(dict(zip(frame.columns, names, strict=True)))

    def _check_head(self, path: Path, data: bytes) -> None:
        """The file is text, and its first line is one of a table. Raises Problem NS509."""
        other = looks_like(data[:16])
        if other:
            raise malformed(path, f"it is {other}, not UTF-8 text")
        check_lines(path, data)
        self._check_columns(path, data)

    def _check_columns(self, path: Path, data: bytes) -> None:
        """As many columns as a table has, no name twice. Raises Problem NS509."""
        head = io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", errors="replace", newline="")
        quoting = {"quoting": csv.QUOTE_NONE} if self.quote == "none" else {"quotechar": self.quote}
        try:
            names = next(csv.reader(head, delimiter=self.delimiter, **quoting), [])
        except csv.Error as error:
            raise malformed(path, f"line 1: {error}", "check `quote`") from None
        if len(names) > MOST_COLUMNS:
            raise malformed(path, f"it has {len(names):,} columns, more than {MOST_COLUMNS:,}")
        twice = next((name for name, times in Counter(names).items() if times > 1), None)
        if self.header and self.columns is None and twice is not None:
            which = f"two columns are called `{twice}`" if twice else "two columns have no name"
            raise malformed(path, f"line 1: {which}", "name all of them by `columns: [...]`")


def _blank_at_the_end(data: bytes) -> int:
    """How many blank lines a text ends with."""
    ends = re.search(rb"(?:\r?\n)*\Z", data)
    return max(0, ends[0].count(b"\n") - 1) if ends else 0


def _typed(kept: "polars.DataFrame") -> dict[str, Column]:
    """Each column as numbers where every value that is not missing is one, else as categories."""
    import numpy as np
    import polars as pl

    # All columns at once: one call a column takes a millisecond, and there may be 50,000.
    numbers = kept.select(pl.all().str.strip_chars().cast(pl.Float64, strict=False))
    long = kept.select(pl.all().str.strip_chars().str.contains(r"^[+-]?\d{16,}$").any()).row(0)
    present, numeric = kept.select(pl.all().count()).row(0), numbers.select(pl.all().count()).row(0)
    filled, named = numbers.fill_null(float("nan")), kept.fill_null("")
    return {
        name: Column("number", filled[name].to_numpy())
        if 0 < present[index] == numeric[index] and not (long[index] and _loses_digits(kept[name]))
        else Column("category", np.asarray(named[name].to_list(), dtype=object))
        for index, name in enumerate(kept.columns)
    }


def _loses_digits(texts: "polars.Series") -> bool:
    """Whether float64 changes one of a column's numbers: identifiers of so many digits stay texts, and keep them."""
    digits = (text.strip().lstrip("+-") for text in texts.drop_nulls())
    return any(each.isdecimal() and (len(each) > _MOST_DIGITS or int(float(each)) != int(each)) for each in digits)


class Inline(Source):
    """A few rows in the spec itself: column names with their values.

    ```yaml
    inline: {x: [[0, 0], [0, 1]], y: [0, 1]}
    ```
    """

    type = "inline"
    short = "columns"
    all_short = True
    external = False
    columns: dict[str, list[Any]] = Field(description="For each column its values, a number, a text or a list a row.")

    @field_validator("columns")
    @classmethod
    def _of_one_length(cls, value: dict[str, list[Any]]) -> dict[str, list[Any]]:
        lengths = {name: len(values) for name, values in value.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"`{name}` has {rows}" for name, rows in lengths.items())
            help = "write each column with its values: `inline: {x: [1, 2], y: [0, 1]}`"
            raise PydanticCustomError("ns205", "the columns differ in length: {told}", {"told": told, "help": help})
        return value

    def known(self) -> Known:
        return Known(rows=max((len(values) for values in self.columns.values()), default=0) or None)

    def read(self, roots: Locator) -> Reading:
        columns = {name: column_of(name, values) for name, values in self.columns.items()}
        equal_rows(columns, "`inline`")
        names = list(columns)
        return Reading({"all": Table(columns, inputs=tuple(names[:-1]), target=names[-1] if names else None)})


class Npz(PartedFiles):
    """A NumPy archive: each array is a column, its first axis the rows. Pickled arrays are refused.

    ```yaml
    npz: {train: train.npz, test: test.npz}
    ```
    """

    type = "npz"

    def table(self, files: tuple[Path, ...], roots: Locator) -> Table:
        columns: dict[str, Column] = {}
        for path in files:
            columns |= {name: _array_column(path, name, array) for name, array in npz_arrays(path).items()}
        equal_rows(columns, f"`{files[0].name}`")
        return Table(columns)


def _array_column(path: Path, name: str, array: Any) -> Column:
    import numpy as np

    if array.ndim == 0:
        raise malformed(path, f"`{name}` is a single value, not one a row")
    if array.dtype.kind in "US":
        return _text_column(path, name, array.astype(str))
    if array.dtype.kind not in "buif":
        raise malformed(path, f"`{name}` holds `{array.dtype}`; numbers and texts can be read")
    if array.ndim > 1:
        return Column("array", array if array.dtype == np.uint8 else narrowed(name, array))
    wide = array.astype(np.float64)
    if array.dtype.kind in "iu" and (wide.astype(array.dtype) != array).any():
        return Column("category", array.astype(str).astype(object))  # identifiers keep all their digits
    return Column("number", wide)


def _text_column(path: Path, name: str, array: Any) -> Column:
    """A text a row, or a list of them."""
    try:
        if array.ndim == 1:
            return Column("category", texts(name, array))
        rows = array.reshape(len(array), -1)
        return Column("sequence", objects([texts(name, each, row) for row, each in enumerate(rows, start=1)]))
    except Problem as problem:
        raise malformed(path, problem.message, *problem.help) from None


_SKLEARN = {
    "iris": "load_iris",
    "wine": "load_wine",
    "breast_cancer": "load_breast_cancer",
    "diabetes": "load_diabetes",
    "digits": "load_digits",
    "linnerud": "load_linnerud",
}
_KNOWN = {
    "iris": Known(150, 3, 7.9),
    "wine": Known(178, 3, 1680.0),
    "breast_cancer": Known(569, 2, 4254.0),
    "diabetes": Known(442, None, 301.0),
    "digits": Known(1797, 10, 16.0),
    "linnerud": Known(20, None, 251.0),
}


class Sklearn(Source):
    """A set that comes with scikit-learn, so it needs no file. `digits` holds images [8, 8, 1] of 0 to 16.

    ```yaml
    sklearn: digits
    ```
    """

    type = "sklearn"
    short = "name"
    external = False
    name: Literal["iris", "wine", "breast_cancer", "diabetes", "digits", "linnerud"] = Field(description="Which set.")

    def known(self) -> Known:
        return _KNOWN[self.name]

    def read(self, roots: Locator) -> Reading:
        import numpy as np
        from sklearn import datasets

        loader = getattr(datasets, _SKLEARN[self.name])
        # Diabetes in its own units: the scaled form has seen the rows that become the test part.
        bunch = loader(scaled=False) if self.name == "diabetes" else loader()
        targets = np.asarray(bunch.target, np.float64)
        if targets.ndim == 1:
            columns = {"target": Column("number", targets)}
        else:
            columns = {_plain(n): Column("number", targets[:, i]) for i, n in enumerate(bunch.target_names)}
        names = tuple(str(name) for name in getattr(bunch, "target_names", ())) if targets.ndim == 1 else ()
        if self.name == "digits":
            features = {"image": Column("array", np.asarray(bunch.images, np.float32)[..., None])}
        else:
            data = np.asarray(bunch.data, np.float64)
            features = {_plain(n): Column("number", data[:, i]) for i, n in enumerate(bunch.feature_names)}
        target = "target" if "target" in columns else next(iter(columns))
        return Reading({"all": Table({**features, **columns}, tuple(features), target, names)})


def _plain(name: str) -> str:
    """`sepal length (cm)` as `sepal_length_cm`."""
    return re.sub(r"\W+", "_", str(name)).strip("_").lower()


SOURCES: tuple[type[Source], ...] = (Csv, Inline, Npz, Sklearn)
