"""The one door of everything random: each number is a pure function of (seed, stream, epoch or step).

The numbers of a stream are part of the language: a change of one is a change of what specs mean. So streams that began from
the same number still do: those without epochs, and the first epoch's `order`, of one seed; `weights` and `pictures` too.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import jax
    import numpy

Stream = Literal["order", "window_start", "bucket_order", "split", "task", "latent", "judged_rows"]
"""What the host draws.

- `order` (epoch): the permutation in which an epoch reads its rows
- `window_start` (epoch): where the first window of a long text begins
- `bucket_order` (epoch): the order of batches of sequences of like lengths
- `split`: which rows are validation and test (by `split.seed`)
- `task`: the examples of a generated task (by its own seed)
- `latent`: latent vectors that `sample` and a proof ask a generator for (by the seed asked for)
- `judged_rows`: the real examples that a pair is judged beside
"""
KeyStream = Literal["weights", "update", "pictures", "tokens"]
"""What the device draws.

- `weights`: where weights start, folded with each layer's name
- `update` (step): all that one update draws, folded with a name: a layer's for its dropout and noise, and `augment`,
  `generator`, `discriminator`, `deceived`, `rounds`, `latent`, `between` (the penalty's examples between real and made)
- `pictures`: the latent vectors of a pair's pictures, folded with what they are for
- `tokens` (place): the next token of a text that is generated (by the seed asked for)
"""
_BY_EPOCH: dict[str, tuple[int, ...]] = {"order": (), "window_start": (1,), "bucket_order": (2,)}
_BY_STEP = ("update", "tokens")


def generator(seed: int, stream: Stream, epoch: int | None = None) -> numpy.random.Generator:
    """NumPy's generator (PCG64) of a stream.

    Args:
        seed: Of the training, the split or the task.
        stream: What is drawn.
        epoch: Which pass over the training part, for streams that have one.

    Raises:
        ValueError: where a stream that has epochs is asked for without one, or another with one.
    """
    import numpy as np

    if (stream in _BY_EPOCH) != (epoch is not None):
        raise ValueError(f"the stream `{stream}` {'needs' if epoch is None else 'has no'} epoch")
    entropy = seed if epoch is None else [seed, epoch, *_BY_EPOCH[stream]]
    return np.random.default_rng(np.random.SeedSequence(entropy))


def permutation(rows: int, seed: int, epoch: int) -> numpy.ndarray[Any, numpy.dtype[numpy.int64]]:
    """The order [rows] in which an epoch reads its rows."""
    return generator(seed, "order", epoch).permutation(rows)


def key(seed: int, stream: KeyStream, step: jax.Array | int | None = None) -> jax.Array:
    """JAX's key (threefry) of a stream.

    Args:
        seed: Of the training, or the one asked for.
        stream: What is drawn.
        step: How many updates came before, or the place in a text, for streams that have one; it may be traced.

    Raises:
        ValueError: where a stream that has steps is asked for without one, or another with one.
    """
    import jax

    if (stream in _BY_STEP) != (step is not None):
        raise ValueError(f"the stream `{stream}` {'needs' if step is None else 'has no'} step")
    whole = jax.random.key(seed)
    return whole if step is None else jax.random.fold_in(whole, step)


def folded(key: jax.Array, name: str) -> jax.Array:
    """A key of its own for a name, whatever other names there are (`jax.random.fold_in` with the name's CRC-32)."""
    import jax

    return jax.random.fold_in(key, zlib.crc32(name.encode()))
