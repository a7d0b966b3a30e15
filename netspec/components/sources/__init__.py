"""The data sources of the language, listed by hand."""

from netspec.components.sources import images, sequences, tabular
from netspec.components.sources.base import Column, Kind, Locate, Reading, Source, Table

SOURCES: dict[str, type[Source]] = {source.type: source for family in (tabular, images, sequences) for source in family.SOURCES}

__all__ = ["SOURCES", "Column", "Kind", "Locate", "Reading", "Source", "Table"]
