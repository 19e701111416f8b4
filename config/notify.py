"""Section `[notify]`: who is told of a visit, when and how."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from config.sections import QuietHours, Section


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
