"""Images: idx files (MNIST's format) and folders with a class each."""

from math import prod
from pathlib import Path
from typing import BinaryIO, Literal

from pydantic import Field

from netspec.components.fields import Count, DataPath
from netspec.components.sources.base import Array, Column, Known, Locate, Reading, Source, Table, malformed
from netspec.components.sources.files import PartedFiles
from netspec.diagnostics import Problem

_MOST_BYTES = 8 << 30
_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_ENDINGS = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pgm", ".ppm"}


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

    def table(self, files: tuple[Path, ...]) -> Table:
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
    """The array of an idx file. Raises Problem NS509; the declared size is checked before it is read."""
    import gzip

    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            with gzip.GzipFile(fileobj=raw) if packed else raw as stream:
                return _read_idx(path, stream)  # type: ignore[arg-type]
    except (gzip.BadGzipFile, EOFError, OSError) as error:
        raise malformed(path, f"cannot be read ({error})") from None


def _read_idx(path: Path, stream: BinaryIO) -> Array:
    import struct

    import numpy as np

    head = stream.read(4)
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _DTYPES or not 1 <= head[3] <= 4:
        raise malformed(path, "not an idx file: the first bytes are wrong")
    shape = struct.unpack(f">{head[3]}I", stream.read(4 * head[3]))
    dtype = np.dtype(_DTYPES[head[2]])
    size = prod(shape) * dtype.itemsize
    if size > _MOST_BYTES:
        raise malformed(path, f"it declares {size} bytes, more than {_MOST_BYTES}")
    data = stream.read(size)
    if len(data) != size or stream.read(1):
        raise malformed(path, f"it declares {size} bytes of data but holds {'more' if len(data) == size else len(data)}")
    array = np.frombuffer(data, dtype).reshape(shape)
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

    def paths(self) -> tuple[str, ...]:
        return tuple(path for path in (self.path, self.train, self.validation, self.test) if path)

    def read(self, locate: Locate) -> Reading:
        given = {"all": self.path, "train": self.train, "validation": self.validation, "test": self.test}
        folders = {part: locate(path) for part, path in given.items() if path}
        if not ("all" in folders) ^ ("train" in folders):
            raise Problem("NS202", "`images` takes either `path`, or `train` with perhaps `validation` and `test`")
        listed = {part: _list_classes(folder) for part, folder in folders.items()}
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
        import warnings

        import numpy as np
        from PIL import Image

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                with Image.open(path) as image:
                    picture = image.convert("RGB" if self.mode == "rgb" else "L")
                    if self.size:
                        picture = picture.resize((self.size[1], self.size[0]), Image.Resampling.BILINEAR)
                    array = np.asarray(picture, np.uint8)
        except (OSError, ValueError, Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
            raise malformed(path.name, f"not a readable image ({error})") from None
        return array if array.ndim == 3 else array[..., None]


def _list_classes(folder: Path) -> list[tuple[str, Path]]:
    """(class, file) pairs in a fixed order. Raises NS509 for a folder without classes."""
    found: list[tuple[str, Path]] = []
    for child in sorted(folder.iterdir()):
        if child.is_dir() and not child.is_symlink():
            found += [(child.name, file) for file in sorted(child.iterdir()) if file.suffix.lower() in _ENDINGS]
    if not found:
        raise malformed(folder, "no folders with images in them", "each class is a folder of its own")
    return found


SOURCES: tuple[type[Source], ...] = (Idx, Images)
