"""What an editor is to make of specs: tables of documents with what is offered, shown and told.

A `|` in a document is the cursor. Lines of `told` are counted from the first one that the table shows.
"""

from __future__ import annotations

from typing import NamedTuple

from netspec.components.objectives import LOSSES, OPTIMIZERS
from netspec.spec.schema.kinds import either

LAYERS = "netspec: 1\nname: example\ninput: [8, 8, 1]\nmodel:\n  layers:\n"
WHOLE = "netspec: 1\nname: example\ninput: [8, 8, 1]\nmodel: {mlp: {hidden: [8], output: 2}}\n"
BLOCKS = "netspec: 1\nname: example\ninput: [8, 8, 1]\nblocks: {unit: {layers: [relu]}}\nmodel:\n  layers:\n    - unit\n"
HEADER = "netspec: 1\nname: example\n"


class Offers(NamedTuple):
    """Completion at the cursor has these labels, and none of the others."""

    what: str
    before: str
    text: str
    labels: str
    never: str = ""


class Writes(NamedTuple):
    """Choosing a label at the cursor makes this text."""

    what: str
    before: str
    text: str
    label: str
    after: str


class Shows(NamedTuple):
    """Hover at the cursor shows this."""

    what: str
    before: str
    text: str
    shown: str


class Tells(NamedTuple):
    """A broken document is told these messages, each with its line; nothing else."""

    what: str
    before: str
    text: str
    told: tuple[tuple[int, str], ...]


