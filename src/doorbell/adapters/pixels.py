"""What cameras deliver, as RGB rows: pure conversions of pixel formats.

libcamera names formats as DRM does, by the order of bits in a little endian word:
its RGB888 has blue first in memory. YUV is taken as BT.601 in limited range, which
is what `camera_picamera2` asks for and what OpenCV converts.

Buffers may be padded: every row is `stride` bytes long, and bytes may follow the last
row. Results are contiguous and own their memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from doorbell.core.errors import BadInputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# BT.601 limited range: luma 16 is black, 235 is white.
_LUMA_BLACK = 16
_LUMA_WHITE = 235
_FULL_RANGE = np.interp(np.arange(256), (_LUMA_BLACK, _LUMA_WHITE), (0, 255)).astype(
    np.uint8
)
_RGB_BYTES = 3


def to_rgb(
    name: str, buffer: NDArray[np.uint8], width: int, height: int, stride: int
) -> NDArray[np.uint8]:
    """Convert one frame of the named libcamera format.

    Args:
        name: `NV12`, `YUV420`, `RGB888` or `BGR888`.
        buffer: one dimension, all planes in a row.
        width: pixels of a row that are picture.
        height: rows.
        stride: bytes from one row of the first plane to the next.

    Raises:
        BadInputError: unknown format, an odd size where chroma is halved, or the
            buffer is shorter than the planes.
    """
    match name:
        case "NV12":
            return _yuv(buffer, width, height, stride, cv2.COLOR_YUV2RGB_NV12)
        case "YUV420":
            return _yuv(buffer, width, height, stride, cv2.COLOR_YUV2RGB_I420)
        case "RGB888":
            rows = _rows(buffer, height, stride, width * _RGB_BYTES)
            blue_first = rows.reshape(height, width, _RGB_BYTES)
            return np.asarray(cv2.cvtColor(blue_first, cv2.COLOR_BGR2RGB), np.uint8)
        case "BGR888":
            rows = _rows(buffer, height, stride, width * _RGB_BYTES)
            return rows.reshape(height, width, _RGB_BYTES).copy()
        case _:
            msg = f"pixel format {name} is none of NV12, YUV420, RGB888, BGR888"
            raise BadInputError(msg)


def luma(
    buffer: NDArray[np.uint8], width: int, height: int, stride: int
) -> NDArray[np.uint8]:
    """Return the first plane of NV12 or YUV420 as grey levels, 0..255.

    Raises:
        BadInputError: the buffer is shorter than the plane.
    """
    rows = _rows(buffer, height, stride, width)
    return np.asarray(cv2.LUT(rows, _FULL_RANGE), np.uint8)


def fit_within(rgb: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Return the picture scaled down to fit, proportions kept; never scaled up."""
    rows, columns = rgb.shape[:2]
    scale = min(width / columns, height / rows)
    if scale >= 1:
        return rgb
    size = (max(round(columns * scale), 1), max(round(rows * scale), 1))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)


def _yuv(
    buffer: NDArray[np.uint8], width: int, height: int, stride: int, code: int
) -> NDArray[np.uint8]:
    if width % 2 or height % 2 or stride % 2:
        msg = f"a YUV frame of {width}x{height} with rows of {stride} bytes is odd"
        raise BadInputError(msg)
    # In both formats the chroma takes half as many bytes as the luma, so that the
    # planes seen as rows of `stride` bytes are what OpenCV takes for a picture
    # `stride` wide; the padding is cut off after the conversion.
    rows = _rows(buffer, height * 3 // 2, stride, stride)
    wide = np.asarray(cv2.cvtColor(np.ascontiguousarray(rows), code), np.uint8)
    return np.ascontiguousarray(wide[:, :width])


def _rows(
    buffer: NDArray[np.uint8], rows: int, stride: int, used: int
) -> NDArray[np.uint8]:
    if used > stride or buffer.size < rows * stride:
        msg = (
            f"{buffer.size} bytes are too few for {rows} rows of {stride} bytes, "
            f"{used} of them used"
        )
        raise BadInputError(msg)
    return buffer[: rows * stride].reshape(rows, stride)[:, :used]
