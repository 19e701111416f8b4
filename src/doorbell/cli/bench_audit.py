"""`doorbell bench audit`: how fast the audit log is written and verified."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from doorbell.cli import shown
from doorbell.cli.parsing import add_command
from doorbell.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Subparsers
    from doorbell.evaluation.audit_speed import Appending, Verifying

WRITERS = (1, 16, 64)
LEAST_RECORDS = 1000


def add_parser(group: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        group,
        "audit",
        run=bench_audit,
        about="measure how fast the audit log is written and verified",
        example="doorbell bench audit --records 1000000 --json",
        json=True,
    )
    parser.add_argument(
        "--records",
        metavar="N",
        type=int,
        default=100_000,
        help="to verify (%(default)s)",
    )
    parser.add_argument(
        "--seconds",
        metavar="S",
        type=float,
        default=3.0,
        help="to write, in each of the cases (%(default)s)",
    )
    parser.add_argument(
        "--fsync-ms",
        metavar="MS",
        type=int,
        default=20,
        help="of the slow card that strace imitates; 0 for none (%(default)s)",
    )


def bench_audit(context: Context) -> int:
    """Write and verify in a temporary folder."""
    from doorbell.evaluation import audit_attacks, audit_speed  # noqa: PLC0415 - every command starts with this module

    args = context.args
    if args.records < LEAST_RECORDS or args.seconds <= 0 or args.fsync_ms < 0:
        msg = f"--records is at least {LEAST_RECORDS}, --seconds more than 0"
        raise UsageError(msg)
    with tempfile.TemporaryDirectory(prefix="doorbell-audit-", dir=".") as name:
        home = Path(name).resolve()
        verifying = audit_speed.measure_verify(_made(home / "log"), args.records)
        appending = [
            audit_speed.measure_appends(
                home / f"{writers}-{fsync_ms}", writers, args.seconds, fsync_ms
            )
            for fsync_ms in dict.fromkeys((0, args.fsync_ms))
            for writers in WRITERS
        ]
        peace = audit_attacks.build(home / "peace")
        seen = [
            audit_attacks.play(attack, audit_attacks.copied(peace, home / str(place)))
            for place, attack in enumerate(audit_attacks.ATTACKS)
        ]
    attacks = sum(bool(one.first_layer) for one in seen)
    if context.wants_json:
        context.say_json(
            {
                "verify": msgspec.to_builtins(verifying),
                "append": [msgspec.to_builtins(one) for one in appending],
                "attacks_seen": attacks,
                "attacks": len(seen),
            }
        )
    else:
        context.say(_text(verifying, appending, f"{attacks} of {len(seen)} seen"))
    return 0


def _text(verifying: Verifying, appending: Sequence[Appending], attacks: str) -> str:
    rows = [
        (
            "verify",
            (
                f"{verifying.records} records in {verifying.chain_s:.2f} s, "
                f"{verifying.chain_cpu_s:.2f} s of it at work"
            ),
        ),
        ("every field", f"{verifying.every_field_s:.2f} s"),
        ("a record", f"{verifying.bytes_each:.0f} bytes"),
        *(_row(one) for one in appending),
        ("attacks", attacks),
    ]
    return shown.listing(rows)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _row(one: Appending) -> tuple[str, str]:
    disk = f"fsync + {one.fsync_ms} ms" if one.fsync_ms else "this disk"
    return f"{one.writers} at once", f"{one.per_s:.0f} records/s, {disk}"
