"""The spec as a checked object: sections, items, variables."""

from netspec.spec.load import Spec, load, read_spec

__all__ = ["Spec", "load", "read_spec"]
