"""Every setting of the doorbell: type, range, default and meaning, in one place.

The sections are plain frozen structs. Nothing here reads a file or an environment
variable: `config.loader` does. The reference in `docs/reference/settings.md` and the
sample TOML are generated from this module.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

Profile = Literal["development", "testing", "production"]
# `title` is the form in words: a person who mistyped it is not shown the pattern.
QuietHours = Annotated[
    str,
    Meta(
        pattern=r"^$|^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$",
        title="`HH:MM-HH:MM` or empty",
    ),
]
GpioPin = Annotated[int, Meta(ge=0, le=53)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
Polygon = Annotated[list[tuple[Fraction, Fraction]], Meta(min_length=3)]


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all sections: immutable, and an unknown key is an error."""


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


class Vision(Section, frozen=True):
    """Recognition of faces."""

    engine: Annotated[
        Literal["auto", "dlib", "dlib-onnx", "mobilefacenet", "fake"],
        Meta(
            description="the networks behind detection and embedding; `auto` takes "
            "the best that is installed, `fake` knows coloured squares, for tests"
        ),
    ] = "auto"
    models_dir: Annotated[
        str,
        Meta(description="folder of models; empty for `models` below `[storage] dir`"),
    ] = ""
    strangers_named: Annotated[
        float,
        Meta(
            ge=0.0001,
            le=0.2,
            description="share of strangers' visits that may be given a name by "
            "mistake; the line from which a face is *known* follows it and the number "
            "of people and photographs enrolled",
        ),
    ] = 0.01
    known_at: Annotated[
        float | None,
        Meta(
            description="likeness from which a face is *known*, instead of the line "
            "that `strangers_named` gives"
        ),
    ] = None
    unsure_at: Annotated[
        float | None,
        Meta(
            description="likeness from which a face is *unsure*, instead of the line "
            "that 5 % of strangers reach"
        ),
    ] = None
    min_face_px: Annotated[
        int, Meta(ge=24, le=1024, description="narrower faces are not recognised")
    ] = 60
    burst_frames: Annotated[
        int, Meta(ge=1, le=16, description="frames looked at per visit, at most")
    ] = 5
    deadline_s: Annotated[
        float,
        Meta(
            ge=0.2,
            le=60,
            description="recognition of a visit ends after this; on "
            "a slow Pi the name then comes as an update",
        ),
    ] = 8.0
    anticipate: Annotated[
        bool,
        Meta(
            description="look at the porch while something moves, before anybody "
            "rings; in memory only, forgotten within seconds"
        ),
    ] = True
    nice: Annotated[
        int, Meta(ge=0, le=19, description="how far vision steps back for the rest")
    ] = 5
    workers: Annotated[
        int,
        Meta(
            ge=1,
            le=4,
            description="processes that recognise, each with models of its own; a "
            "second one takes a second visit, and questions of commands",
        ),
    ] = 1


class PersonRule(Section, frozen=True):
    """What one person at the door means to one target."""

    person: Annotated[
        str, Meta(min_length=1, description="name as enrolled, or `*unknown*`")
    ]
    notify: Annotated[bool, Meta(description="false: this target is not told")] = True
    always: Annotated[
        bool,
        Meta(
            description="true: told loudly even in quiet hours and within the "
            "minimum interval, as for somebody who must not come"
        ),
    ] = False
    wording: Annotated[
        str, Meta(max_length=200, description="own sentence; `{name}` and `{time}`")
    ] = ""


class Target(Section, frozen=True):
    """One place a notification goes to."""

    name: Annotated[
        str,
        Meta(
            pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$",
            title="up to 32 small letters, digits, `-` and `_`",
            description="short name, used in logs and metrics",
        ),
    ]
    url: Annotated[
        str,
        Meta(
            description="`console:`, `file:/folder`, `webhook+https://…`, "
            "`ntfy+https://server/topic`, or any apprise address"
        ),
    ] = ""
    url_file: Annotated[
        str, Meta(description="file holding the address, when it holds a token")
    ] = ""
    enabled: Annotated[
        bool, Meta(description="false: kept in the file, but told nothing")
    ] = True
    picture: Annotated[bool, Meta(description="send the picture along")] = True
    quiet_hours: Annotated[
        QuietHours,
        Meta(
            description="local time in which it is delivered silently",
        ),
    ] = ""
    min_interval_s: Annotated[
        float,
        Meta(ge=0, le=86400, description="pushes sooner after the last are silent"),
    ] = 0.0
    timeout_s: Annotated[
        float, Meta(ge=0.5, le=60, description="an attempt is given up after this")
    ] = 10.0
    rules: Annotated[
        list[PersonRule], Meta(description="what single people mean to this target")
    ] = field(default_factory=list)


class Notify(Section, frozen=True):
    """How the household is told."""

    deadline_s: Annotated[
        float,
        Meta(
            ge=0.1,
            le=60,
            description="without a decision by then, targets hear `someone rang`",
        ),
    ] = 1.5
    language: Annotated[
        Literal["en", "de", "nl", "fr"],
        Meta(description="of the sentences on the phone"),
    ] = "en"
    timezone: Annotated[
        str, Meta(description="IANA name; empty for the system's zone")
    ] = ""
    retry_first_s: Annotated[
        float, Meta(ge=0.1, le=60, description="wait after the first failure")
    ] = 2.0
    retry_max_s: Annotated[
        float, Meta(ge=1, le=3600, description="longest wait between attempts")
    ] = 300.0
    expire_s: Annotated[
        float,
        Meta(ge=10, le=604800, description="undelivered after this is a dead letter"),
    ] = 86400.0
    digest_after_s: Annotated[
        float,
        Meta(
            ge=5,
            le=86400,
            description="what waited longer than this for a target "
            "arrives as one digest",
        ),
    ] = 60.0
    picture_kib: Annotated[
        int, Meta(ge=20, le=2000, description="largest picture sent")
    ] = 488
    targets: Annotated[
        list[Target], Meta(description="each place to tell, as `[[notify.targets]]`")
    ] = field(default_factory=list)


class Visit(Section, frozen=True):
    """A visit from the ring to the last notification."""

    expiry_s: Annotated[
        float,
        Meta(
            ge=0,
            le=86400,
            description="a ring found in the journal after a crash is looked at as "
            "usual if younger than this; an older one is told as `someone rang at "
            "HH:MM`",
        ),
    ] = 10.0


class Storage(Section, frozen=True):
    """Where state lives and how long it stays."""

    dir: Annotated[str, Meta(min_length=1, description="all state is below it")] = (
        "/var/lib/doorbell"
    )
    key_file: Annotated[
        str,
        Meta(description="master key; empty for `keys/master.key` below `dir`"),
    ] = ""
    keep_days: Annotated[
        int, Meta(ge=1, le=3650, description="visits older than this are deleted")
    ] = 90
    picture_days: Annotated[
        int, Meta(ge=0, le=3650, description="their pictures go sooner")
    ] = 30
    max_mib: Annotated[
        int, Meta(ge=16, le=1_000_000, description="pictures above this, oldest first")
    ] = 1024
    reserve_kib: Annotated[
        int,
        Meta(ge=256, le=65536, description="given up when the disk is full"),
    ] = 4096


class Control(Section, frozen=True):
    """The socket through which commands reach a running daemon."""

    socket: Annotated[
        str,
        Meta(
            description="empty: `/run/doorbell/control.sock` as a service, else "
            "`control.sock` below `[storage] dir`"
        ),
    ] = ""
    group: Annotated[
        str, Meta(description="group that may press and look at lists")
    ] = "doorbell"
    admin_group: Annotated[
        str, Meta(description="group that may enrol, erase, export and label")
    ] = "doorbell-admin"


class Supervision(Section, frozen=True):
    """When a worker is restarted, and when it is given up."""

    start_timeout_s: Annotated[
        float, Meta(ge=1, le=300, description="a worker must be ready by then")
    ] = 60.0
    progress_timeout_s: Annotated[
        float, Meta(ge=0.5, le=120, description="silence after which it is hung")
    ] = 5.0
    backoff_s: Annotated[
        float, Meta(ge=0.05, le=60, description="wait after the first death")
    ] = 0.5
    backoff_max_s: Annotated[
        float, Meta(ge=0.05, le=600, description="longest wait")
    ] = 30.0
    budget: Annotated[
        int, Meta(ge=1, le=100, description="deaths within the window, at most")
    ] = 5
    budget_window_s: Annotated[
        float, Meta(ge=1, le=3600, description="seconds; older deaths are forgiven")
    ] = 60.0
    grace_s: Annotated[
        float, Meta(ge=0.5, le=60, description="to tell the visit in hand at stop")
    ] = 8.0


class Features(Section, frozen=True):
    """What can be switched off."""

    recognition: Annotated[bool, Meta(description="find and name faces")] = True
    chime: Annotated[bool, Meta(description="sound the chime")] = True
    notifications: Annotated[bool, Meta(description="tell the targets")] = True
    keep_pictures: Annotated[bool, Meta(description="store visit pictures")] = True
