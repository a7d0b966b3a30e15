"""`netspec doctor`: versions, devices, what is missing and the line that installs it."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from netspec.cli.output import AsJson, print_json

_CORE = ("netspec-compiler", "pydantic", "PyYAML", "typer", "rich")
_TRAIN = ("jax", "jaxlib", "flax", "optax", "numpy", "polars", "pillow", "safetensors", "scikit-learn", "tensorboardX")
_EXPORT = ("onnx", "onnx-ir", "onnxruntime")


def doctor(json: AsJson = False) -> None:
    """What is installed, which devices there are, and what to install."""
    groups = {"core": _CORE, "train": _TRAIN, "export": _EXPORT}
    found = {group: {name: _version(name) for name in names} for group, names in groups.items()}
    missing = [name for names in found.values() for name, installed in names.items() if installed is None]
    devices = _devices() if not any(found["train"][name] is None for name in ("jax", "jaxlib")) else []
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


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _devices() -> list[str]:
    import jax

    return [f"{device.platform}:{device.id} ({device.device_kind})" for device in jax.devices()]
