"""From text to plain data with a span for every node: the first stage."""

from netspec.source.document import MAX_BYTES, MAX_DEPTH, MAX_NODES, MAX_SCALAR, Document, Plain, split_lines
from netspec.source.read import means_to_be_a_spec, read_bytes, read_file, read_own, read_text, shown_lines
from netspec.source.yaml import resolve

__all__ = [
    "MAX_BYTES", "MAX_DEPTH", "MAX_NODES", "MAX_SCALAR", "Document", "Plain", "means_to_be_a_spec",
    "read_bytes", "read_file", "read_own", "read_text", "resolve", "shown_lines", "split_lines",
]  # fmt: skip
