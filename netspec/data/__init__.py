"""The engine that reads, splits, fits and makes batches."""

from netspec.data.paths import Roots
from netspec.data.prepare import Dataset, Part, prepare

__all__ = ["Dataset", "Part", "Roots", "prepare"]
