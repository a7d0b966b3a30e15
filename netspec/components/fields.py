"""The kinds of value that component fields hold: sizes, counts, windows, padding, numbers."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, TypeAlias
from unicodedata import combining, normalize

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, Strict, WithJsonSchema
from pydantic_core import PydanticCustomError

from netspec.components.base import describe, quoted
from netspec.diagnostics import closest
from netspec.tensor import Dim, Formula, named

NAME = re.compile(r"[a-z][a-z0-9_]{0,99}\Z")
_COUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?)([kMG])\Z")
_UNITS = {"k": 10**3, "M": 10**6, "G": 10**9}
_LARGEST = 2**62
LARGEST_FLOAT32 = 3.4028234663852886e38


def name_help(value: object, *, dash: bool = False) -> str:
    """How something that is not a name is written as one."""
    signs = "digits, `-` and `_`" if dash else "digits and `_`"
    if len(str(value)) > 100:
        return f"a name is lower case letters, {signs}, at most 100 in all"
    letters = "".join(c for c in normalize("NFKD", str(value)) if not combining(c))
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", letters).lower()
    plain = re.sub(r"[^a-z0-9]+", "-" if dash else "_", words).strip("-_")
    if isinstance(value, str) and NAME.match(plain.replace("-", "_")):
        return f"write `{plain}`: a name is lower case letters, {signs}"
    return f"a name is lower case letters, {signs}, and starts with a letter"


def _wrong(expected: str, value: object, help: str = "") -> PydanticCustomError:
    return PydanticCustomError(
        "ns204", "expected {expected}, found {found}", {"expected": expected, "found": describe(value), "help": help}
    )


def _out_of_range(message: str, help: str = "") -> PydanticCustomError:
    return PydanticCustomError("ns205", "{message}", {"message": message, "help": help})


def parse_count(value: object) -> int | None:
    """`8000` or `8k` as an int; None where it is neither. Raises for sizes no machine can count."""
    number: float | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, str) and (match := _COUNT.match(value)):
        number = round(float(match[1]) * _UNITS[match[2]])
    if number is not None and abs(number) > _LARGEST:
        raise _out_of_range("the number is larger than 2^62")
    return None if number is None else int(number)


def number_help(value: object) -> str:
    """How a text that looks like a number, or a number that is not whole, is written; '' for any other value."""
    if isinstance(value, float):
        return f"write {int(value)}" if value.is_integer() else "a whole number is due; in an expression, `//` leaves no rest"
    if not isinstance(value, str):
        return ""
    if re.match(r"[0-9][0-9_]*_[0-9_]*\Z", value):
        plain = value.replace("_", "")
        return f"write {plain}" + (f" or {int(plain) // 1000}k" if int(plain) % 1000 == 0 else "")
    if re.match(r"\(?[0-9]+(\s*[x,]\s*[0-9]+)+\)?\Z", value):
        return f"write [{', '.join(re.findall('[0-9]+', value))}]"
    return "remove the quotes" if re.match(r"-?[0-9.]+\Z", value) else ""


def _size(value: object) -> Dim:
    if isinstance(value, Formula):
        return value
    count = parse_count(value)
    if count is None:
        if isinstance(value, str) and NAME.match(value):
            return named(value)
        raise _wrong("a size (a positive integer, `8k`, or a name)", value, number_help(value))
    if count < 1:
        raise _out_of_range(f"a size is at least 1, found {count}")
    return count


def _count(least: int) -> Any:
    def check(value: object) -> int:
        count = parse_count(value)
        if count is None:
            raise _wrong("a whole number", value, number_help(value))
        if count < least:
            raise _out_of_range(f"expected at least {least}, found {count}")
        return count

    return check


def _window(least: int) -> Any:
    def check(value: object) -> int | tuple[int, ...]:
        one = _count(least)
        if isinstance(value, (list, tuple)):
            if not 1 <= len(value) <= 3:
                raise _wrong("a whole number, or one for each spatial axis", value)
            return tuple(one(item) for item in value)
        return int(one(value))

    return check


def _pairs(value: object) -> tuple[int, int] | tuple[tuple[int, int], ...]:
    if isinstance(value, (list, tuple)) and value and all(isinstance(item, (list, tuple)) for item in value):
        pairs = tuple(_pair(item) for item in value)
        return pairs[0] if len(pairs) == 1 else pairs
    return _pair(value)


def _pair(value: object) -> tuple[int, int]:
    if isinstance(value, (list, tuple)) and len(value) == 2:
        return (_count(0)(value[0]), _count(0)(value[1]))
    raise _wrong("a [before, after] pair for each axis", value)


def _padding_help(value: str, words: tuple[str, ...]) -> str:
    if value == "causal":
        return "only a series has a padding that is `causal`: `conv1d`"
    likely = closest(value, words)
    allowed = ", ".join(f"`{word}`" for word in words)
    return f"did you mean `{likely}`?" if likely else f"write one of {allowed}, a number, or a [before, after] pair an axis"


def _padding(words: tuple[str, ...]) -> Any:
    def check(value: object) -> str | int | tuple[tuple[int, int], ...]:
        if isinstance(value, str):
            if value in words:
                return value
            raise _out_of_range(f"unknown padding `{value}`", _padding_help(value, words))
        if isinstance(value, (list, tuple)):
            pairs = _pairs(value)
            return (pairs,) if isinstance(pairs[0], int) else pairs
        return int(_count(0)(value))

    return check


def _float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        comma = isinstance(value, str) and re.match(r"[0-9]+,[0-9]+\Z", value)
        raise _wrong("a number", value, f"write {str(value).replace(',', '.')}" if comma else number_help(value))
    return finite(value, LARGEST_FLOAT32)


def finite(value: float, most: float = sys.float_info.max) -> float:
    """A number as a float, which it is when it is neither infinite nor NaN, nor too large for what it goes into."""
    if value != value:
        raise _out_of_range("expected a number, found NaN")
    if abs(value) > most:
        found = value if isinstance(value, float) else f"one of {len(str(abs(value)))} digits"
        raise _out_of_range(f"expected a finite number, at most {most:.2g}, found {found}")
    return float(value)


def _range(least: float | None, most: float | None, *, above: bool = False, below: bool = False) -> Any:
    def check(value: float) -> float:
        too_low = least is not None and (value <= least if above else value < least)
        too_high = most is not None and (value >= most if below else value > most)
        if too_low or too_high:
            bounds = [f"{'above' if above else 'at least'} {least:g}"] if least is not None else []
            bounds += [f"{'below' if below else 'at most'} {most:g}"] if most is not None else []
            help = f"write {value / 100:g}, for shares are no percentages" if most == 1 and 1 < value <= 100 else ""
            raise _out_of_range(f"expected a number {' and '.join(bounds)}, found {value:g}", help)
        return value

    return check


def _tuple(value: object) -> object:
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def as_tuple(value: int | Sequence[int], rank: int) -> tuple[int, ...]:
    """One number for every spatial axis, or the numbers given."""
    return (value,) * rank if isinstance(value, int) else tuple(value)


Pairs: TypeAlias = tuple[tuple[int, int], ...]
"""[before, after] for each axis, or once for all."""
Size: TypeAlias = Annotated[Dim, PlainValidator(_size), WithJsonSchema({"x-netspec": "size"})]
"""A layer's size: `Dim` after validation."""
Int = Annotated[int, Strict()]
Count = Annotated[int, BeforeValidator(_count(1)), WithJsonSchema({"x-netspec": "count", "minimum": 1})]
CountOrZero = Annotated[int, BeforeValidator(_count(0)), WithJsonSchema({"x-netspec": "count", "minimum": 0})]
Bool = Annotated[bool, Strict()]
Float = Annotated[float, BeforeValidator(_float), WithJsonSchema({"x-netspec": "number"})]
Positive = Annotated[
    Float, AfterValidator(_range(0, None, above=True)), WithJsonSchema({"x-netspec": "number", "exclusiveMinimum": 0})
]
NotNegative = Annotated[Float, AfterValidator(_range(0, None)), WithJsonSchema({"x-netspec": "number", "minimum": 0})]
Rate = Annotated[
    Float,
    AfterValidator(_range(0, 1, below=True)),
    WithJsonSchema({"x-netspec": "number", "minimum": 0, "exclusiveMaximum": 1}),
]
Fraction = Annotated[Float, AfterValidator(_range(0, 1)), WithJsonSchema({"x-netspec": "number", "minimum": 0, "maximum": 1})]
Window = Annotated[int | tuple[int, ...], BeforeValidator(_window(1)), WithJsonSchema({"x-netspec": "window"})]
Amounts: TypeAlias = Annotated[int | Pairs, PlainValidator(_padding(())), WithJsonSchema({"x-netspec": "amounts"})]
Padding: TypeAlias = Annotated[
    Literal["valid", "same"] | int | Pairs,
    PlainValidator(_padding(("valid", "same"))),
    WithJsonSchema({"x-netspec": "padding", "enum": ["valid", "same"]}),
]
CausalPadding: TypeAlias = Annotated[
    Literal["valid", "same", "causal"] | int | Pairs,
    PlainValidator(_padding(("valid", "same", "causal"))),
    WithJsonSchema({"x-netspec": "padding", "enum": ["valid", "same", "causal"]}),
]
Texts = Annotated[tuple[str, ...], BeforeValidator(_tuple), WithJsonSchema({"x-netspec": "texts"})]


