"""What all components share: one class each, Pydantic fields with descriptions, one short field.

A catalogue is a dict written by hand. Nothing here imports a framework.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_plain_validator_function

from netspec.diagnostics import closest, suggest
from netspec.diagnostics.suggest import FOREIGN_WORDS


class Component(BaseModel):
    """Something a spec can name. `type` is its word in a spec; `short` the field that may stand alone."""

    # `Any` in this file is Pydantic's own: what a validator is handed before it is checked.
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True, protected_namespaces=())

    type: ClassVar[str] = ""
    short: ClassVar[str | None] = None
    all_short: ClassVar[bool] = False
    """A mapping too is the short field's value (`{constant: ...}` style maps are never field lists)."""

    @classmethod
    def fields_from(cls, value: object) -> object:
        """The mapping of fields that `value` stands for: itself, nothing, or the short field alone."""
        if value is None:
            return {}
        if isinstance(value, Mapping) and (
            not cls.all_short or (list(value) == [cls.short] and isinstance(value[cls.short], Mapping))
        ):
            return value
        if cls.short is None:
            what, help = cls._what_it_takes()
            raise PydanticCustomError(
                "ns204",
                "`{type}` takes {what}, not {found}",
                {"type": cls.type, "what": what, "found": describe(value), "help": help},
            )
        return {cls.short: value}

    @classmethod
    def _what_it_takes(cls) -> tuple[str, str]:
        """What may stand beside the component's name where no field may stand alone, and how it is written."""
        if not cls.model_fields:
            other = FOREIGN_WORDS.get(cls.type)  # torch's Linear has units, ours is an activation
            return "no value", f"did you mean `{other}`?" if other else f"write `{cls.type}` alone"
        required = [name for name, field in cls.model_fields.items() if field.is_required()]
        shown = [*getattr(cls, "alternatives", ())[:1], *required] or list(cls.model_fields)[:1]
        return "fields", f"write `{cls.type}: {{{', '.join(f'{name}: ...' for name in shown)}}}`"


C = TypeVar("C", bound=Component)


def describe(value: object) -> str:
    """A value as a message names it: its kind, and itself where it is short."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "`true`" if value else "`false`"
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text `{value}`" if len(value) <= 40 else "a long text"
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, (list, tuple)) else "a value"


def quoted(value: object) -> str:
    """A value that stands where a name was due: a short text in backticks, others as `describe` has them."""
    return f"`{value}`" if isinstance(value, str) and len(value) <= 40 else describe(value)


def written(value: object) -> str:
    """A short value as a spec writes it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {written(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(written(item) for item in value) + "]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def choose_component(catalogue: Mapping[str, type[C]], kind: str, value: object) -> C:
    """The component that `value` (`name`, or `{name: fields}`) chooses.

    Raises PydanticCustomError for an unknown name, pydantic.ValidationError for wrong fields.
    """
    if isinstance(value, str):
        name, fields = value, None
    elif isinstance(value, Mapping) and len(value) == 1:
        (name, fields), *_ = value.items()
    else:
        raise PydanticCustomError(
            "ns204",
            "expected the name of {kind}, or one name with its fields, found {found}",
            {
                "kind": f"an {kind}" if kind[0] in "aeiou" else f"a {kind}",
                "found": f"{len(value)} keys" if isinstance(value, Mapping) else describe(value),
                "help": _one_name_help(catalogue, value),
            },
        )
    if name not in catalogue:
        raise PydanticCustomError(
            "ns206",
            "unknown {kind} `{name}`",
            {
                "kind": kind,
                "name": name,
                "help": suggest(name, catalogue, list_up_to=30),
                **({} if isinstance(value, str) else {"below": name}),
            },
        )
    component = catalogue[name]
    try:
        return component.model_validate(component.fields_from(fields))
    except PydanticCustomError as error:
        # Raised by `fields_from`, outside any validation: the place is this component's key.
        raise PydanticCustomError(error.type, error.message(), {**(error.context or {}), "below": name}) from None


def _one_name_help(catalogue: Mapping[str, type[C]], value: object) -> str:
    """How one component is chosen, where `value` names none, several, or one in another framework's form."""
    if not isinstance(value, Mapping):
        names = [item for item in value if isinstance(item, str)] if isinstance(value, (list, tuple)) else []
        return suggest(names[0] if names else "", catalogue, list_up_to=30)
    kind = next((key for key in ("name", "type", "class_name") if isinstance(value.get(key), str)), None)
    chosen = [closest(value[kind], catalogue) or value[kind]] if kind else [key for key in value if key in catalogue]
    if len(chosen) > 1:
        return f"keep one of {' and '.join(f'`{name}`' for name in chosen)}"
    if not chosen:
        return suggest("", catalogue)
    alone = value.get(chosen[0])
    short = (
        catalogue[chosen[0]].short if chosen[0] in catalogue and alone is not None and not isinstance(alone, Mapping) else None
    )
    fields = [*([short] if short else []), *(key for key in value if key != kind and key not in chosen)]
    return f"write `{{{chosen[0]}: {{{', '.join(f'{key}: ...' for key in fields)}}}}}`"


class Choice:
    """Says of a field which components it accepts."""

    def __init__(self, catalogue: Callable[[], Mapping[str, type[Component]]]) -> None:
        self.catalogue = catalogue


class OneOf(Choice):
    """The annotation of a field that names one component: `Annotated[Loss, OneOf(lambda: LOSSES, "loss")]`.

    A spec writes a name, or one key with its value; code gives the component itself.
    """

    def __init__(self, catalogue: Callable[[], Mapping[str, type[Component]]], kind: str) -> None:
        super().__init__(catalogue)
        self.kind = kind

    def _choose(self, value: object) -> object:
        return value if isinstance(value, Component) else choose_component(self.catalogue(), self.kind, value)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_plain_validator_function(self._choose)

    def __get_pydantic_json_schema__(self, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"x-netspec-catalogue": self.kind, "enum": sorted(self.catalogue())}


__all__ = ["Choice", "Component", "OneOf", "WithJsonSchema", "choose_component", "describe", "quoted", "written"]
