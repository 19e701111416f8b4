"""Settings of backups."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from config.sections import Section


class Backup(Section, frozen=True):
    """Where copies of everything are kept, on another medium than the card."""

    dir: Annotated[
        str,
        Meta(
            description="folder for `doorbell backup` without a file name. Who is "
            "erased is noted there too, so that an older backup does not bring them "
            "back; empty for none"
        ),
    ] = ""
    passphrase_file: Annotated[
        str,
        Meta(description="file with the passphrase, for a timer; else it is asked for"),
    ] = ""
