"""Draw the picture of a notification with Pillow.

Deterministic: the same bytes in give the same bytes out, so that a resend is the same
message. The result is encoded anew from pixels, so no metadata of the source survives.
"""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont, ImageOps, UnidentifiedImageError

from doorbell.core.decision import Box, Decision
from doorbell.core.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from doorbell.ports.picture import FaceFrame

# 40 megapixels decode to 120 MB: more than any camera of a door has, less than a Pi
# Zero's memory.
MOST_PIXELS = 40_000_000
# A phone shows no more of it.
LONGEST_SIDE = 2048
_QUALITIES = (88, 80, 70, 60, 50)
_SHRINK = 0.8
_SMALLEST_SIDE = 64
# Told apart without colour too: the label says it in words.
_COLOURS = {
    Decision.KNOWN: (46, 160, 67),
    Decision.UNSURE: (219, 154, 4),
    Decision.UNKNOWN: (207, 34, 46),
    Decision.NOBODY: (110, 118, 129),
}


class PillowRenderer:
    """The `PictureRenderer` of the product."""

    def render(self, jpeg: bytes, faces: Sequence[FaceFrame], limit: int) -> bytes:
        """Frame the faces and keep to `limit` bytes; see the port."""
        picture = _opened(jpeg)
        width = picture.width
        picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        draw = ImageDraw.Draw(picture)
        for face in faces:
            _frame(draw, picture.size, face, picture.width / width)
        return _encoded(picture, limit)

    def sample(self) -> bytes:
        """Return a grey door with a bell and the word TEST."""
        picture = Image.new("RGB", (640, 360), (58, 66, 80))
        draw = ImageDraw.Draw(picture)
        draw.rectangle((240, 60, 400, 360), fill=(120, 84, 60))
        draw.ellipse((420, 200, 450, 230), fill=(230, 220, 180))
        draw.text((28, 24), "TEST", fill=(255, 255, 255), font=_font(48))
        return _encoded(picture, 100_000)


def _opened(jpeg: bytes) -> Image.Image:
    """Decode, turned upright as its orientation tag says."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as source:
                if source.width * source.height > MOST_PIXELS:
                    msg = f"the picture is too large: {source.width} by {source.height}"
                    raise BadInputError(msg)
                upright = ImageOps.exif_transpose(source).convert("RGB")
                # Pillow would write comment, profile and more of the source again.
                upright.info.clear()
                return upright
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
        OSError,
        SyntaxError,
        ValueError,
    ) as error:
        if isinstance(error, BadInputError):
            raise
        # Pillow reports damage as any of these; its words may quote the bytes.
        msg = f"the picture is damaged ({type(error).__name__})"
        raise BadInputError(msg) from error


def _frame(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], face: FaceFrame, scale: float
) -> None:
    corners = _clipped(face.box, size, scale)
    if corners is None:
        return
    left, top, _, bottom = corners
    colour = _COLOURS[face.decision]
    thickness = max(2, size[0] // 320)
    draw.rectangle(corners, outline=colour, width=thickness)
    if not face.label:
        return
    font = _font(max(12, size[0] // 40))
    box = draw.textbbox((0, 0), face.label, font=font)
    wide, high = int(box[2]) + 8, int(box[3]) + 8
    x = max(0, min(left, size[0] - wide))
    # Under the face; above it where the picture ends.
    y = bottom if bottom + high <= size[1] else max(0, top - high)
    draw.rectangle((x, y, x + wide, y + high), fill=colour)
    draw.text((x + 4, y + 4), face.label, fill=(255, 255, 255), font=font)


def _clipped(
    box: Box, size: tuple[int, int], scale: float
) -> tuple[int, int, int, int] | None:
    left, top = max(0, round(box.x * scale)), max(0, round(box.y * scale))
    right = min(size[0] - 1, round((box.x + box.w) * scale))
    bottom = min(size[1] - 1, round((box.y + box.h) * scale))
    if right <= left or bottom <= top:
        return None
    return left, top, right, bottom


def _font(height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(height)


def _encoded(picture: Image.Image, limit: int) -> bytes:
    for candidate in _attempts(picture):
        if len(candidate) <= limit:
            return candidate
    msg = f"the picture cannot be made smaller than {limit} bytes"
    raise BadInputError(msg)


def _attempts(picture: Image.Image) -> Iterator[bytes]:
    """Yield encodings, best first: quality goes down, then size."""
    for quality in _QUALITIES:
        yield _jpeg(picture, quality)
    while min(picture.size) * _SHRINK >= _SMALLEST_SIDE:
        size = round(picture.width * _SHRINK), round(picture.height * _SHRINK)
        picture = picture.resize(size, Image.Resampling.BILINEAR)
        yield _jpeg(picture, _QUALITIES[-1])


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality, optimize=False)
    return out.getvalue()
