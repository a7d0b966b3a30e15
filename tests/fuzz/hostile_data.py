"""Data files that a stranger might send to hurt: each is read, or refused by one code that names the file.

A case says whether it has to be read, has to be refused, or may be either (a flipped bit in a picture is a picture).
"""

from __future__ import annotations

import gzip
import io
import json
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

Build = Callable[[Path], object]
Bytes = bytes | str | Callable[[], bytes | str]
"""What stands in a file, or what makes it: large ones are made when they are asked for."""


@dataclass(frozen=True)
class HostileData:
    """One hostile file beside a sound spec that reads it."""

    kind: str
    name: str
    expect: Literal["read", "refused", "either"]
    document: dict[str, Any]
    build: Build
    file: str
    """A part of what a refusal has to name: the file, and where there is one the member or the line."""

    def write(self, folder: Path) -> None:
        """Put the case into a folder."""
        (folder / "pyproject.toml").write_text("")
        (folder / "spec.json").write_text(json.dumps({"netspec": 1, "name": "hostile", **self.document}))
        self.build(folder)


TRAIN = {"loss": "cross_entropy", "optimizer": {"adam": 0.01}, "epochs": 1, "batch_size": 4}
NUMBERS = {"loss": "mean_squared_error", "optimizer": {"adam": 0.01}, "epochs": 1, "batch_size": 4}
SPLIT = {"validation": 0.25, "seed": 0}


def table(source: dict[str, Any]) -> dict[str, Any]:
    """A spec that reads the numbers `a`, `b` and `y`."""
    data = {"source": source, "inputs": {"input": ["a", "b"]}, "target": "y", "split": SPLIT}
    return {"input": [2], "model": {"mlp": {"hidden": [4], "output": 1}}, "data": data, "train": NUMBERS}


def arrays(source: dict[str, Any]) -> dict[str, Any]:
    """A spec that reads arrays `x` of two numbers, and `y`."""
    data = {"source": source, "inputs": {"input": ["x"]}, "target": "y", "split": SPLIT}
    return {"input": [2], "model": {"mlp": {"hidden": [4], "output": 1}}, "data": data, "train": NUMBERS}


def pictures(**source: Any) -> dict[str, Any]:
    """A spec that reads a folder of pictures."""
    data = {"source": {"images": {"path": "pictures", "size": [8, 8], **source}}, "split": SPLIT}
    layers = ["flatten", {"dense": "classes"}]
    return {"input": [8, 8, 3], "model": {"layers": layers}, "data": data, "train": TRAIN}


def texts(path: str, **source: Any) -> dict[str, Any]:
    """A spec that reads texts with a folder a class."""
    layers = [{"embedding": 4}, "global_avg_pool", {"dense": "classes"}]
    steps = [{"tokenize": {"by": "word"}}, {"pad_sequence": {"max": 20}}]
    data = {"source": {"text": {"path": path, **source}}, "preprocess": {"input": steps}, "split": SPLIT}
    shape = {"shape": ["time"], "vocabulary": "words"}
    return {"input": shape, "model": {"layers": layers}, "data": data, "train": TRAIN}


def idx() -> dict[str, Any]:
    """A spec that reads MNIST's format."""
    data = {"source": {"idx": ["images.gz", "labels.gz"]}, "split": SPLIT}
    return {"input": [4, 4, 1], "model": {"layers": ["flatten", {"dense": "classes"}]}, "data": data, "train": TRAIN}


def series() -> dict[str, Any]:
    """A spec that reads a .ts file."""
    layers = [{"gru": 4}, {"dense": "classes"}]
    data = {"source": {"ts": "rows.ts"}, "split": SPLIT}
    return {"input": ["time", 1], "model": {"layers": layers}, "data": data, "train": TRAIN}


def sounds() -> dict[str, Any]:
    """A spec that reads sound in a folder a class."""
    layers = [{"gru": 4}, {"dense": "classes"}]
    steps = [{"log_mel": {"rate": 8000, "bands": 8}}]
    data = {"source": {"wav": {"path": "sounds", "rate": 8000}}, "preprocess": {"sound": steps}, "split": SPLIT}
    return {"input": ["time", 8], "model": {"layers": layers}, "data": data, "train": TRAIN}


def cases() -> Iterator[HostileData]:
    """All of them."""
    yield from _pictures()
    yield from _picture_bytes()
    yield from _folders()
    yield from _tables()
    yield from _no_files("csv", table, "rows.csv")
    yield from _json_lines()
    yield from _npz()
    yield from _idx()
    yield from _tars()
    yield from _texts()
    yield from _series()
    yield from _sounds()


# Pictures


def drawn(format: str = "PNG", size: tuple[int, int] = (8, 8), mode: str = "RGB", **more: Any) -> bytes:
    """A picture with something in it."""
    stream = io.BytesIO()
    values = np.arange(size[0] * size[1] * 3, dtype=np.uint32).reshape(size[1], size[0], 3) * 37 % 251
    Image.fromarray(values.astype(np.uint8)).convert(mode).save(stream, format=format, **more)
    return stream.getvalue()


