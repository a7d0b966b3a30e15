"""Every code with its explanation, a spec that gives it and the mended one. Tests run both.

Numbers are never reused: NS0xx files and limits, NS1xx syntax, NS2xx structure and fields, NS3xx
references and graph, NS4xx shapes and types, NS5xx data and training, NS6xx export, NS7xx broken
promises, NS9xx defects of netspec.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import ndiff

from netspec.diagnostics.outside import OUTSIDE


@dataclass(frozen=True)
class Code:
    """What `netspec explain` prints. `bad` and `good` are whole specs, empty where a spec alone cannot show the code."""

    code: str
    title: str
    why: str
    bad: str = ""
    good: str = ""

    @property
    def lines(self) -> tuple[list[str], list[str]]:
        """The lines that make the mistake, and those that mend it: of the specs, or of a terminal or file."""
        if not self.bad:
            wrong, right = OUTSIDE[self.code]
            return wrong.splitlines(), right.splitlines()
        bad, good = self.bad.splitlines(), self.good.splitlines()
        changes = [line for line in ndiff(bad, good) if line[:2] in ("- ", "+ ")]
        removed, added = ([line[2:] for line in changes if line[0] == sign] for sign in "-+")
        if removed != added:
            return removed, added
        moved = [index for index, (one, other) in enumerate(zip(bad, good, strict=True)) if one != other]
        stretch = slice(moved[0], moved[-1] + 1)
        return bad[stretch], good[stretch]


def _layers(layers: str, *, input: str = "[8, 8, 3]", rest: str = "") -> str:
    return f"netspec: 1\nname: example\ninput: {input}\nmodel:\n  layers:\n{layers}{rest}"


_DATA = """data:
  source: {sklearn: digits}
  preprocess: {input: standardize}
"""
_TRAIN = """train:
  loss: cross_entropy
  optimizer: {adam: 1.0e-3}
