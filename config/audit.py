"""The section of the audit log."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from config.sections import Section


class Audit(Section, frozen=True):
    """The log of who did what, which nobody can quietly rewrite."""

    socket: Annotated[
        str,
        Meta(
            description="where the writer listens; empty for `audit/writer.sock` below "
            "`[storage] dir`"
        ),
    ] = ""
    key_file: Annotated[
        str,
        Meta(
            description="Ed25519 key that signs checkpoints; empty for "
            "`keys/audit.key` below `[storage] dir`, made at the first start"
        ),
    ] = ""
    patience_s: Annotated[
        float,
        Meta(
            ge=0.1,
            le=60,
            description="what a person does waits this long for its record, and does "
            "not happen without it",
        ),
    ] = 5.0
    queue: Annotated[
        int,
        Meta(
            ge=16,
            le=65536,
            description="records of rings, decisions and pushes that wait for a card "
            "in trouble; what is beyond is counted in a gap record",
        ),
    ] = 1024
    checkpoint_s: Annotated[
        float,
        Meta(ge=1, le=3600, description="a checkpoint is signed this soon"),
    ] = 60.0
    checkpoint_records: Annotated[
        int,
        Meta(ge=1, le=512, description="or after this many records"),
    ] = 256
    rotate_mib: Annotated[
        int,
        Meta(ge=1, le=256, description="size at which the next file is begun"),
    ] = 8
    keep_months: Annotated[
        int,
        Meta(
            ge=0,
            le=240,
            description="older records are reduced to their hashes; the log can be "
            "verified still; 0 keeps all",
        ),
    ] = 24
    witness_url: Annotated[
        str,
        Meta(
            pattern=r"^$|^https?://[^\s]+$",
            title="an `http` or `https` address, or empty",
            description="`doorbell audit witness` on another machine, which is sent "
            "every checkpoint",
        ),
    ] = ""
    witness_key: Annotated[
        str,
        Meta(
            pattern=r"^$|^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{44}$",
            title="`name+id+key` as the witness prints it, or empty",
            description="public key of that witness; its answers must be signed by it",
        ),
    ] = ""
