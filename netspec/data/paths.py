"""Where a spec's paths may lead: below its root or the data root, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from netspec.diagnostics import Problem

_MARKS = (".git", "pyproject.toml")


@dataclass(frozen=True)
class Roots:
    """The folders that a run may read and write; all but the spec's own come from the command line."""

    folder: Path
    root: Path
    data_root: Path | None = None
    runs: Path = Path("runs")

    @staticmethod
    def of(spec_file: str | Path, root: Path | None = None, data_root: Path | None = None, runs: Path | None = None) -> Roots:
        """The roots of a spec: `root` is the nearest parent with `.git` or `pyproject.toml` unless given."""
        folder = Path(spec_file).resolve().parent
        marked = next((p for p in (folder, *folder.parents) if any((p / mark).exists() for mark in _MARKS)), folder)
        return Roots(folder, (root or marked).resolve(), data_root and data_root.resolve(), runs or Path("runs"))

    def locate(self, path: str) -> Path:
        """The file or folder that `path` means.

        Raises Problem NS006 for a path that leads out of the roots, NS501 for one that is not there.
        """
        if path.startswith(("~", "/", "\\")) or "://" in path or "\0" in path:
            raise Problem(
                "NS006", f"`{path}` is not a relative path", help="write it relative to the spec, or use `--data-root`"
            )
        bases = [base for base in (self.data_root, self.folder) if base is not None]
        for base in bases:
            found = (base / path).resolve()
            allowed = base if base == self.data_root else self.root
            if not found.is_relative_to(allowed):
                raise Problem(
                    "NS006",
                    f"`{path}` leads out of `{allowed}`",
                    help="keep data below it, or name a folder with `--data-root`",
                )
            if found.exists():
                return found
        looked = " and ".join(f"`{base}`" for base in bases)
        raise Problem("NS501", f"`{path}` does not exist", help=f"looked in {looked}; another folder: `--data-root DIR`")
