"""What every section of a spec is: a mapping of fields, and lists that say so."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError

from netspec.components.base import describe


class Section(BaseModel):
    """A mapping of fields under a top-level key."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


def refused(message: str, help: str) -> PydanticCustomError:
    """NS205 for fields that do not go together."""
    return PydanticCustomError("ns205", "{message}", {"message": message, "help": help})


def listed(field: str) -> Callable[[object], object]:
    """A list; a value that stands alone is told to be written as one."""

    def check(value: object) -> object:
        if isinstance(value, (list, tuple)):
            return value
        help = f"write `{field}: [{value}]`" if isinstance(value, str) else f"write `{field}: [...]`"
        raise PydanticCustomError("ns204", "expected a list, found {found}", {"found": describe(value), "help": help})

    return check
