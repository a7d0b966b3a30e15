"""The arithmetic of sliding windows, shared by convolutions and pooling: one rule, symbolic or not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netspec.diagnostics import Problem
from netspec.tensor import Dim

if TYPE_CHECKING:
    from netspec.components.layers.base import Layer

Pads = tuple[tuple[int, int], ...]


def per_axis(layer: Layer, field: str, rank: int) -> tuple[int, ...]:
    """A window field as one number for each spatial axis. Raises NS205 where their number is wrong."""
    value = getattr(layer, field)
    if isinstance(value, int):
        return (value,) * rank
    if len(value) != rank:
        message = f"`{field}` has {len(value)} sizes, but `{layer.type}` has {rank} spatial axes"
        raise Problem("NS205", message, help="write one number for all of them, or one for each", field=field)
    return tuple(value)


def explicit_pads(layer: Layer, padding: object, rank: int) -> Pads | None:
    """Padding given as numbers, as a pair for each spatial axis; None for `same`, `valid`, `causal`."""
    if isinstance(padding, str):
        return None
    if isinstance(padding, int):
        return ((padding, padding),) * rank
    assert isinstance(padding, tuple)
    pairs: Pads = padding
    if len(pairs) == 1:
        return pairs * rank
    if len(pairs) != rank:
        message = f"`padding` has {len(pairs)} pairs, but `{layer.type}` has {rank} spatial axes"
        raise Problem(
            "NS205", message, help="write one number for all sides, or a [before, after] pair an axis", field="padding"
        )
    return pairs


def slide(size: Dim, window: int, stride: int, padding: str | tuple[int, int], *, what: str, where: str) -> Dim:
    """The length of an axis after a window slid along it. Raises NS403 where the window does not fit.

    `window` counts dilation: `(kernel - 1) * dilation + 1`.
    """
    if padding in ("same", "causal"):
        return (size + stride - 1) // stride
    before, after = (0, 0) if isinstance(padding, str) else padding
    room = size + (before + after - window)
    if isinstance(room, int) and room < 0:
        raise Problem(
            "NS403",
            f"{what} of {window} does not fit into an axis of {size} in {where}",
            help="make it smaller, or the axis longer: fewer pools and strides above, or `padding: same`",
            caption=f"needs at least {window}",
        )
    return room // stride + 1


def same_pads(size: int, window: int, stride: int) -> tuple[int, int]:
    """What `same` adds before and after an axis: the odd one goes behind (as TensorFlow and XLA)."""
    total = max((-(-size // stride) - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


def onnx_pads(
    shape: tuple[Dim, ...], windows: tuple[int, ...], strides: tuple[int, ...], padding: str | Pads
) -> tuple[int, ...] | None:
    """ONNX `pads` (all befores, then all afters); None where only `auto_pad=SAME_UPPER` can say it."""
    pairs: list[tuple[int, int]] = []
    for index, (size, window, stride) in enumerate(zip(shape, windows, strides, strict=True)):
        if not isinstance(padding, str):
            pairs.append(padding[index])
        elif padding == "valid":
            pairs.append((0, 0))
        elif padding == "causal":
            pairs.append((window - 1, 0))
        elif isinstance(size, int):
            pairs.append(same_pads(size, window, stride))
        elif stride == 1:
            pairs.append(((window - 1) // 2, window - 1 - (window - 1) // 2))
        else:
            return None
    return tuple(before for before, _ in pairs) + tuple(after for _, after in pairs)
