"""What each epoch reads: device arrays, and the rows of every step. A pure function of the data, seed and epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from netspec.data.prepare import Part
from netspec.randomness import generator, permutation

Array = np.ndarray[Any, Any]
_QUANTILES = (0.25, 0.5, 0.75, 0.9, 1.0)
_STEP = 8


class Batch(NamedTuple):
    """Rows as arrays: the inputs in order, targets by output, lengths by ragged dim."""

    inputs: tuple[jax.Array, ...]
    targets: Mapping[str, jax.Array]
    lengths: Mapping[str, jax.Array]


class Piece(NamedTuple):
    """Steps over one set of arrays: `rows` [steps, batch] says which rows each step reads."""

    data: Batch
    rows: Array


def on_device(inputs: Mapping[str, Array], targets: Mapping[str, Array], lengths: Mapping[str, Array]) -> Batch:
    """Rows as device arrays; a target that is an input is the same array."""
    arrays = {name: jnp.asarray(x) for name, x in inputs.items()}
    same = {id(x): arrays[name] for name, x in inputs.items()}
    return Batch(
        tuple(arrays.values()),
        {name: same[id(y)] if id(y) in same else jnp.asarray(y) for name, y in targets.items()},
        {dim: jnp.asarray(each, jnp.int32) for dim, each in lengths.items()},
    )


def take(data: Batch, rows: jax.Array) -> Batch:
    """The batch of the given rows."""
    return Batch(
        tuple(x[rows] for x in data.inputs),
        {name: y[rows] for name, y in data.targets.items()},
        {dim: each[rows] for dim, each in data.lengths.items()},
    )


class Feed:
    """The rows of every step of an epoch, shuffled; the last batch may be smaller."""

    def __init__(self, part: Part, batch: int, seed: int) -> None:
        self.part, self.seed = part, seed
        self.batch = min(batch, part.rows)
        self.data = on_device(part.inputs, part.targets, part.lengths)

    @property
    def rows(self) -> int:
        """Rows of an epoch."""
        return self.part.rows

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return -(-self.rows // self.batch)

    def epoch(self, number: int) -> list[Piece]:
        """The pieces of an epoch."""
        order = permutation(self.rows, self.seed, number).astype(np.int32)
        return _cut(self.data, order, self.batch)


def _cut(data: Batch, order: Array, batch: int) -> list[Piece]:
    full = len(order) // batch * batch
    pieces = [Piece(data, order[:full].reshape(-1, batch))] if full else []
    return [*pieces, Piece(data, order[None, full:])] if full < len(order) else pieces


class RoundFeed(Feed):
    """Steps of several batches each, all full: what is left over waits for another epoch's order."""

    def __init__(self, part: Part, batch: int, rounds: int, seed: int) -> None:
        super().__init__(part, batch * rounds, seed)
        self.batch = max(rounds, self.batch // rounds * rounds)

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return self.part.rows // self.batch

    @property
    def rows(self) -> int:
        """Rows of an epoch."""
        return self.steps * self.batch

    def epoch(self, number: int) -> list[Piece]:
        """The pieces of an epoch."""
        order = permutation(self.part.rows, self.seed, number).astype(np.int32)
        return _cut(self.data, order[: self.rows], self.batch)


class StreamFeed(Feed):
    """Windows of one long text: each epoch's start at a place of its own."""

    @property
    def rows(self) -> int:
        """Rows of an epoch: one fewer than there are windows, for the start moves."""
        return max(1, self.part.rows - 1)

    def epoch(self, number: int) -> list[Piece]:
        """The pieces of an epoch."""
        assert self.part.stream is not None
        inputs, targets = self.part.stream.shifted(self.seed, number)
        data = on_device(dict.fromkeys(self.part.inputs, inputs), dict.fromkeys(self.part.targets, targets), {})
        order = permutation(len(inputs), self.seed, number).astype(np.int32)
        return _cut(data, order, self.batch)


class BucketFeed(Feed):
    """Sequences of different lengths: each batch holds such as are nearly alike, so that little is padding.

    What does not fill a batch moves on to the next bucket; the batches are shuffled, the smaller one comes last.
    """

    def __init__(self, part: Part, batch: int, seed: int) -> None:
        super().__init__(part, batch, seed)
        longest = longest_of(part)
        self.bounds = bounds(longest, max(1, _padded_length(part)))
        self.bucket = np.searchsorted(self.bounds, longest)
        self.shares = [_shortened(self.data, part, bound) for bound in self.bounds]

    def epoch(self, number: int) -> list[Piece]:
        """The pieces of an epoch, one step each."""
        order = permutation(self.rows, self.seed, number).astype(np.int32)
        over = np.zeros(0, np.int32)
        pieces: list[Piece] = []
        for index, data in enumerate(self.shares):
            rows = np.concatenate([over, order[self.bucket[order] == index]])
            full = len(rows) // self.batch * self.batch
            pieces += [Piece(data, each[None]) for each in rows[:full].reshape(-1, self.batch)]
            over = rows[full:]
        mixed = generator(self.seed, "bucket_order", number).permutation(len(pieces))
        found = [pieces[i] for i in mixed]
        return [*found, Piece(self.shares[-1], over[None])] if len(over) else found


def feed(part: Part, batch: int, seed: int) -> Feed:
    """The feed that fits a part."""
    if part.stream is not None:
        return StreamFeed(part, batch, seed)
    return BucketFeed(part, batch, seed) if part.lengths else Feed(part, batch, seed)


def longest_of(part: Part) -> Array:
    """Each row's longest sequence."""
    return np.stack(list(part.lengths.values())).max(axis=0)


def _padded_length(part: Part) -> int:
    """The padded length of the arrays: no bucket is longer."""
    return max(part.inputs[name].shape[1] for name in part.ragged)


def bounds(lengths: Array, most: int) -> list[int]:
    """The lengths that sequences are filled up to: few, and near to what there is."""
    found: list[int] = []
    for quantile in _QUANTILES:
        length = int(np.quantile(lengths, quantile, method="higher"))
        bound = min(most, -(-length // _STEP) * _STEP)
        if not found or bound > 1.15 * found[-1]:
            found.append(bound)
    found[-1] = max(found[-1], min(most, int(lengths.max())))
    return found


def _shortened(data: Batch, part: Part, bound: int) -> Batch:
    """The arrays without the steps that no row of a bucket has."""
    cut = [x[:, :bound] if name in part.ragged else x for name, x in zip(part.inputs, data.inputs, strict=True)]
    targets = {name: y[:, :bound] if name in part.steps else y for name, y in data.targets.items()}
    return Batch(tuple(cut), targets, data.lengths)


def in_buckets(part: Part, batch: int) -> Sequence[tuple[Array, int | None]]:
    """Rows in batches for judging, each with the length that its sequences are cut to; every row once."""
    if not part.lengths:
        return [(np.arange(start, min(start + batch, part.rows)), None) for start in range(0, part.rows, batch)]
    longest = longest_of(part)
    limits = bounds(longest, _padded_length(part))
    bucket = np.searchsorted(limits, longest)
    found = []
    for index, bound in enumerate(limits):
        rows = np.flatnonzero(bucket == index)
        found += [(rows[start : start + batch], bound) for start in range(0, len(rows), batch)]
    return found
