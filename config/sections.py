"""What every section of the settings is, and those of the daemon itself.

A section says type, range, default and meaning of its keys, and is a plain frozen
struct; each subject has its own module. Nothing there reads a file or an environment
variable: `config.loader` does. The reference in `docs/reference/settings.md` and the
sample TOML are generated from the sections.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

Profile = Literal["development", "testing", "production"]
# `title` is the form in words: a person who mistyped it is not shown the pattern.
QuietHours = Annotated[
    str,
    Meta(
        pattern=r"^$|^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$",
        title="`HH:MM-HH:MM` or empty",
    ),
]


class Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base of all sections: immutable, and an unknown key is an error."""


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
