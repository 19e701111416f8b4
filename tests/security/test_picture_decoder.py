"""Pictures from outside: odd ones are read rightly, bad ones refused with a reason."""

from __future__ import annotations

import io
import os
import random
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pillow_heif
import pytest
from descriptors import left_open, open_files
from PIL import Image

from doorbell.adapters import picture_child
from doorbell.adapters.picture_child import Limits
from doorbell.adapters.picture_decoder import PictureError, decode
from doorbell.adapters.sealed import read_sealed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

ORIENTATION = 0x0112


@pytest.fixture
def descriptor() -> Iterator[Callable[[bytes], int]]:
    fds: list[int] = []

    def store(data: bytes) -> int:
        fds.append(os.memfd_create("picture"))
        os.write(fds[-1], data)
        return fds[-1]

    yield store
    for fd in fds:
        os.close(fd)


def halves() -> Image.Image:
    """Red above, blue below; 80 by 60."""
    picture = Image.new("RGB", (80, 60), (220, 30, 30))
    picture.paste((30, 30, 220), (0, 30, 80, 60))
    return picture


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def decoded(fd: int, max_side: int = 4096) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    picture = decode(fd, max_side)
    data = read_sealed(picture.fd, 1 << 28)
    os.close(picture.fd)
    shape = (picture.height, picture.width, 3)
    return np.frombuffer(data, np.uint8).reshape(shape), picture.warnings


