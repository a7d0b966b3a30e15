"""Files as a stranger may have left them: only regular ones are read, sizes before bytes, and writing is whole or not at all.

Everything that opens a file of a user's goes through here, so that a pipe, a device or an endless file is an answer
and not a hang.
"""

from __future__ import annotations

import errno
import json
import math
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

from netspec.diagnostics import Diagnostic, SpecError

_KINDS = {
    stat.S_IFDIR: "it is a folder",
    stat.S_IFIFO: "it is a pipe",
    stat.S_IFSOCK: "it is a socket",
    stat.S_IFCHR: "it is a device",
    stat.S_IFBLK: "it is a device",
}
_ZERO_BYTE = "a zero byte cannot stand in a path"
_STORAGE = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)
_PERMISSION = (errno.EACCES, errno.EPERM, errno.EROFS)


class NotRegular(OSError):
    """Something that is no regular file: what it is, is its `strerror`."""


def open_regular(path: Path | str, *, follow: bool = True) -> BufferedReader:
    """Open a regular file for reading bytes; a pipe is never waited for, and a link only followed where that is said.

    Raises OSError.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
    try:
        handle = os.open(path, flags | (0 if follow else getattr(os, "O_NOFOLLOW", 0)))
    except ValueError as error:  # a zero byte in the path
        raise NotRegular(errno.EINVAL, str(error)) from None
    kind = stat.S_IFMT(os.fstat(handle).st_mode)
    if kind != stat.S_IFREG:
        os.close(handle)
        raise NotRegular(errno.EINVAL, _KINDS.get(kind, "it is no file"))
    return os.fdopen(handle, "rb")


def read_bounded(path: Path | str, most: int) -> bytes:
    """The bytes of a regular file, at most `most` + 1 of them: one more than allowed says that it is too large."""
    with open_regular(path) as stream:
        return stream.read(most + 1)


def reason(error: OSError) -> str:
    """Why a file cannot be opened, read or written, as a message goes on after a colon."""
    return (error.strerror or str(error) or "cannot be opened").lower()


def unwritable(path: Path | str, error: OSError, *help: str) -> SpecError:
    """NS533 for something that cannot be written: exit 5 for the disk, 4 for permission, 2 for a place that cannot be."""
    exit_code = 5 if error.errno in _STORAGE else 4 if error.errno in _PERMISSION else 2
    return SpecError(Diagnostic("NS533", f"cannot write `{path}`: {reason(error)}", help=help, exit_code=exit_code))


UNFINISHED: set[Path] = set()
"""Files that are being written, under the names that they have until they are whole."""


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """A stream whose bytes become the file when all of them are written; until then it is as it was.

    Raises SpecError NS533. What exists and is no regular file (a terminal, a pipe) is written into as it is.
    """
    try:
        with _beside(path) as stream:
            yield stream
    except OSError as error:
        raise unwritable(path, error) from None
    except ValueError as error:  # a zero byte in the path
        if "null" not in str(error):
            raise
        raise unwritable(path, OSError(errno.EINVAL, _ZERO_BYTE)) from None


@contextmanager
def _beside(path: Path) -> Iterator[IO[bytes]]:
    if path.exists() and not path.is_file():
        # Without waiting: a pipe that nobody reads is an error at once, and not a hang.
        opened = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        os.set_blocking(opened, True)
        with os.fdopen(opened, "wb") as stream:
            yield stream
        return
    target = path.resolve() if path.is_symlink() else path
    beside = target.with_name(f".{target.name[:200]}.{os.getpid()}")
    UNFINISHED.add(beside)
    try:
        with beside.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if target.exists():
            beside.chmod(stat.S_IMODE(target.stat().st_mode))
        beside.replace(target)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    finally:
        UNFINISHED.discard(beside)


def write_whole(path: Path, data: bytes | str) -> None:
    """Write a file whole or not at all. Raises SpecError NS533."""
    with written_whole(path) as stream:
        stream.write(data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data)


def json_text(data: Any, *, indent: int | None = None, sort_keys: bool = False) -> str:
    """Data as JSON that every reader takes: what is not finite is `null`, for JSON has no NaN."""
    return json.dumps(_finite(data), indent=indent, allow_nan=False, sort_keys=sort_keys)


def _finite(data: Any) -> Any:
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, Mapping):
        return {key: _finite(value) for key, value in data.items()}
    return [_finite(value) for value in data] if isinstance(data, (list, tuple)) else data


def make_folder(path: Path) -> None:
    """Make a folder and those above it, where they are not there. Raises SpecError NS533."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from None
    except ValueError:
        raise unwritable(path, OSError(errno.EINVAL, _ZERO_BYTE)) from None


def exists(path: Path) -> bool:
    """Whether something is there; what no file system could hold is not."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether a folder is there; what no file system could hold is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
