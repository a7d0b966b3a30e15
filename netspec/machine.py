"""What this machine is: its memory and its processor, read without starting a program. Imports nothing of netspec."""

from __future__ import annotations

import os
import platform
from pathlib import Path

_CGROUPS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def host_memory() -> int:
    """Bytes that this machine, or the container that it is, has in all."""
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([pages, *(limit for path in _CGROUPS if (limit := _limit(path)))])


def _limit(path: Path) -> int:
    """The limit of a control group, in bytes; 0 for none."""
    try:
        text = path.read_text().strip()
    except OSError:
        return 0
    return int(text) if text.isdecimal() else 0


def processor() -> str:
    """The processor's name. (`platform.processor` starts `uname`.)"""
    return next((value for key, value in _facts() if key == "model name"), platform.machine())


def processor_features() -> str:
    """Name and instruction sets of the processor: what compiled code may depend on."""
    return "\n".join(f"{key}: {value}" for key, value in _facts()) or platform.machine()


def _facts() -> list[tuple[str, str]]:
    try:
        first = Path("/proc/cpuinfo").read_text().split("\n\n")[0]
    except OSError:
        return []
    pairs = [line.partition(":") for line in first.splitlines()]
    return [(key.strip(), value.strip()) for key, _, value in pairs if key.strip() in ("model name", "flags", "Features")]
