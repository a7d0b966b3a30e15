"""What a training writes for people and tools: a line an epoch in `metrics.jsonl`, event files, pictures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

from netspec.files import json_text, unwritable, write_whole
from netspec.training.folder import RunFolder
from netspec.training.judge import Judged
from netspec.training.progress import Progress
from netspec.training.seal import Damaged, read_bytes
from netspec.training.tensorboard import EventFiles
from netspec.training.watch import Watcher


class Recorder:
    """Writes into one run folder. Raises SpecError NS533 where that cannot be."""

    def __init__(self, folder: RunFolder, watcher: Watcher) -> None:
        self.folder, self.watcher = folder, watcher

    def __enter__(self) -> Recorder:
        try:
            self.events = EventFiles(self.folder.path / "tensorboard")
        except OSError as error:
            raise unwritable(self.folder.path / "tensorboard", error) from None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            self.events.close()
        except OSError as failure:
            if error is None:
                raise unwritable(self.folder.path / "tensorboard", failure) from None

    def epoch(self, line: Mapping[str, Any], judged: Judged, *, best: bool) -> None:
        """Everything that is to be written at the end of an epoch."""
        try:
            with self.folder.metrics.open("a") as stream:
                stream.write(json_text(line) + "\n")
            self.events.write(line)
            if judged.picture is not None:
                self.folder.write_picture(f"epoch-{line['epoch']:04d}.png", judged.picture)
                self.events.picture("samples", judged.picture, line["step"])
        except OSError as error:
            raise unwritable(self.folder.path, error) from None
        for warning in judged.warnings:
            self.watcher.warned(warning)
        self.watcher.epoch_done(line, best=best)

    def rewind(self, progress: Progress) -> None:
        """Drop lines of epochs that are to be repeated, as after a kill; what is damaged is written anew."""
        path = self.folder.metrics
        if not path.exists() and not path.is_symlink():
            return
        found: dict[int, dict[str, Any]] = {}
        try:
            for line in read_bytes(path).decode(errors="replace").splitlines():
                with suppress(ValueError, KeyError, TypeError):  # a line that a kill has cut off
                    record = json.loads(line)
                    found[record["epoch"]] = record
        except Damaged as damage:
            self.watcher.told(f"{damage}: it is written again")
        kept = [found.get(record["epoch"], record) for record in progress.history]
        try:
            if path.is_symlink() or not path.is_file():
                path.unlink()
        except OSError as error:
            raise unwritable(path, error) from None
        write_whole(path, "".join(json_text(line) + "\n" for line in kept))
