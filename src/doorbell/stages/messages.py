"""What the supervisor and its workers say to each other.

Every message is one datagram on the worker's own link; some carry a file descriptor
beside it (a sealed memfd with a picture or a table of numbers), named in the
docstring. Workers never talk to each other: the hub routes. What is said to and by
recognition and notifications is in `vision_messages` and `notify_messages`; `watching`
has what is said about the work; `directions` lists which way each goes.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from config.production.production_settings import ProductionSettings
from doorbell.core.ring import Ring, RingSource
from doorbell.core.stamp import Stamp


class Message(Struct, frozen=True, tag=True, kw_only=True, omit_defaults=True):
    """Base of all messages; the class name is the tag on the wire.

    Attributes:
        traceparent: the visit or the request it is about, filled in where it is sent
            (`runtime.carried`); empty when it is about none.
    """

    traceparent: str = ""


# Every worker.


class Configure(Message, frozen=True):
    """First message to every worker.

    Attributes:
        slot_size: bytes of one slot of the frame ring.
        slots: number of slots; the ring's memfd came by inheritance.
    """

    settings: ProductionSettings
    slot_size: int
    slots: int


class Ready(Message, frozen=True):
    """The worker's rehearsal passed; `detail` is shown to people."""

    detail: str = ""


class Beat(Message, frozen=True):
    """The work loop turned; hung if silent for longer than `within_s`."""

    within_s: float


class Broken(Message, frozen=True):
    """The worker ends on purpose; a wrong setting does not heal by restarting."""

    message: str
    hint: str = ""
    exit_code: int = 1
    error_id: str = ""


class Stop(Message, frozen=True):
    """Finish what is in hand and exit with 0."""


# Frames. A slot is lent by the hub; its generation grows with each loan, and a message
# with an old generation is an error.


class FrameRef(Struct, frozen=True):
    """A frame in a slot of the ring: RGB, 8 bits, rows without padding.

    Attributes:
        mono_ns: when the sensor saw it.
        sharpness: variance of the Laplacian on a 160-pixel-wide grey copy; higher is
            sharper, 0 for one colour.
        brightness: mean grey level, 0..255.
        motion: mean absolute grey difference to the frame before, 0..255.
    """

    slot: int
    generation: int
    width: int
    height: int
    mono_ns: int
    sharpness: float = 0.0
    brightness: float = 0.0
    motion: float = 0.0


class LendSlot(Message, frozen=True):
    """Hub to capture: write one frame here."""

    slot: int
    generation: int


class FrameTaken(Message, frozen=True):
    """Capture to hub: the slot comes back filled."""

    frame: FrameRef


CameraCondition = Literal["ok", "absent", "busy", "black", "frozen", "off"]


class CameraState(Message, frozen=True):
    """Capture to hub, on every change: how the camera is and what would help."""

    condition: CameraCondition
    detail: str = ""
    hint: str = ""


class EncodePicture(Message, frozen=True):
    """Hub to capture or vision: make a JPEG of this frame."""

    request: int
    frame: FrameRef


class PictureEncoded(Message, frozen=True):
    """The answer; descriptor: the JPEG, unless `error` says why there is none."""

    request: int
    error: str = ""


# Button. The button process is the only writer of the ring journal.


class PressBegan(Message, frozen=True):
    """First edge: capture may start; nobody is told yet."""

    press: int
    stamp: Stamp


class PressVoid(Message, frozen=True):
    """The level did not hold long enough: nothing happened."""

    press: int


class ButtonStuck(Message, frozen=True):
    """The line has been active for longer than `[button] stuck_s`, or is so no more."""

    stuck: bool
    held_s: float


class ButtonState(Message, frozen=True):
    """Button to hub, on every change: how its line and its journal are.

    With a `broken` journal rings are told all the same, undurable.
    """

    line: Literal["ok", "absent", "off"]
    journal: Literal["ok", "broken"]
    detail: str = ""
    hint: str = ""


class Rung(Message, frozen=True):
    """Button to hub, after the fsync.

    `press` is 0 unless a GPIO edge began it, `request` unless somebody asked for it.
    """

    ring: Ring
    press: int = 0
    request: int = 0
    error: str = ""


class RequestRing(Message, frozen=True):
    """Hub to button: somebody rang otherwise; answered by `Rung` with `request`.

    `kept` is false for a self-test that is not to wear the card: it is answered as an
    undurable ring, at once.
    """

    request: int
    source: RingSource
    kept: bool = True


class RingAccepted(Message, frozen=True):
    """Button to hub: the answer to `RequestRing`, sent after its `Rung`."""

    request: int
    ring: Ring


class CursorMoved(Message, frozen=True):
    """Hub to button: rings up to `seq` are in state.db; their files may go."""

    seq: int


class LightUp(Message, frozen=True):
    """Hub to button: somebody pressed in the dark; light the door."""


# Web.


class ServeHttp(Message, frozen=True):
    """Hub to web: take connections from now on; a standby slot waits for this."""


class Converse(Message, frozen=True):
    """Web to hub: somebody asks over HTTP.

    Descriptor: one end of a `SEQPACKET` pair, on which one request of
    `runtime.requests` is answered as on the control socket.
    """


class Sessions(Message, frozen=True):
    """Web to hub, on every change: clients that showed the token lately."""

    active: int