def album(folder: Path) -> Path:
    """Two classes of four sound pictures each; the folder of the first class."""
    for label in ("a", "b"):
        (folder / "pictures" / label).mkdir(parents=True)
        for number in range(4):
            (folder / "pictures" / label / f"{number}.png").write_bytes(drawn())
    return folder / "pictures" / "a"


def picture_case(kind: str, name: str, expect: Any, data: Bytes, ending: str = ".png") -> HostileData:
    def build(folder: Path) -> None:
        (album(folder) / f"odd{ending}").write_bytes(made(data))

    return HostileData(kind, name, expect, pictures(), build, f"odd{ending}")


_POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n(marker) (w) file closefile\nshowpage\n%%EOF\n"
_OTHER_KINDS = ("BLP", "DDS", "EPS", "ICNS", "ICO", "JPEG2000", "MSP", "PCX", "PDF", "SGI", "SPIDER", "TGA", "XBM")
_READ_KINDS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")


def _pictures() -> Iterator[HostileData]:
    for ending in (".png", ".jpg", ".gif", ".tif"):
        yield picture_case("decoder", f"PostScript as {ending}", "refused", _POSTSCRIPT, ending)
    for format in _OTHER_KINDS:
        mode = {"MSP": "1", "XBM": "1", "SPIDER": "F", "BLP": "P"}.get(format, "RGB")
        size = (32, 32) if format in ("ICNS", "ICO") else (8, 8)
        yield picture_case("decoder", f"{format} as .png", "refused", drawn(format, size, mode))
    yield picture_case("decoder", "an animated GIF of 500 frames", "read", lambda: _animated(500), ".gif")
    yield picture_case("decoder", "a JPEG called .png", "read", drawn("JPEG"))
    for mode in ("1", "L", "LA", "P", "RGBA", "I;16"):
        yield picture_case("decoder", f"a PNG in mode {mode}", "either", _of_mode(mode))
    yield picture_case("decoder", "a CMYK JPEG", "either", drawn("JPEG", mode="CMYK"), ".jpg")
    yield picture_case("bomb", "a PNG of 30,000 x 30,000", "refused", lambda: _empty_png(30_000, 30_000))
    yield picture_case("bomb", "a PNG of 2^31 x 2^31", "refused", _png([_ihdr(2**31 - 1, 2**31 - 1)]))
    yield picture_case("bomb", "a PNG whose text inflates to 80 MB", "either", lambda: _png_with_text(80 << 20))
    yield picture_case("bomb", "a GIF of 65,535 x 65,535", "refused", b"GIF89a" + struct.pack("<HH", 65535, 65535) + drawn("GIF")[10:], ".gif")  # fmt: skip
    yield picture_case("bomb", "a PPM of 10^9 x 10^9", "refused", b"P6 1000000000 1000000000 255\n" + bytes(99), ".ppm")
    yield picture_case("bomb", "a BMP of 2^30 x 2^30", "refused", _patched(drawn("BMP"), 18, struct.pack("<ii", 2**30, 2**30)), ".bmp")  # fmt: skip
    yield picture_case("bomb", "a PPM whose width has 5,000 digits", "refused", b"P6 " + b"9" * 5000 + b" 1 255\n", ".ppm")
    yield picture_case("empty", "no bytes", "refused", b"")
    yield picture_case("empty", "zeros", "refused", bytes(4096))
    yield picture_case("empty", "a PNG without pixels", "refused", _png([_ihdr(8, 8)]))


def _animated(frames: int) -> bytes:
    stream = io.BytesIO()
    several = [Image.new("L", (8, 8), number % 251) for number in range(frames)]
    several[0].save(stream, format="GIF", save_all=True, append_images=several[1:])
    return stream.getvalue()


def _of_mode(mode: str) -> bytes:
    stream = io.BytesIO()
    image = Image.fromarray(np.arange(64, dtype=np.uint16).reshape(8, 8)) if mode == "I;16" else Image.new(mode, (8, 8))
    image.save(stream, format="PNG")
    return stream.getvalue()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _ihdr(width: int, height: int) -> bytes:
    return _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))