"""
_MLP = "netspec: 1\nname: example\ninput: [4]\nmodel:\n  mlp: {hidden: [8], output: 3}\n"
_TO_CLASSES = "    - flatten\n    - dense: 10\n"

_PAIR_TRAIN = (
    "train:\n  loss: wasserstein_gp\n  generator: {optimizer: {adam: 1.0e-4}}\n  discriminator: {optimizer: {adam: 1.0e-4}}\n"
)


def _pair(make: str, *, judge: str = "      - dense: 1\n") -> str:
    head = "netspec: 1\nname: example\ninput: [4]\nmodel:\n  gan:\n    latent: 2\n"
    return f"{head}    generator:\n{make}    discriminator:\n{judge}"


_LARGE_INPUTS = (
    "netspec: 1\nname: example\ninput: [13]\nmodel:\n  mlp: {hidden: [8], output: 3}\ndata:\n  source: {sklearn: wine}\n"
    + _TRAIN
)

_ALL = (
    Code("NS001", "the file cannot be read", "The path does not exist, is a folder, a pipe or a device, or may not be read."),
    Code("NS002", "the file or a text in it is too large", "A spec is at most 1 MiB, and a single text in it at most 64 KiB, also when its variables are replaced. Data belong into files of their own."),
    Code("NS003", "nested too deeply", "Mappings and lists may stand inside each other 64 levels deep."),
    Code("NS004", "too many values", "A spec holds at most 100,000 values, those of anchors and variables counted where they are used, and a network at most 10,000 layers, rounds and calls when everything is expanded."),
    Code("NS005", "not UTF-8", "Spec files are UTF-8 text."),
    Code(
        "NS006",
        "a path leads out of the spec's root",
        "Paths in a spec are relative to it and stay below its root, so that a stranger's spec reads nothing of yours. "
        "The root is the nearest folder with `.git` or `pyproject.toml`; `--root` and `--data-root` name others.",
    ),
    Code(
        "NS007",
        "the network would not fit into memory",
        "The memory of a training step is estimated from shapes before anything is allocated, and what is far beyond the machine is refused.",
    ),
    Code("NS008", "nothing to validate", "No file that was named has a top-level `netspec` key. A link to something that is no spec is not opened further."),
    Code("NS009", "more problems than are shown", "Fifty problems of a file are written out, errors before warnings; the others are counted. A file with two hundred errors is not read on."),
    Code("NS101", "the text is not YAML or JSON", "The file breaks off or a bracket, quote or indent is wrong.", "netspec: 1\nname: [example\n", _MLP),
    Code("NS102", "a key stands twice", "Of two equal keys only one could count, so neither does.", _MLP + "name: again\n", _MLP),
    Code(
        "NS103",
        "a merge key",
        "`<<` is YAML 1.1 and reads differently from parser to parser. Use `vars` and `blocks` for what is shared.",
        "base: &base {netspec: 1}\n<<: *base\n",
        _MLP,
    ),
    Code("NS104", "a tag", "Tags such as `!!int` make objects of text. The language has plain data only.", "netspec: !!int 1\n", _MLP),
    Code("NS105", "several documents in one file", "One file is one network.", _MLP + "---\nnetspec: 1\n", _MLP),
    Code(
        "NS106",
        "a colon stands where no key can be",
        "Most often a layer without fields got siblings: it then needs a colon of its own.",
        _layers("    - flatten\n      name: flat\n    - dense: 10\n"),
        _layers("    - flatten:\n      name: flat\n    - dense: 10\n"),
    ),
    Code(
        "NS107",
        "a space is missing after a colon or a dash",
        "YAML reads `{max:50k}` and `-flatten` as one word.",
        _MLP + "expect:\n  parameters: {max:50k}\n",
        _MLP + "expect:\n  parameters: {max: 50k}\n",
    ),
    Code(
        "NS108",
        "a sign that needs quotes",
        "`*`, `?`, `&`, `!`, `%`, `@`, `|`, `>` and a backtick mean something in YAML when they start a value.",
        "netspec: 1\nname: example\ninput: *\nmodel:\n  mlp: {output: 3}\n",
        _MLP,
    ),
    Code(
        "NS109",
        "`$(` is not closed",
        "Every expression ends with `)`.",
        "netspec: 1\nname: example\nvars: {width: $(4 * 2}\ninput: [4]\nmodel:\n  mlp: {output: $width}\n",
        "netspec: 1\nname: example\nvars: {width: $(4 * 2)}\ninput: [4]\nmodel:\n  mlp: {output: $width}\n",
    ),
    Code("NS110", "a key that is not text", "YAML takes `1:` and `true:` for a number and a truth value. Quote them.", _MLP + "1: one\n", _MLP),
    Code("NS201", "not a spec of this version", "A spec starts with `netspec: 1`.", "netspec: 2\nname: example\ninput: [4]\nmodel:\n  mlp: {output: 3}\n", _MLP),
    Code(
        "NS202",
        "something required is missing",
        "The field has no default, so it must be said.",
        _layers("    - conv2d: {filters: 8}\n"),
        _layers("    - conv2d: {filters: 8, kernel_size: 3}\n"),
    ),
    Code(
        "NS203",
        "an unknown field",
        "Nothing is ignored: a field that does not exist is nearly always a slip, or another framework's word.",
        _layers("    - conv2d: {filters: 8, kernel_size: 3, stride: 1}\n"),
        _layers("    - conv2d: {filters: 8, kernel_size: 3, strides: 1}\n"),
    ),
    Code(
        "NS204",
        "a value of the wrong kind",
        "A number stands where text is due, or the like. Nothing is converted silently.",
        _layers("    - dropout: high\n"),
        _layers("    - dropout: 0.5\n"),
    ),
    Code(
        "NS205",
        "a value that is not allowed",
        "The kind is right, but the value lies outside of what makes sense.",
        _layers("    - dropout: 1.5\n"),
        _layers("    - dropout: 0.5\n"),
    ),
    Code(
        "NS206",
        "an unknown name",
        "The registry is closed: a spec names what is in it, and nothing is imported by name.",
        _layers("    - Conv2D: {filters: 8, kernel_size: 3}\n"),
        _layers("    - conv2d: {filters: 8, kernel_size: 3}\n"),
    ),
    Code(
        "NS207",
        "not one layer",
        "Each item of `layers` is one layer: a name, or one key with its value, and beside it perhaps `name` and `from`.",
        _layers("    - flatten:\n    - name: flat\n    - dense: 10\n"),
        _layers("    - flatten:\n      name: flat\n    - dense: 10\n"),
    ),
    Code(
        "NS208",
        "`name` or `from` inside the layer's value",
        "They belong to the item, not to the layer's fields: write them beside the layer's key.",
        _layers("    - dense: {units: 10, name: logits}\n"),
        _layers("    - dense: {units: 10}\n      name: logits\n"),
    ),
    Code(
        "NS209",
        "a field beside its layer",
        "A layer's fields are its value: they stand two spaces further in than its key.",
        _layers("    - conv2d:\n      filters: 8\n      kernel_size: 3\n"),
        _layers("    - conv2d:\n        filters: 8\n        kernel_size: 3\n"),
    ),
    Code(
        "NS210",
        "not a name",
        "Names are lower case letters, digits and `_`, and start with a letter.",
        _layers("    - dense: 10\n      name: My Layer\n"),
        _layers("    - dense: 10\n      name: my_layer\n"),
    ),
    Code(
        "NS211",
        "not exactly one kind of model",
        "`model` holds one of `layers`, `mlp`, `cnn`.",
        "netspec: 1\nname: example\ninput: [4]\nmodel:\n  mlp: {output: 3}\n  layers: [{dense: 3}]\n",
        _MLP,
    ),
    Code(
        "NS213",
        "two things that exclude each other",
        "Both were said, and only one can hold.",
        _layers("    - dense: 4\n      name: a\n    - add: [above, a]\n      from: a\n"),
        _layers("    - dense: 4\n      name: a\n    - add: [above, a]\n"),
    ),
    Code(
        "NS301",
        "an unknown variable",
        "`$name` stands for a variable of `vars`.",
        "netspec: 1\nname: example\nvars: {width: 8}\ninput: [4]\nmodel:\n  mlp: {hidden: [$widht], output: 3}\n",
        "netspec: 1\nname: example\nvars: {width: 8}\ninput: [4]\nmodel:\n  mlp: {hidden: [$width], output: 3}\n",
    ),
    Code(
        "NS302",
        "not an expression",
        "`$( ... )` holds numbers, variables and `+ - * // / % ( )`, and nothing else.",
        "netspec: 1\nname: example\ninput: [4]\nmodel:\n  mlp: {hidden: [$(2 ^ 3)], output: 3}\n",
        "netspec: 1\nname: example\ninput: [4]\nmodel:\n  mlp: {hidden: [$(2 * 4)], output: 3}\n",
    ),
    Code(
        "NS303",
        "nothing has that name",
        "`from`, `outputs` and merging layers name a layer that stands above, or an input. Automatic names cannot be referred to.",
        _layers("    - dense: 4\n      name: stem\n    - dense: 4\n      from: steam\n"),
        _layers("    - dense: 4\n      name: stem\n    - dense: 4\n      from: stem\n"),
    ),
    Code(
        "NS304",
        "a name is used twice",
        "A name means one thing in its scope.",
        _layers("    - dense: 4\n      name: a\n    - dense: 4\n      name: a\n"),
        _layers("    - dense: 4\n      name: a\n    - dense: 4\n      name: b\n"),
    ),
    Code(
        "NS305",
        "a reserved name",
        "`above`, `input`, `latent`, `condition` and `code` mean something already.",
        _layers("    - dense: 4\n      name: input\n"),
        _layers("    - dense: 4\n      name: first\n"),
    ),
    Code(
        "NS306",
        "nothing stands above",
        "With several inputs, a layer that starts a path says which one it reads.",
        "netspec: 1\nname: example\ninputs: {a: [4], b: [4]}\nmodel:\n  layers:\n    - dense: 3\n",
        "netspec: 1\nname: example\ninputs: {a: [4], b: [4]}\nmodel:\n  layers:\n    - concat: [a, b]\n    - dense: 3\n",
    ),
    Code(
        "NS307",
        "the layer stands further below",
        "A network is read from top to bottom, and a layer reads only what stands above it: so there can be no cycles.",
        _layers("    - dense: 4\n      from: b\n    - dense: 4\n      name: b\n"),
        _layers("    - dense: 4\n      name: b\n    - dense: 4\n      from: b\n"),
    ),
    Code(
        "NS308",
        "a variable's name is taken",
        "A name is never both a variable and a section, or both a variable and a dim.",
        "netspec: 1\nname: example\nvars: {train: 8}\ninput: [4]\nmodel:\n  mlp: {output: 3}\n",
        "netspec: 1\nname: example\nvars: {width: 8}\ninput: [4]\nmodel:\n  mlp: {hidden: [$width], output: 3}\n",
    ),
    Code(
        "NS309",
        "nothing says how large a size is",
        "A bare name is a size where an input has it, or as the size of an output, which the data then bind. A variable needs its dollar.",
        "netspec: 1\nname: example\nvars: {width: 8}\ninput: [4]\nmodel:\n  mlp: {hidden: [width], output: 3}\n",
        "netspec: 1\nname: example\nvars: {width: 8}\ninput: [4]\nmodel:\n  mlp: {hidden: [$width], output: 3}\n",
    ),
    Code(
        "NS310",
        "nothing uses a layer",
        "Its value reaches no output: it would be computed and thrown away. This is a warning.",
        _layers("    - dense: 4\n      name: a\n    - dense: 4\n      name: b\n      from: input\n"),
        _layers("    - dense: 4\n      name: a\n    - dense: 4\n      name: b\n"),
    ),
    Code("NS311", "a setting leads nowhere", "`--set` reaches variables, `data`, `train`, `export`, `expect` and named layers (`model.stem.units`), never an index."),
    Code(
        "NS312",
        "a block is called like a layer",
        "A block's name must be its own, or its calls could not be told from the layer's.",
        "netspec: 1\nname: example\ninput: [4]\nblocks:\n  dense: {layers: [relu]}\nmodel:\n  layers: [{dense: 3}]\n",
        "netspec: 1\nname: example\ninput: [4]\nblocks:\n  unit: {layers: [{dense: 3}, relu]}\nmodel:\n  layers: [unit]\n",
    ),
    Code(
        "NS313",
        "a block that calls itself",
        "Blocks are expanded where they are called, so a block can hold any block but itself.",
        "netspec: 1\nname: example\ninput: [4]\nblocks:\n  unit: {layers: [{dense: 4}, unit]}\nmodel:\n  layers: [unit]\n",
        "netspec: 1\nname: example\ninput: [4]\nblocks:\n  unit: {layers: [{dense: 4}, relu]}\nmodel:\n  layers: [unit, unit]\n",
    ),
    Code(
        "NS314",
        "nothing to share",
        "`share` is a layer, block, residual or parallel of that name once more, with the same weights.",
        _layers("    - dense: 4\n    - share: input\n      from: above\n", input="[4]"),
        _layers("    - dense: 4\n      name: tower\n    - share: tower\n      from: above\n", input="[4]"),
    ),
    Code(
        "NS315",
        "dropout right before batch norm",
        "While training, dropout raises the variance that batch norm remembers; at inference it is gone, and every "
        "value is scaled wrongly (Li et al. 2019). This is a warning.",
        _layers("    - conv2d: {filters: 8, kernel_size: 3}\n    - dropout: 0.3\n    - batch_norm\n"),
        _layers("    - conv2d: {filters: 8, kernel_size: 3}\n    - batch_norm\n    - dropout: 0.3\n"),
    ),
    Code(
        "NS316",
        "nothing uses this variable",
        "A variable, of the file, of a block or of a round, that stands nowhere as `$name` changes nothing, whatever its value. Often its name stands without the dollar where it is meant.",
        "netspec: 1\nname: example\ninput: [4]\nvars: {width: 32}\nmodel:\n  mlp: {hidden: [16], output: 3}\n",
        "netspec: 1\nname: example\ninput: [4]\nvars: {width: 32}\nmodel:\n  mlp: {hidden: [$width], output: 3}\n",
    ),
    Code(
        "NS401",
        "an image where a vector was due",
        "A dense layer on an image works on each pixel. Before the classes are told apart, the image must become one vector.",
        _layers("    - conv2d: {filters: 8, kernel_size: 3}\n    - dense: 10\n", input="[8, 8, 1]", rest=_DATA + _TRAIN),
        _layers("    - conv2d: {filters: 8, kernel_size: 3}\n" + _TO_CLASSES, input="[8, 8, 1]", rest=_DATA + _TRAIN),
    ),
    Code(
        "NS402",
        "the wrong number of axes",
        "The layer works on tensors of another rank.",
        _layers("    - flatten\n    - conv2d: {filters: 8, kernel_size: 3}\n"),
        _layers("    - conv2d: {filters: 8, kernel_size: 3}\n    - flatten\n"),
    ),
    Code(
        "NS403",
        "the window does not fit",
        "A window, pool, crop or border is larger than what it works on.",
        _layers("    - max_pool2d: 9\n"),
        _layers("    - max_pool2d: 2\n"),
    ),
    Code(
        "NS404",
        "shapes that cannot meet",
        "Layers that join tensors need equal shapes; `concat` needs them equal but for its axis.",
        _layers("    - dense: 4\n      name: a\n    - dense: 5\n      name: b\n      from: input\n    - add: [a, b]\n"),
        _layers("    - dense: 4\n      name: a\n    - dense: 4\n      name: b\n      from: input\n    - add: [a, b]\n"),
    ),
    Code(
        "NS405",
        "an axis that is not there",
        "Axes count from 1, the first after the batch; -1 is the last; 0, the batch, cannot be named.",
        _layers("    - softmax: {axis: 0}\n"),
        _layers("    - softmax: {axis: -1}\n"),
    ),
    Code(
        "NS406",
        "another number of elements",
        "A reshape keeps every element.",
        _layers("    - reshape: [8, 8, 4]\n"),
        _layers("    - reshape: [4, 16, 3]\n"),
    ),
    Code(
        "NS407",
        "lengths that may differ",
        "Named dims are equal only if their formulas are. `dims: {time: {multiple_of: 2}}` can prove what is not always true.",
        _layers(
            "    - max_pool1d: 2\n    - upsample: 2\n      name: up\n    - add: [up, input]\n",
            input="[time, 3]",
        ),
        _layers("    - max_pool1d: {pool_size: 2, strides: 1, padding: same}\n      name: up\n    - add: [up, input]\n", input="[time, 3]"),
    ),
    Code(
        "NS408",
        "ids where numbers are due, or the reverse",
        "An `embedding` turns ids into vectors; every other layer works on numbers.",
        _layers("    - embedding: 8\n"),
        _layers("    - embedding: 8\n", input="{shape: [6], vocabulary: 20}"),
    ),
    Code(
        "NS409",
        "groups that do not divide",
        "Groups split channels evenly.",
        _layers("    - conv2d: {filters: 8, kernel_size: 3, groups: 2}\n"),
        _layers("    - conv2d: {filters: 9, kernel_size: 3, groups: 3}\n"),
    ),
    Code("NS410", "a size that is not known yet", "A named size must be bound, by the data or by `--dim NAME=N`, before weights can be made or a promise checked."),
    Code(
        "NS411",
        "shared weights that do not fit",
        "A shared layer has the weights of its first use, so it reads tensors with the same number of channels.",
        _layers("    - dense: 4\n      name: tower\n    - share: tower\n      from: above\n"),
        _layers("    - dense: 3\n      name: tower\n    - share: tower\n      from: above\n"),
    ),
    Code("NS412", "a length that `dims` does not allow", "`dims` says what is known of a named dim: the data, or `--dim`, gave it another length."),
    Code(
        "NS413",
        "a stride that drops pixels",
        "The windows end before the image does, so more than a tenth of it is never read. This is a warning.",
        _layers("    - max_pool2d: 2\n", input="[7, 7, 3]"),
        _layers("    - max_pool2d: {pool_size: 2, padding: same}\n", input="[7, 7, 3]"),
    ),
    Code("NS414", "a layer that cannot have lengths", "Sequences have lengths of their own, and the layer mixes steps that count with padding. End the sequence first, or use a layer that keeps lengths."),
    Code(
        "NS415",
        "parts that do not meet",
        "What a generator makes is what the discriminator reads and the data hold, in shape and type; a decoder makes its "
        "network's input again. A discriminator ends in one number, and a condition is read on both sides.",
        _pair("      - dense: 3\n"),
        _pair("      - dense: 4\n"),
    ),
    Code(
        "NS416",
        "data outside of what can be made",
        "A generator or decoder that ends in `tanh` makes -1 to 1, one that ends in `sigmoid` 0 to 1: what lies beyond can "
        "never be made. Where the data fill only a part of the range this is a warning.",
        _pair("      - dense: {units: 4, activation: tanh}\n") + "data:\n  source: {csv: rows.csv}\n  preprocess: {numbers: standardize}\n",
        _pair("      - dense: {units: 4, activation: tanh}\n") + "data:\n  source: {csv: rows.csv}\n  preprocess: {numbers: {min_max: [-1, 1]}}\n",
    ),
    Code(
        "NS417",
        "batch norm that cannot work",
        "A batch of one is its own mean, so nothing is left of it. And a gradient penalty is meant for each example alone, but "
        "batch norm mixes them: the penalty then holds back the wrong thing.",
        _pair("      - dense: 4\n", judge="      - dense: 8\n      - batch_norm\n      - dense: 1\n") + _PAIR_TRAIN,
        _pair("      - dense: 4\n", judge="      - dense: 8\n      - layer_norm\n      - dense: 1\n") + _PAIR_TRAIN,
    ),
    Code("NS501", "a data file is missing", "The path is looked for beside the spec and below `--data-root`."),
    Code("NS502", "a column is missing", "A column that the spec names is not in the data."),
    Code("NS503", "missing values", "A network cannot compute with a value that is not there. `impute` fills it by what the training part says."),
    Code("NS504", "an empty part", "The split leaves a part without rows."),
    Code(
        "NS505",
        "the loss does not fit the output",
        "Every loss says what shape it works on.",
        "netspec: 1\nname: example\ninput: [4]\nmodel:\n  mlp: {output: 1}\n" + _TRAIN,
        "netspec: 1\nname: example\ninput: [4]\nmodel:\n  mlp: {output: 3}\n" + _TRAIN,
    ),
    Code("NS506", "classes that do not fit", "The target has more classes than the output, or classes that training never saw."),
    Code("NS507", "the data have another shape", "What the columns hold, after preprocessing, is not what the input or the output says."),
    Code(
        "NS508",
        "a figure that is not computed",
        "Figures are `<part>_loss` and `<part>_<metric>` for the metrics that `train` lists.",
        _MLP + _TRAIN + "  early_stopping: {monitor: validation_loss}\n",
        _MLP + "data:\n  source: {sklearn: iris}\n  split: {validation: 0.2}\n" + _TRAIN + "  early_stopping: {monitor: validation_loss}\n",
    ),
    Code("NS509", "a data file that cannot be read", "The file is not what its source says: cut off, of another format, or with a declared size that is wrong."),
    Code("NS510", "a section is missing", "Training needs `data` and `train`; evaluation needs a target."),
    Code("NS512", "a preprocessing key that names nothing", "Keys of `preprocess` are an input, a column, or one of `numbers`, `categories`, `images`."),
    Code("NS513", "a step that does not work on the column", "Scales need numbers; text needs `one_hot` or `label`."),
    Code("NS514", "an id beyond the vocabulary", "Ids count from 0 to one less than `vocabulary`; what lies beyond would read some other word's vector."),
    Code(
        "NS515",
        "a metric that does not fit",
        "Metrics of classes need a loss of classes, metrics of numbers a loss of numbers.",
        _MLP + _TRAIN + "  metrics: [rmse]\n",
        _MLP + _TRAIN + "  metrics: [accuracy]\n",
    ),
    Code(
        "NS516",
        "an activation that a recurrent cell cannot have",
        "Recurrent layers are exported as ONNX' own operators, which know tanh, sigmoid, relu, linear, hard_sigmoid, softsign and softplus.",
        "netspec: 1\nname: example\ninput: [6, 3]\nmodel:\n  layers:\n    - lstm: {units: 4, activation: gelu}\n",
        "netspec: 1\nname: example\ninput: [6, 3]\nmodel:\n  layers:\n    - lstm: {units: 4, activation: tanh}\n",
    ),
    Code("NS517", "a window that does not fit", "A window with what follows it is longer than the series, or than a part of it."),
    Code("NS518", "data outside of what can be made", "After preprocessing the training part goes beyond what the last activation of the generator or decoder can give."),
    Code(
        "NS519",
        "a key that reaches nothing",
        "It is spelt well and changes nothing: there is nothing here that it could mean.",
        _MLP.replace("output: 3", "output: 1") + "data: {source: {sklearn: diabetes}, preprocess: {input: standardize}}\ntrain:\n  loss: mean_squared_error\n  optimizer: {adam: 1.0e-3}\n  class_weights: balanced\n",
        _MLP.replace("output: 3", "output: 1") + "data: {source: {sklearn: diabetes}, preprocess: {input: standardize}}\ntrain:\n  loss: mean_squared_error\n  optimizer: {adam: 1.0e-3}\n",
    ),
    Code("NS520", "the loss is not finite", "Training diverged: the step that failed changed nothing, and the last checkpoint stands. Lower the learning rate, clip gradients, or scale the inputs."),
    Code("NS530", "every checkpoint is damaged", "The files are not what their manifest says. netspec never starts anew in silence."),
    Code("NS531", "not a run folder", "A verb that takes a run wants the folder that `netspec train` printed."),
    Code("NS532", "the run folder is in use", "One process writes in a run folder at a time, and a finished run is not overwritten."),
    Code("NS533", "cannot write", "The disk is full, or the folder may not be written. Nothing is left half done."),
    Code("NS534", "the spec or the data changed", "A resumed run must be the run that began: same spec, same data. `--allow-change` names fields that may differ."),
    Code("NS535", "a device that is not there", "`--device gpu` never falls back to the CPU in silence."),
    Code("NS536", "a package is missing", "Training and export stand in extras, so that validating installs in seconds: `pip install 'netspec-compiler[all]'`."),
    Code("NS537", "weights that do not fit", "`initialize` takes weights by name and shape: the layers there and here have to be the same."),
    Code(
        "NS540",
        "an activation that does not go with the loss",
        "Cross-entropies are computed from logits. A `relu`, `tanh` or `sigmoid` before them cuts off what the network can say: "
        "ten classes behind a sigmoid never get a probability above 0.23. A `softmax` gives shares that add up to one, which "
        "fits neither a regression nor classes that are each for themselves. This is a warning.",
        "netspec: 1\nname: example\ninput: [4]\nmodel:\n  mlp: {hidden: [8], output: 3, output_activation: sigmoid}\n" + _TRAIN,
        _MLP + _TRAIN,
    ),
    Code(
        "NS541",
        "a learning rate far from the usual",
        "A rate far too large diverges or kills units, the sooner the deeper the network; one far too small learns nothing in "
        "the epochs it has. This is a warning.",
        _MLP + "train:\n  loss: cross_entropy\n  optimizer: {adam: 0.5}\n",
        _MLP + "train:\n  loss: cross_entropy\n  optimizer: {adam: 1.0e-3}\n",
    ),
    Code(
        "NS542",
        "inputs that nothing scales",
        "Inputs of tens or hundreds make the first gradients as large: units die or saturate, and training is slow or stuck. "
        "Adaptive optimizers bear more of it than `sgd`. This is a warning.",
        _LARGE_INPUTS,
        _LARGE_INPUTS.replace("wine}", "wine}\n  preprocess: {numbers: standardize}"),
    ),
    Code(
        "NS543",
        "a batch larger than the training part",
        "Every epoch is then one step, so training takes far fewer steps than its epochs suggest. This is a warning.",
        _MLP + "data:\n  source: {sklearn: iris}\n" + _TRAIN + "  batch_size: 256\n",
        _MLP + "data:\n  source: {sklearn: iris}\n" + _TRAIN + "  batch_size: 16\n",
    ),
    Code(
        "NS544",
        "more outputs than classes",
        "No label ever names the outputs left over: until they have learnt to be silent, the network answers classes that do "
        "not exist. Or a class has been forgotten in the data. This is a warning.",
        "netspec: 1\nname: example\ninput: [4]\nmodel:\n  mlp: {hidden: [8], output: 5}\ndata:\n  source: {sklearn: iris}\n" + _TRAIN,
        "netspec: 1\nname: example\ninput: [4]\nmodel:\n  mlp: {hidden: [8], output: classes}\ndata:\n  source: {sklearn: iris}\n" + _TRAIN,
    ),
    Code("NS545", "a generator that has collapsed", "What it makes is all alike, whatever it draws: it has found one example that passes. This is a warning while training."),
    Code("NS546", "a discriminator that has won", "It tells nearly everything apart, so the generator gets no direction from it any more. This is a warning while training."),
    Code("NS547", "the watched figure is not a number", "It cannot be computed, for example a ROC AUC of a part in which all rows have one class: so there is no best epoch, and nothing stops early. This is a warning in the first epoch of a training."),
    Code(
        "NS548",
        "running statistics that are still cold",
        "While training, batch norm uses each batch's own mean and variance; afterwards it uses running ones, which start at 0 and 1 and "
        "move by `1 - momentum` a step. In a short training they have not arrived, and what is validated and shipped is another "
        "network than the one that was trained. This is a warning.",
        "netspec: 1\nname: example\ninput: [4]\nmodel:\n  layers:\n    - dense: 8\n    - batch_norm\n    - relu\n    - dense: 3\ndata:\n  source: {sklearn: iris}\n" + _TRAIN + "  epochs: 5\n",
        "netspec: 1\nname: example\ninput: [4]\nmodel:\n  layers:\n    - dense: 8\n    - batch_norm: {momentum: 0.9}\n    - relu\n    - dense: 3\ndata:\n  source: {sklearn: iris}\n" + _TRAIN + "  epochs: 10\n",
    ),
    Code(
        "NS549",
        "an average over more updates than there are",
        "`ema: 0.9999` averages the weights of some 10,000 updates. In a shorter training that is the mean of all weights from the first "
        "update on, which lags far behind. This is a warning.",
        _MLP + "data:\n  source: {sklearn: iris}\n" + _TRAIN + "  ema: 0.9999\n",
        _MLP + "data:\n  source: {sklearn: iris}\n" + _TRAIN + "  ema: 0.95\n",
    ),
    Code(
        "NS550",
        "more batches to an update than an epoch has",
        "An epoch ends with an update by what has been accumulated, so each epoch is a single one. This is a warning.",
        _MLP + "data:\n  source: {sklearn: iris}\n" + _TRAIN + "  gradient: {accumulate: 16}\n",
        _MLP + "data:\n  source: {sklearn: iris}\n" + _TRAIN + "  gradient: {accumulate: 2}\n",
    ),
    Code(
        "NS551",
        "a last batch of one row",
        "Batch norm subtracts the batch's mean: of a single vector nothing is left, and its variance of 0 goes into the running statistics. "
        "This is a warning.",
        "netspec: 1\nname: example\ninput: [4]\nmodel:\n  layers: [{dense: 8}, {batch_norm: {momentum: 0.9}}, relu, {dense: 3}]\ndata:\n  source: {sklearn: iris}\n" + _TRAIN + "  batch_size: 149\n  epochs: 50\n",
        "netspec: 1\nname: example\ninput: [4]\nmodel:\n  layers: [{dense: 8}, {batch_norm: {momentum: 0.9}}, relu, {dense: 3}]\ndata:\n  source: {sklearn: iris}\n" + _TRAIN + "  batch_size: 50\n  epochs: 50\n",
    ),
    Code("NS552", "the learning rate jumps", "Schedules stretch over all epochs: with more of them than the run began with, a schedule that had come to its end starts somewhere else. This is a warning when a run is resumed."),
    Code("NS553", "nobody said which class is the positive one", "Precision, recall, F1 and the curves are figures of one of two classes. Where neither is an obvious yes, the last in sorted order is taken: `data: {positive: churn}` says which is meant."),
    Code("NS601", "the exported file differs from the network", "ONNX Runtime and Flax disagree by more than float32 can explain. This is a defect of netspec."),
    Code("NS602", "no ONNX form", "What the spec asks for cannot be written with standard ONNX operators."),
    Code("NS603", "not a file of netspec's", "The file cannot be loaded, or has no metadata of netspec's."),
    Code("NS604", "the file does not verify", "The file or its examples are not what was exported."),
    Code(
        "NS605",
        "too large for an ONNX file",
        "An ONNX file is one protobuf message, which ends at 2 GiB. With an `export` section this is an error, else a warning.",
        "netspec: 1\nname: example\ninput: {shape: [2], vocabulary: 9M}\nmodel:\n  layers:\n    - embedding: 64\n    - flatten\n    - dense: 1\nexport: {}\n",
        "netspec: 1\nname: example\ninput: {shape: [2], vocabulary: 90k}\nmodel:\n  layers:\n    - embedding: 64\n    - flatten\n    - dense: 1\nexport: {}\n",
    ),
    Code(
        "NS701",
        "a broken promise: output",
        "`expect.output` is the shape of the output without the batch axis.",
        _MLP + "expect: {output: [10]}\n",
        _MLP + "expect: {output: [3]}\n",
    ),
    Code(
        "NS702",
        "a broken promise: parameters",
        "`expect.parameters` bounds the number of trainable parameters.",
        _MLP + "expect:\n  parameters: {max: 10}\n",
        _MLP + "expect:\n  parameters: {max: 100}\n",
    ),
    Code(
        "NS703",
        "a broken promise: flops",
        "`expect.flops` bounds multiply-adds, counted as two, for one example.",
        _MLP + "expect:\n  flops: {max: 10}\n",
        _MLP + "expect:\n  flops: {max: 1k}\n",
    ),
    Code(
        "NS704",
        "a broken promise: memory",
        "`expect.memory` bounds the estimated bytes of one training step at `batch_size`.",
        _MLP + "expect:\n  memory: {max: 10B}\n",
        _MLP + "expect:\n  memory: {max: 1MB}\n",
    ),
    Code("NS705", "a broken promise: file size", "`expect.onnx_size` bounds the exported file."),
    Code("NS706", "a broken promise: metric", "`expect.metrics` bounds what training or evaluation computed."),
    Code("NS901", "a defect of netspec", "Something failed that should not have. Please report it with the spec that shows it."),
)  # fmt: skip

CODES: dict[str, Code] = {code.code: code for code in _ALL}
