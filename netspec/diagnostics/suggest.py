"""Guessing what was meant: close names, and the words of other frameworks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from heapq import nlargest
from itertools import islice, pairwise

FOREIGN_WORDS: dict[str, str] = {
    "out_channels": "filters",
    "out_features": "units",
    "features": "units",
    "hidden_size": "units",
    "hidden_dim": "units",
    "num_units": "units",
    "n_units": "units",
    "size": "units",
    "stride": "strides",
    "dilation": "dilation_rate",
    "bias": "use_bias",
    "eps": "epsilon",
    "p": "rate",
    "prob": "rate",
    "nonlinearity": "activation",
    "act": "activation",
    "num_embeddings": "input_dim",
    "embedding_dim": "output_dim",
    "kernel": "kernel_size",
    "ksize": "kernel_size",
    "filter": "filters",
    "channels": "filters",
    "weight_initializer": "kernel_initializer",
    "lr": "learning_rate",
    "beta_1": "b1",
    "beta_2": "b2",
    "betas": "b1",
    "batchsize": "batch_size",
    "batch": "batch_size",
    "num_epochs": "epochs",
    "max_epochs": "epochs",
    "n_epochs": "epochs",
    "linear": "dense",
    "Linear": "dense",
    "Dense": "dense",
    "fully_connected": "dense",
    "fc": "dense",
    "conv": "conv2d",
    "Conv2d": "conv2d",
    "Conv2D": "conv2d",
    "conv_2d": "conv2d",
    "Conv1d": "conv1d",
    "Conv1D": "conv1d",
    "ConvTranspose2d": "conv_transpose2d",
    "Conv2DTranspose": "conv_transpose2d",
    "conv2d_transpose": "conv_transpose2d",
    "deconv2d": "conv_transpose2d",
    "DepthwiseConv2D": "depthwise_conv2d",
    "SeparableConv2D": "separable_conv2d",
    "MaxPool2d": "max_pool2d",
    "MaxPooling2D": "max_pool2d",
    "maxpool": "max_pool2d",
    "max_pool": "max_pool2d",
    "max_pooling2d": "max_pool2d",
    "AvgPool2d": "avg_pool2d",
    "AveragePooling2D": "avg_pool2d",
    "avg_pool": "avg_pool2d",
    "average_pooling2d": "avg_pool2d",
    "AdaptiveAvgPool2d": "global_avg_pool",
    "GlobalAveragePooling2D": "global_avg_pool",
    "global_average_pooling": "global_avg_pool",
    "gap": "global_avg_pool",
    "GlobalMaxPooling2D": "global_max_pool",
    "BatchNorm2d": "batch_norm",
    "BatchNorm1d": "batch_norm",
    "BatchNormalization": "batch_norm",
    "batch_normalization": "batch_norm",
    "batchnorm": "batch_norm",
    "bn": "batch_norm",
    "LayerNorm": "layer_norm",
    "LayerNormalization": "layer_norm",
    "layernorm": "layer_norm",
    "GroupNorm": "group_norm",
    "RMSNorm": "rms_norm",
    "ReLU": "relu",
    "LeakyReLU": "leaky_relu",
    "lrelu": "leaky_relu",
    "SiLU": "silu",
    "swish": "silu",
    "GELU": "gelu",
    "ELU": "elu",
    "Sigmoid": "sigmoid",
    "logistic": "sigmoid",
    "Tanh": "tanh",
    "Softmax": "softmax",
    "LogSoftmax": "log_softmax",
    "hardswish": "hard_silu",
    "Dropout": "dropout",
    "Dropout2d": "spatial_dropout",
    "SpatialDropout2D": "spatial_dropout",
    "GaussianNoise": "gaussian_noise",
    "Flatten": "flatten",
    "view": "reshape",
    "Reshape": "reshape",
    "transpose": "permute",
    "Embedding": "embedding",
    "UpSampling2D": "upsample",
    "Upsample": "upsample",
    "ZeroPadding2D": "pad",
    "zero_pad": "pad",
    "Cropping2D": "crop",
    "Add": "add",
    "sum": "add",
    "Concatenate": "concat",
    "concatenate": "concat",
    "cat": "concat",
    "LSTM": "lstm",
    "GRU": "gru",
    "SimpleRNN": "rnn",
    "simple_rnn": "rnn",
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "l1": "mean_absolute_error",
    "l2": "mean_squared_error",
    "bce": "binary_cross_entropy",
    "crossentropy": "cross_entropy",
    "categorical_crossentropy": "cross_entropy",
    "sparse_categorical_crossentropy": "cross_entropy",
    "binary_crossentropy": "binary_cross_entropy",
    "nll": "cross_entropy",
    "standard_scaler": "standardize",
    "standard": "standardize",
    "zscore": "standardize",
    "normalize": "standardize",
    "minmax": "min_max",
    "onehot": "one_hot",
    "one-hot": "one_hot",
    "layer": "layers",
    "optimiser": "optimizer",
    "val": "validation",
    "acc": "accuracy",
    "he_normal": "he",
    "he_uniform": "he",
    "kaiming": "he",
    "xavier": "glorot",
    "glorot_uniform": "glorot",
    "glorot_normal": "glorot",
    "lecun_normal": "lecun",
    "fp16": "bfloat16",
    "float16": "bfloat16",
    "half": "bfloat16",
    "mixed_float16": "bfloat16",
    "bf16": "bfloat16",
    "fp32": "float32",
    "f1_score": "f1",
    "auc": "roc_auc",
    "top_k": "top_k_accuracy",
    "binary_accuracy": "accuracy",
    "categorical_accuracy": "accuracy",
    "sparse_categorical_accuracy": "accuracy",
    "root_mean_squared_error": "rmse",
    "cosine_annealing": "cosine",
    "cosine_decay": "cosine",
    "CosineAnnealingLR": "cosine",
    "StepLR": "step",
    "OneCycleLR": "one_cycle",
    "ExponentialLR": "exponential",
    "horizontal_flip": "flip_horizontal",
    "random_flip": "flip_horizontal",
    "RandomFlip": "flip_horizontal",
    "RandomHorizontalFlip": "flip_horizontal",
    "vertical_flip": "flip_vertical",
    "RandomVerticalFlip": "flip_vertical",
    "rotation": "rotate",
    "random_rotation": "rotate",
    "RandomRotation": "rotate",
    "RandomCrop": "random_crop",
    "vocab_size": "vocabulary",
    "variables": "vars",
    "constants": "vars",
    "params": "vars",
    "num_filters": "filters",
    "n_filters": "filters",
    "num_classes": "output",
    "n_classes": "output",
    "hidden_units": "hidden",
    "hidden_layers": "hidden",
    "hidden_sizes": "hidden",
    "hidden_layer_sizes": "hidden",
    "layers": "hidden",
    "sequential": "layers",
    "n": "times",
    "count": "times",
    "skip": "shortcut",
    "projection": "shortcut",
    "downsample": "shortcut",
    "input": "from",
    "inputs": "from",
    "id": "name",
    "alpha": "negative_slope",
    "slope": "negative_slope",
    "sep": "delimiter",
    "separator": "delimiter",
    "val_split": "validation",
    "validation_split": "validation",
    "val_size": "validation",
    "test_size": "test",
    "val_loss": "validation_loss",
    "val_accuracy": "validation_accuracy",
    "val_acc": "validation_accuracy",
    "lr_schedule": "schedule",
    "lr_scheduler": "schedule",
    "scheduler": "schedule",
    "criterion": "loss",
    "objective": "loss",
    "loss_function": "loss",
    "loss_fn": "loss",
    "label": "target",
    "labels": "target",
    "clipnorm": "clip_norm",
    "clipvalue": "clip_value",
    "grad_clip": "gradient",
}
"""Other frameworks' words and ours. Where the same word means two things, the one that fits stands."""

