"""The data sources of the language, listed by hand."""

from netspec.components.sources import images, json_lines, sequences, tabular
from netspec.components.sources.base import Column, Kind, Locator, Reading, Source, Table

_FAMILIES = (tabular, json_lines, images, sequences)
SOURCES: dict[str, type[Source]] = {source.type: source for family in _FAMILIES for source in family.SOURCES}

__all__ = ["SOURCES", "Column", "Kind", "Locator", "Reading", "Source", "Table"]