def _png(chunks: list[bytes]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + _chunk(b"IEND", b"")


def _empty_png(width: int, height: int) -> bytes:
    packed = zlib.compressobj(1)
    data = b"".join(packed.compress(bytes(width + 1)) for _ in range(height)) + packed.flush()
    return _png([_ihdr(width, height), _chunk(b"IDAT", data)])


def _png_with_text(size: int) -> bytes:
    text = _chunk(b"zTXt", b"comment\0\0" + zlib.compress(bytes(size), 9))
    whole = drawn()
    return whole[:33] + text + whole[33:]


def _patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def _flipped(data: bytes, seed: int, bits: int = 1) -> bytes:
    generator = np.random.default_rng(seed)
    changed = bytearray(data)
    for at in generator.integers(0, len(data), bits):
        changed[at] ^= 1 << int(generator.integers(0, 8))
    return bytes(changed)


def _picture_bytes() -> Iterator[HostileData]:
    """Cut and flipped pictures of every kind that is read."""
    for format in _READ_KINDS:
        ending, whole = f".{format.lower()}".replace(".jpeg", ".jpg").replace(".tiff", ".tif"), drawn(format, (16, 16))
        for share in (10, 50, 90):
            yield picture_case("cut", f"{format} after {share}%", "either", whole[: len(whole) * share // 100], ending)
        for seed in range(3):
            yield picture_case("flipped", f"{format}, 8 bits, {seed}", "either", _flipped(whole, seed, 8), ending)
            yield picture_case("flipped", f"{format}, its head, {seed}", "either", _flipped(whole[:32], seed, 6) + whole[32:], ending)  # fmt: skip


def _folders() -> Iterator[HostileData]:
    def linked(name: str, target: str) -> Build:
        def build(folder: Path) -> None:
            (album(folder) / name).symlink_to(target)

        return build

    def case(name: str, expect: Any, build: Build, file: str, **source: Any) -> HostileData:
        return HostileData("folder", name, expect, pictures(**source), build, file)

    yield case("a picture that is a link out", "refused", linked("odd.png", "/etc/hostname"), "odd.png")
    yield case("a picture that is a link to a device", "refused", linked("odd.png", "/dev/zero"), "odd.png")
    yield case("a picture that is a link to itself", "refused", linked("odd.png", "odd.png"), "odd.png")
    yield case("a picture that is a link to nothing", "refused", linked("odd.png", "nothing.png"), "odd.png")
    yield case("a picture that is a link to another", "read", linked("odd.png", "0.png"), "odd.png")
    yield case("a folder that is a link out", "refused", linked("../c", "/etc"), "pictures/c")
    yield case("a folder that is a link to its own", "either", linked("../c", ".."), "")
    yield case("a pipe as a picture", "refused", lambda folder: os.mkfifo(album(folder) / "odd.png"), "odd.png")
    yield case("a folder as a picture", "refused", lambda folder: (album(folder) / "odd.png").mkdir(), "odd.png")
    yield case("a name with a line break", "refused", lambda f: (album(f) / "a\n::error::b.png").write_bytes(b"x"), "")  # fmt: skip
    yield case("a name that is no UTF-8", "refused", _raw_name, "")
    yield case("a folder without pictures", "refused", lambda folder: (folder / "pictures").mkdir(), "pictures")
    yield case("a file in the place of the folder", "refused", lambda f: (f / "pictures").write_bytes(b"x"), "pictures")
    yield case("no folder", "refused", lambda _: None, "pictures")
    yield case("the root itself", "refused", lambda _: None, "", path="")
    yield case("a path of 5,000 letters", "refused", lambda _: None, "", path="a/" * 2500)
    yield case("a path out", "refused", lambda _: None, "", path="../../etc")


def _raw_name(folder: Path) -> None:
    name = os.fsencode(album(folder)) + b"/\xff\xfe.png"
    with open(name, "wb") as stream:
        stream.write(b"x")


# Tables

ROWS = "a,b,y\n" + "".join(f"{i},{i * 2 % 7},{i % 3}\n" for i in range(12))


def made(data: Bytes) -> bytes:
    """The bytes of a file."""
    found = data() if callable(data) else data
    return found.encode("utf-8", "surrogateescape") if isinstance(found, str) else found


def file_case(kind: str, name: str, expect: Any, document: dict[str, Any], file: str, data: Bytes) -> HostileData:
    return HostileData(kind, name, expect, document, lambda folder: (folder / file).write_bytes(made(data)), file)


@cache
def bomb(size: int = 300 << 20) -> bytes:
    """Gzip that inflates to zeros, a thousand to one."""
    packed = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(1 << 20)
    return b"".join(packed.compress(block) for _ in range(size >> 20)) + packed.flush()


def _tables() -> Iterator[HostileData]:
    def case(name: str, expect: Any, data: Bytes, **source: Any) -> HostileData:
        return file_case("csv", name, expect, table({"csv": {"path": "rows.csv", **source}}), "rows.csv", data)

    yield case("as it should be", "read", ROWS)
    yield case("inside gzip", "read", gzip.compress(ROWS.encode()))
    yield case("inside gzip that is cut", "refused", gzip.compress(ROWS.encode())[:-9])
    yield case("inside gzip with a flipped bit", "refused", _flipped(gzip.compress(ROWS.encode())[:-8], 1, 40) + bytes(8))
    yield case("a gzip bomb", "refused", bomb)
    yield case("a zip archive", "refused", _zipped({"rows.csv": ROWS.encode()}))
    yield case("UTF-16", "refused", ROWS.encode("utf-16"))
    yield case("with a mark", "read", ROWS.encode("utf-8-sig"))
    yield case("latin-1", "refused", ROWS.replace("1,", "é,").encode("latin-1"))
    yield case("zeros between", "refused", ROWS.replace("3", "\0"))
    yield case("no bytes", "refused", "")
    yield case("a line break", "refused", "\n")
    yield case("a mark alone", "refused", b"\xef\xbb\xbf")
    yield case("a header alone", "refused", "a,b,y\n")
    yield case("one row", "refused", "a,b,y\n1,2,3\n")
    yield case("an open quote", "either", ROWS.replace("5,", '"5,'))
    yield case("a quote in the midst", "refused", ROWS.replace("5,", '5"5"",'))
    yield case(
        "a million columns", "refused", lambda: ",".join(f"c{i}" for i in range(1_000_000)) + "\n" + "1," * 999_999 + "1\n"
    )
    yield case("20,000 columns", "read", lambda: "a,b,y," + ",".join(f"c{i}" for i in range(20_000)) + "\n" + ("1,2,3," + "1," * 19_999 + "1\n") * 8)  # fmt: skip
    yield case("a line of 40 MB", "refused", lambda: "a,b,y\n" + "1" * (40 << 20) + "\n")
    yield case("a header of 40 MB", "refused", lambda: "a" * (40 << 20) + ",b,y\n1,2,3\n")
    yield case("a cell of 5 MB", "either", lambda: ROWS + "1,2," + "3" * (5 << 20) + "\n")
    yield case("a longer row", "refused", ROWS + "1,2,3,4\n")
    yield case("a shorter row", "either", ROWS + "1,2\n")
    yield case("a column twice", "refused", ROWS.replace("a,b,y", "a,b,y,a").replace("\n", ",1\n").replace("a,1\n", "a\n"))
    yield case("two columns without a name", "refused", ",,a,b,y\n" + "1,1,1,2,3\n" * 8)
    yield case("lines that end in CR", "refused", ROWS.replace("\n", "\r"))
    yield case("lines that end in CRLF", "read", ROWS.replace("\n", "\r\n"))
    yield case("numbers of 400 digits", "refused", ROWS + "9" * 400 + ",1,1\n")
    yield case("1e400", "refused", ROWS + "1e400,1,1\n")
    yield case("inf", "refused", ROWS + "inf,1,1\n")
    yield case("digits of another script", "refused", ROWS + "\u0663,1,1\n")
    yield case("random bytes", "refused", np.random.default_rng(0).bytes(100_000))
    yield case("semicolons", "refused", ROWS.replace(",", ";"))
    yield case("control characters in a name", "refused", ROWS.replace("b", "\x1b[2J"))
    yield case("half a surrogate", "refused", b"a,b,y\n" + b"1,2,\xed\xa0\x80\n" * 8)
    yield case("a quoted header over 1,000 lines", "refused", '"' + "a\n" * 1000 + '",b,y\n1,2,3\n')
    yield case("10^6 blank lines", "read", ROWS + "\n" * 1_000_000)
    yield case("10^6 commas", "refused", ROWS + "," * 1_000_000)
    yield case("a delimiter that is the quote", "refused", ROWS, delimiter='"')
    yield case("a missing mark for all", "refused", ROWS, missing=["0", "1", "2", "3", "4", "5", "6"])


def _no_files(kind: str, spec: Callable[[dict[str, Any]], dict[str, Any]], file: str) -> Iterator[HostileData]:
    """Things that are no regular file in a folder, in the place of one."""

    def case(name: str, build: Build, path: str = file, told: str = file) -> HostileData:
        return HostileData("no file", f"{kind}: {name}", "refused", spec({kind: path}), build, told)

    yield case("a pipe", lambda folder: os.mkfifo(folder / file))
    yield case("a folder", lambda folder: (folder / file).mkdir())
    yield case("a link out", lambda folder: (folder / file).symlink_to("/etc/hostname"))
    yield case("a link to /dev/zero", lambda folder: (folder / file).symlink_to("/dev/zero"))
    yield case("a link to itself", lambda folder: (folder / file).symlink_to(file))
    yield case("nothing", lambda _: None)
    yield case("the folder, by no path", lambda _: None, "", "")
    yield case("the folder, by a dot", lambda _: None, ".", "")
    yield case("a device by its path", lambda _: None, "/dev/zero", "/dev/zero")
    yield case("a pattern that fits a pipe", lambda folder: os.mkfifo(folder / file), "*" + file[-4:])
    yield case("a pattern that fits a link out", lambda folder: (folder / file).symlink_to("/etc/hostname"), "*" + file[-4:])
    yield case("a path that ends in a slash", lambda _: None, file + "/")


def _json_lines() -> Iterator[HostileData]:
    def case(name: str, expect: Any, data: Bytes) -> HostileData:
        return file_case("json_lines", name, expect, table({"json_lines": "rows.jsonl"}), "rows.jsonl", data)

    good = "".join(json.dumps({"a": i, "b": i % 5, "y": i % 3}) + "\n" for i in range(12))
    yield case("as it should be", "read", good)
    for depth in (40, 900, 5_000, 200_000):
        yield case(f"lists {depth:,} deep", "refused", good.replace('"a": 3', '"a": ' + "[" * depth + "1" + "]" * depth))
        yield case(f"objects {depth:,} deep", "refused", good.replace('"a": 3', '"a": ' + '{"a":' * depth + "1" + "}" * depth))
    yield case("an integer of 5,000 digits", "refused", good.replace('"a": 3', '"a": ' + "9" * 5000))
    yield case("an integer of 309 digits", "refused", good.replace('"a": 3', '"a": ' + "9" * 309))
    yield case("1e400", "refused", good.replace('"a": 3', '"a": 1e400'))
    yield case("Infinity", "refused", good.replace('"a": 3', '"a": -Infinity'))
    yield case("a key twice", "refused", good.replace('"a": 3', '"a": 3, "a": 4'))
    yield case(
        "50,000 keys", "read", lambda: good.replace('"a": 3', ", ".join(f'"k{i}": 1' for i in range(50_000)) + ', "a": 3')
    )
    yield case("not UTF-8", "refused", good.encode().replace(b'"a": 3', b'"a": "\xff"'))
    yield case("half a surrogate", "refused", good.replace('"a": 3', '"a": "\\ud800"'))
    yield case("a list a line", "refused", "[1, 2]\n" * 8)
    yield case("one list over lines", "refused", json.dumps([{"a": 1, "b": 2, "y": 3}] * 8, indent=1))
    yield case("a number alone", "refused", "1\n" * 8)
    yield case("no bytes", "refused", "")
    yield case("blank lines alone", "refused", "\n \n\n")
    yield case("a cut line", "refused", good[:-6])
    yield case("a gzip bomb", "refused", bomb)
    yield case("with a mark", "read", "\ufeff" + good)
    yield case("a line of 20 MB", "refused", lambda: good + '{"a": "' + "x" * (20 << 20) + '"}\n')
    yield case("an object in a cell", "refused", good.replace('"a": 3', '"a": {"b": 1}'))
    yield case("an empty list in a cell", "refused", good.replace('"a": 3', '"a": []'))
    yield case("lists of other shapes", "refused", good.replace('"a": 3', '"a": [[1, 2], [3]]'))
    yield case("a truth in a column of numbers", "either", good.replace('"a": 3', '"a": true'))
    yield case("a text in a column of numbers", "refused", good.replace('"a": 3', '"a": "three"'))
    yield case("another missing key a line", "refused", lambda: "".join(json.dumps({f"k{i}": i}) + "\n" for i in range(3000)))


# Archives


def _zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return stream.getvalue()


def npy(array: Any, **more: Any) -> bytes:
    """The bytes of a .npy file."""
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asarray(array), **more)
    return stream.getvalue()


def _headed(header: str, data: bytes, version: bytes = b"\x01\x00") -> bytes:
    head = header.encode() + b"\n"
    size = struct.pack("<H", len(head)) if version[0] == 1 else struct.pack("<I", len(head))
    return b"\x93NUMPY" + version + size + head + data


def _npz() -> Iterator[HostileData]:
    x, y = npy(np.arange(24.0).reshape(12, 2)), npy(np.arange(12.0))
    good = {"x.npy": x, "y.npy": y}

    def case(name: str, expect: Any, data: Bytes) -> HostileData:
        return file_case("npz", name, expect, arrays({"npz": "rows.npz"}), "rows.npz", data)

    def member(name: str, expect: Any, data: bytes, file: str = "x.npy") -> HostileData:
        found = file_case("npz", name, expect, arrays({"npz": "rows.npz"}), "rows.npz", _zipped({**good, file: data}))
        return found if expect != "refused" else HostileData(**{**found.__dict__, "file": file.removesuffix(".npy")})

    whole = _zipped(good)
    yield case("as it should be", "read", whole)
    for method, name in ((zipfile.ZIP_STORED, "stored"), (zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "lzma")):
        yield case(f"packed by {name}", "read", _zipped(good, method))
    for share in (10, 50, 90, 99):
        yield case(f"cut after {share}%", "refused", whole[: len(whole) * share // 100])
    for seed in range(8):
        yield case(f"flipped, {seed}", "either", _flipped(whole, seed, 4))
    yield case("encrypted", "refused", _encrypted(whole))
    yield case("no zip", "refused", b"x" * 100)
    yield case("no bytes", "refused", b"")
    yield case("a lone array", "refused", x)
    yield case("declared 5 GB", "refused", _declaring(whole, 5 << 30))
    yield case("declared 3.9 GB", "refused", _declaring(whole, (4 << 30) - (1 << 20)))
    yield case("10,000 members", "refused", lambda: _zipped({**good, **{f"m{i}.txt": b"x" for i in range(10_000)}}))
    yield case("a member that is no array", "refused", _zipped({**good, "notes.txt": b"x"}))
    yield case("a member called ../../x", "either", _zipped({**good, "../../z.npy": x}))
    yield case("a member twice", "refused", _twice(good))
    yield member("an array of fewer bytes than it declares", "refused", _headed("{'descr': '<f8', 'fortran_order': False, 'shape': (12, 2)}", bytes(8)))  # fmt: skip
    yield member("an array that declares 10^12 rows", "refused", _headed("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 2)}", bytes(8)))  # fmt: skip
    yield member("10^12 rows of nothing", "refused", _headed("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 0)}", b""))  # fmt: skip
    yield member("10^12 texts without letters", "refused", _headed("{'descr': '<U0', 'fortran_order': False, 'shape': (1000000000000,)}", b""))  # fmt: skip
    yield member(
        "a negative shape", "refused", _headed("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 2)}", bytes(16))
    )
    yield member("a header that is a program", "refused", _headed("{'descr': __import__('os').system('touch marker'), 'fortran_order': False, 'shape': (1,)}", bytes(8)))  # fmt: skip
    yield member("a header of 60,000 brackets", "refused", _headed("(" * 60_000, b""))
    yield member("a header of 5 MB", "refused", _headed("{'descr': '<f8'" + " " * 5_000_000 + "}", b"", b"\x02\x00"))
    yield member("a header of version 9", "refused", _patched(x, 6, b"\x09"))
    yield member("a pickle", "refused", npy(np.asarray([{}, []], dtype=object), allow_pickle=True))
    yield member("a structured array", "refused", npy(np.zeros(12, [("a", "<f4"), ("b", "<i4")])))
    yield member("complex numbers", "refused", npy(np.zeros((12, 2), complex)))
    yield member("dates", "refused", npy(np.zeros(12, "datetime64[s]")))
    yield member("a single value", "refused", npy(np.float64(1)))
    yield member("the order of Fortran", "read", npy(np.asfortranarray(np.arange(24.0).reshape(12, 2))))
    yield member("big-endian", "read", npy(np.arange(24.0).reshape(12, 2).astype(">f8")))
    yield member("truths", "read", npy(np.ones((12, 2), bool)))
    yield member("half precision", "read", npy(np.ones((12, 2), np.float16)))
    yield member("nan and infinity", "refused", npy(np.full((12, 2), np.inf)))
    yield member("other rows", "refused", npy(np.arange(10.0).reshape(5, 2)))
    yield member("32 axes", "refused", npy(np.zeros((12, *[1] * 31))))
    yield from _no_files("npz", arrays, "rows.npz")


def _encrypted(data: bytes) -> bytes:
    """The flag that says so, in both heads of each member."""
    changed = bytearray(data)
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = 0
        while (start := changed.find(mark, start)) >= 0:
            changed[start + at] |= 1
            start += 4
    return bytes(changed)


def _declaring(data: bytes, size: int) -> bytes:
    """The first member of the central directory says another size."""
    at = data.find(b"PK\x01\x02")
    return _patched(data, at + 24, struct.pack("<I", min(size, 2**32 - 2)))


def _twice(members: dict[str, bytes]) -> bytes:
    import warnings

    stream = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(stream, "w") as archive:
        warnings.simplefilter("ignore")
        for name, data in [*members.items(), *members.items()]:
            archive.writestr(name, data)
    return stream.getvalue()


def _idx_bytes(kind: int, shape: tuple[int, ...], data: bytes) -> bytes:
    return bytes([0, 0, kind, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + data


def _idx() -> Iterator[HostileData]:
    images = _idx_bytes(8, (12, 4, 4), bytes(i % 251 for i in range(192)))
    labels = _idx_bytes(8, (12,), bytes(i % 3 for i in range(12)))

    def case(name: str, expect: Any, data: Bytes, other: bytes = labels) -> HostileData:
        def build(folder: Path) -> None:
            (folder / "images.gz").write_bytes(made(data))
            (folder / "labels.gz").write_bytes(other)

        return HostileData("idx", name, expect, idx(), build, ".gz")

    yield case("as it should be", "read", gzip.compress(images))
    yield case("plain", "read", images)
    yield case("a gzip bomb", "refused", bomb)
    yield case("cut gzip", "refused", gzip.compress(images)[:-10])
    yield case("a flipped checksum", "refused", _patched(gzip.compress(images), len(gzip.compress(images)) - 8, b"\0\1\2\3"))
    yield case("declares 2^32 pictures", "refused", _idx_bytes(8, (2**32 - 1, 4, 4), bytes(64)))
    yield case("declares 2^96 values", "refused", _idx_bytes(8, (2**32 - 1,) * 3, bytes(64)))
    yield case("declares none", "refused", _idx_bytes(8, (0, 4, 4), b""))
    yield case("declares 2^32 of nothing", "refused", _idx_bytes(8, (2**32 - 1, 0, 0), b""))
    yield case("more than it declares", "refused", images + b"\0")
    yield case("no axes", "refused", _idx_bytes(8, (), b""))
    yield case("200 axes", "refused", bytes([0, 0, 8, 200]) + bytes(100))
    yield case("a type that is none", "refused", _patched(images, 2, b"\x07"))
    yield case("a head alone", "refused", images[:3])
    yield case("other rows than labels", "refused", images, _idx_bytes(8, (5,), bytes(5)))
    yield case("two files of labels", "refused", labels)


def _tarred(members: list[tuple[str, bytes | dict[str, Any]]], packed: bool = True) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz" if packed else "w", format=tarfile.PAX_FORMAT) as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            if isinstance(data, dict):
                for key, value in data.items():
                    setattr(info, key, value)
                archive.addfile(info)
            else:
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


_WORDS: list[tuple[str, bytes | dict[str, Any]]] = [(f"{c}/{i}.txt", f"{c} word {i} one two".encode()) for c in "ab" for i in range(6)]  # fmt: skip


def _tars() -> Iterator[HostileData]:
    good = _tarred(_WORDS)

    def case(name: str, expect: Any, data: Bytes, file: str = "texts.tar.gz") -> HostileData:
        found = file_case("tar", name, expect, texts("texts.tar.gz"), "texts.tar.gz", data)
        return HostileData(**{**found.__dict__, "file": file})

    yield case("as it should be", "read", good)
    yield case("plain inside", "read", _tarred(_WORDS, packed=False))
    yield case(
        "a link out inside", "read", _tarred([*_WORDS, ("a/odd.txt", {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"})])
    )
    yield case("a hard link out inside", "read", _tarred([*_WORDS, ("a/odd.txt", {"type": tarfile.LNKTYPE, "linkname": "/etc/passwd"})]))  # fmt: skip
    yield case("a device inside", "read", _tarred([*_WORDS, ("a/odd.txt", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5})]))  # fmt: skip
    yield case("names that lead out", "either", _tarred([*_WORDS, ("../../../tmp/odd.txt", b"x")]))
    yield case("an absolute name", "either", _tarred([*_WORDS, ("/tmp/odd.txt", b"x")]))
    yield case("a name twice", "refused", _tarred([*_WORDS, _WORDS[0]]), "a/0.txt")
    yield case("a member that is no UTF-8", "refused", _tarred([*_WORDS, ("a/odd.txt", b"one\n\xff\xfe")]), "a/odd.txt")
    yield case("a name with a line break", "either", _tarred([*_WORDS, ("a/\n::error::.txt", b"one")]))
    yield case("no member", "refused", _tarred([]))
    yield case("no archive", "refused", b"x" * 2000)
    yield case("no bytes", "refused", b"")
    for share in (10, 50, 90):
        yield case(f"cut after {share}%", "refused", good[: len(good) * share // 100])
    for seed in range(8):
        yield case(f"flipped, {seed}", "refused", _patched_flip(good, seed))
    yield case("a gzip bomb", "refused", bomb)
    yield case("a member of 300 MB of zeros", "refused", lambda: _tarred([*_WORDS, ("a/odd.txt", bytes(300 << 20))]))
    yield case("a member that declares 8 GB", "refused", _tarred([*_WORDS[:3], ("a/odd.txt", {"size": 8 << 30})]))
    yield case("20,000 members", "read", lambda: _tarred([*_WORDS, *((f"a/n{i}.txt", b"one") for i in range(20_000))]))
    yield case("a head of 20 MB for each name", "either", lambda: _tarred([*_WORDS, ("a/" + "n" * (20 << 20) + ".txt", b"x")]))


def _patched_flip(data: bytes, seed: int) -> bytes:
    """A bit flipped behind gzip's own head, where the checksum has to see it."""
    return data[:20] + _flipped(data[20:], seed)


def _texts() -> Iterator[HostileData]:
    def library(folder: Path) -> Path:
        for name, data in _WORDS:
            path = folder / "texts" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data if isinstance(data, bytes) else b"")
        return folder / "texts" / "a"

    def case(name: str, expect: Any, build: Build, file: str = "odd.txt", **source: Any) -> HostileData:
        return HostileData("text", name, expect, texts("texts", **source), build, file)

    def linked(name: str, target: str) -> Build:
        return lambda folder: (library(folder) / name).symlink_to(target)

    yield case("as it should be", "read", lambda folder: library(folder))
    yield case("a link out", "refused", linked("odd.txt", "/etc/passwd"))
    yield case("a folder that links out", "refused", linked("odd", "/etc"), "odd")
    yield case("a folder that links in a circle", "refused", linked("odd", ".."), "")
    yield case("a link to nothing", "refused", linked("odd.txt", "none.txt"))
    yield case("a pipe", "refused", lambda folder: os.mkfifo(library(folder) / "odd.txt"))
    yield case("not UTF-8", "refused", lambda folder: (library(folder) / "odd.txt").write_bytes(b"one\ntwo \xff"))
    yield case("no bytes", "either", lambda folder: (library(folder) / "odd.txt").write_bytes(b""))
    yield case("a million words", "read", lambda folder: (library(folder) / "odd.txt").write_bytes(b"word " * 10**6))
    yield case("a word of 5 MB", "read", lambda folder: (library(folder) / "odd.txt").write_bytes(b"w" * (5 << 20)))
    yield case("zeros and control characters", "read", lambda folder: (library(folder) / "odd.txt").write_bytes(bytes(range(32)) * 9))  # fmt: skip
    yield case("no text", "refused", lambda folder: (folder / "texts").mkdir(), "texts")


def _series() -> Iterator[HostileData]:
    def case(name: str, expect: Any, data: Bytes) -> HostileData:
        return file_case("ts", name, expect, series(), "rows.ts", data)

    body = "".join(f"{i},{i % 5},2,3:{'ab'[i % 2]}\n" for i in range(12))
    head = "@problemName x\n@classLabel true a b\n@data\n"
    yield case("as it should be", "read", head + body)
    yield case("no head", "refused", body)
    yield case("a head alone", "refused", head)
    yield case("no bytes", "refused", "")
    yield case("a number of 5,000 digits", "refused", head + body + "9" * 5000 + ",1,2,3:a\n")
    yield case("infinity", "refused", head + body + "inf,1,2,3:a\n")
    yield case("a class that is none", "refused", head + body + "1,1,2,3:c\n")
    yield case("a length of 5,000 digits", "refused", "@seriesLength " + "9" * 5000 + "\n@equalLength true\n" + head + body)
    yield case("a length in another script", "refused", "@seriesLength \u0664\n@equalLength true\n" + head + body)
    yield case("not UTF-8", "refused", head.encode() + b"\xff\n")
    yield case("a line of 20 MB", "refused", lambda: head + "1," * (10 << 20) + "1:a\n")
    yield case("10,000 dimensions", "refused", head + body + ":".join("1" * 10_000) + ":a\n")
    yield case("a gzip bomb", "refused", bomb)
    yield case("an empty value", "refused", head + body + "1,,2:a\n")


def _wav(
    samples: bytes, rate: int = 8000, channels: int = 1, bits: int = 16, declared: int | None = None, tag: int = 1
) -> bytes:
    size = len(samples) if declared is None else declared
    width = channels * bits // 8
    head = struct.pack("<HHIIHH", tag, channels, rate, rate * width % 2**32, width % 2**16, bits)
    return b"RIFF" + struct.pack("<I", (size + 36) % 2**32) + b"WAVEfmt " + struct.pack("<I", 16) + head + b"data" + struct.pack("<I", size) + samples  # fmt: skip


def _sounds() -> Iterator[HostileData]:
    tone = (np.sin(np.arange(4000) / 5) * 9000).astype("<i2").tobytes()

    def case(name: str, expect: Any, data: bytes) -> HostileData:
        def build(folder: Path) -> None:
            for label in ("a", "b"):
                (folder / "sounds" / label).mkdir(parents=True)
                for number in range(4):
                    (folder / "sounds" / label / f"{number}.wav").write_bytes(_wav(tone))
            (folder / "sounds" / "a" / "odd.wav").write_bytes(data)

        return HostileData("wav", name, expect, sounds(), build, "odd.wav")

    yield case("as it should be", "read", _wav(tone))
    yield case("24 bits", "either", _wav(tone[:7998], bits=24))
    yield case("no bytes", "refused", b"")
    yield case("a head alone", "refused", _wav(b""))
    yield case("declares 4 GB", "refused", _wav(tone, declared=2**32 - 8))
    yield case("cut short", "refused", _wav(tone)[:-3000])
    yield case("another rate", "refused", _wav(tone, rate=16000))
    yield case("a rate of 0", "refused", _wav(tone, rate=0))
    yield case("a rate of 2^32", "refused", _wav(tone, rate=2**32 - 1))
    yield case("no channel", "refused", _wav(tone, channels=0))
    yield case("60,000 channels", "refused", _wav(tone, channels=60_000))
    yield case("0 bits", "refused", _wav(tone, bits=0))
    yield case("nan", "refused", _wav(np.full(4000, np.nan, "<f4").tobytes(), bits=32, tag=3))
    yield case("infinity", "refused", _wav(np.full(4000, np.inf, "<f4").tobytes(), bits=32, tag=3))
    yield case("a picture", "refused", drawn())
    yield case("an Ogg file", "refused", b"OggS" + bytes(100))
    for seed in range(6):
        yield case(f"a flipped head, {seed}", "either", _flipped(_wav(tone)[:44], seed, 4) + tone)
