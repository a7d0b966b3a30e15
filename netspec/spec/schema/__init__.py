"""The JSON Schema of a spec, generated from the models."""

from netspec.spec.schema.document import schema

__all__ = ["schema"]
