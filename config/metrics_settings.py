"""Settings of what others may read of the doorbell: metrics and the operations port."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated

from msgspec import Meta

from config.sections import Section

NOWHERE = "none"


class Metrics(Section, frozen=True):
    """What is measured, and how often."""

    scrape_s: Annotated[
        float,
        Meta(
            ge=1,
            le=300,
            description="how often Prometheus is to ask, and the processor, memory "
            "and disk are read",
        ),
    ] = 15.0
    health_interval_s: Annotated[
        float,
        Meta(ge=1, le=600, description="how often the state of health is judged"),
    ] = 30.0
    accuracy_every_s: Annotated[
        float,
        Meta(
            ge=1,
            le=86400,
            description="how often the accuracy of recognition is measured",
        ),
    ] = 600.0
    accuracy_days: Annotated[
        int,
        Meta(
            ge=1,
            le=365,
            description="visits labelled by the owner within this time are what the "
            "accuracy of recognition rests on",
        ),
    ] = 30
    accuracy_faces: Annotated[
        int,
        Meta(
            ge=1,
            le=10_000,
            description="with fewer labelled faces it rests on the gallery, each "
            "photograph judged by the others",
        ),
    ] = 30


class Operations(Section, frozen=True):
    """The port that tells programs of this machine how the doorbell is doing."""

    listen: Annotated[
        str,
        Meta(
            pattern=r"^(none|[^\s:]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5})$",
            title="`address:port`, `[address]:port` or `none`",
            description="address and port of `/metrics` and `/health`; port 0 takes "
            "any that is free. Any other address than this machine's own needs "
            "`token_file`: what it shows tells when people are at home",
        ),
    ] = "127.0.0.1:9713"
    token_file: Annotated[
        str,
        Meta(description="file with the token to be sent as `Authorization: Bearer`"),
    ] = ""


def address_of(listen: str) -> tuple[str, int] | None:
    """Host and port of a `listen` setting; None for `none`.

    >>> address_of("[::1]:9713")
    ('::1', 9713)
    """
    if listen == NOWHERE:
        return None
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches that address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
