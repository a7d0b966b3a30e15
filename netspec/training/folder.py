"""The run folder: what stands where, who may write in it, and how it is found again."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from filelock import FileLock, Timeout
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from netspec.components.transforms.pipeline import Preprocess
from netspec.data.pictures import write
from netspec.diagnostics import Diagnostic, Problem, SpecError
from netspec.files import exists, is_folder, json_text, unwritable, write_whole
from netspec.graph import Program, build
from netspec.source import read_own
from netspec.spec import Spec, read_spec
from netspec.spec.expand import expanded
from netspec.training.checkpoint import Listed, Saved, load_newest, prune
from netspec.training.seal import Damaged, hash_of, read_bytes, read_json, read_sealed, sealed

MANIFEST, RESOLVED, PREPROCESS = "manifest.json", "resolved.json", "preprocess.json"


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

    def manifest(self) -> dict[str, Any]:
        """What the run says of itself. Raises SpecError NS531 where there is none, NS530 where it is damaged."""
        path = self.path / MANIFEST
        if not exists(path):
            raise _no_run(self.path, f"`{MANIFEST}` is missing")
        try:
            data = read_sealed(path)
        except Damaged as damage:
            raise damaged(str(damage)) from None
        try:
            RunManifest.model_validate(data)
        except ValidationError as error:
            where = ".".join(str(step) for step in error.errors()[0]["loc"])
            raise damaged(f"`{path}` is damaged: `{where}` is not what netspec writes") from None
        return data

    def is_run(self) -> bool:
        """Whether a run has begun here."""
        return exists(self.path / MANIFEST)

    def update(self, **changes: Any) -> dict[str, Any]:
        """The manifest with some fields changed, written whole."""
        data = sealed({**self.manifest(), **changes})
        write_whole(self.path / MANIFEST, json_text(data, indent=1))
        return data

    def begin(self, manifest: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
        """Write what a run is made of, and then the manifest that lists it."""
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        for name, content in files.items():
            write_whole(self.path / name, content)
        write_whole(self.path / MANIFEST, json_text(sealed({**manifest, "version": 2, "files": hashes}), indent=1))

    def add(self, *names: str) -> None:
        """List files that were written by now with their hashes."""
        own = [name for name in names if (self.path / name).is_file() and not (self.path / name).is_symlink()]
        files = {name: hash_of(self.path / name) for name in own}
        self.update(files={**self.manifest()["files"], **files})

    def read_json(self, name: str) -> dict[str, Any]:
        """A JSON file of the run, as the manifest lists it. Raises SpecError NS530 for one that is damaged or gone."""
        manifest = self.manifest()
        expected = manifest.get("files", {}).get(name)
        if expected is None and manifest["version"] > 1:
            raise damaged(f"`{self.path / MANIFEST}` does not list `{name}`")
        try:
            return read_json(self.path / name, expected)
        except Damaged as damage:
            raise damaged(str(damage)) from None

    @property
    def listed(self) -> list[Listed]:
        """The checkpoints that the manifest lists, oldest first."""
        return [Listed(*each) for each in self.manifest().get("checkpoints", ())] if self.is_run() else []

    def newest(self) -> tuple[Saved | None, tuple[str, ...]]:
        """The newest sound checkpoint, and what is wrong with newer ones. Raises SpecError NS530 where all are damaged."""
        return load_newest(self.checkpoints, self.listed)

    def keep(self, saved: Listed, most: int) -> None:
        """List a checkpoint that was saved, and drop all but the newest `most`."""
        kept = [*(each for each in self.listed if each.name != saved.name), saved][-most:]
        self.update(checkpoints=[list(each) for each in kept], last=saved.name)
        prune(self.checkpoints, kept)

    def write_picture(self, name: str, picture: Any) -> None:
        """Write a picture [height, width, 3] of bytes below `samples`."""
        (self.path / "samples").mkdir(exist_ok=True)
        write(self.path / "samples" / name, picture)

    def write_json(self, name: str, data: Mapping[str, Any]) -> None:
        """Write a JSON file whole or not at all, and list it."""
        write_whole(self.path / name, json_text(data, indent=1))
        self.add(name)

    def program(self) -> tuple[Spec, Program, Preprocess]:
        """The spec, its program with all dims bound, and the fitted preprocessing. Raises SpecError."""
        manifest = self.manifest()
        text = json.dumps(self.read_json(RESOLVED), indent=1)
        spec, found = read_spec(read_own(text, str(self.path / RESOLVED)), {})
        program, more = build(spec) if spec else (None, ())
        if spec is None or program is None:
            raise SpecError((*found, *more))
        fitted = self.read_json(PREPROCESS)
        try:
            bound = program.bind(manifest["lengths"]).with_ragged(manifest["ragged"])
            unbound = sorted(name for graph in bound.graphs.values() for name in graph.weight_names)
            if unbound:
                raise damaged(f"`{self.path / MANIFEST}` gives no length to `{unbound[0]}`")
            return spec, bound, Preprocess.from_json(fitted)
        except (Problem, ValidationError, KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            # What a stranger wrote in the form of a run, or a run of another version.
            message = f"`{self.path / PREPROCESS}` does not fit the spec of the run ({type(error).__name__})"
            raise damaged(message) from None


class RunManifest(BaseModel):
    """What a run's manifest has to hold."""

    model_config = ConfigDict(extra="allow", strict=True)

    version: int
    name: str
    state: str
    started: str
    lengths: dict[str, Annotated[int, Field(ge=1)]]
    ragged: list[str]
    rows: dict[str, int]
    data_sha256: str
    roots: dict[str, str]
    files: dict[str, str] = {}
    checkpoints: list[tuple[str, int, str] | list[str | int]] = []
    threshold: float | None = None


