"""Fixed tables of numbers, the same for JAX and for ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy


def sines_table(length: int, features: int) -> numpy.ndarray[tuple[int, ...], numpy.dtype[Any]]:
    """Positions as sines and cosines of wavelengths from 2 pi to 10,000 x 2 pi (Vaswani et al. 2017)."""
    import numpy as np

    rates = 10_000.0 ** (-2 * (np.arange(features) // 2) / features)
    angles = np.arange(length)[:, None] * rates[None, :]
    return np.where(np.arange(features) % 2 == 0, np.sin(angles), np.cos(angles)).astype(np.float32)