class IsPath:
    """Says of a field that it holds paths, which lead nowhere but below the roots."""


def _path(value: str) -> str:
    """A relative path in the form that all systems share. Where it leads is judged when the roots are known."""
    wrong = next((what for what, is_wrong in _WRONG_PATHS if is_wrong(value)), "")
    if wrong:
        help = "write it relative to the spec, with `/` between folders, or name a folder with `--data-root`"
        raise PydanticCustomError("ns006", "{path} {wrong}", {"path": quoted(value), "wrong": wrong, "help": help})
    return value


def _is_absolute(path: str) -> bool:
    return path.startswith(("~", "/", "\\")) or re.match(r"[A-Za-z]:|\w+://", path) is not None


def _is_too_long(path: str) -> bool:
    raw = path.encode("utf-8", "surrogatepass")
    return len(raw) > 4096 or max(len(part) for part in raw.split(b"/")) > 255


_WRONG_PATHS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("is an empty path", lambda path: not path.strip()),
    ("is not a relative path", _is_absolute),
    ("has a `\\` or a control character, which no path should have", lambda path: "\\" in path or not path.isprintable()),
    ("is longer than any file system holds", _is_too_long),
)
DataPath = Annotated[str, AfterValidator(_path), IsPath()]
"""The path of a file or folder of the data, relative to the spec."""
DataPaths = Annotated[tuple[DataPath, ...], BeforeValidator(_tuple), IsPath(), WithJsonSchema({"x-netspec": "texts"})]
PoolMode = Literal["max", "avg"]

__all__ = [
    "Amounts", "Bool", "CausalPadding", "Count", "CountOrZero", "DataPath", "DataPaths", "Field", "Float", "Fraction",
    "Int", "IsPath", "LARGEST_FLOAT32", "NAME", "NotNegative", "Padding", "Positive", "Rate", "Size", "Texts", "Window",
    "as_tuple", "finite", "name_help", "number_help", "parse_count",
]  # fmt: skip
