"""Why a visit has no answer: the sentences stored with it and shown to the owner.

English here, since commands and logs are; `core.phrases` says the same on the phone in
the household's language. A reason that is not listed is stored all the same, but told
only as "recognition gave no answer": it may hold a path or an address.
"""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The closed set of what is told."""

    TOO_SLOW = "recognition took too long"
    FAILED_TWICE = "recognition failed twice on this visit"
    SWITCHED_OFF = "recognition is switched off"
    NO_ENGINE = "recognition is not running"
    NO_CAMERA = "the camera is absent"
    CAMERA_BUSY = "another program holds the camera"
    CAMERA_BLACK = "the camera sees only black"
    CAMERA_FROZEN = "the camera's picture stands still"
    CAMERA_OFF = "there is no camera"
    NO_PICTURE = "there was no picture in time"
    BAD_PICTURE = "the picture could not be read"
    OLD = "the ring was found too late to look"
    RESTARTED = "the doorbell was restarted in the middle of it"
    NOT_STORED = "the ring could not be stored"
