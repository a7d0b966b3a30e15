"""The run folder: what stands where, who may write in it, and how it is found again."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from netspec.components.transforms.pipeline import Preprocess
from netspec.data.pictures import write
from netspec.diagnostics import Diagnostic, SpecError
from netspec.files import write_whole
from netspec.graph import Program, build
from netspec.source import Document, read_own
from netspec.spec import Spec, read_spec
from netspec.spec.expand import expanded


@dataclass(frozen=True)
class RunFolder:
    """The paths of a run."""

    path: Path

    @property
    def checkpoints(self) -> Path:
        """Where state is saved."""
        return self.path / "checkpoints"

    @property
    def metrics(self) -> Path:
        """One line an epoch."""
        return self.path / "metrics.jsonl"

    def read_json(self, name: str) -> Any:
        """A JSON file of the run. Raises SpecError NS531 where it is missing or broken."""
        try:
            return json.loads((self.path / name).read_text())
        except (OSError, ValueError):
            message = f"`{self.path}` is not a run folder: `{name}` is missing or broken"
            raise SpecError(
                Diagnostic("NS531", message, help=("name the folder that `netspec train` printed",), exit_code=2)
            ) from None

    def write_picture(self, name: str, picture: Any) -> None:
        """Write a picture [height, width, 3] of bytes below `samples`."""
        (self.path / "samples").mkdir(exist_ok=True)
        write(self.path / "samples" / name, picture)

    def write_json(self, name: str, data: Mapping[str, Any]) -> None:
        """Write a JSON file whole or not at all."""
        write_whole(self.path / name, json.dumps(data, indent=1))

    def program(self) -> tuple[Spec, Program, Preprocess]:
        """The spec, its program with all dims bound, and the fitted preprocessing."""
        manifest = self.read_json("manifest.json")
        text = json.dumps(self.read_json("resolved.json"), indent=1)
        spec, found = read_spec(read_own(text, str(self.path / "resolved.json")), {})
        program, more = build(spec) if spec else (None, ())
        if spec is None or program is None:
            raise SpecError((*found, *more))
        bound = program.bind(manifest["lengths"]).with_ragged(manifest["ragged"])
        return spec, bound, Preprocess.from_json(self.read_json("preprocess.json"))


def new_run(runs: Path, name: str) -> RunFolder:
    """A run folder that did not exist: `runs/<name>/<time>`, with a number behind it if need be."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    for attempt in range(1000):
        path = runs / name / (stamp if attempt == 0 else f"{stamp}-{attempt}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise _unwritable(path, error) from None
        return RunFolder(path)
    raise SpecError(Diagnostic("NS532", f"cannot find a free name in `{runs / name}`", exit_code=4))


def _unwritable(path: Path, error: OSError) -> SpecError:
    reason = (error.strerror or str(error)).lower()
    return SpecError(
        Diagnostic("NS533", f"cannot write in `{path}`: {reason}", help=("choose another folder with `--runs`",), exit_code=4)
    )


def newest_run(runs: Path, name: str) -> RunFolder | None:
    """The run of that name that was started last."""
    folder = runs / name
    found = sorted((p for p in folder.iterdir() if (p / "manifest.json").exists()), reverse=True) if folder.is_dir() else []
    return RunFolder(found[0]) if found else None


class Lock:
    """One process in a run folder: held by the kernel, so a dead holder's lock is free at once."""

    def __init__(self, folder: RunFolder) -> None:
        self.path = folder.path / "lock"
        self.stream: IO[str] | None = None

    def __enter__(self) -> Lock:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            stream = self.path.open("a+")
        except OSError as error:
            raise _unwritable(self.path.parent, error) from None
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            stream.seek(0)
            holder = stream.read().strip() or "another process"
            stream.close()
            message = f"`{self.path.parent}` is in use by {holder}"
            raise SpecError(
                Diagnostic("NS532", message, help=("wait for it, or train in another folder with `--run`",), exit_code=4)
            ) from None
        stream.truncate(0)
        stream.write(f"process {os.getpid()}")
        stream.flush()
        self.stream = stream
        return self

    def __exit__(self, *_: object) -> None:
        if self.stream is not None:
            self.stream.truncate(0)
            self.stream.close()


def describe_spec(folder: RunFolder, spec: Spec, document: Document) -> None:
    """Write `spec.yaml` as it was written and `resolved.json` with every default."""
    name = "spec.json" if document.is_json else "spec.yaml"
    write_whole(folder.path / name, document.text)
    folder.write_json("resolved.json", expanded(spec))