_FURTHER: dict[str, tuple[str, ...]] = {
    "hidden_size": ("hidden",),
    "hidden_dim": ("hidden",),
    "units": ("hidden",),
    "features": ("inputs",),
    "mean_squared_error": ("mse",),
    "mean_absolute_error": ("mae",),
    "size": ("pool_size", "shape"),
}
"""What some of those words mean where the first meaning does not fit."""

_FLOWS = "remove it: sizes flow from the layer above"
LEFT_OUT: dict[str, str] = {
    **dict.fromkeys(("in_channels", "in_features", "input_shape", "input_dim", "input_size", "batch_input_shape"), _FLOWS),
    "data_format": "remove it: channels stand last; `export: {layout: channels_first}` turns the exported graph's boundary",
    "batch_first": "remove it: the batch is the first axis, always",
    "num_layers": "write one layer below the other, or `repeat`",
    **dict.fromkeys(
        ("bidirectional", "Bidirectional"), "it is a field of the recurrent layer: `lstm: {units: 64, bidirectional: true}`"
    ),
    "TimeDistributed": "remove it: `dense` works on the last axis of every step",
    "inplace": "remove it: no layer changes its input",
    "padding_mode": "write a layer above instead: `- pad: {amounts: 1, mode: reflect}`",
    "restore_best_weights": "remove it: the best weights are the ones that are kept",
    **dict.fromkeys(("Input", "InputLayer", "input_layer"), "remove it: `input:` stands at the top of the file"),
    "input": "a layer reads the one above, or what `from:` beside it names; the network's own `input:` stands at the top",
    "shuffle": "remove it: the training part has a new order in every epoch",
    **dict.fromkeys(("device", "gpus", "accelerator"), "remove it: the command line chooses, by `netspec train --device`"),
}
"""Other frameworks' words that have no counterpart, and why."""


