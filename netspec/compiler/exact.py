"""Answers in full float32, whatever the device would round."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import jax

R = TypeVar("R")


def exactly(function: Callable[..., R]) -> Callable[..., R]:
    """`function` compiled, with matrix products and convolutions in full float32.

    Left alone, a GPU's matrix units round what they multiply to ten bits (TF32). Training bears that and is faster by it;
    an answer that is shown, or that an exported file is held against, should be the same on every device.
    """

    @wraps(function)
    def traced(*args: Any, **named: Any) -> R:
        with jax.default_matmul_precision("float32"):
            return function(*args, **named)

    compiled: Callable[..., R] = jax.jit(traced)
    return compiled
