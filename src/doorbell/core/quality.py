"""How much a picture of a face is worth, from four plain numbers.

No numpy here: the hub ranks frames with the same rules.
"""

from __future__ import annotations

from dataclasses import dataclass

# Measured on 120 random LFW photographs, aligned to 150-pixel chips: as published the
# variance of the Laplacian is 9.9 or more in 99 of 100; after a Gaussian blur of 1, 2
# and 3 pixels its median is 13, 3.1 and 1.6.
SHARP_ENOUGH = 4.0
SHARP = 10.0
# The same photographs have a mean grey level of 76..165 (1st to 99th percentile).
TOO_DARK = 40.0
DARK = 70.0
BRIGHT = 190.0
TOO_BRIGHT = 230.0
# There |yaw| is below 0.59 in 98 of 100: beyond it the far eye is going.
ASIDE = 0.6
# dlib's network sees 150 pixels with a quarter of padding, so that a wider face than
# this gains nothing.
FULL_WIDTH_PX = 100.0
# Nothing weighs nothing: a mean over poor pictures only must still exist.
LEAST_QUALITY = 0.01
# Where YuNet doubts, its landmarks are off: of bursts made of LFW photographs of the
# people that constants are derived on, fewest were missed with this power of its score
# (0.7..0.95) as weight (`doorbell evaluate burst`).
SURE_POWER = 8
LEAST_WEIGHT = 0.1


@dataclass(frozen=True, slots=True)
class FaceMeasures:
    """What can be measured on a face before it is recognised.

    Attributes:
        width_px: of its box in the frame.
        sharpness: variance of the Laplacian on the aligned face.
        brightness: mean grey level of the aligned face, 0..255.
        yaw: how far it looks aside, -1..1.
    """

    width_px: float
    sharpness: float
    brightness: float
    yaw: float


def exposure(brightness: float) -> float:
    """Return how well exposed a mean grey level is: 1 in the middle, 0 at the ends."""
    if brightness < DARK:
        return max(0.0, brightness / DARK)
    if brightness > BRIGHT:
        return max(0.0, (255.0 - brightness) / (255.0 - BRIGHT))
    return 1.0


def weight_of(score: float) -> float:
    """Return how much a face counts beside other frames of it, 0.1..1.

    Sharpness is no help: noise looks sharp.

    Args:
        score: of the detector; above 1, as dlib's may be, it is as sure as can be.
    """
    return max(LEAST_WEIGHT, min(1.0, max(0.0, score)) ** SURE_POWER)


def face_quality(face: FaceMeasures) -> float:
    """Return how well a face is shown, 0.01..1; the picture of a visit shows the best.

    A product, because one thing that is bad enough spoils the picture.
    """
    size = min(1.0, face.width_px / FULL_WIDTH_PX)
    sharp = min(1.0, face.sharpness / SHARP)
    frontal = max(0.0, 1.0 - abs(face.yaw))
    return max(LEAST_QUALITY, size * sharp * frontal * exposure(face.brightness))


def complaint(face: FaceMeasures) -> str:
    """Return what is worst about a face in words, or nothing."""
    if face.brightness < TOO_DARK:
        return "too dark"
    if face.brightness > TOO_BRIGHT:
        return "too bright"
    if face.sharpness < SHARP_ENOUGH:
        return "blurred"
    if abs(face.yaw) > ASIDE:
        return "looks aside"
    return ""