OFFERED = (
    Offers(
        "a new layer item", LAYERS, "    - |\n", "conv2d dense flatten relu max_pool2d residual parallel repeat block share"
    ),
    Offers("a layer item that has begun", LAYERS, "    - flatten\n    - co|\n", "conv1d conv2d conv3d concat"),
    Offers("an item between others", LAYERS, "    - flatten\n    - |\n    - dense: 2\n", "conv2d dense relu residual"),
    Offers("a dash without a space", LAYERS, "    - flatten\n    -|\n", "conv2d dense relu residual"),
    Offers("an item inside residual", LAYERS, "    - residual:\n        - |\n", "conv2d dense relu residual"),
    Offers("an item in brackets", LAYERS, "    - residual: [re|]\n", "relu reshape residual"),
    Offers("a layer in a block", HEADER, "blocks:\n  unit:\n    layers:\n      - |\n", "conv2d dense relu residual"),
    Offers("beside a layer", LAYERS, "    - dense: 3\n      |\n", "name from", "conv2d relu residual"),
    Offers("below conv2d", LAYERS, "    - conv2d:\n        |\n", "filters kernel_size strides padding activation use_bias"),
    Offers("below conv2d, later", LAYERS, "    - conv2d:\n        filters: 3\n        |\n", "kernel_size strides", "filters"),
    Offers("inside conv2d: {", LAYERS, "    - conv2d: {f|}\n", "filters kernel_size strides padding groups"),
    Offers("inside conv2d: {, later", LAYERS, "    - conv2d: {filters: 3, s|}\n", "strides spectral_norm kernel_size"),
    Offers("a brace that is not closed", LAYERS, "    - conv2d: {f|\n", "filters kernel_size strides"),
    Offers("activation", LAYERS, "    - conv2d: {filters: 3, activation: |}\n", "relu gelu leaky_relu clip"),
    Offers("activation, below", LAYERS, "    - dense:\n        units: 3\n        activation: |\n", "relu gelu leaky_relu"),
    Offers("activation: {", LAYERS, "    - dense: {units: 3, activation: {l|}}\n", "leaky_relu gelu", "relu"),
    Offers("padding", LAYERS, "    - conv2d: {padding: |}\n", "same valid"),
    Offers("padding, below", LAYERS, "    - conv1d:\n        padding: |\n", "same valid causal"),
    Offers("a switch", LAYERS, "    - dense: {units: 3, use_bias: |}\n", "true false"),
    Offers("an initializer", LAYERS, "    - dense: {units: 3, bias_initializer: |}\n", "zeros he glorot constant"),
    Offers("shortcut", LAYERS, "    - residual:\n        layers: [relu]\n        shortcut: |\n", "project", "relu"),
    Offers(
        "merge",
        LAYERS,
        "    - parallel:\n        paths: {a: [relu], b: [tanh]}\n        merge: |\n",
        "concat add multiply maximum",
    ),
    Offers("below repeat", LAYERS, "    - repeat:\n        |\n", "times over layers"),
    Offers("model", HEADER, "model:\n  |\n", "layers mlp cnn outputs"),
    Offers("below cnn", HEADER, "model:\n  cnn:\n    |\n", "filters kernel_size pool_size dense dropout output"),
    Offers("the first line", "", "|", "netspec name input model data train export expect"),
    Offers("top level", WHOLE, "|\n", "data train export expect blocks vars", "netspec model"),
    Offers("train", WHOLE, "train:\n  |\n", "loss optimizer schedule epochs batch_size metrics early_stopping"),
    Offers("loss", WHOLE, "train:\n  loss: |\n", "cross_entropy mean_squared_error huber"),
    Offers("loss by output", WHOLE, "train:\n  loss:\n    |\n", "cross_entropy mean_squared_error huber"),
    Offers("optimizer", WHOLE, "train:\n  optimizer: |\n", "adam adamw sgd"),
    Offers("optimizer: {", WHOLE, "train:\n  optimizer: {a|}\n", "adam adamw sgd"),
    Offers("below optimizer", WHOLE, "train:\n  optimizer:\n    |\n", "adam adamw sgd"),
    Offers("below adam", WHOLE, "train:\n  optimizer:\n    adam:\n      |\n", "learning_rate b1 b2 eps"),
    Offers("schedule", WHOLE, "train:\n  schedule: |\n", "constant cosine warmup_cosine step"),
    Offers("metrics: [", WHOLE, "train:\n  metrics: [|]\n", "accuracy f1 r2"),
    Offers("metrics: [, begun", WHOLE, "train:\n  metrics: [accuracy, f|]\n", "f1 r2"),
    Offers("a metric below", WHOLE, "train:\n  metrics:\n    - |\n", "accuracy f1 r2"),
    Offers("precision", WHOLE, "train:\n  precision: |\n", "float32 bfloat16"),
    Offers("below early_stopping", WHOLE, "train:\n  early_stopping:\n    |\n", "monitor patience min_delta"),
    Offers("data", WHOLE, "data:\n  |\n", "source inputs target split preprocess augment"),
    Offers("source", WHOLE, "data:\n  source: |\n", "csv npz images sklearn inline"),
    Offers("below source", WHOLE, "data:\n  source:\n    |\n", "csv npz images sklearn inline"),
    Offers("sklearn", WHOLE, "data:\n  source: {sklearn: |}\n", "digits iris wine"),
    Offers("below csv", WHOLE, "data:\n  source:\n    csv:\n      |\n", "path delimiter header columns missing"),
    Offers("a step", WHOLE, "data:\n  preprocess:\n    numbers: |\n", "standardize min_max impute"),
    Offers("steps in brackets", WHOLE, "data:\n  preprocess: {numbers: [st|]}\n", "standardize impute"),
    Offers("steps below", WHOLE, "data:\n  preprocess:\n    numbers:\n      - |\n", "standardize impute one_hot"),
    Offers("augment", WHOLE, "data:\n  augment:\n    - |\n", "flip_horizontal rotate random_crop"),
    Offers("outputs of export", WHOLE, "export: {outputs: |}\n", "as_spec probabilities labels"),
    Offers("expect", WHOLE, "expect:\n  |\n", "output parameters flops memory onnx_size metrics"),
    Offers("a promise", WHOLE, "expect:\n  parameters:\n    |\n", "min max equal"),
    Offers("a block", HEADER, "blocks:\n  unit:\n    |\n", "vars inputs layers remat"),
    Offers("a dim", HEADER, "dims:\n  time:\n    |\n", "min max multiple_of"),
)

