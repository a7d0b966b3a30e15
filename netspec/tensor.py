"""Dims, shapes and tensor types: the vocabulary that every later stage speaks. Imports nothing.

A dim is an `int`, or a `Formula` over named dims in one normal form: an integer polynomial whose
atoms are names and floor divisions, so `(time + 1) // 2` is what a stride of two makes of `time`.
Two dims are equal exactly when their normal forms are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import reduce
from itertools import chain
from math import gcd
from typing import TypeAlias

MOST_TERMS = 1000
"""Terms of a product of dims."""
LARGEST = 10**30
"""The largest number of elements, weights or operations that is counted."""
MOST_FLOORS = 32
"""Floor divisions inside each other."""


class TooComplex(Exception):
    """A dim that no network needs: its formula would grow without an end."""


@dataclass(frozen=True)
class Floor:
    """`numerator // divisor`, where the normal form could divide no further. Raises TooComplex."""

    numerator: Formula
    divisor: int
    depth: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        inner = [atom.depth for atoms, _ in self.numerator.terms for atom in atoms if isinstance(atom, Floor)]
        object.__setattr__(self, "depth", 1 + max(inner, default=0))
        _countable(self.divisor)
        if self.depth > MOST_FLOORS:
            raise TooComplex(f"a size divides what has been divided more than {MOST_FLOORS} times")

    def __str__(self) -> str:
        text = str(self.numerator)
        return f"{text if text.isidentifier() else f'({text})'} // {self.divisor}"


@dataclass(frozen=True)
class Share:
    """`name / divisor`, which is whole because `name` is known to be a multiple of `divisor`."""

    name: str
    divisor: int

    def __str__(self) -> str:
        return f"{self.name} // {self.divisor}"


Atom: TypeAlias = str | Floor | Share
Monomial: TypeAlias = tuple[Atom, ...]


@dataclass(frozen=True)
class Formula:
    """A polynomial with integer coefficients; never a constant (constants are plain `int`)."""

    terms: tuple[tuple[Monomial, int], ...]

    def __add__(self, other: Dim) -> Dim:
        return _collect(chain(self.terms, _terms(other)))

    def __neg__(self) -> Dim:
        return self * -1

    def __sub__(self, other: Dim) -> Dim:
        return self + other * -1

    def __rsub__(self, other: int) -> Dim:
        return self * -1 + other

    def __mul__(self, other: Dim) -> Dim:
        terms = _terms(other)
        if len(self.terms) * len(terms) > MOST_TERMS:
            raise TooComplex(f"a size is a product of sums of {len(self.terms):,} and {len(terms):,} terms")
        return _collect((_sorted(a + b), m * n) for a, m in self.terms for b, n in terms)

    def __floordiv__(self, divisor: int) -> Dim:
        return _floor(self, divisor)

    __radd__ = __add__
    __rmul__ = __mul__

    def __str__(self) -> str:
        text = " + ".join(_term_text(atoms, count) for atoms, count in self.terms)
        return text.replace("+ -", "- ")

    __repr__ = __str__


Dim: TypeAlias = int | Formula
Shape: TypeAlias = tuple[Dim, ...]


def named(name: str, multiple_of: int = 1) -> Formula:
    """The dim called `name`; what is known to divide it can be divided out exactly."""
    if multiple_of == 1:
        return Formula((((name,), 1),))
    return Formula((((Share(name, multiple_of),), multiple_of),))


def multiple_of(dim: Dim) -> int:
    """What a named dim is known to be a multiple of."""
    atoms = [atom for monomial, _ in _terms(dim) for atom in monomial if isinstance(atom, Share)]
    return atoms[0].divisor if atoms else 1


def names_in(dim: Dim) -> frozenset[str]:
    """Every name that `dim` depends on."""
    found: set[str] = set()
    for atoms, _ in _terms(dim):
        for atom in atoms:
            found |= names_in(atom.numerator) if isinstance(atom, Floor) else {_name_of(atom)}
    return frozenset(found)


def bind(dim: Dim, lengths: Mapping[str, Dim]) -> Dim:
    """`dim` with each name that `lengths` holds replaced by its length."""
    if isinstance(dim, int):
        return dim
    total: Dim = 0
    for atoms, count in dim.terms:
        total = total + product((count, *(_bind_atom(atom, lengths) for atom in atoms)))
    return total


def product(dims: Iterable[Dim]) -> Dim:
    """The product of all `dims`; 1 for none."""
    one: Dim = 1
    return reduce(_times, dims, one)


def total(dims: Iterable[Dim]) -> Dim:
    """The sum of all `dims`; 0 for none."""
    return _collect(chain.from_iterable(_terms(dim) for dim in dims))


def deciding_multiple(left: Dim, right: Dim) -> tuple[str, int] | None:
    """The weakest promise `(name, n)`, "`name` is a multiple of n", that makes two dims equal."""
    for name in sorted(names_in(left) | names_in(right)):
        for n in range(2, 129):
            given = {name: named(name) * n}
            if bind(left, given) == bind(right, given):
                return name, n
    return None


def _bind_atom(atom: Atom, lengths: Mapping[str, Dim]) -> Dim:
    if isinstance(atom, Floor):
        return bind(atom.numerator, lengths) // atom.divisor
    if _name_of(atom) not in lengths:
        return Formula((((atom,), 1),))
    length = lengths[_name_of(atom)]
    return length if isinstance(atom, str) else length // atom.divisor


def _name_of(atom: str | Share) -> str:
    return atom if isinstance(atom, str) else atom.name


def _times(a: Dim, b: Dim) -> Dim:
    return _countable(a * b)


def _countable(dim: Dim) -> Dim:
    """The dim itself. Raises TooComplex for a number that nothing in this world counts to."""
    if isinstance(dim, int) and abs(dim) > LARGEST:
        raise TooComplex(f"a size of more than {len(str(LARGEST)) - 1} digits")
    return dim


def _terms(dim: Dim) -> tuple[tuple[Monomial, int], ...]:
    if isinstance(dim, Formula):
        return dim.terms
    return (((), dim),) if dim else ()


def _collect(terms: Iterable[tuple[Monomial, int]]) -> Dim:
    counts: dict[Monomial, int] = {}
    for atoms, count in terms:
        counts[atoms] = counts.get(atoms, 0) + count
        _countable(counts[atoms])
    kept = {atoms: count for atoms, count in counts.items() if count}
    if not kept.keys() - {()}:
        return kept.get((), 0)
    return Formula(tuple(sorted(kept.items(), key=_term_order)))


def _floor(dim: Formula, divisor: int) -> Dim:
    """Normal form of `dim // divisor`: whole multiples come out, remainders stay inside."""
    if divisor == 1:
        return dim
    whole = _collect((atoms, count // divisor) for atoms, count in dim.terms)
    rest = _collect((atoms, count % divisor) for atoms, count in dim.terms)
    if isinstance(rest, int):
        return whole + rest // divisor
    # (g x + c) // (g d) is (x + c // g) // d for whole numbers.
    shared = gcd(divisor, *(count for atoms, count in rest.terms if atoms))
    if shared > 1:
        return whole + _collect((atoms, count // shared) for atoms, count in rest.terms) // (divisor // shared)
    # (x // a + c) // b is (x + a c) // (a b) for whole numbers.
    (atoms, count), *others = rest.terms
    constant = dict(others).get((), 0)
    if len(atoms) == 1 and isinstance(inner := atoms[0], Floor) and count == 1 and len(others) == bool(constant):
        return whole + (inner.numerator + constant * inner.divisor) // (inner.divisor * divisor)
    return whole + Formula((((Floor(rest, divisor),), 1),))


def _sorted(atoms: Monomial) -> Monomial:
    return tuple(sorted(atoms, key=str))


def _term_order(term: tuple[Monomial, int]) -> tuple[int, list[str]]:
    """Higher degrees first, then by name; the constant stands last, as people write it."""
    return -len(term[0]), [str(atom) for atom in term[0]]


def _term_text(atoms: Monomial, count: int) -> str:
    if not atoms:
        return str(count)
    if len(atoms) == 1 and isinstance(atom := atoms[0], Share):
        # `4 (time // 4)` is `time`, and `2 (time // 4)` is `time // 2`.
        shared = gcd(count, atom.divisor)
        factor, divisor = count // shared, atom.divisor // shared
        text = atom.name if divisor == 1 else f"{atom.name} // {divisor}"
        if abs(factor) == 1:
            return text if factor == 1 else f"-{text}" if divisor == 1 else f"-({text})"
        return f"{factor} {text}" if divisor == 1 else f"{factor} ({text})"
    # A product of several factors needs its floor divisions in brackets.
    simple = len(atoms) == 1 and abs(count) == 1
    texts = [str(a) if isinstance(a, str) or simple else f"({a})" for a in atoms]
    if count == -1:
        return "-" + " ".join(texts)
    return " ".join(texts if count == 1 else [str(count), *texts])


class DType(str, Enum):
    """The element types that cross a graph's boundary or flow inside it."""

    float32 = "float32"
    int32 = "int32"
    int64 = "int64"
    uint8 = "uint8"
    boolean = "bool"
    string = "string"

    @property
    def bytes(self) -> int:
        """Bytes an element takes; a string counts as a pointer."""
        return {"float32": 4, "int32": 4, "int64": 8, "uint8": 1, "bool": 1, "string": 8}[self.value]


