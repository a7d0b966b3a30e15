"""The emitter's sequences: time-major runs, lengths, masks, and recurrent operators in native or portable form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from netspec.emit import Array, Recurrent
from netspec.emit import Value as AnyValue
from netspec.exporter.cells import is_spelled_out, scanned
from netspec.exporter.emitter import EmittedValue, OnnxEmitter, own
from netspec.exporter.opset import STRING_SPLIT
from netspec.tensor import Dim, DType, Formula, Share, TensorType, names_in

_FAR = -1e9
"""What is added to scores that must not be seen: its exponential is zero."""


class SequenceEmitter(OnnxEmitter):
    """The emitter with what ragged sequences need. `lengths` holds the int64 [batch] lengths of each ragged dim."""

    def __init__(self, opset: int, masking: str) -> None:
        super().__init__(opset)
        self.masking = masking
        self.lengths: dict[str, EmittedValue] = {}
        self._evaluated: dict[str, EmittedValue] = {}
        self._masks: dict[tuple[int, str], EmittedValue] = {}

    def lengths_of(self, x: AnyValue) -> EmittedValue | None:
        """How many steps of each example of `x` count, int64 [batch]; None where all do."""
        dim = own(x).type.shape[0]
        if not isinstance(dim, Formula) or not names_in(dim) <= self.lengths.keys():
            return None
        if str(dim) not in self._evaluated:
            self._evaluated[str(dim)] = self._number(dim)
        return self._evaluated[str(dim)]

    def _number(self, dim: Dim) -> EmittedValue:
        """A formula's value for each example."""
        if isinstance(dim, int):
            return self.integers([dim])
        terms = []
        for atoms, count in dim.terms:
            factors = [self._atom(atom) for atom in atoms]
            if count != 1 or not factors:
                factors.append(self.integers([count]))
            term = factors[0]
            for factor in factors[1:]:
                term = self.op("Mul", [term, factor])
            terms.append(term)
        total = terms[0]
        for term in terms[1:]:
            total = self.op("Add", [total, term])
        return total

    def _atom(self, atom: Any) -> EmittedValue:
        if isinstance(atom, str):
            return self.lengths[atom]
        if isinstance(atom, Share):
            return self.op("Div", [self.lengths[atom.name], self.integers([atom.divisor])])
        return self.op("Div", [self._number(atom.numerator), self.integers([atom.divisor])])

    def steps_of(self, x: AnyValue) -> EmittedValue:
        """The number of steps of `x`, int64 [1]."""
        value = self.channels_last(x)
        size = value.type.shape[0]
        if isinstance(size, int):
            return self.integers([size])
        return self.op("Shape", [value], start=1, end=2, type=TensorType((1,), DType.int64), layout="channels_last")

    def _counting(self, x: AnyValue) -> EmittedValue:
        """0, 1, 2, ... up to the number of steps of `x`."""
        steps = self.op("Squeeze", [self.steps_of(x), self.integers([0])])
        return self.op("Range", [self.constant(0, "int64"), steps, self.constant(1, "int64")])

    def valid(self, x: AnyValue, shape: str) -> EmittedValue | None:
        """Which steps count: [batch, time] as `bt`, time first as `tb`, with ones behind as `bt1`, `tb1` or `bt11`."""
        lengths = self.lengths_of(x)
        if lengths is None:
            return None
        key = (id(lengths.value), shape)
        if key not in self._masks:
            steps, bounds = self._counting(x), lengths
            ones = [2 + i for i in range(shape.count("1"))]
            first = shape.startswith("t")
            steps = self.op("Unsqueeze", [steps, self.integers([1 if first else 0, *ones])])
            bounds = self.op("Unsqueeze", [bounds, self.integers([0 if first else 1, *ones])])
            self._masks[key] = self.op("Less", [steps, bounds], layout="channels_last")
        return self._masks[key]

    def silent(self, x: AnyValue, lengths: AnyValue) -> EmittedValue:
        """Samples [batch, samples] with zeros past each length [batch]: a window may reach beyond the end."""
        size = self.op("Squeeze", [self.op("Shape", [x], start=1, end=2), self.integers([0])])
        steps = self.op("Range", [self.constant(0, "int64"), size, self.constant(1, "int64")])
        counts = self.op("Unsqueeze", [lengths, self.integers([1])])
        return self.op(
            "Where", [self.op("Less", [self.op("Unsqueeze", [steps, self.integers([0])]), counts]), x, self.constant(0.0)]
        )

    def masked(self, x: AnyValue, fill: float = 0.0) -> EmittedValue:
        """`x` with `fill` past each length."""
        value = self.channels_last(x) if own(x).layout != "time_major" else own(x)
        ones = "1" * (value.type.rank - 1)
        mask = self.valid(value, ("tb" if value.layout == "time_major" else "bt") + ones)
        if mask is None:
            return value
        return self.op("Where", [mask, value, self.constant(fill)], layout=value.layout, type=value.type)

    def attention_mask(self, x: AnyValue, *, causal: bool) -> EmittedValue | None:
        """What is added to scores [batch, heads, time, time]: zero, or far below for steps that are not seen."""
        seen = self.valid(x, "bt")
        found = None if seen is None else self.op("Unsqueeze", [seen, self.integers([1, 2])])
        if causal:
            steps = self._counting(x)
            rows = self.op("Unsqueeze", [steps, self.integers([1])])
            before = self.op("LessOrEqual", [self.op("Unsqueeze", [steps, self.integers([0])]), rows])
            found = before if found is None else self.op("And", [found, before])
        if found is None:
            return None
        return self.op("Where", [found, self.constant(0.0), self.constant(_FAR)], layout="channels_last")

    def recurrent(self, layer: Recurrent, x: AnyValue, weights: Mapping[str, Array]) -> EmittedValue:
        """A recurrent layer as ONNX' operator, time-major; with `portable` masks where runtimes ignore lengths."""
        value = self.time_major(x)
        lengths = self.lengths_of(value)
        if lengths is not None and self.masking == "portable":
            return self._portable(layer, value, lengths, weights)
        direction = "bidirectional" if layer.bidirectional else "reverse" if layer.go_backwards else "forward"
        counts = None if lengths is None else self.op("Cast", [lengths], to=6)  # 6 is TensorProto.INT32
        ys, last = self._operator(layer, value, layer.packed(weights), direction, counts, "")
        if not layer.return_sequences:
            return self._joined(layer, last, first_axis=0)
        y = self._joined(layer, ys, first_axis=1)
        if layer.go_backwards:
            y = self._flipped(y, lengths)
        return EmittedValue(y.value, layer.output(value.type), "time_major")

    def _operator(
        self,
        layer: Recurrent,
        x: EmittedValue,
        packed: Mapping[str, Array],
        direction: str,
        counts: EmittedValue | None,
        suffix: str,
    ) -> tuple[EmittedValue, EmittedValue]:
        """Every step's output [time, directions, batch, units], and the last [directions, batch, units]."""
        if is_spelled_out(layer):
            return self._spelled_out(layer, x, packed, direction, counts)
        named = {name: self.weight(f"{name}{suffix}", array) for name, array in packed.items()}
        inputs = [x, named["W"], named["R"], named.get("B"), counts]
        while inputs[-1] is None:
            inputs.pop()
        units = packed["R"].shape[-1]
        ys, last, *_ = self.ops(
            layer.operator,
            inputs,
            3 if layer.operator == "LSTM" else 2,
            hidden_size=units,
            direction=direction,
            **layer.onnx_attributes(),
            **self._activations(layer, direction),
        )
        return ys, last

    def _spelled_out(
        self, layer: Recurrent, x: EmittedValue, packed: Mapping[str, Array], direction: str, counts: EmittedValue | None
    ) -> tuple[EmittedValue, EmittedValue]:
        """The same by a Scan for each direction; one that reads from the end reads a reversed copy."""
        lengths = None if counts is None else self.lengths_of(x)
        mask = None if counts is None else self.valid(x, "tb1")
        backwards = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}[direction]
        ys, ends = [], []
        for number, backward in enumerate(backwards):
            one = {name: array[number] for name, array in packed.items()}
            y, end = scanned(self, layer, self._flipped(x, lengths) if backward else x, one, mask)
            ys.append(self.op("Unsqueeze", [self._flipped(y, lengths) if backward else y, self.integers([1])]))
            ends.append(self.op("Unsqueeze", [end, self.integers([0])]))
        return self.op("Concat", ys, axis=1), self.op("Concat", ends, axis=0)

    def _activations(self, layer: Recurrent, direction: str) -> dict[str, Any]:
        """The cell's activations, where they are not the operator's own."""
        usual = {"RNN": ("tanh",), "GRU": ("sigmoid", "tanh"), "LSTM": ("sigmoid", "tanh", "tanh")}
        if layer.curves() == usual[layer.operator]:
            return {}
        return layer.activation_attributes(2 if direction == "bidirectional" else 1)

    def _joined(self, layer: Recurrent, value: EmittedValue, *, first_axis: int) -> EmittedValue:
        """The directions as one: the axis `first_axis` goes."""
        plain = TensorType((0,))
        if not layer.bidirectional:
            return self.op("Squeeze", [value, self.integers([first_axis])], layout="channels_last", type=plain)
        if layer.merge_mode in ("add", "average"):
            operator = "ReduceSum" if layer.merge_mode == "add" else "ReduceMean"
            return self.op(operator, [value, self.integers([first_axis])], keepdims=0, layout="channels_last", type=plain)
        if layer.merge_mode == "multiply":
            a, b = (self.op("Gather", [value, self.constant(i, "int64")], axis=first_axis, type=plain) for i in (0, 1))
            return self.op("Mul", [a, b], layout="channels_last", type=plain)
        order = [1, 0, 2] if first_axis == 0 else [0, 2, 1, 3]
        moved = self.op("Transpose", [value], perm=order, type=plain)
        return self.op("Reshape", [moved, self.integers([0] * (first_axis + 1) + [-1])], layout="channels_last", type=plain)

    def _flipped(self, y: EmittedValue, lengths: EmittedValue | None) -> EmittedValue:
        """Each sequence [time, batch, ...] from its end to its start."""
        if lengths is None:
            ends = [self.integers([-1]), self.integers([-(2**63) + 1]), self.integers([0]), self.integers([-1])]
            return self.op("Slice", [y, *ends])
        return self.op("ReverseSequence", [y, lengths], batch_axis=1, time_axis=0)

    def _portable(self, layer: Recurrent, x: EmittedValue, lengths: EmittedValue, weights: Mapping[str, Array]) -> EmittedValue:
        """Without `sequence_lens`: what reads from the end reads a reversed copy, and masks do the rest."""
        mask = self.valid(x, "tb1")
        last = self._last_step(x, lengths)
        ys, ends = [], []
        packed = layer.packed(weights)
        for number, prefix in enumerate(layer.directions()):
            backward = prefix == "backward/" or layer.go_backwards
            one = {name: array[number : number + 1] for name, array in packed.items()}
            given = self._flipped(x, lengths) if backward else x
            suffix = "" if len(layer.directions()) == 1 else f"_{prefix.strip('/')}"
            found, _ = self._operator(layer, given, one, "forward", None, suffix)
            y = self.op("Squeeze", [found, self.integers([1])], type=TensorType((0,)))
            ends.append(self.op("ReduceSum", [self.op("Mul", [y, last]), self.integers([0])], keepdims=0))
            y = self.op("Where", [mask, y, self.constant(0.0)], type=TensorType((0,)))
            ys.append(self._flipped(y, lengths) if backward and layer.bidirectional else y)
        merged = self._merged(layer, ys if layer.return_sequences else ends)
        layout = "time_major" if layer.return_sequences else "channels_last"
        return EmittedValue(merged.value, layer.output(x.type), layout)  # type: ignore[arg-type]

    def _last_step(self, x: EmittedValue, lengths: EmittedValue) -> EmittedValue:
        """One at each sequence's last step, zero elsewhere: [time, batch, 1]."""
        steps = self.op("Unsqueeze", [self._counting(x), self.integers([1, 2])])
        ends = self.op("Sub", [lengths, self.integers([1])])
        return self.op("Cast", [self.op("Equal", [steps, self.op("Unsqueeze", [ends, self.integers([0, 2])])])], to=1)

    def word_ids(self, x: AnyValue, words: Sequence[str], *, lowercase: bool) -> EmittedValue:
        """Texts [batch] as ids [batch, time]: split at blanks, looked up; at least one step, of padding."""
        self.require_opset(STRING_SPLIT, "splitting texts into words needs opset 20")
        text = own(x)
        if lowercase:
            # The default locale is a language pack that a machine may lack.
            text = self.op("StringNormalizer", [text], case_change_action="LOWER", locale="C")
        # Without a delimiter ONNX Runtime splits at runs of blanks (U+0020 alone); with " " two blanks hold an empty word.
        split, counts = self.ops("StringSplit", [text], 2, delimiter="")
        keys, values = ["", *words], [0, *range(2, len(words) + 2)]
        ids = self.op(
            "LabelEncoder",
            [EmittedValue(split.value, split.type, numpy_dtype=object)],
            domain="ai.onnx.ml",
            keys_strings=keys,
            values_int64s=values,
            default_int64=1,
            type=TensorType((1,), DType.int64),
        )
        steps = self.op("Shape", [ids], start=1, end=2)
        lacking = self.op("Max", [self.op("Sub", [self.integers([1]), steps]), self.integers([0])])
        ids = self.op("Pad", [ids, self.op("Concat", [self.integers([0, 0, 0]), lacking], axis=0), self.constant(0, "int64")])
        counted = EmittedValue(counts.value, TensorType(()), numpy_dtype=np.int64)
        self.counted = self.op("Max", [counted, self.integers([1])])
        return ids

    counted: EmittedValue | None = None
    """The lengths of the texts that were split last."""

    def log_energy(self, x: AnyValue, filters: Array, taper: Array, *, hop: int, floor: float) -> EmittedValue:
        """Samples [batch, samples] as logarithms of the energy in bands, in double as NumPy has it."""
        window = len(taper)
        wide = self.op("Cast", [x], to=11)  # 11 is TensorProto.DOUBLE
        size = self.op("Shape", [wide], start=1, end=2)
        lacking = self.op("Max", [self.op("Sub", [self.integers([window]), size]), self.integers([0])])
        ends = self.op("Concat", [self.integers([0, 0, 0]), lacking], axis=0)
        padded = self.op("Unsqueeze", [self.op("Pad", [wide, ends, self.constant(0.0, "float64")]), self.integers([2])])
        parts = self.op("STFT", [padded, self.constant(hop, "int64"), self.constant(taper, "float64")], onesided=1)
        power = self.op("ReduceSum", [self.op("Mul", [parts, parts]), self.integers([3])], keepdims=0)
        energy = self.op("MatMul", [power, self.constant(filters, "float64")])
        logarithm = self.op("Log", [self.op("Add", [energy, self.constant(floor, "float64")])])
        return self.op("Cast", [logarithm], to=1, layout="channels_last")

    def _merged(self, layer: Recurrent, parts: list[EmittedValue]) -> EmittedValue:
        if len(parts) == 1:
            return parts[0]
        if layer.merge_mode == "concat":
            return self.op("Concat", parts, axis=-1)
        merged = self.op("Mul" if layer.merge_mode == "multiply" else "Add", parts)
        return self.op("Mul", [merged, self.constant(0.5)]) if layer.merge_mode == "average" else merged


__all__ = ["SequenceEmitter"]