WRITTEN = (
    Writes("conv2d", LAYERS, "    - |\n", "conv2d", "    - conv2d: {filters: 4, kernel_size: 3}\n"),
    Writes("dense", LAYERS, "    - de|\n", "dense", "    - dense: 3\n"),
    Writes("flatten", LAYERS, "    - |\n", "flatten", "    - flatten\n"),
    Writes("flatten after a bare dash", LAYERS, "    -|\n", "flatten", "    - flatten\n"),
    Writes("a pool with its size", LAYERS, "    - |\n", "max_pool2d: 3", "    - max_pool2d: 3\n"),
    Writes("residual", LAYERS, "    - |\n", "residual", "    - residual:\n        - \n"),
    Writes("repeat", LAYERS, "    - |\n", "repeat", "    - repeat:\n        times: 3\n        layers:\n          - \n"),
    Writes("share", LAYERS, "    - |\n", "share", "    - share: tower\n      from: right\n"),
    Writes(
        "what conv2d needs",
        LAYERS,
        "    - conv2d:\n        |\n",
        "conv2d",
        "    - conv2d:\n        filters: 4\n        kernel_size: 3\n",
    ),
    Writes("layers", HEADER, "model:\n  |\n", "layers", "model:\n  layers:\n    - \n"),
    Writes("train", WHOLE, "|\n", "train", "train:\n  loss: \n  optimizer: \n"),
    Writes("data", WHOLE, "|\n", "data", "data:\n  source: \n"),
    Writes("input", HEADER, "inp|\n", "input", "input: [28, 28, 1]\n"),
    Writes("optimizer", WHOLE, "train:\n  optimizer: |\n", "adam", "train:\n  optimizer: {adam: 0.001}\n"),
    Writes(
        "adam below optimizer",
        WHOLE,
        "train:\n  optimizer:\n    |\n",
        "adam",
        "train:\n  optimizer:\n    adam:\n      learning_rate: \n",
    ),
    Writes("source", WHOLE, "data:\n  source: |\n", "sklearn", "data:\n  source: {sklearn: digits}\n"),
    Writes("a metric in brackets", WHOLE, "train:\n  metrics: [a|]\n", "accuracy", "train:\n  metrics: [accuracy]\n"),
    Writes("early_stopping", WHOLE, "train:\n  |\n", "early_stopping", "train:\n  early_stopping:\n    \n"),
    Writes("a step with its value", WHOLE, "data:\n  augment:\n    - |\n", "rotate", "data:\n  augment:\n    - rotate: 15\n"),
    Writes("filters of a cnn", HEADER, "model:\n  cnn:\n    |\n", "filters", "model:\n  cnn:\n    filters: [32, 64]\n"),
)

HOVERED = (
    Shows(
        "kernel_size",
        LAYERS,
        "    - conv2d: {filters: 3, ker|nel_size: 3}\n",
        "Size of the window: one number, or one for each",
    ),
    Shows("filters", LAYERS, "    - conv2d:\n        fil|ters: 3\n", "Number of output channels."),
    Shows("padding", LAYERS, "    - conv2d: {filters: 3, kernel_size: 3, pad|ding: same}\n", "adds nothing"),
    Shows("conv2d", LAYERS, "    - con|v2d: {filters: 3, kernel_size: 3}\n", "A convolution over an image"),
    Shows("dense", LAYERS, "    - den|se: 3\n", "A matrix product on the last axis, plus a bias"),
    Shows("flatten", LAYERS, "    - flat|ten\n", "One vector an example"),
    Shows("flatten with a name", LAYERS, "    - flat|ten:\n      name: flat\n", "One vector an example"),
    Shows("name", LAYERS, "    - flatten:\n      na|me: flat\n", "The layer's name"),
    Shows("activation", LAYERS, "    - dense: {units: 3, activ|ation: relu}\n", "An activation applied to the result."),
    Shows("an activation", LAYERS, "    - dense: {units: 3, activation: re|lu}\n", "* `gelu`: "),
    Shows("residual", LAYERS, "    - resi|dual: [relu]\n", "Adds its input to what its layers make of it"),
    Shows("model", HEADER, "mod|el: {mlp: {hidden: [3]}}\n", "What the network is"),
    Shows("mlp", HEADER, "model: {ml|p: {hidden: [3]}}\n", "Dense layers one after the other"),
    Shows(
        "dropout of an mlp",
        HEADER,
        "model: {mlp: {hidden: [3], drop|out: 0.2}}\n",
        "After the activation of each hidden dense layer.",
    ),
    Shows("train", WHOLE, "tra|in: {loss: cross_entropy, optimizer: {adam: 1}}\n", "How the network is trained."),
    Shows(
        "epochs", WHOLE, "train: {loss: cross_entropy, optimizer: {adam: 1}, epo|chs: 3}\n", "Passes over the training part."
    ),
    Shows("loss", WHOLE, "train:\n  lo|ss: cross_entropy\n", "What training makes small"),
    Shows("adam", WHOLE, "train:\n  optimizer: {ad|am: 1}\n", "Adam (Kingma and Ba 2015"),
    Shows("precision", WHOLE, "train:\n  preci|sion: float32\n", "What is computed in; master weights are float32."),
    Shows("class_weights", WHOLE, "train:\n  class_w|eights: balanced\n", "weighs classes by how rare they are"),
    Shows("blocks", HEADER, "blo|cks: {unit: {layers: [relu]}}\n", "Reusable pieces, called like a layer."),
)

