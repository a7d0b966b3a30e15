"""Plain values, as JSON and YAML have them, as a column: numbers, texts, or a list a row."""

import math
from collections.abc import Iterable
from typing import Any

from netspec.components.sources.base import Array, Column
from netspec.components.sources.files import objects
from netspec.diagnostics import Problem

_MOST_AXES = 32
_WHOLE_IN_SINGLE, _WHOLE_IN_DOUBLE = 1 << 24, 1 << 53
_NOTICEABLE = 1e-3
"""An error of rounding, as a share of a column's standard deviation, that a network could notice."""


def column_of(name: str, values: list[Any]) -> Column:
    """A column with one value a row; `None` is one that is missing.

    Lists of numbers are an array where all have one shape, else a sequence a row; lists of texts are always sequences.
    Raises Problem NS509, with the column's name as its field, for rows that do not go together.
    """
    import numpy as np

    for row, value in enumerate(values, start=1):
        if isinstance(value, dict):
            help = f"give each of its values a column of its own, such as `{name}_{next(iter(value), 'x')}`"
            raise Problem("NS509", f"row {row} of `{name}` is an object", help=help, field=name)
    if any(isinstance(value, (list, tuple)) for value in values):
        return _lists(name, values)
    if any(isinstance(value, str) or _is_long(value) for value in values):
        return Column("category", texts(name, values))
    return Column("number", np.asarray([_number(name, row, value) for row, value in enumerate(values, start=1)]))


def _is_long(value: Any) -> bool:
    """A whole number with more digits than float64 keeps, such as an identifier: as a text it keeps them all."""
    return isinstance(value, int) and abs(value) > _WHOLE_IN_DOUBLE and int(float(value)) != value if _fits(value) else True


def _fits(value: Any) -> bool:
    """Whether a number is one of float64's, as far as its size goes."""
    return not isinstance(value, int) or abs(value) < 1 << 1023


def narrowed(name: str, values: Array) -> Array:
    """Numbers as float32, which networks and exported files read.

    Raises Problem NS513 where that would make different whole numbers one, such as time stamps: float32 has them all up to
    2^24. Large numbers whose last digits are far below their spread are rounded as any other number is.
    """
    import numpy as np

    with np.errstate(over="ignore"):  # what is not finite is told when the rows are checked
        single = np.asarray(values, np.float32)
    if values.dtype.kind not in "iuf" or values.dtype.itemsize < 4 or values.dtype == np.float32 or not values.size:
        return single
    wide = values.astype(np.float64)
    whole = np.isfinite(wide) & (np.abs(wide) > _WHOLE_IN_SINGLE) & (wide == np.rint(wide)) & np.isfinite(single)
    if whole.any() and np.abs(wide - single)[whole].max() > _NOTICEABLE * np.nanstd(wide[np.isfinite(wide)]):
        before, after = len(np.unique(wide[whole])), len(np.unique(single[whole]))
        message = f"the numbers of `{name}` are too large for float32: {before} different ones become {after}"
        help = "subtract where they begin, or store them as text where they are names"
        raise Problem("NS513", message, help=help)
    return single


def texts(name: str, values: Iterable[Any], row: int | None = None) -> Array:
    """Values as texts, '' where one is missing: one a row, or those of one row.

    Raises Problem NS509 for a text that cannot be written as UTF-8, which is what files and ONNX Runtime hold.
    """
    import numpy as np

    found = ["" if value is None else str(value) for value in values]
    for number, text in enumerate(found, start=1):
        place = _half_a_character(text)
        if place is not None:
            told = f"row {row or number} of `{name}` holds one half of a surrogate pair, which is no character"
            help = "write the whole character, or replace it: `text.encode('utf-8', 'replace').decode()`"
            raise Problem("NS509", f"{told}: {text[max(0, place - 10) : place + 10]!a}", help=help, field=name)
    return np.asarray(found, dtype=object)


def _half_a_character(text: str) -> int | None:
    """Where a text holds what is no character; None for nearly all."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return error.start
    return None


def _number(name: str, row: int, value: Any) -> float:
    try:
        return math.nan if value is None else float(value)
    except (TypeError, ValueError, OverflowError):
        raise Problem("NS509", f"row {row} of `{name}` is neither a number, a text nor a list", field=name) from None


def _lists(name: str, values: list[Any]) -> Column:
    """A list a row: of texts, or of numbers in any depth."""
    import numpy as np

    for row, value in enumerate(values, start=1):
        if not isinstance(value, (list, tuple)) or not value:
            told = "an empty list" if isinstance(value, (list, tuple)) else "no list"
            help = "leave the row out, or write its steps"
            raise Problem("NS509", f"row {row} of `{name}` is {told}", help=help, field=name)
    if any(isinstance(item, str) for value in values for item in value):
        _refuse_nested(name, values)
        return Column("sequence", objects([texts(name, value, row) for row, value in enumerate(values, start=1)]))
    rows = [_numbers(name, row, value) for row, value in enumerate(values, start=1)]
    for row, array in enumerate(rows, start=1):
        if array.shape[1:] != rows[0].shape[1:]:
            message = f"row 1 of `{name}` is {list(rows[0].shape)}, but row {row} is {list(array.shape)}"
            help = "rows may differ in their number of steps, not in what a step holds"
            raise Problem("NS509", message, help=help, field=name)
    narrowed(name, np.concatenate([array.reshape(-1) for array in rows]))
    with np.errstate(over="ignore"):
        rows = [array.astype(np.float32) for array in rows]
    if len({len(array) for array in rows}) == 1:
        return Column("array", np.stack(rows))
    return Column("sequence", objects(rows))


def _refuse_nested(name: str, values: list[Any]) -> None:
    for row, value in enumerate(values, start=1):
        if any(isinstance(item, (list, tuple, dict)) for item in value):
            raise Problem("NS509", f"row {row} of `{name}` holds lists in a list, and other rows hold texts", field=name)


def _numbers(name: str, row: int, value: Any) -> Array:
    """A list of numbers, NaN for what is missing."""
    import numpy as np

    try:
        return np.asarray(_with_gaps(value), dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        raise Problem("NS509", f"row {row} of `{name}` does not hold numbers of one shape", field=name) from None


def _with_gaps(value: Any, depth: int = 0) -> Any:
    """Nested lists with NaN for what is missing. Raises ValueError for more axes than an array has."""
    if isinstance(value, (list, tuple)):
        if depth > _MOST_AXES:
            raise ValueError("too deep")
        return [_with_gaps(item, depth + 1) for item in value]
    return math.nan if value is None else value
