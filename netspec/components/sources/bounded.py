"""Data files as a stranger may have made them: how much a file holds is known, and allowed, before memory is taken for it.

Every source reads its files through here: regular files only, gzip inflated against a limit, archives member by member
against what they declare. What is wrong is a Problem that names the file and the member.
"""

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

from netspec.components.sources.base import Array, malformed
from netspec.files import open_regular, reason

MOST_BYTES = 4 << 30
"""What one file, inflated, may hold."""
MOST_FILES = 1_000_000
"""How many files a folder or an archive may hold."""
MOST_COLUMNS = 100_000
LONGEST_LINE = 16 << 20
"""Bytes of a line."""
_ALWAYS_INFLATED = 256 << 20
_RATIO = 100
"""Text shrinks to a tenth, a table of zeros to a hundredth, what was made to fill a disk to a thousandth."""
_GZIP = b"\x1f\x8b"
_OTHERS = {
    b"PK\x03\x04": "a zip archive",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
    b"BZh": "compressed by bzip2",
    b"\xfd7zXZ": "compressed by xz",
    b"\x89PNG": "a picture",
    b"PAR1": "a parquet file",
    b"SQLite format 3": "a database",
}


def content(path: Path) -> bytes:
    """All bytes of a file, inflated where it is gzip. Raises Problem NS509."""
    try:
        with open_regular(path) as stream:
            packed = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise malformed(path, f"cannot be read: {reason(error)}") from None
    if len(packed) > MOST_BYTES:
        raise malformed(path, f"it is larger than {MOST_BYTES >> 30} GiB")
    return _inflated(path, packed) if packed.startswith(_GZIP) else packed


def _inflated(path: Path, packed: bytes) -> bytes:
    most = min(MOST_BYTES, max(_ALWAYS_INFLATED, _RATIO * len(packed)))
    found = bytearray()
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
            while block := stream.read(1 << 20):
                found += block
                if len(found) > most:
                    help = f"where that is meant, inflate it yourself: `gunzip {path.name}`"
                    raise malformed(path, f"{len(packed):,} bytes inflate to more than {most:,}", help)
    except (OSError, EOFError, zlib.error) as error:
        raise malformed(path, f"damaged gzip ({error})") from None
    return bytes(found)


def looks_like(head: bytes) -> str:
    """What the first bytes of a file say that it is, where that is no text; '' else."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16"
    return next((what for mark, what in _OTHERS.items() if head.startswith(mark)), "")


def check_lines(path: Path, data: bytes) -> None:
    """No line of a text is longer than a line is. Raises Problem NS509 with its number."""
    start = 0
    while len(data) - start > LONGEST_LINE:
        end = data.rfind(b"\n", start, start + LONGEST_LINE + 1)
        if end < 0:
            number = data.count(b"\n", 0, start) + 1
            raise malformed(
                path, f"line {number} is longer than {LONGEST_LINE >> 20} MiB", "is it a text file with a row a line?"
            )
        start = end + 1


def text_lines(path: Path, data: bytes) -> Iterator[tuple[int, bytes]]:
    """The numbered lines of a text, without their ends (LF or CRLF). Raises Problem NS509 for one too long."""
    check_lines(path, data)
    for number, line in enumerate(io.BytesIO(data), start=1):
        yield number, line.removesuffix(b"\n").removesuffix(b"\r")


def tar_members(path: Path, endings: tuple[str, ...]) -> dict[str, bytes]:
    """The files with one of the endings in a .tar or .tar.gz, by name, read without unpacking. Raises Problem NS509."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content(path)), mode="r:") as archive:
            for number, member in enumerate(archive):
                if number >= MOST_FILES:
                    raise malformed(path, f"it holds more than {MOST_FILES:,} files")
                if not member.isfile() or Path(member.name).suffix.lower() not in endings:
                    continue
                if member.name in found:
                    raise malformed(path, f"it holds `{member.name}` twice")
                found[member.name] = _tar_member(path, archive, member)
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise malformed(path, f"not a readable archive ({error})") from None
    return found


def _tar_member(path: Path, archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if member.issparse():
        raise malformed(path, f"`{member.name}` is a sparse file, which is not read")
    stream = archive.extractfile(member)
    data = b"" if stream is None else stream.read(member.size)
    if len(data) < member.size:
        raise malformed(path, f"`{member.name}` is cut short")
    return data


def npz_arrays(path: Path) -> dict[str, Array]:
    """The arrays of a NumPy archive by name; none is a pickle. Raises Problem NS509 with the member's name."""
    try:
        with open_regular(path) as stream:
            if stream.read(6) == b"\x93NUMPY":
                raise malformed(path, "this is one array; save it with a name by `numpy.savez`")
            stream.seek(0)
            with zipfile.ZipFile(stream) as archive:
                return _npz_arrays(path, archive)
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError) as error:
        raise malformed(path, f"not a readable npz archive ({str(error).splitlines()[0]})") from None


def _npz_arrays(path: Path, archive: zipfile.ZipFile) -> dict[str, Array]:
    members = archive.infolist()
    if len(members) > MOST_FILES or sum(member.file_size for member in members) > MOST_BYTES:
        raise malformed(path, f"its arrays come to more than {MOST_BYTES >> 30} GiB")
    found: dict[str, Array] = {}
    for member in members:
        name = member.filename.removesuffix(".npy")
        if name == member.filename:
            raise malformed(path, f"its member `{name}` is no array", "write it by `numpy.savez`")
        if name in found:
            raise malformed(path, f"it holds `{name}` twice")
        if member.flag_bits & 1:
            raise malformed(path, f"its member `{member.filename}` is encrypted")
        try:
            data = archive.read(member)
            if len(data) != member.file_size:
                raise ValueError(f"{len(data)} bytes, but the archive declares {member.file_size}")
            found[name] = _array(data)
        except (ValueError, SyntaxError, EOFError, OSError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
            lines = str(error).splitlines() or [type(error).__name__]
            raise malformed(path, f"its member `{member.filename}` cannot be read: {lines[0]}") from None
    return found


def _array(data: bytes) -> Array:
    """The array of a .npy file, whose header has to fit what follows it. Raises ValueError."""
    import numpy as np

    stream: BinaryIO = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    readers: dict[tuple[int, int], Any] = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"its header is of version {version[0]}.{version[1]}, which holds neither numbers nor texts")
    shape, fortran, dtype = readers[version](stream)
    if dtype.hasobject:
        raise ValueError("it holds a pickle, which is never read")
    start = stream.tell()
    if min(shape, default=1) < 0 or prod(shape) * dtype.itemsize != len(data) - start:
        raise ValueError(f"its header says {list(shape)} of `{dtype}`, which are not {len(data) - start} bytes")
    if dtype.itemsize == 0 or prod(shape) == 0:
        raise ValueError("it holds no values")
    flat = np.frombuffer(data, dtype, offset=start)
    return flat.reshape(shape[::-1]).T if fortran else flat.reshape(shape)