A_NAME = "Expected a name of lower case letters, digits and `_` that starts with a letter."
ONE_LAYER = "One item holds one layer, with `name` and `from` beside it: start each layer with its own `- `."
NO_SUCH_LAYER = "netspec has no such layer, and this file has no `blocks`."
NEEDS_VALUE = "This layer needs a value: write `- dense: 64` or `- conv2d: {filters: 4, kernel_size: 3}`."
COUNT = "Expected a whole number, `8k`, or a variable (`$x`)."
SIZE = "Expected a positive whole number, `8k`, the name of a dim, or a variable (`$width`)."
WINDOW = "Expected a whole number, or a list of one for each spatial axis, or a variable (`$x`)."
PADDING = "Expected `valid`, `same`, a number, a [before, after] pair for each axis, or a variable (`$x`)."
SWITCH = "Expected `true` or `false`, or a variable (`$x`)."
MISSING = 'Missing property "{}".'
UNKNOWN = "Property {} is not allowed."
CALLED = "netspec calls this `{}`."
NO_LOSS = f"Expected a loss: {either(LOSSES)}."
NO_OPTIMIZER = f"Expected an optimizer: {either(OPTIMIZERS)} with its value, such as `{{sgd: 0.1}}`."
CONV = "Expected fields, such as `{filters: 4, kernel_size: 3}`."


def _layer(what: str, text: str, *told: tuple[int, str]) -> Tells:
    return Tells(what, LAYERS, f"    - {text}\n", told)


def _conv(what: str, fields: str, *told: str) -> Tells:
    return _layer(what, f"conv2d: {{filters: 3, kernel_size: 3, {fields}}}", *((1, each) for each in told))


def _train(what: str, text: str, *told: tuple[int, str]) -> Tells:
    return Tells(what, f"{WHOLE}train:\n", f"  loss: hinge\n  optimizer: {{adam: 1}}\n  {text}\n", told)


def _whole(what: str, text: str, *told: tuple[int, str]) -> Tells:
    return Tells(what, WHOLE, f"{text}\n", told)


