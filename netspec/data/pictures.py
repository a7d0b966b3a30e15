"""Examples as a picture: images in a grid, points of a plane as dots. Pictures are bytes, [height, width, 3]."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from netspec.files import written_whole

Array = np.ndarray[Any, Any]
_LEAST_TILE = 48
_GAP = 2
_PLANE = 512
_PAPER, _REAL, _MADE = (255, 255, 255), (190, 190, 190), (214, 69, 65)


def picture(made: Array, real: Array, grid: tuple[int, int]) -> Array | None:
    """A picture of examples [rows, ...] in original units, beside `real` ones that set the scale; None for other shapes."""
    if (made.ndim == 4 and made.shape[-1] in (1, 3)) or made.ndim == 3:
        return _tiles(made, real, grid)
    return plane(made, real) if made.ndim == 2 and made.shape[1] == 2 else None


def _tiles(made: Array, real: Array, grid: tuple[int, int]) -> Array:
    rows, columns = grid
    low, high = float(real.min()), float(real.max())
    images = made.reshape(*made.shape[:3], -1)[: rows * columns]
    scaled = np.clip((images - low) / max(high - low, 1e-12), 0, 1)
    height, width, channels = scaled.shape[1:]
    zoom = max(1, -(-_LEAST_TILE // max(height, width)))
    tiles = np.repeat(np.repeat(np.round(scaled * 255).astype(np.uint8), zoom, axis=1), zoom, axis=2)
    if channels == 1:
        tiles = np.repeat(tiles, 3, axis=-1)
    height, width = height * zoom + _GAP, width * zoom + _GAP
    sheet = np.full((rows * height + _GAP, columns * width + _GAP, 3), 255, np.uint8)
    for index, tile in enumerate(tiles):
        top, left = index // columns * height + _GAP, index % columns * width + _GAP
        sheet[top : top + tile.shape[0], left : left + tile.shape[1]] = tile
    return sheet


def plane(made: Array, real: Array) -> Array:
    """Points [rows, 2] as dots: grey what is real, red what is made."""
    low, high = real.min(axis=0), real.max(axis=0)
    middle, reach = (low + high) / 2, 0.6 * max(float((high - low).max()), 1e-12)
    sheet = np.full((_PLANE, _PLANE, 3), _PAPER, np.uint8)
    for points, colour in ((real, _REAL), (made, _MADE)):
        spots = np.round((points - middle) / reach * (_PLANE / 2) + _PLANE / 2)
        spots = spots[np.isfinite(spots).all(axis=1)].astype(np.int64)
        for right in (-1, 0, 1):
            for down in (-1, 0, 1):
                x, y = spots[:, 0] + right, _PLANE - 1 - spots[:, 1] + down
                inside = (x >= 0) & (x < _PLANE) & (y >= 0) & (y < _PLANE)
                sheet[y[inside], x[inside]] = colour
    return sheet


def write(path: Path, sheet: Array) -> None:
    """Write a picture as a PNG file, whole or not at all. Raises SpecError NS533."""
    from PIL import Image

    with written_whole(path) as stream:
        Image.fromarray(sheet).save(stream, format="png")
