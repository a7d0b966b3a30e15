"""Symbolic dims: the normal form is what numbers say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from netspec.tensor import Dim, Formula, TensorType, bind, deciding_multiple, named, names_in, product, total

NAMES = ("height", "time", "width")


@st.composite
def dims(draw: st.DrawFn, depth: int = 4) -> tuple[Dim, str]:
    """A dim, and the same as Python text over the same names."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        if draw(st.booleans()):
            name = draw(st.sampled_from(NAMES))
            return named(name), name
        number = draw(st.integers(-9, 9))
        return number, f"({number})"
    left, left_text = draw(dims(depth - 1))
    if draw(st.integers(0, 2)) == 0:
        divisor = draw(st.integers(1, 7))
        return left // divisor, f"(({left_text}) // {divisor})"
    right, right_text = draw(dims(depth - 1))
    operator = draw(st.sampled_from("+-*"))
    value = {"+": left + right, "-": left - right, "*": left * right}[operator]
    return value, f"({left_text} {operator} {right_text})"


@given(dims(), st.fixed_dictionaries({name: st.integers(0, 300) for name in NAMES}))
def test_the_normal_form_is_what_numbers_say(dim: tuple[Dim, str], lengths: dict[str, int]) -> None:
    value, text = dim
    expected = eval(text, {}, dict(lengths))
    assert bind(value, lengths) == expected


@given(dims(depth=3), dims(depth=3))
def test_sums_and_products_commute(a: tuple[Dim, str], b: tuple[Dim, str]) -> None:
    assert a[0] + b[0] == b[0] + a[0]
    assert a[0] * b[0] == b[0] * a[0]
    assert (a[0] - a[0]) == 0


def test_how_formulas_read() -> None:
    time = named("time")
    assert str((time + 1) // 2) == "(time + 1) // 2"
    assert str(((time + 1) // 2 + 1) // 2) == "(time + 3) // 4"
    assert str(named("features") * 64 + 64) == "64 features + 64"
    assert str(time * 2 - 1) == "2 time - 1"
    assert (time * 2 + 3) // 2 == time + 1


def test_a_constant_is_a_plain_number() -> None:
    time = named("time")
    assert isinstance(time - time + 3, int)
    assert total([]) == 0
    assert product([]) == 1
    assert isinstance(product([time, 0]), int)


def test_what_multiple_decides() -> None:
    time = named("time")
    assert deciding_multiple((time // 2) * 2, time) == ("time", 2)
    assert deciding_multiple((time // 4) * 4, time) == ("time", 4)
    assert deciding_multiple(time + 1, time) is None


def test_types_know_their_names() -> None:
    tensor = TensorType((named("time"), 3), vocabulary=named("words"))
    assert tensor.names == {"time", "words"}
    assert tensor.bound({"time": 5, "words": 9}) == TensorType((5, 3), vocabulary=9)
    assert names_in(4) == frozenset()
    assert isinstance(tensor.elements, Formula)
