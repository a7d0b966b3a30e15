"""Settings that must be made before jax is imported. Only the command makes them; `import netspec` never does."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from netspec.diagnostics import Diagnostic, SpecError
from netspec.graph import Program
from netspec.graph.limits import refuse_oversized
from netspec.machine import host_memory, processor_features
from netspec.spec import Spec

# A lone convolution runs on one thread in these versions of XLA's CPU backend; the flag restores the
# others. XLA aborts on flags that it does not know, so it is set for versions it was tried on only.
_CONVOLUTION_FLAG = "--xla_cpu_experimental_ynn_fusion_type=-LIBRARY_FUSION_TYPE_INDIVIDUAL_CONVOLUTION"
_TRIED_ON = frozenset({"0.10.2"})
# Without it a GPU adds in whatever order its threads arrive, and XLA picks kernels by timing them: no two runs are equal.
_DETERMINISM_FLAG = "--xla_gpu_deterministic_ops=true"
_PLATFORMS = {"cpu": "cpu", "gpu": "cuda", "cuda": "cuda", "tpu": "tpu"}
_CACHE_BYTES = 1 << 30


def prepare_jax(device: str | None = None) -> None:
    """Choose the device, set XLA's flags and the compilation cache. Raises SpecError NS535, NS205."""
    if device is not None and device not in _PLATFORMS:
        raise SpecError(Diagnostic("NS205", f"unknown device `{device}`", help=("write one of cpu, gpu, tpu",), exit_code=2))
    if device is not None:
        os.environ["JAX_PLATFORMS"] = _PLATFORMS[device]
    _set_flags(device)
    import jax

    if device is not None:
        _check_device(device)
    jax.config.update("jax_compilation_cache_dir", str(_cache_folder()))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    jax.config.update("jax_compilation_cache_max_size", _CACHE_BYTES)


def refuse_before_loading(spec: Spec, program: Program, device: str | None) -> None:
    """Refuses what cannot fit into this machine before JAX is imported, where it is the machine's memory that counts.

    Raises SpecError NS007. With an accelerator its own memory counts, which only JAX knows.
    """
    if device in (None, "cpu") and not (device is None and _has_accelerator()):
        refuse_oversized(spec, program, host_memory())


def _has_accelerator() -> bool:
    return any(Path("/dev").glob("nvidia[0-9]*")) or any(Path("/dev").glob("accel*")) or Path("/dev/kfd").exists()


def _set_flags(device: str | None) -> None:
    given = os.environ.get("XLA_FLAGS", "")
    wanted = [_DETERMINISM_FLAG] if device != "cpu" else []
    wanted += [_CONVOLUTION_FLAG] if device in (None, "cpu") and _installed() & _TRIED_ON else []
    # What the user has set stands.
    added = [flag for flag in wanted if flag.lstrip("-").split("=")[0] not in given]
    os.environ["XLA_FLAGS"] = " ".join([given, *added]).strip()


def _installed() -> frozenset[str]:
    """The versions of jaxlib here."""
    from importlib.metadata import distributions

    return frozenset(found.version for found in distributions(name="jaxlib"))


def _check_device(device: str) -> None:
    import jax

    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:
        message = f"there is no {device} here"
        reason = (str(error).splitlines() or ["jax has no plug-in for it"])[0]
        raise SpecError(
            Diagnostic("NS535", message, help=(reason, "`netspec doctor` shows the devices"), exit_code=4)
        ) from None


def _cache_folder() -> Path:
    """A folder of ours alone, for it holds executables; apart for each kind of processor."""
    base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "netspec" / "xla"
    folder = base / hashlib.sha256(processor_features().encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder
