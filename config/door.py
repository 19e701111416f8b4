"""Sections `[button]`, `[chime]`, `[camera]`: what hangs at the door, and sounds."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from config.sections import QuietHours, Section

GpioPin = Annotated[int, Meta(ge=0, le=53)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Polygon = Annotated[list[tuple[Fraction, Fraction]], Meta(min_length=3)]


class Button(Section, frozen=True):
    """The push button at the door."""

    source: Annotated[
        Literal["gpio", "mock", "none"],
        Meta(
            description="`gpio` on a Pi, `mock` for tests (opens a test socket), "
            "`none` when rings come only from the command line"
        ),
    ] = "gpio"
    pin: Annotated[GpioPin, Meta(description="BCM number of the line")] = 17
    pull: Annotated[
        Literal["up", "down", "floating"],
        Meta(description="resistor inside the Pi; `floating` needs one outside"),
    ] = "up"
    active: Annotated[
        Literal["low", "high"],
        Meta(description="level while pressed; a button to ground is `low`"),
    ] = "low"
    hold_ms: Annotated[
        int,
        Meta(
            ge=0,
            le=500,
            description="a press counts once held this long, so that "
            "a spike on a long wire rings nobody",
        ),
    ] = 15
    debounce_ms: Annotated[
        int,
        Meta(
            ge=0,
            le=1000,
            description="edges ignored after a release; the first "
            "edge is never delayed",
        ),
    ] = 50
    merge_s: Annotated[
        float,
        Meta(
            ge=0,
            le=600,
            description="rings this soon after the last one join the visit as a count",
        ),
    ] = 30.0
    stuck_s: Annotated[
        float,
        Meta(ge=1, le=86400, description="held longer than this is reported as stuck"),
    ] = 30.0
    led_pin: Annotated[
        GpioPin | None,
        Meta(description="BCM number of a light that says `heard you`; none if absent"),
    ] = None
    led_s: Annotated[
        float, Meta(ge=0.1, le=60, description="how long that light stays on")
    ] = 2.0
    light_pin: Annotated[
        GpioPin | None,
        Meta(
            description="BCM number of a relay for the light at the door; it goes on "
            "at a press in the dark, so that faces can be recognised; none if absent"
        ),
    ] = None
    light_s: Annotated[
        float, Meta(ge=1, le=600, description="how long that light stays on")
    ] = 30.0
    holder: Annotated[
        str,
        Meta(
            description="socket of `doorbell-button`, the process that holds the line "
            "while the daemon is updated; empty: a worker of the daemon holds it"
        ),
    ] = ""


class Chime(Section, frozen=True):
    """What sounds in the house, waiting on no camera, network or recognition."""

    command: Annotated[
        list[str],
        Meta(
            description='program and arguments, e.g. `["aplay", "-q", "ding.wav"]`; '
            "empty for none"
        ),
    ] = field(default_factory=list)
    gpio_pin: Annotated[
        GpioPin | None, Meta(description="BCM number of a relay's line; none if absent")
    ] = None
    pulse_s: Annotated[
        float, Meta(ge=0.05, le=10, description="how long the relay is closed")
    ] = 0.4
    timeout_s: Annotated[
        float, Meta(ge=0.5, le=60, description="a chime command is ended after this")
    ] = 10.0
    quiet_hours: Annotated[
        QuietHours,
        Meta(
            description="local time without chime, e.g. `21:30-07:00`; empty for never",
        ),
    ] = ""


class Camera(Section, frozen=True):
    """The camera at the door."""

    source: Annotated[
        str,
        Meta(
            pattern=r"^(picamera2|none|v4l2:.+|rtsps?://.+|folder:.+)$",
            title="`picamera2`, `v4l2:/dev/video0`, `rtsp://…`, `folder:/path` "
            "or `none`",
            description="where frames come from: the Pi's own camera module, a USB "
            "camera, a network camera, a folder of pictures, or nowhere",
        ),
    ] = "picamera2"
    url_file: Annotated[
        str,
        Meta(description="file with the rtsp address, when it holds a password"),
    ] = ""
    width: Annotated[int, Meta(ge=160, le=4096, description="pixels")] = 1280
    height: Annotated[int, Meta(ge=120, le=3072, description="pixels")] = 720
    rate_fps: Annotated[
        float,
        Meta(ge=0.5, le=30, description="frames a second that enter the pre-roll"),
    ] = 5.0
    preroll_s: Annotated[
        float, Meta(ge=0.2, le=10, description="how far back a ring can look")
    ] = 2.0
    rotate: Annotated[
        Literal[0, 90, 180, 270], Meta(description="degrees clockwise")
    ] = 0
    flip: Annotated[
        Literal["none", "horizontal", "vertical", "both"], Meta(description="mirror")
    ] = "none"
    masks: Annotated[
        list[Polygon],
        Meta(
            description="polygons blacked out before detection and storage; points "
            "as fractions of width and height after rotation"
        ),
    ] = field(default_factory=list)
    stale_s: Annotated[
        float, Meta(ge=1, le=120, description="no frame for this long is a fault")
    ] = 5.0
    frozen_s: Annotated[
        float,
        Meta(ge=5, le=3600, description="identical frames for this long are a fault"),
    ] = 60.0
    folder_dwell_s: Annotated[
        float, Meta(ge=0.05, le=3600, description="`folder:` seconds per picture")
    ] = 2.0
    folder_loop: Annotated[
        bool, Meta(description="`folder:` begin again after the last picture")
    ] = True
    folder_scale: Annotated[
        float,
        Meta(ge=0.1, le=1, description="`folder:` picture's share of the frame"),
    ] = 1.0
    folder_noise: Annotated[
        float, Meta(ge=0, le=64, description="`folder:` sensor noise, grey levels")
    ] = 2.0
