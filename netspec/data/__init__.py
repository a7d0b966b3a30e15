"""The engine that reads, splits, fits and makes batches."""

from netspec.data.prepare import Dataset, Part, prepare
from netspec.spec.paths import Roots

__all__ = ["Dataset", "Part", "Roots", "prepare"]