def suggest(word: object, valid: Iterable[str], *, list_up_to: int = 12) -> str:
    """A help line for `word` where one of `valid` was due: the likely one, or all if few; else ''."""
    names = sorted(set(islice(valid, _MOST)))
    likely = closest(str(word), names)
    if likely:
        return f"did you mean `{likely}`?"
    if str(word) in LEFT_OUT:
        return LEFT_OUT[str(word)]
    if 0 < len(names) <= list_up_to:
        return f"write {'one of ' * (len(names) > 1)}" + ", ".join(f"`{name}`" for name in names)
    return ""


def closest(word: str, names: Iterable[str]) -> str:
    """The name that `word` was most likely meant to be; '' where none is close, or where there is too much to compare."""
    names = sorted(set(islice(names, _MOST)))
    word = _bare(word)
    if len(word) > _LONGEST:
        return ""
    lower = word.lower()
    meanings = (FOREIGN_WORDS.get(word, ""), FOREIGN_WORDS.get(lower, ""), *_FURTHER.get(lower, ()))
    foreign = next((meaning for meaning in meanings if meaning in names), "")
    if foreign:
        return foreign
    plain = word.lower().replace("-", "_")
    # Shorter names win ties: `kernal` is nearer to `kernel_size` than to `kernel_regularizer`.
    if len(names) > _FEW:
        own = _pairs(plain)
        names = nlargest(_FEW // 10, names, key=lambda name: len(own & _pairs(name)))
    ranked = sorted((-_closeness(plain, name), len(name), name) for name in names)
    return ranked[0][2] if ranked and -ranked[0][0] >= _CLOSE else ""


_CLOSE = 0.72
_LONGEST = 100
"""Letters of a word that is compared with others."""
_MOST = 2000
"""Names that a word is compared with."""
_FEW = 200
"""Among more names than this only the likeliest are compared closely: those that have most pairs of letters in common."""


def _bare(word: str) -> str:
    """`torch.nn.Linear(3, 4)` as `Linear`: people paste what they know."""
    return word.partition("(")[0].rpartition(".")[2] or word


def _closeness(word: str, name: str) -> float:
    """How alike two words are, from 0 to 1; a word may also be meant for one part of a longer name."""
    squeezed = word.replace("_", "")
    if squeezed == name.replace("_", ""):
        return 1.0
    whole = _alike(word, name)
    if len(squeezed) < 4 or "_" in word:
        return whole
    return max(whole, *(0.98 * _alike(word, part) for part in name.split("_")))


def _alike(word: str, name: str) -> float:
    """difflib's ratio of two words, and 0 where their lengths or their letters say that it is too small to count."""
    from difflib import SequenceMatcher

    both = len(word) + len(name)
    if 2 * min(len(word), len(name)) < _CLOSE * both or 2 * (_letters(word) & _letters(name)).total() < _CLOSE * both:
        return 0.0
    return SequenceMatcher(None, word, name).ratio()


@lru_cache(4096)
def _pairs(word: str) -> frozenset[str]:
    return frozenset(a + b for a, b in pairwise(word))


@lru_cache(4096)
def _letters(word: str) -> Counter[str]:
    return Counter(word)