BROKEN = (
    _layer(
        "a misspelt field", "conv2d: {filters: 3, kernal: 3}", (1, MISSING.format("kernel_size")), (1, UNKNOWN.format("kernal"))
    ),
    _layer(
        "torch's out_channels",
        "conv2d: {out_channels: 3, kernel_size: 3}",
        (1, MISSING.format("filters")),
        (1, UNKNOWN.format("out_channels")),
        (1, CALLED.format("filters")),
    ),
    _layer("conv_2d", "conv_2d: {filters: 3, kernel_size: 3}", (1, CALLED.format("conv2d"))),
    _layer("Keras' Conv2D", "Conv2D:\n        filters: 3\n        kernel_size: 3", (1, CALLED.format("conv2d"))),
    _layer("Flatten alone", "Flatten", (1, CALLED.format("flatten"))),
    _layer("a layer that is none", "conv2b: {filters: 3}", (1, NO_SUCH_LAYER)),
    _layer("a word that is none", "relo", (1, NO_SUCH_LAYER)),
    _layer("a layer without its value", "conv2d", (1, NEEDS_VALUE)),
    _layer("a missing field", "conv2d: {filters: 3}", (1, MISSING.format("kernel_size"))),
    _layer("a missing field, below", "conv2d:\n        filters: 3", (1, MISSING.format("kernel_size"))),
    _layer("fields and nothing", "conv2d:", (1, CONV)),
    _layer("a number for fields", "conv2d: 3", (1, CONV)),
    _layer("a list for units", "dense: [3]", (1, f"{SIZE[:-1]}; or fields, such as `{{units: 3}}`.")),
    _layer("a value where none is", "relu: 3", (1, "`relu` takes no value.")),
    _layer("units of torch's linear", "linear: 10", (1, "`linear` takes no value.")),
    _layer("a negative size", "dense: {units: -3}", (1, "Value is below the minimum of 1.")),
    _layer("a rate above one", "dropout: 1.5", (1, "Value is above the exclusive maximum of 1.")),
    _layer("a window in words", "conv2d: {filters: 3, kernel_size: three}", (1, WINDOW)),
    _layer("a size with a point", "conv2d: {filters: 1.5, kernel_size: 3}", (1, SIZE)),
    _layer(
        "a window of four",
        "conv2d: {filters: 3, kernel_size: [3, 3, 3, 3]}",
        (1, "Array has too many items. Expected 3 or fewer."),
    ),
    _conv("yes for true", "use_bias: yes", SWITCH),
    _conv("a number for true", "use_bias: 1", SWITCH),
    _conv("a padding that is none", "padding: full", PADDING),
    _conv("a penalty without its kind", "kernel_regularizer: 0.1", "Expected fields, such as `{l1: ...}`."),
    _conv("an activation that is none", "activation: {rellu: {}}", UNKNOWN.format("rellu")),
    _conv("an activation as a number", "activation: 3", "Expected an activation: its name, or its name with its value."),
    _layer(
        "an activation's misspelt field",
        "dense: {units: 3, activation: {leaky_relu: {sloop: 1}}}",
        (1, UNKNOWN.format("sloop")),
    ),
    _layer("two layers in one item", "dense: 3\n      relu:", (1, ONE_LAYER)),
    _layer("two layers and a name", "dense: 3\n      name: a\n      relu:", (1, ONE_LAYER)),
    _layer("a name without a layer", "name: a", (1, ONE_LAYER)),
    _layer(
        "fields beside the layer",
        "conv2d:\n      filters: 3\n      kernel_size: 3",
        (1, CONV),
        (1, ONE_LAYER),
        (2, "This is a field: indent it by two more than its layer."),
        (3, "This is a field: indent it by two more than its layer."),
    ),
    _layer(
        "name inside the value",
        "dense:\n        units: 3\n        name: a",
        (3, UNKNOWN.format("name")),
        (3, "`name` and `from` stand beside `dense`, not inside it."),
    ),
    _layer("a name with a capital", "dense: 3\n      name: Head", (2, A_NAME)),
    _layer("a number for a layer", "3", (1, "Expected a layer: its name, or its name with its value.")),
    _layer(
        "residual of a word",
        "residual: relu",
        (1, "Expected a list of layers; or fields, such as `{layers: [{dense: 16}, relu]}`."),
    ),
    _layer("a layer inside residual", "residual:\n        - relu\n        - Dense: 3", (3, CALLED.format("dense"))),
    _layer(
        "a shortcut that is none",
        "residual: {layers: [relu], shortcut: yes}",
        (1, "Expected `project`, a list of layers, or a variable (`$x`)."),
    ),
    _layer(
        "a merge that is none",
        "parallel: {paths: {a: [relu], b: [tanh]}, merge: sum}",
        (1, "Expected `add`, `subtract`, `multiply`, `average`, `maximum` or `concat`, or a variable (`$x`)."),
    ),
    _layer("repeat how often", "repeat: {layers: [relu]}", (1, MISSING.format("times"))),
    _layer("share without from", "share: tower", (1, "`share` needs `from`: what the layer reads this time.")),
    Tells("a capital in a file with blocks", BLOCKS, "    - Conv2D: 3\n", ((1, CALLED.format("conv2d")),)),
    Tells("a word in a file with blocks", BLOCKS, "    - conv_unit: {filters: 3}\n", ()),
    _train(
        "a section's misspelt field", "optimiser: {sgd: 1}", (3, UNKNOWN.format("optimiser")), (3, CALLED.format("optimizer"))
    ),
    _train("epochs in words", "epochs: ten", (3, COUNT)),
    _train("no epochs", "epochs: 0", (3, "Value is below the minimum of 1.")),
    _train("a precision that is none", "precision: float16", (3, "Expected `float32` or `bfloat16`, or a variable (`$x`).")),
    _train("one metric without a list", "metrics: accuracy", (3, "Expected a list, or a variable (`$x`).")),
    _train("a switch for fields", "early_stopping: true", (3, "Expected fields, such as `{monitor: ...}`.")),
    _whole("a misspelt loss", "train: {loss: cross_entrpy, optimizer: {adam: 1}}", (1, NO_LOSS)),
    _whole("Keras' mse", "train: {loss: mse, optimizer: {adam: 1}}", (1, NO_LOSS), (1, CALLED.format("mean_squared_error"))),
    _whole("a loss by output", "train:\n  loss: {kind: cross_entrpy}\n  optimizer: {adam: 1}", (2, NO_LOSS)),
    _whole("adam without a rate", "train: {loss: hinge, optimizer: adam}", (1, NO_OPTIMIZER)),
    _whole(
        "Keras' lr",
        "train: {loss: hinge, optimizer: {adam: {lr: 1}}}",
        (1, MISSING.format("learning_rate")),
        (1, UNKNOWN.format("lr")),
        (1, CALLED.format("learning_rate")),
    ),
    _whole("two optimizers", "train: {loss: hinge, optimizer: {adam: 1, sgd: 1}}", (1, "Expected one optimizer.")),
    _whole("train without its fields", "train:\n  epochs: 3", (1, MISSING.format("loss")), (1, MISSING.format("optimizer"))),
    _whole(
        "a number for a section", "train: 3", (1, "Expected fields, such as `{loss: cross_entropy, optimizer: {adam: 0.001}}`.")
    ),
    _whole("a source that is none", "data: {source: {sklern: iris}}", (1, UNKNOWN.format("sklern"))),
    _whole(
        "a strategy that is none",
        "data:\n  source: {sklearn: iris}\n  preprocess: {numbers: [{impute: avg}]}",
        (3, "Expected `mean`, `median`, `most_frequent` or `constant`, or a variable (`$x`)."),
    ),
    _whole(
        "a promise in words",
        "expect: {parameters: {max: few}}",
        (1, "Expected a number such as `50k`, `2M` or `200KB`, or a variable (`$x`)."),
    ),
    _whole("an opset too new", "export: {opset: 40}", (1, "Value is above the maximum of 23.")),
    _whole("a section that is none", "training: {epochs: 3}", (1, UNKNOWN.format("training"))),
    Tells("an empty file", "", "\n", tuple((1, MISSING.format(name)) for name in ("input", "model", "name", "netspec"))),
    Tells("the wrong version", "", "netspec: 2\nname: a\ninput: [8]\nmodel: {mlp: {output: 2}}\n", ((1, "Value must be 1."),)),
    Tells(
        "a shape as a number",
        "",
        "netspec: 1\nname: a\ninput: 28\nmodel: {mlp: {output: 2}}\n",
        ((3, "Expected a list of sizes, or a variable (`$x`); or fields, such as `{shape: [28, 28, 1]}`."),),
    ),
    Tells(
        "a batch axis",
        "",
        "netspec: 1\nname: a\ninput: [-1, 28]\nmodel: {mlp: {output: 2}}\n",
        ((3, "Value is below the minimum of 1."),),
    ),
    Tells(
        "two kinds of network",
        HEADER,
        "input: [8]\nmodel:\n  mlp: {output: 2}\n  cnn: {filters: [3]}\n",
        ((2, "`model` holds exactly one kind of network."),),
    ),
    Tells(
        "layers that are no list",
        HEADER,
        "input: [8]\nmodel:\n  layers: {dense: 3}\n",
        ((3, "Expected a list of layers: start each with `- `."),),
    ),
    Tells(
        "a block called like a layer",
        HEADER,
        "input: [8]\nblocks:\n  dense: {layers: [relu]}\nmodel: {layers: [relu]}\n",
        ((3, "A block cannot be called like a layer: choose another name."),),
    ),
)
