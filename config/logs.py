"""Section `[log]`: what is logged, and where to."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from config.sections import Section


class Log(Section, frozen=True):
    """Log lines on standard output, and in files where wanted."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"] | None,
        Meta(
            description="none: `debug` in development, `warning` in testing, `info` "
            "in production"
        ),
    ] = None
    format: Annotated[
        Literal["auto", "plain", "json"],
        Meta(
            description="`auto`: plain in a terminal, JSON otherwise and in the files"
        ),
    ] = "auto"
    folder: Annotated[
        str,
        Meta(
            pattern=r"^(/.*)?$",
            title="a path from the root, or empty",
            description="also write `main.log`, `errors.log` and `security.log` here; "
            "empty for standard output only",
        ),
    ] = ""
    file_mb: Annotated[
        float,
        Meta(
            ge=0.01, le=10_000, description="a file is put aside before it grows larger"
        ),
    ] = 50.0
    files: Annotated[
        int, Meta(ge=1, le=1000, description="files put aside of each of the three")
    ] = 10
    slow_ms: Annotated[
        int,
        Meta(
            ge=1,
            le=600_000,
            description="an operation that takes longer gets a line with its "
            "`duration_ms`",
        ),
    ] = 1000
