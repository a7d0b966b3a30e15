"""Sound in .wav files: what the head declares has to be there, and every sample a number."""

import struct
from io import BytesIO
from typing import Any

from netspec.components.sources.base import Array, malformed

_MOST_SAMPLES = 1 << 30


def read_wav(data: bytes, name: str) -> tuple[Array, int]:
    """Samples [samples, channels] from -1 to 1, and how many there are a second. Raises Problem NS509."""
    import numpy as np
    import soundfile

    if data[:4] not in (b"RIFF", b"RIFX", b"RF64") or data[8:12] != b"WAVE":
        raise malformed(name, "not a .wav file: the first bytes are wrong")
    missing = _missing(data)
    if missing:
        raise malformed(name, f"it is cut short: its head declares {missing:,} bytes more than are there")
    try:
        with soundfile.SoundFile(BytesIO(data)) as sound:
            if sound.frames * sound.channels > _MOST_SAMPLES:
                raise malformed(name, f"it declares {sound.frames * sound.channels:,} samples")
            samples, rate = sound.read(dtype="float32", always_2d=True), int(sound.samplerate)
    except (soundfile.SoundFileError, RuntimeError, OSError, ValueError, TypeError) as error:
        raise malformed(name, f"not a readable sound ({error})") from None
    if not len(samples):
        raise malformed(name, "it has no samples")
    odd = np.flatnonzero(~np.isfinite(samples).all(axis=1))
    if len(odd):
        raise malformed(name, f"sample {odd[0] + 1} is {samples[odd[0]].max()}, which is no number")
    found: Any = samples
    return found, rate


def _missing(data: bytes) -> int:
    """How many bytes of sound the head declares that do not follow it."""
    order, at = (">" if data[:4] == b"RIFX" else "<"), 12
    declared: int | None = None
    while at + 8 <= len(data):
        kind, (size,) = data[at : at + 4], struct.unpack(f"{order}I", data[at + 4 : at + 8])
        if kind == b"ds64" and at + 24 <= len(data):  # RF64: the sizes of a file above 4 GB
            declared = struct.unpack("<Q", data[at + 16 : at + 24])[0]
        if kind == b"data":
            wanted = declared if data[:4] == b"RF64" and declared is not None else size
            return max(0, wanted - (len(data) - at - 8))
        at += 8 + size + size % 2
    return 0
