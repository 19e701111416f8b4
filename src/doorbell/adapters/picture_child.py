"""The child of `picture_decoder`: bind itself to limits, decode, report.

Standard input is the picture, standard output takes one line of JSON, the pixels go
to an inherited memfd. Whatever goes wrong is said in that line; only a signal ends
the child without one.
"""

from __future__ import annotations

import ctypes
import io
import os
import resource
from typing import TYPE_CHECKING, Any

import msgspec

from doorbell.adapters.no_sockets import deny_sockets

if TYPE_CHECKING:
    from PIL import Image

# linux/prctl.h, linux/sched.h.
_PR_SET_NO_NEW_PRIVS = 38
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_MAX_FILES = 32
_WHITE = (255, 255, 255, 255)
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
# Modes that can be averaged; thumbnail draws JPEGs smaller while decoding them.
_REDUCIBLE = ("L", "RGB", "RGBA", "CMYK", "YCbCr")
_HEIF_BOX = b"ftyp"


class Limits(msgspec.Struct, frozen=True):
    """What the child may use; pixels are checked before anything is decoded."""

    max_side: int
    max_pixels: int
    memory_bytes: int
    cpu_s: int
    output_bytes: int


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of the picture; `error` in words for the owner, or empty."""

    width: int = 0
    height: int = 0
    format: str = ""
    error: str = ""
    warnings: list[str] = []


class _RefusedError(Exception):
    """The picture is not decoded, for a reason that can be told."""


def run(pixels_fd: str, limits_json: str) -> None:
    """Decode standard input into the memfd and report on standard output."""
    limits = msgspec.json.decode(limits_json, type=Limits)
    _bind(limits)
    report = _reported(int(pixels_fd), limits)
    os.write(1, msgspec.json.encode(report) + b"\n")


def _bind(limits: Limits) -> None:
    for kind, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_s),
        (resource.RLIMIT_FSIZE, limits.output_bytes),
        (resource.RLIMIT_NOFILE, _MAX_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (most, most))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # Best effort: our own unit forbids namespaces; the filter needs none.
    libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)
    deny_sockets()


def _reported(pixels_fd: int, limits: Limits) -> Report:
    data = _read_all(0)
    try:
        return _decode(data, pixels_fd, limits)
    except _RefusedError as error:
        return Report(error=str(error))
    except MemoryError:
        return Report(error="it needs more memory than a picture may")
    # The process's border: decoders raise whatever the damage made them.
    except Exception as error:  # noqa: BLE001
        if "truncated" in str(error).lower():
            return Report(error="the picture is cut off")
        return Report(error=f"the picture is damaged ({type(error).__name__})")


def _read_all(fd: int) -> bytes:
    with open(fd, "rb", closefd=False) as file:
        return file.read()


def _decode(data: bytes, pixels_fd: int, limits: Limits) -> Report:
    from PIL import Image, ImageOps  # noqa: PLC0415 - after the limits are in force

    # The size is refused below, exactly and in our own words.
    Image.MAX_IMAGE_PIXELS = None
    picture = _opened(data)
    kind = str(picture.format)
    _refuse_bomb(picture, limits.max_pixels)
    warnings = _animation(picture)
    # Reduced first, turned in place: every copy of the original costs 256 MB at most.
    is_large = max(picture.size) > limits.max_side
    if picture.mode not in _REDUCIBLE:
        picture = _flattened(picture)
    picture.thumbnail((limits.max_side, limits.max_side), Image.Resampling.LANCZOS)
    ImageOps.exif_transpose(picture, in_place=True)
    rgb = _flattened(picture)
    if is_large:
        warnings.append(f"reduced to {rgb.width}x{rgb.height}")
    _write_all(pixels_fd, rgb.tobytes())
    return Report(width=rgb.width, height=rgb.height, format=kind, warnings=warnings)


def _opened(data: bytes) -> Image.Image:
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - as above

    formats: tuple[str, ...] = _FORMATS
    if data[4:8] == _HEIF_BOX:
        # Only now: libheif is the largest of the decoders.
        import pillow_heif  # noqa: PLC0415

        pillow_heif.options.DECODE_THREADS = 1
        pillow_heif.register_heif_opener()
        formats = ("HEIF",)
    try:
        return Image.open(io.BytesIO(data), formats=formats)
    except UnidentifiedImageError as error:
        raise _RefusedError(_what_it_is(data)) from error


def _what_it_is(data: bytes) -> str:
    if data[4:8] == _HEIF_BOX:
        return "the picture is damaged, or no HEIC as it claims"
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in start:
        return "this is an SVG drawing, not a photograph"
    if start.startswith(b"gif8"):
        return "GIF pictures are not read"
    if start and all(byte in b"\t\r\n" or 32 <= byte < 127 for byte in start):  # noqa: PLR2004 - printable ASCII
        return "this is text, not a picture"
    return "this is not a picture we can read"


def _refuse_bomb(picture: Image.Image, max_pixels: int) -> None:
    width, height = picture.size
    if width * height > max_pixels:
        msg = (
            f"the picture has {width}x{height} pixels, more than "
            f"{max_pixels // 1_000_000} megapixels are not read"
        )
        raise _RefusedError(msg)


def _animation(picture: Image.Image) -> list[str]:
    # An MPO holds another view of the same moment, not a film.
    count = 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)
    return [f"only the first of {count} pictures in it is used"] if count > 1 else []


def _flattened(picture: Image.Image) -> Image.Image:
    """Return RGB, 8 bits, what is transparent made white."""
    from PIL import Image  # noqa: PLC0415 - as above

    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture
    if picture.mode.startswith(("I", "F")):
        return _eight_bits(picture).convert("RGB")
    if not (picture.mode.endswith(("A", "a")) or "transparency" in picture.info):
        return picture.convert("RGB")
    layer = picture.convert("RGBA")
    paper = Image.new("RGBA", layer.size, _WHITE)
    paper.alpha_composite(layer)
    return paper.convert("RGB")


def _eight_bits(picture: Image.Image) -> Image.Image:
    # Convert alone would cut every grey above 255 to white.
    deep: Any = picture.convert("I")
    _, top = deep.getextrema()
    if top <= 255:  # noqa: PLR2004 - it was 8 bits all along
        return picture.convert("L")
    return deep.point(lambda level: level * (1 / 257)).convert("L")  # type: ignore[no-any-return]


def _write_all(fd: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]