def damaged(what: str) -> SpecError:
    """NS530 for a file of a run that is not what was written."""
    help = "restore the folder from a copy, or train again"
    return SpecError(Diagnostic("NS530", what, help=(help,), exit_code=5))


def _no_run(path: Path, why: str) -> SpecError:
    help = "name the folder that `netspec train` printed"
    return SpecError(Diagnostic("NS531", f"`{path}` is not a run folder: {why}", help=(help,), exit_code=2))


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
            raise unwritable(path, error, "choose another folder with `--runs`") from None
        return RunFolder(path)
    raise SpecError(Diagnostic("NS532", f"cannot find a free name in `{runs / name}`", exit_code=4))


def newest_run(runs: Path, name: str) -> RunFolder | None:
    """The run of that name that was started last."""
    folder = runs / name
    found = [RunFolder(path) for path in folder.iterdir() if RunFolder(path).is_run()] if is_folder(folder) else []
    return max(found, key=started, default=None)


def started(folder: RunFolder) -> tuple[float, str]:
    """When a run was started, by its manifest; the name decides where that cannot be read."""
    try:
        manifest = read_sealed(folder.path / MANIFEST)
        return float(manifest.get("started_at", 0.0)), folder.path.name
    except (Damaged, TypeError, ValueError):
        return 0.0, folder.path.name


class Lock:
    """One process in a run folder: held by the kernel, so a dead holder's lock is free at once."""

    def __init__(self, folder: RunFolder) -> None:
        self.path, self.holder = folder.path / "lock", folder.path / "lock.holder"
        self.lock = FileLock(self.path, timeout=0)

    def __enter__(self) -> Lock:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.lock.acquire()
        except Timeout:
            message = f"`{self.path.parent}` is in use by {self._holder()}"
            help = ("wait for it, or train in another folder with `--run`",)
            raise SpecError(Diagnostic("NS532", message, help=help, exit_code=4)) from None
        except OSError as error:
            raise unwritable(self.path.parent, error, "choose another folder with `--runs`") from None
        try:
            write_whole(self.holder, f"process {os.getpid()}")
        except SpecError:
            self.lock.release()
            raise
        return self

    def _holder(self) -> str:
        """Who holds it, as far as that can be read."""
        try:
            return read_bytes(self.holder)[:100].decode(errors="replace") or "another process"
        except Damaged:
            return "another process"

    def __exit__(self, *_: object) -> None:
        self.holder.unlink(missing_ok=True)
        self.lock.release()


def files_of(spec: Spec, preprocess: Preprocess) -> dict[str, bytes]:
    """The files that a run is made of: the spec as it was written, with every default, and what was fitted."""
    name = "spec.json" if spec.document.is_json else "spec.yaml"
    return {
        name: spec.document.text.encode(),
        RESOLVED: json.dumps(expanded(spec), indent=1).encode(),
        PREPROCESS: json.dumps(preprocess.json(), indent=1).encode(),
    }
