"""The picture of a notification."""

from __future__ import annotations

import io
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from doorbell.adapters.picture_render import LONGEST_SIDE, PillowRenderer
from doorbell.core.decision import Box, Decision
from doorbell.core.errors import BadInputError
from doorbell.ports.picture import FaceFrame

RENDERER = PillowRenderer()
LIMIT = 488 * 1024
GREY = (120, 120, 120)
ORIENTATION, MAKE, GPS = 0x0112, 0x010F, 0x8825


def jpeg_of(picture: Image.Image, exif: Image.Exif | None = None) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=95, exif=exif or Image.Exif(), comment=b"canary")
    return out.getvalue()


def plain(width: int = 640, height: int = 360) -> bytes:
    return jpeg_of(Image.new("RGB", (width, height), GREY))


def noisy(width: int, height: int) -> bytes:
    pixels = random.Random(7).randbytes(width * height * 3)  # noqa: S311 - noise for a picture
    return jpeg_of(Image.frombytes("RGB", (width, height), pixels))


def face(box: Box, label: str = "Anna") -> FaceFrame:
    return FaceFrame(box, label, Decision.KNOWN)


def opened(jpeg: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(jpeg))
    picture.load()
    return picture


def is_green(pixel: object) -> bool:
    assert isinstance(pixel, tuple)
    red, green, blue = pixel
    return bool(green > red + 40 and green > blue + 40)


def test_a_face_is_framed_where_it_is() -> None:
    out = opened(RENDERER.render(plain(), [face(Box(100, 80, 120, 120))], LIMIT))
    assert out.size == (640, 360)
    assert is_green(out.getpixel((160, 80)))
    assert is_green(out.getpixel((100, 140)))
    assert not is_green(out.getpixel((160, 140)))
    assert not is_green(out.getpixel((400, 140)))


def test_a_large_picture_shrinks_with_its_boxes() -> None:
    big = plain(4096, 2048)
    out = opened(RENDERER.render(big, [face(Box(2000, 1000, 400, 400))], LIMIT))
    assert out.size == (LONGEST_SIDE, LONGEST_SIDE // 2)
    assert is_green(out.getpixel((1100, 501)))


def test_turned_cameras_are_shown_upright() -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    out = opened(
        RENDERER.render(jpeg_of(Image.new("RGB", (640, 360)), exif), [], LIMIT)
    )
    assert out.size == (360, 640)
    assert ORIENTATION not in out.getexif()


def test_no_metadata_survives() -> None:
    exif = Image.Exif()
    exif[MAKE] = "canary"
    exif.get_ifd(GPS)[1] = "N"
    source = jpeg_of(Image.new("RGB", (320, 200)), exif)
    assert b"canary" in source
    out = RENDERER.render(source, [], LIMIT)
    assert b"canary" not in out
    assert not opened(out).getexif()
    assert b"Exif" not in out


@pytest.mark.parametrize("limit", [400_000, 60_000, 20_480])
def test_the_limit_is_kept_even_for_noise(limit: int) -> None:
    out = RENDERER.render(noisy(800, 600), [], limit)
    assert len(out) <= limit
    assert opened(out).width >= 64


def test_a_limit_nothing_fits_is_an_error() -> None:
    with pytest.raises(BadInputError, match="smaller"):
        RENDERER.render(noisy(200, 200), [], 300)


def test_the_same_bytes_in_give_the_same_bytes_out() -> None:
    faces = [face(Box(100, 80, 120, 120), "Perhaps Ännä"), face(Box(1, 1, 9, 9))]
    first, second = (RENDERER.render(plain(), faces, LIMIT) for _ in range(2))
    assert first == second
    assert RENDERER.sample() == RENDERER.sample()


@pytest.mark.parametrize(
    "box",
    [
        Box(-50, -50, 100, 100),
        Box(600, 340, 500, 500),
        Box(5000, 5000, 10, 10),
        Box(10, 10, 0, 0),
        Box(10, 10, -5, -5),
        Box(0, 0, 640, 360),
    ],
)
def test_boxes_over_the_edge_do_not_hold_up_the_picture(box: Box) -> None:
    label = "an unknown person with a very long name indeed " * 5
    assert opened(RENDERER.render(plain(), [face(box, label)], LIMIT)).size == (
        640,
        360,
    )


@pytest.mark.parametrize("label", ["", "👻", "नमस्ते", "٣", "x" * 500])
def test_any_label_can_be_drawn(label: str) -> None:
    assert RENDERER.render(plain(), [face(Box(100, 80, 50, 50), label)], LIMIT)


def png(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("1", (width, height)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"not a picture",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        plain()[: len(plain()) // 2],
        plain()[:20],
        png(8, 8),
        png(30_000, 30_000),
    ],
    ids=["empty", "text", "svg", "half", "head", "png", "bomb"],
)
def test_what_is_no_whole_jpeg_is_refused_in_words(damaged: bytes) -> None:
    with pytest.raises(BadInputError, match="picture") as caught:
        RENDERER.render(damaged, [], LIMIT)
    assert caught.value.exit_code == 65


def test_a_jpeg_of_too_many_pixels_is_refused_before_it_is_opened() -> None:
    head = bytearray(plain(64, 64))
    start = head.index(b"\xff\xc0")
    head[start + 5 : start + 9] = (30_000).to_bytes(2) * 2
    with pytest.raises(BadInputError, match="picture"):
        RENDERER.render(bytes(head), [], LIMIT)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_come_out_as_colour(mode: str) -> None:
    out = RENDERER.render(jpeg_of(Image.new(mode, (64, 64))), [], LIMIT)
    assert opened(out).mode == "RGB"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), max_size=30))
def test_a_fuzzed_picture_is_drawn_or_refused(edits: list[tuple[int, int]]) -> None:
    """Kills the mutant that lets one of Pillow's own errors through."""
    data = bytearray(RENDERER.sample())
    for place, value in edits:
        data[place % len(data)] = value
    try:
        out = RENDERER.render(bytes(data), [face(Box(1, 1, 50, 50))], LIMIT)
    except BadInputError:
        return
    assert out.startswith(b"\xff\xd8")
