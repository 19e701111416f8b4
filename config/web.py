"""The section of the application port."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from config.sections import Section


class Web(Section, frozen=True):
    """Visits and rings over HTTP, for who shows the token."""

    enabled: Annotated[
        bool,
        Meta(description="run the web process; needs the packages of the extra `web`"),
    ] = False
    listen: Annotated[
        str,
        Meta(
            pattern=r"^(\[[0-9A-Fa-f:.]+\]|[0-9.]+|localhost):[0-9]{1,5}$",
            title="`ADDRESS:PORT`",
            description="where to listen unless systemd hands over a socket; what is "
            "sent there is not encrypted, see docs/reference/http-api.md",
        ),
    ] = "127.0.0.1:8080"
    token_file: Annotated[
        str,
        Meta(
            description="file with the token a caller must show; empty for "
            "`web.token` below `[storage] dir`, made at the first start"
        ),
    ] = ""
    rings_per_minute: Annotated[
        int,
        Meta(ge=1, le=600, description="rings over HTTP beyond this are refused"),
    ] = 10
