"""Where a spec's paths may lead: below its root or the data root, and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath

from pydantic import BaseModel

from netspec.components.fields import IsPath
from netspec.diagnostics import Diagnostic, Path, Problem, placed
from netspec.source import Document
from netspec.spec.reader import dotted

_MARKS = (".git", "pyproject.toml")


@dataclass(frozen=True)
class Roots:
    """The folders that a run may read and write; all but the spec's own come from the command line."""

    folder: FilePath
    root: FilePath
    data_root: FilePath | None = None
    runs: FilePath = FilePath("runs")

    @staticmethod
    def of(
        spec_file: str | FilePath,
        root: FilePath | None = None,
        data_root: FilePath | None = None,
        runs: FilePath | None = None,
    ) -> Roots:
        """The roots of a spec: `root` is the nearest parent with `.git` or `pyproject.toml` unless given."""
        folder = FilePath(spec_file).resolve().parent
        marked = next((p for p in (folder, *folder.parents) if any((p / mark).exists() for mark in _MARKS)), folder)
        return Roots(folder, (root or marked).resolve(), data_root and data_root.resolve(), runs or FilePath("runs"))

    def locate(self, path: str) -> FilePath:
        """The file or folder that `path` means.

        Raises Problem NS006 for a path that leads out of the roots, NS501 for one that is not there.
        """
        meant = self.meant(path)
        found = next((place for place in meant if place.exists()), None)
        if found is None:
            looked = " and ".join(f"`{base}`" for base in self._bases)
            raise Problem("NS501", f"`{path}` does not exist", help=f"looked in {looked}; another folder: `--data-root DIR`")
        return found

    def inside(self, path: FilePath) -> FilePath:
        """What a path that was found in a folder is, its links followed. Raises Problem NS006 where they lead out."""
        try:
            found = path.resolve()
        except (OSError, RuntimeError):
            raise Problem("NS006", f"`{path}` is a link that leads nowhere", help="a link may lead in a circle") from None
        if not any(found.is_relative_to(allowed) for allowed in (self.root, self.data_root) if allowed is not None):
            help = "keep data below it, or name a folder with `--data-root`"
            raise Problem("NS006", f"`{path}` is a link that leads out of `{self.data_root or self.root}`", help=help)
        return found

    def meant(self, path: str) -> tuple[FilePath, ...]:
        """Every place that a path may mean, whether something is there or not. Raises Problem NS006."""
        return tuple(self._inside(base, path) for base in self._bases)

    @property
    def _bases(self) -> tuple[FilePath, ...]:
        return tuple(base for base in (self.data_root, self.folder) if base is not None)

    def _inside(self, base: FilePath, path: str) -> FilePath:
        """The place below a base, links followed. Raises Problem NS006 where it lies outside of what is allowed."""
        allowed = base if base == self.data_root else self.root
        try:
            found = (base / path).resolve()
        except (OSError, ValueError, RuntimeError):
            raise Problem("NS006", f"`{path}` is a path that leads nowhere", help="a link may lead in a circle") from None
        if not found.is_relative_to(allowed):
            help = "keep data below it, or name a folder with `--data-root`"
            raise Problem("NS006", f"`{path}` leads out of `{allowed}`", help=help)
        return found


def paths_of(model: BaseModel, at: Path) -> Iterator[tuple[Path, str]]:
    """Every path that a section or a component names, with its place in the spec."""
    for name, info in type(model).model_fields.items():
        value = getattr(model, name)
        here = (*at, info.alias or name)
        if _is_path(info.annotation, info.metadata):
            several = value if isinstance(value, tuple) else (value,)
            yield from (((*here, i) if isinstance(value, tuple) else here, each) for i, each in enumerate(several) if each)
        elif isinstance(value, BaseModel):
            kind = getattr(value, "type", "")
            yield from paths_of(value, (*here, kind) if kind else here)


def _is_path(annotation: object, metadata: list[object]) -> bool:
    """Whether a field holds paths, however deep the annotation says so."""
    if any(isinstance(each, IsPath) for each in (*metadata, *getattr(annotation, "__metadata__", ()))):
        return True
    return any(
        _is_path(inner, [])
        for inner in (*getattr(annotation, "__args__", ()), getattr(annotation, "__origin__", None))
        if inner
    )


def leading_out(document: Document, sections: dict[str, BaseModel | None], roots: Roots) -> Iterator[Diagnostic]:
    """NS006 for each path that leads out of the roots: told before anything is read, and whether or not it is there."""
    for key, section in sections.items():
        for at, path in paths_of(section, (key,)) if section else ():
            try:
                roots.meant(before_pattern(path))
            except Problem as problem:
                told = Problem(problem.code, problem.message.replace(before_pattern(path), path), help=problem.help)
                yield placed(told, file=document.file, span=document.span(at), path=dotted(at))


def before_pattern(path: str) -> str:
    """The folders of a path that come before a pattern such as `recordings/*_[0-4].wav`; all of a path without one."""
    parts = path.split("/")
    first = next((i for i, part in enumerate(parts) if re.search(r"[*?\[]", part)), len(parts))
    return "/".join(parts[:first]) or "."