def is_red_above_blue(rgb: NDArray[np.uint8]) -> bool:
    height, width = rgb.shape[:2]
    above, below = rgb[height // 4, width // 2], rgb[3 * height // 4, width // 2]
    return bool(above[0] > 150 > above[2] and below[2] > 150 > below[0])


def rotated_by_exif() -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    return saved(halves().rotate(90, expand=True), "JPEG", exif=exif, quality=95)


def as_heic() -> bytes:
    out = io.BytesIO()
    pillow_heif.from_pillow(halves()).save(out)
    return out.getvalue()


Maker = Callable[[], bytes]

ACCEPTED: dict[str, Maker] = {
    "jpeg": lambda: saved(halves(), "JPEG", quality=95),
    "png": lambda: saved(halves(), "PNG"),
    "webp": lambda: saved(halves(), "WEBP", quality=95),
    "bmp": lambda: saved(halves(), "BMP"),
    "heic": as_heic,
    "cmyk": lambda: saved(halves().convert("CMYK"), "JPEG", quality=95),
    "palette": lambda: saved(halves().quantize(8), "PNG"),
    "exif": rotated_by_exif,
    "mpo": lambda: saved(halves(), "MPO", save_all=True, append_images=[halves()]),
}


@pytest.mark.parametrize("kind", ACCEPTED)
def test_every_kind_of_photograph_is_read_upright(
    kind: str, descriptor: Callable[[bytes], int]
) -> None:
    rgb, warnings = decoded(descriptor(ACCEPTED[kind]()))
    assert rgb.shape == (60, 80, 3)
    assert is_red_above_blue(rgb)
    assert warnings == ()


def test_sixteen_bits_keep_their_greys(descriptor: Callable[[bytes], int]) -> None:
    deep = Image.fromarray(np.full((20, 20), 32768, np.uint16))
    rgb, _ = decoded(descriptor(saved(deep, "PNG")))
    assert abs(int(rgb[10, 10, 0]) - 128) <= 2


def test_transparent_becomes_white(descriptor: Callable[[bytes], int]) -> None:
    glass = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    rgb, _ = decoded(descriptor(saved(glass, "PNG")))
    assert rgb.min() == 255


def test_of_an_animation_the_first_picture_is_used_and_said(
    descriptor: Callable[[bytes], int],
) -> None:
    others = [Image.new("RGB", (80, 60), "green")] * 2
    data = saved(halves(), "PNG", save_all=True, append_images=others)
    rgb, warnings = decoded(descriptor(data))
    assert is_red_above_blue(rgb)
    assert warnings == ("only the first of 3 pictures in it is used",)


def test_large_photograph_is_reduced_and_said(
    descriptor: Callable[[bytes], int],
) -> None:
    data = saved(halves().resize((1600, 1200)), "JPEG")
    rgb, warnings = decoded(descriptor(data), max_side=200)
    assert rgb.shape == (150, 200, 3)
    assert warnings == ("reduced to 200x150",)


def test_one_pixel_is_a_picture(descriptor: Callable[[bytes], int]) -> None:
    rgb, _ = decoded(descriptor(saved(Image.new("L", (1, 1)), "PNG")))
    assert rgb.shape == (1, 1, 3)


def png_of_size(width: int, height: int) -> bytes:
    """A PNG that says it is so large and is a few kilobytes long."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1_000_000)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


REFUSED: dict[str, tuple[Maker, str]] = {
    "empty": (lambda: b"", "empty"),
    "truncated jpeg": (lambda: ACCEPTED["jpeg"]()[:-200], "cut off"),
    "truncated png": (lambda: ACCEPTED["png"]()[:120], "cut off|damaged"),
    "truncated heic": (lambda: ACCEPTED["heic"]()[:-80], "cut off|damaged"),
    "text": (lambda: b"dear doorbell, this is no picture\n", "text"),
    "svg": (lambda: b'<?xml version="1.0"?>\n<svg width="9"/>', "SVG"),
    "gif": (lambda: saved(halves(), "GIF"), "GIF"),
    "noise": (lambda: os.urandom(5000), "not a picture"),
    "bomb": (lambda: png_of_size(30_000, 30_000), "30000x30000"),
    "wide bomb": (lambda: png_of_size(2_000_000_000, 1), "megapixels|damaged"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_bad_file_is_refused_with_a_plain_reason(
    kind: str, descriptor: Callable[[bytes], int]
) -> None:
    make, reason = REFUSED[kind]
    before = open_files()
    fd = descriptor(make())
    with pytest.raises(PictureError, match=reason) as caught:
        decode(fd)
    assert caught.value.exit_code == 65
    assert left_open(before).total() == 1


def test_file_above_50_mb_is_not_even_opened(
    descriptor: Callable[[bytes], int],
) -> None:
    fd = descriptor(b"\xff\xd8\xff")
    os.ftruncate(fd, 51 * 1024 * 1024)
    with pytest.raises(PictureError, match="more than 50 MB"):
        decode(fd)


def test_decoder_that_takes_too_long_is_killed(
    descriptor: Callable[[bytes], int],
) -> None:
    with pytest.raises(PictureError, match="longer than"):
        decode(descriptor(ACCEPTED["png"]()), timeout_s=0.001)


def test_pipe_is_refused() -> None:
    reader, writer = os.pipe()
    try:
        with pytest.raises(PictureError, match="cannot be read"):
            decode(reader)
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "heic", "bmp"])
def test_damaged_bytes_give_a_picture_or_a_reason(
    kind: str, descriptor: Callable[[bytes], int]
) -> None:
    """Whatever is flipped, no other error and no leaked descriptor comes out."""
    rng = random.Random(kind)  # noqa: S311 - a repeatable fuzz, no secret
    original = ACCEPTED[kind]()
    fds = []
    for _ in range(5):
        data = bytearray(original)
        for _ in range(rng.choice([1, 4, 32])):
            data[rng.randrange(len(data))] = rng.randrange(256)
        fds.append(descriptor(bytes(data)))
    before = open_files()
    assert all(map(is_picture_or_refused, fds))
    assert not left_open(before)


def is_picture_or_refused(fd: int) -> bool:
    try:
        rgb, _ = decoded(fd, max_side=256)
    except PictureError as error:
        return bool(str(error))
    return bool(max(rgb.shape) <= 256)


PROBE = """
import os, signal
from doorbell.adapters.picture_child import Limits, _bind
_bind(Limits(100, 100, 512 << 20, 5, 1 << 16))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
def attempt(name, act):
    try:
        act()
    except (OSError, MemoryError):
        print(name)
if "NoNewPrivs:\\t1" in open("/proc/self/status").read():
    print("privileges")
attempt("memory", lambda: bytearray(1 << 30))
attempt("files", lambda: [os.open("/dev/null", os.O_RDONLY) for _ in range(64)])
attempt("output", lambda: os.pwrite(1, b"x" * (1 << 18), 1 << 16))
"""


def test_child_is_bound_before_it_reads_anything(tmp_path: Path) -> None:
    # Kills: a limit left out.
    out = tmp_path / "out"
    with out.open("w") as file:
        command = [sys.executable, "-c", PROBE]
        subprocess.run(command, stdout=file, check=True, env={})
    assert out.read_text().split() == ["privileges", "memory", "files", "output"]


def test_hub_holds_no_image_library_to_have_pictures_decoded() -> None:
    code = (
        "import sys, doorbell.adapters.picture_decoder; "
        "sys.exit(bool({'PIL', 'numpy', 'pillow_heif'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("kind", [*ACCEPTED, *REFUSED])
def test_report_says_size_or_reason_never_both(
    kind: str,
    descriptor: Callable[[bytes], int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # In this process, unbound: the rules themselves, without the walls around them.
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
    data = ACCEPTED[kind]() if kind in ACCEPTED else REFUSED[kind][0]()
    limits = Limits(4096, 64_000_000, 1 << 30, 10, 1 << 28)
    pixels = descriptor(b"")
    monkeypatch.setattr(picture_child, "_read_all", lambda _: data)
    report = picture_child._reported(pixels, limits)
    assert bool(report.error) == (kind in REFUSED)
    assert os.fstat(pixels).st_size == report.width * report.height * 3
