"""`netspec doctor`: versions, devices, what is missing and the line that installs it."""

from __future__ import annotations

import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, requires, version

from netspec.cli.output import AsJson, print_json

_NAME = "netspec-compiler"


def doctor(json: AsJson = False) -> None:
    """What is installed, which devices there are, and what to install."""
    found = {group: {name: _version(name) for name in names} for group, names in _wanted().items()}
    missing = [name for names in found.values() for name, installed in names.items() if installed is None]
    devices = _devices() if found["train"]["jax"] is not None else []
    if json:
        print_json({"python": platform.python_version(), "packages": found, "devices": devices, "missing": missing})
        return
    lines = [f"python {platform.python_version()} on {platform.system()} {platform.machine()}", ""]
    for group, names in found.items():
        lines.append(f"{group:<8}" + "  ".join(f"{name} {installed or 'MISSING'}" for name, installed in names.items()))
    lines += ["", "devices " + (", ".join(devices) or "none: jax is not installed")]
    if missing:
        lines += ["", f"missing: {', '.join(missing)}", "install them with: pip install 'netspec-compiler[all]'"]
    else:
        lines += ["", "all is there"]
    sys.stdout.write("\n".join(lines) + "\n")


def _wanted() -> dict[str, list[str]]:
    """What the distribution asks for: its core, and each extra that a user installs."""
    groups: dict[str, list[str]] = {"core": [_NAME], "train": [], "export": []}
    for line in requires(_NAME) or ():
        name, extra = re.match(r"[\w.-]+", line), re.search(r"extra == ['\"](\w+)", line)
        group = extra[1] if extra else "core"
        if name and group in groups:
            groups[group].append(name[0])
    return groups


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _devices() -> list[str]:
    import jax

    return [f"{device.platform}:{device.id} ({device.device_kind})" for device in jax.devices()]
