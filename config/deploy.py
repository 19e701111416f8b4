"""Section `[deploy]`: where releases come from, and what a new one has to prove.

Read by `doorbell-deploy`, never by the daemon.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from config.sections import QuietHours, Section


class Deploy(Section, frozen=True):
    """Updates: two slots, a trial, and the way back."""

    root: Annotated[
        str,
        Meta(min_length=1, description="the slots are below it, in `slots/`"),
    ] = "/opt/doorbell"
    state_dir: Annotated[
        str,
        Meta(min_length=1, description="what is installed, and the history of that"),
    ] = "/var/lib/doorbell-deploy"
    run_dir: Annotated[
        str,
        Meta(min_length=1, description="what need not outlive a boot"),
    ] = "/run/doorbell-deploy"
    unit: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9:_.-]+@\.service$",
            title="a template as `doorbell@.service`",
            description="systemd template of the two slots",
        ),
    ] = "doorbell@.service"
    python: Annotated[
        str, Meta(min_length=1, description="interpreter that slots are made with")
    ] = "/usr/bin/python3"
    source_url: Annotated[
        str,
        Meta(
            pattern=r"^$|^https?://.+|^/.+",
            title="an address, a folder or empty",
            description="where the timer looks for releases; empty: nowhere",
        ),
    ] = ""
    root_file: Annotated[
        str,
        Meta(description="the TUF root that releases are trusted by"),
    ] = "/etc/doorbell/release-root.json"
    window: Annotated[
        QuietHours,
        Meta(description="local time in which the timer may update; empty: always"),
    ] = "03:00-05:00"
    floor: Annotated[
        str,
        Meta(
            pattern=r"^$|^\d+(\.\d+){0,3}((a|b|rc)\d+)?$",
            title="a version as `1.2.3`, or empty",
            description="no release below this version is installed",
        ),
    ] = ""
    trial_s: Annotated[
        float,
        Meta(ge=1, le=86400, description="a new release is judged this long"),
    ] = 600.0
    trial_rings: Annotated[
        int,
        Meta(ge=1, le=10000, description="or for this many rings, if sooner"),
    ] = 60
    tries: Annotated[
        int,
        Meta(ge=1, le=10, description="starts of a new release before it goes back"),
    ] = 3
    ring_period_s: Annotated[
        float,
        Meta(ge=0.05, le=300, description="time between the judge's own rings"),
    ] = 10.0
    baseline_period_s: Annotated[
        float,
        Meta(ge=0.05, le=300, description="the same while the old release is measured"),
    ] = 2.0
    min_rings: Annotated[
        int,
        Meta(ge=1, le=1000, description="rings before latencies are compared"),
    ] = 30
    frames_dir: Annotated[
        str,
        Meta(description="pictures for these rings; empty: what the camera shows"),
    ] = ""
    error_rate: Annotated[
        float,
        Meta(gt=0, le=1, description="a higher share of errors goes back"),
    ] = 0.10
    latency_factor: Annotated[
        float,
        Meta(ge=1, le=100, description="slower than the old by this factor goes back"),
    ] = 2.0
    memory_factor: Annotated[
        float,
        Meta(ge=1, le=100, description="more memory than the old by this goes back"),
    ] = 2.0
    restarts: Annotated[
        int,
        Meta(ge=0, le=100, description="more restarts in the trial go back"),
    ] = 1
    grace_s: Annotated[
        float,
        Meta(ge=0.1, le=600, description="a release may be unready this long"),
    ] = 30.0
    start_s: Annotated[
        float,
        Meta(ge=1, le=900, description="a slot must be ready by then"),
    ] = 180.0
    warm: Annotated[
        Literal["auto", "never"],
        Meta(
            description="`auto`: the new release warms up beside the old one where "
            "memory allows"
        ),
    ] = "auto"
    keep: Annotated[
        int, Meta(ge=1, le=1000, description="finished deployments remembered")
    ] = 100
