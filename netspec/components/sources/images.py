"""Images: idx files (MNIST's format) and folders with a class each."""

import io
from math import prod
from pathlib import Path
from typing import Literal

from pydantic import Field

from netspec.components.fields import Count, DataPath
from netspec.components.sources.base import Array, Column, Known, Locator, Reading, Source, Table, malformed
from netspec.components.sources.bounded import content
from netspec.components.sources.files import PartedFiles, entries
from netspec.diagnostics import Problem

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"}
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")


class Idx(PartedFiles):
    """MNIST's format, also as .gz: a file of images, and beside it one of labels.

    Columns are `image` [height, width, 1], or `image` [features] for other ranks, and `label`.

    ```yaml
    idx: {train: [train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz]}
    ```
    """

    type = "idx"

    def known(self) -> Known:
        return Known(largest=255)

    def table(self, files: tuple[Path, ...], roots: Locator) -> Table:
        import numpy as np

        arrays = [read_idx(path) for path in files]
        images = [array for array in arrays if array.ndim > 1]
        labels = [array for array in arrays if array.ndim == 1]
        if len(images) != 1 or len(labels) > 1:
            raise malformed(files[0], "a part is one file of images and at most one of labels")
        image = images[0][..., None] if images[0].ndim == 3 else images[0]
        columns = {"image": Column("array", image)}
        if labels:
            if len(labels[0]) != len(image):
                raise malformed(files[-1], f"{len(labels[0])} labels for {len(image)} images")
            columns["label"] = Column("number", labels[0].astype(np.float64))
        return Table(columns, inputs=("image",), target="label" if labels else None)


def read_idx(path: Path) -> Array:
    """The array of an idx file. Raises Problem NS509 unless what it declares is what it holds."""
    import struct

    import numpy as np

    data = content(path)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _DTYPES or not 1 <= data[3] <= 4 or len(data) < 4 + 4 * data[3]:
        raise malformed(path, "not an idx file: the first bytes are wrong")
    start = 4 + 4 * data[3]
    shape, dtype = struct.unpack(f">{data[3]}I", data[4:start]), np.dtype(_DTYPES[data[2]])
    size = prod(shape) * dtype.itemsize
    if size != len(data) - start:
        raise malformed(path, f"it declares {list(shape)}, which are {size} bytes, but holds {len(data) - start}")
    if size == 0:
        raise malformed(path, f"it declares {list(shape)}, which holds nothing")
    array = np.frombuffer(data, dtype, offset=start).reshape(shape)
    return array if dtype.itemsize == 1 else array.astype(np.float32)


class Images(Source):
    """A folder with one folder a class, each full of images; the folders' names are the classes.

    Columns are `image` [height, width, channels] of 0 to 255, and `label`.

    ```yaml
    images: {path: sign-digits, size: [64, 64]}
    ```
    """

    type = "images"
    short = "path"
    path: DataPath | None = Field(
        None, description="The folder, relative to the spec; it is split as `split` says.", examples=["pictures"]
    )
    train: DataPath | None = Field(
        None, description="The training part's folder, where the parts are given.", examples=["pictures/train"]
    )
    validation: DataPath | None = Field(None, description="The validation part's folder.", examples=["pictures/validation"])
    test: DataPath | None = Field(None, description="The test part's folder.", examples=["pictures/test"])
    size: tuple[Count, Count] | None = Field(
        None, description="[height, width] that images are resized to while reading; without it all must have one size."
    )
    mode: Literal["rgb", "grayscale"] = Field("rgb", description="Three channels or one.")

    def known(self) -> Known:
        return Known(largest=255)

    def given_parts(self) -> tuple[str, ...]:
        return tuple(part for part in ("train", "validation", "test") if getattr(self, part))

    def paths(self) -> tuple[str, ...]:
        return tuple(path for path in (self.path, self.train, self.validation, self.test) if path)

    def read(self, roots: Locator) -> Reading:
        given = {"all": self.path, "train": self.train, "validation": self.validation, "test": self.test}
        folders = {part: roots.locate(path) for part, path in given.items() if path}
        if not ("all" in folders) ^ ("train" in folders):
            raise Problem("NS202", "`images` takes either `path`, or `train` with perhaps `validation` and `test`")
        listed = {part: _list_classes(folder, roots) for part, folder in folders.items()}
        classes = sorted({label for files in listed.values() for label, _ in files})
        tables = {part: self._table(files, classes) for part, files in listed.items()}
        return Reading(tables, tuple(path for files in listed.values() for _, path in files))

    def _table(self, files: list[tuple[str, Path]], classes: list[str]) -> Table:
        import numpy as np

        arrays = [self._decode(path) for _, path in files]
        shapes = sorted({array.shape for array in arrays})
        if len(shapes) > 1:
            height, width = shapes[len(shapes) // 2][:2]
            raise Problem(
                "NS507",
                f"the images have {len(shapes)} different sizes, such as {list(shapes[0])} and {list(shapes[-1])}",
                help=f"add `size: [{height}, {width}]` to `images`",
            )
        label = Column("category", np.asarray([label for label, _ in files], dtype=object))
        return Table({"image": Column("array", np.stack(arrays)), "label": label}, inputs=("image",), target="label")

    def _decode(self, path: Path) -> Array:
        return decoded(content(path), f"{path.parent.name}/{path.name}", 3 if self.mode == "rgb" else 1, self.size)


def decoded(data: bytes, name: str, channels: int, size: tuple[int, int] | None) -> Array:
    """A picture [height, width, channels] of bytes, resized where a size is given. Raises Problem NS509.

    Only decoders that are part of Pillow and start no program are ever asked: EPS would run Ghostscript.
    """
    import warnings

    import numpy as np
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", category=UserWarning, module="PIL")  # oddities of metadata
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                picture = image.convert("RGB" if channels == 3 else "L")
                if size is not None and picture.size != (size[1], size[0]):
                    picture = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR)
                array = np.asarray(picture, np.uint8)
    except UnidentifiedImageError:
        raise malformed(name, f"not an image of a kind that is read ({', '.join(_FORMATS)})") from None
    except Exception as error:  # noqa: BLE001  damaged files make decoders raise nearly anything
        raise malformed(name, f"not a readable image ({str(error) or type(error).__name__})") from None
    return array if array.ndim == 3 else array[..., None]


def _list_classes(folder: Path, roots: Locator) -> list[tuple[str, Path]]:
    """(class, file) pairs in a fixed order. Raises NS509 for a folder without classes, NS006 for a link out of the root."""
    if not folder.is_dir():
        raise malformed(folder, "not a folder", "each class is a folder of images in it")
    found: list[tuple[str, Path]] = []
    for child in entries(folder, roots):
        if child.is_dir():
            found += [(child.name, file) for file in entries(child, roots) if file.suffix.lower() in _ENDINGS]
    if not found:
        raise malformed(folder, "no folders with images in them", "each class is a folder of its own")
    return found


SOURCES: tuple[type[Source], ...] = (Idx, Images)
