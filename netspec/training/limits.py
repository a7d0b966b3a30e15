"""How much memory the device has that a training runs on."""

from __future__ import annotations

import jax

from netspec.machine import host_memory


def device_memory() -> int:
    """Bytes that the device, or for a CPU the machine, has in all."""
    device = jax.devices()[0]
    stats = device.memory_stats() if device.platform != "cpu" else None
    return int(stats["bytes_limit"]) if stats and "bytes_limit" in stats else host_memory()
