"""Everything random goes through one door, and its numbers stay what they are: they are part of the language."""

from __future__ import annotations

import ast
from itertools import product
from pathlib import Path
from typing import get_args

import jax
import numpy as np
import pytest

from netspec.randomness import KeyStream, Stream, folded, generator, key, permutation

PACKAGE = Path(__file__).parents[1] / "netspec"
SOURCES = {"default_rng", "SeedSequence", "RandomState", "Generator", "PRNGKey", "seed", "urandom", "token_bytes", "uuid4"}
"""What would begin a stream of its own. `jax.random.uniform(key, ...)` and the like only draw from one."""

DRAWN: dict[str, list[int]] = {
    "order": [1, 7, 4, 0, 2, 6, 3, 5],
    "window_start": [6, 2, 1, 5, 4, 3, 7, 0],
    "bucket_order": [6, 5, 7, 2, 4, 1, 3, 0],
    "split": [6, 7, 2, 1, 4, 5, 3, 0],
    "task": [6, 7, 2, 1, 4, 5, 3, 0],
    "latent": [6, 7, 2, 1, 4, 5, 3, 0],
    "judged_rows": [6, 7, 2, 1, 4, 5, 3, 0],
    "weights": [0, 3],
    "update": [2464363587, 131619366],
    "pictures": [0, 3],
    "tokens": [2464363587, 131619366],
    "stem": [3250765227, 3238112737],
}


def beginnings(tree: ast.AST) -> list[str]:
    """Where a file begins a stream of random numbers, or imports Python's own."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = ast.unparse(node.func)
            if node.func.attr in SOURCES or called.startswith(("np.random.", "numpy.random.")) or called == "jax.random.key":
                found.append(f"{node.lineno}: {called}")
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found += [f"{node.lineno}: import {name}" for name in names if name in ("random", "secrets", "uuid", "numpy.random")]  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nothing_else_begins_a_stream(path: Path) -> None:
    found = beginnings(ast.parse(path.read_text()))
    assert bool(found) == (path.name == "randomness.py"), found


def test_the_numbers_of_the_language() -> None:
    """Drawn once, and held for good: another number would train every spec otherwise."""
    assert permutation(8, 3, 2).tolist() == DRAWN["order"]
    for stream in get_args(Stream):
        epoch = 2 if stream in ("order", "window_start", "bucket_order") else None
        assert generator(3, stream, epoch).permutation(8).tolist() == DRAWN[stream], stream
    for stream in get_args(KeyStream):
        step = 5 if stream in ("update", "tokens") else None
        assert jax.random.key_data(key(3, stream, step)).tolist() == DRAWN[stream], stream
    assert jax.random.key_data(folded(key(3, "weights"), "stem")).tolist() == DRAWN["stem"]


def test_streams_of_epochs_are_apart() -> None:
    drawn = {
        (stream, seed, epoch): generator(seed, stream, epoch).integers(2**63)
        for stream, seed, epoch in product(("order", "window_start", "bucket_order"), range(20), range(20))
    }
    assert len(set(drawn.values())) == len(drawn)


@pytest.mark.parametrize(("stream", "epoch"), [("order", None), ("split", 3)])
def test_an_epoch_belongs_to_some_streams(stream: Stream, epoch: int | None) -> None:
    with pytest.raises(ValueError, match="epoch"):
        generator(0, stream, epoch)


@pytest.mark.parametrize(("stream", "step"), [("update", None), ("weights", 3)])
def test_a_step_belongs_to_some_streams(stream: KeyStream, step: int | None) -> None:
    with pytest.raises(ValueError, match="step"):
        key(0, stream, step)


def test_a_permutation_is_numpys() -> None:
    expected = np.random.default_rng(np.random.SeedSequence([7, 4])).permutation(100)
    np.testing.assert_array_equal(permutation(100, 7, 4), expected)
