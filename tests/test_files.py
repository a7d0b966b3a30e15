"""Writing: whole or not at all, and never waiting for somebody who does not come."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from netspec.diagnostics import SpecError
from netspec.files import UNFINISHED, write_whole, written_whole


def test_a_pipe_that_nobody_reads_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SpecError, match="cannot write"):
        write_whole(tmp_path / "pipe", "text")
    assert (tmp_path / "pipe").is_fifo()


def test_a_pipe_that_is_read_takes_more_than_it_holds(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    data = b"x" * 2**20
    for _ in range(1000):
        try:
            write_whole(tmp_path / "pipe", data)
            break
        except SpecError:  # the reader has not opened it yet
            continue
    reader.join()
    assert read == [data]


def test_what_fails_half_way_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    path.chmod(0o640)

    def half() -> None:
        with written_whole(path) as stream:
            stream.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
    write_whole(path, "after")
    assert path.read_text() == "after"
    assert path.stat().st_mode & 0o777 == 0o640
    assert not UNFINISHED


def test_a_link_leads_to_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("before")
    (tmp_path / "link").symlink_to("real")
    write_whole(tmp_path / "link", "after")
    assert (tmp_path / "real").read_text() == "after"
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("name", ["folder", "no\0name", "missing/file"])
def test_a_place_that_cannot_be_written(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(SpecError, match="cannot write"):
        write_whole(tmp_path / name, "text")
