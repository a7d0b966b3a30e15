"""From text to plain data with a span for every node: the first stage."""

from netspec.source.document import MAX_DEPTH, MAX_NODES, Document, Plain
from netspec.source.read import read_bytes, read_file, read_own, read_text
from netspec.source.yaml import resolve

__all__ = ["MAX_DEPTH", "MAX_NODES", "Document", "Plain", "read_bytes", "read_file", "read_own", "read_text", "resolve"]
