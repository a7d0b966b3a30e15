"""The sections of a spec beside the model: initialize, data, export, expect; `train` stands in `training`."""

import re
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from netspec.components.augment import AUGMENTS, Augment
from netspec.components.base import OneOf, describe
from netspec.components.fields import Bool, Count, Int, Texts, finite
from netspec.components.sources import SOURCES, Source
from netspec.components.transforms import TRANSFORMS, Transform
from netspec.components.transforms.categories import class_name
from netspec.spec.section import Section, listed, refused
from netspec.spec.training import Training

AnySource: TypeAlias = Annotated[Source, OneOf(lambda: SOURCES, "source")]
AnyTransform: TypeAlias = Annotated[Transform, OneOf(lambda: TRANSFORMS, "preprocessing step")]
AnyAugment: TypeAlias = Annotated[Augment, OneOf(lambda: AUGMENTS, "augmentation")]


def _listed(value: object) -> object:
    return value if isinstance(value, (list, tuple)) else [value]


Steps = Annotated[tuple[AnyTransform, ...], BeforeValidator(_listed), WithJsonSchema({"x-netspec": "steps"})]
Part = Annotated[Any, BeforeValidator(lambda value: _part(value)), WithJsonSchema({"x-netspec": "number", "minimum": 0})]


def _part(value: object) -> float | int:
    """A share of the rows below 1, or a number of rows."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        percent = isinstance(value, str) and re.match(r"([0-9]+)\s*%\Z", value)
        help = f"write {int(percent[1]) / 100:g}" if percent else ""
        raise PydanticCustomError(
            "ns204", "expected a share such as 0.15, or a number of rows, found {f}", {"f": describe(value), "help": help}
        )
    if not value >= 0 or (isinstance(value, float) and value >= 1):
        raise PydanticCustomError(
            "ns205", "expected a share from 0 up to but not including 1, or a number of rows, found {v}", {"v": value}
        )
    return value


class Split(Section):
    """How rows are divided into parts; `train` gets what is left."""

    validation: Part = Field(0.0, description="Share (below 1) or number of rows that training is watched on.")
    test: Part = Field(0.0, description="Share (below 1) or number of rows that are kept for the end.")
    stratify: Bool = Field(False, description="Keeps each class's share the same in every part.")
    seed: Int = Field(0, description="Which split of the many.")
    by: Literal["time"] | None = Field(None, description="`time` cuts in row order instead of drawing.", examples=["time"])
    group: str | None = Field(None, description="A column whose equal values stay in one part.", examples=["patient"])

    @model_validator(mode="after")
    def _something_left(self) -> Self:
        shares = [part for part in (self.validation, self.test) if isinstance(part, float)]
        if sum(shares) >= 1:
            help = "make them smaller: what they leave is the training part"
            raise refused("`validation` and `test` leave nothing to train on", help)
        if self.stratify and (self.by or self.group):
            raise refused("`stratify` cannot be joined with `by` or `group`", "remove one of the two")
        return self


class SeriesSection(Section):
    """Windows over time: a stretch of steps goes in, what follows is due."""

    columns: Texts = Field((), description="The columns of the series; by default all numbers.", examples=[["Passengers"]])
    window: Count = Field(description="Steps that go in.", examples=[24])
    horizon: Count = Field(1, description="Steps that are due.")
    at: Literal["all", "last"] = Field("all", description="Whether every step of the horizon is due, or its last one alone.")
    stride: Count = Field(1, description="Steps from the start of one window to the next.")
    target: Literal["ahead", "next"] = Field(
        "ahead", description="`ahead` for the steps behind the window; `next` for language models: at each step the next one."
    )


def _class_name(value: object) -> object:
    """A class as text; `yes` and `true` without quotes are truth values, which no class is."""
    if isinstance(value, bool):
        help = f"write it in quotes: `'{str(value).lower()}'`, as the data have it"
        raise PydanticCustomError(
            "ns204", "expected the name of a class, found {found}", {"found": describe(value), "help": help}
        )
    return class_name(float(value)) if isinstance(value, (int, float)) else value


ClassName = Annotated[str, BeforeValidator(_class_name), WithJsonSchema({"type": ["string", "number"]})]


class DataSection(Section):
    """Where examples come from and how they are prepared."""

    source: AnySource = Field(description="The data: a kind of source with its fields.", examples=[{"csv": "rows.csv"}])
    inputs: dict[str, Texts] | None = Field(
        None,
        description="The columns of each input; `all` is every column but targets and identifiers.",
        examples=[{"input": "all"}],
    )
    target: str | dict[str, str] | None = Field(
        None, description="The target column, by output name where there are several.", examples=["species"]
    )
    positive: ClassName | dict[str, ClassName] | None = Field(
        None,
        description="Of two classes the one that precision, recall, F1 and the curves are figures of, and whose chance one "
        "sigmoid gives; by output where there are several targets. By default the last one in sorted order.",
        examples=["churn"],
    )
    classes: tuple[ClassName, ...] | dict[str, tuple[ClassName, ...]] | None = Field(
        None,
        description="The order of the target's classes, by output where there are several targets; by default sorted.",
        examples=[["low", "middle", "high"]],
    )
    series: SeriesSection | None = Field(None, description="Windows over time.", examples=[{"window": 24, "horizon": 1}])
    split: Split = Field(default_factory=Split, description="How rows are divided into train, validation and test.")
    preprocess: dict[str, Steps] = Field(
        default_factory=dict,
        description="Steps by input, column or kind.",
        examples=[{"numbers": [{"impute": "median"}, "standardize"]}],
    )
    augment: Annotated[tuple[AnyAugment, ...], BeforeValidator(listed("augment"))] = Field(
        (), description="Random changes of training batches."
    )

    @model_validator(mode="after")
    def _parts_are_given_once(self) -> Self:
        """Where parts have files of their own, only `validation` may still be cut from the training part."""
        given = self.source.given_parts() if isinstance(self.source, Source) else ()
        for part, size in (("test", self.split.test), ("validation", self.split.validation)):
            if given and size and (part == "test" or part in given):
                what = f"`{self.source.type}` gives the parts {' and '.join(f'`{each}`' for each in given)}"
                help = "remove it" if part in given else f"remove it, or name the test part's file: `{part}: ...` in the source"
                context = {"part": part, "what": what, "help": help, "at": ("split", part)}
                raise PydanticCustomError("ns213", "`split.{part}` divides nothing: {what}", context)
        return self


RUN_REFERENCE = re.compile(r"(?P<name>[a-z][a-z0-9_-]*)(/(?!best\Z)(?P<id>[A-Za-z0-9_-]+))?(/best)?\Z")


def _run_reference(value: object) -> object:
    if isinstance(value, str) and not RUN_REFERENCE.match(value):
        raise refused(f"`{value}` is no run", "write `NAME/best`, or `NAME/ID/best`: runs are found below `--runs`")
    return value


class InitializeSection(Section):
    """Parts whose weights come from an earlier run."""

    run: Annotated[str, BeforeValidator(_run_reference)] = Field(
        alias="from",
        description="`NAME/best` for the newest finished run of that name below `--runs`, `NAME/ID/best` for one of them.",
        examples=["digits-autoencoder/best"],
    )
    layers: dict[str, str] = Field(
        description="For each named layer or block here, the one there whose weights it takes.",
        examples=[{"encoder": "encoder"}],
    )
    freeze: Bool = Field(False, description="Training leaves these weights as they are.")


class ExportSection(Section):
    """What the shipped graph looks like."""

    inputs: Literal["raw", "prepared"] = Field(
        "raw",
        description="`raw` has the preprocessing in the graph, `prepared` the network alone.",
    )
    outputs: Literal["as_spec", "probabilities", "labels"] = Field("as_spec", description="What the graph gives.")
    layout: Literal["channels_last", "channels_first"] = Field("channels_last", description="Layout at the graph's boundary.")
    dynamic: tuple[str, ...] | None = Field(
        None, description="Axes that stay free; by default the batch and every free dim.", examples=[["batch"]]
    )
    masking: Literal["native", "portable"] = Field(
        "native", description="How sequences' lengths reach recurrent operators: `portable` for runtimes that ignore them."
    )
    opset: Annotated[
        int,
        BeforeValidator(lambda value: _opset(value)),
        WithJsonSchema({"x-netspec": "count", "minimum": 18, "maximum": 23}),
    ] = Field(18, description="ONNX opset, 18 to 23.")


def _opset(value: object) -> int:
    if type(value) is not int:
        raise PydanticCustomError("ns204", "expected an opset from 18 to 23, found {found}", {"found": describe(value)})
    if not 18 <= value <= 23:
        raise refused(
            f"opset {value} is not one of 18 to 23", "remove it: 18 is the default, and is raised where a step needs it"
        )
    return value


_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([kMG]?)(B?)\Z")
_FACTORS = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9}


def _quantity(value: object) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return finite(value)
    match = _QUANTITY.match(value.replace("KB", "kB")) if isinstance(value, str) else None
    if match is None:
        raise PydanticCustomError(
            "ns204",
            "expected a number such as 50k, 2M or 200KB, found {found}",
            {"found": describe(value), "help": "k, M and G are thousands, millions and billions; a B behind them means bytes"},
        )
    return round(float(match[1]) * _FACTORS[match[2]])


Quantity = Annotated[Any, BeforeValidator(_quantity), WithJsonSchema({"x-netspec": "quantity"})]


class Bound(Section):
    """What a figure must be."""

    min: Quantity | None = Field(None, description="It is at least this.", examples=[10])
    max: Quantity | None = Field(None, description="It is at most this.", examples=[50])
    equal: Quantity | None = Field(None, description="It is exactly this.", examples=[61706])

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.min is None and self.max is None and self.equal is None:
            raise refused("a promise needs `min`, `max` or `equal`", "for example `{max: 50k}`")
        return self

    def broken_by(self, value: float) -> tuple[str, float] | None:
        """The first bound that `value` breaks, as its field and number."""
        if self.equal is not None and value != self.equal:
            return "equal", self.equal
        if self.min is not None and not value >= self.min:
            return "min", self.min
        if self.max is not None and not value <= self.max:
            return "max", self.max
        return None


class ExpectSection(Section):
    """Promises that CI holds the spec to."""

    output: tuple[int | str, ...] | dict[str, tuple[int | str, ...]] | None = Field(
        None, description="The shape of the output, without the batch axis.", examples=[[10]]
    )
    parameters: Bound | None = Field(None, description="Trainable parameters.", examples=[{"max": "50k"}])
    flops: Bound | None = Field(None, description="Multiply-adds counted as two, for one example.", examples=[{"max": "2M"}])
    memory: Bound | None = Field(
        None, description="Bytes that one training step takes at `batch_size` (an estimate).", examples=[{"max": "64MB"}]
    )
    onnx_size: Bound | None = Field(None, description="Bytes of the exported file.", examples=[{"max": "200KB"}])
    metrics: dict[str, Bound] = Field(
        default_factory=dict, description="Figures such as `test_accuracy`.", examples=[{"test_accuracy": {"min": 0.98}}]
    )


class DimSection(Section):
    """What is known of a named dim."""

    min: Count | None = Field(None, description="The least length.", examples=[10])
    max: Count | None = Field(None, description="The greatest length.", examples=[50])
    multiple_of: Count = Field(1, description="Every length is a multiple of this.")

    @model_validator(mode="after")
    def _some_length(self) -> Self:
        if self.max is not None and self.max // self.multiple_of * self.multiple_of < (self.min or 1):
            what = f"a multiple of {self.multiple_of} " if self.multiple_of > 1 else ""
            message = f"no length fits: {what}from {self.min or 1} to {self.max}"
            raise refused(message, "raise `max`, or lower the others")
        return self

    def refuses(self, length: int) -> str:
        """Why a length is not allowed; '' for one that is."""
        if self.min is not None and length < self.min:
            return f"at least {self.min}"
        if self.max is not None and length > self.max:
            return f"at most {self.max}"
        return f"a multiple of {self.multiple_of}" if length % self.multiple_of else ""

    @property
    def least(self) -> int | None:
        """The shortest length that is allowed, where that is said."""
        return None if self.min is None else -(-self.min // self.multiple_of) * self.multiple_of

    @property
    def most(self) -> int | None:
        """The longest length that is allowed, where that is said."""
        return None if self.max is None else self.max // self.multiple_of * self.multiple_of


SECTIONS: dict[str, type[Section]] = {
    "initialize": InitializeSection,
    "data": DataSection,
    "train": Training,
    "export": ExportSection,
    "expect": ExpectSection,
}
"""The sections of a spec beside the model, by their keys. What `train` is hangs on the network: `Network.training`."""