INTEGERS = frozenset({DType.int32, DType.int64, DType.uint8})


@dataclass(frozen=True)
class TensorType:
    """A tensor's shape without its batch axis, its element type, and for ids their number.

    `TensorType((28, 28, 1))` is a batch of `[batch, height, width, channels]` images: the batch
    axis is always there and never written, so no layer can touch it by mistake.
    """

    shape: Shape
    dtype: DType = DType.float32
    vocabulary: Dim | None = None

    @property
    def rank(self) -> int:
        """The number of axes, the batch axis not counted."""
        return len(self.shape)

    @property
    def elements(self) -> Dim:
        """Elements an example."""
        return product(self.shape)

    @property
    def names(self) -> frozenset[str]:
        """Every dim name that the shape or the vocabulary depends on."""
        dims = (*self.shape, *(() if self.vocabulary is None else (self.vocabulary,)))
        return frozenset().union(*(names_in(dim) for dim in dims))

    def bound(self, lengths: Mapping[str, Dim]) -> TensorType:
        """The same type with named dims replaced by their lengths."""
        vocabulary = None if self.vocabulary is None else bind(self.vocabulary, lengths)
        return TensorType(tuple(bind(dim, lengths) for dim in self.shape), self.dtype, vocabulary)

    def __str__(self) -> str:
        return "[" + ", ".join(str(dim) for dim in self.shape) + "]"
