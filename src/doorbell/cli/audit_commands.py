"""`doorbell audit verify|prove|tail|export|witness|demo`: the words, not the work.

The code of the log is loaded only by who asks for it: every command starts with this
module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from doorbell.cli.parsing import add_command, add_group

if TYPE_CHECKING:
    import argparse

    from doorbell.cli.context import Context
    from doorbell.cli.parsing import Subparsers

LINES = 20


def add_parser(subparsers: Subparsers) -> None:
    """Declare the commands."""
    group = add_group(
        subparsers,
        "audit",
        run=verify,
        about="verify, prove or read the log of who did what",
        example="doorbell audit verify",
        json=True,
    )
    _add_verify(group)
    _add_prove(group)
    _add_reading(group)
    _add_witness(group)
    _add_demo(group)


def _add_verify(group: Subparsers) -> None:
    parser = add_command(
        group,
        "verify",
        run=verify,
        about="read the whole log and say whether it is what it was",
        description="Read the whole log and say whether it is what it was.\n\n"
        "Exit code 0: intact. 3: its end is torn, as after a power cut; --repair\n"
        "cuts it. 4: somebody changed it. 5: the witness has seen more.",
        example="doorbell audit verify --witness http://nas.lan:9720 --json",
        json=True,
    )
    _add_folder(parser)
    parser.add_argument(
        "--key", metavar="KEY", help="public key of the log, noted down before"
    )
    parser.add_argument(
        "--witness", metavar="URL|FILE", help="what a witness remembers of it"
    )
    parser.add_argument(
        "--every-field",
        action="store_true",
        help="parse each record, too",
    )
    parser.add_argument(
        "--repair", action="store_true", help="cut off a torn end, and record that"
    )


def _add_prove(group: Subparsers) -> None:
    parser = add_command(
        group,
        "prove",
        run=prove,
        about="prove that a record is in the log, or that the log only grew",
        example="doorbell audit prove 17 --record record.json > 17.tlog-proof\n"
        "doorbell audit prove --consistency 256 512",
    )
    _add_folder(parser)
    parser.add_argument(
        "seq", metavar="SEQ", nargs="?", type=int, help="number of the record"
    )
    parser.add_argument(
        "--record", metavar="FILE", help="write the record's bytes there"
    )
    parser.add_argument(
        "--consistency",
        metavar=("OLD", "NEW"),
        nargs=2,
        type=int,
        help="two sizes; one checkpoint must be over exactly NEW records",
    )


def _add_reading(group: Subparsers) -> None:
    tail_ = add_command(
        group,
        "tail",
        run=tail,
        about="print the newest records",
        example="doorbell audit tail -n 50",
        json=True,
    )
    _add_folder(tail_)
    tail_.add_argument(
        "-n", "--lines", metavar="N", type=int, default=LINES, help=f"how many, {LINES}"
    )
    export_ = add_command(
        group,
        "export",
        run=export,
        about="write all records, or those of a time, for an auditor",
        example="doorbell audit export --format csv --since 2026-01 -o audit.csv",
    )
    _add_folder(export_)
    export_.add_argument(
        "--format", choices=("csv", "json"), default="csv", help="csv if not given"
    )
    export_.add_argument("--since", metavar="TIME", default="", help="UTC, 2026-01-31")
    export_.add_argument("--until", metavar="TIME", default="", help="before this")
    export_.add_argument(
        "-o", "--output", metavar="FILE", required=True, help="made anew; - for stdout"
    )


def _add_folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--folder", metavar="DIR", help="of the log; that of the settings if not given"
    )


def _add_witness(group: Subparsers) -> None:
    """Declare the command."""
    parser = add_command(
        group,
        "witness",
        run=witness,
        about="remember, on another machine, what a doorbell's log was",
        description="Remember the last checkpoint of each log it knows, and refuse\n"
        "one that does not follow from it. Run it on another machine.",
        example='doorbell audit witness --folder witness --key "$(cat vkey)"\n'
        "doorbell audit witness --folder witness --accept-restored doorbell/4b2f…",
    )
    parser.add_argument(
        "--folder", metavar="DIR", required=True, help="its memory; made if not there"
    )
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        default="127.0.0.1:9720",
        help="where logs reach it (%(default)s)",
    )
    parser.add_argument(
        "--key",
        metavar="KEY",
        action="append",
        default=[],
        help="public key of a log (`audit/vkey` on the doorbell); may be repeated",
    )
    parser.add_argument(
        "--name",
        metavar="NAME",
        default="doorbell-witness",
        help="under which it signs",
    )
    parser.add_argument(
        "--alarm",
        metavar="COMMAND",
        default="",
        help="run for each refusal, which is its last argument",
    )
    parser.add_argument(
        "--accept-restored",
        metavar="ORIGIN",
        help="let this log begin anew: it was restored from a backup",
    )


def _add_demo(group: Subparsers) -> None:
    """Declare the command."""
    add_command(
        group,
        "demo",
        run=demo,
        about="play eight attacks on a log made for it, and show who sees them",
        example="doorbell audit demo",
        json=True,
    )


def verify(context: Context) -> int:
    """Verify, and repair what may be."""
    from doorbell.cli import audit_actions  # noqa: PLC0415 - see the top

    return audit_actions.verify(context)


def prove(context: Context) -> int:
    """Print a proof."""
    from doorbell.cli import audit_actions  # noqa: PLC0415 - see the top

    return audit_actions.prove(context)


def tail(context: Context) -> int:
    """Print the newest records."""
    from doorbell.cli import audit_actions  # noqa: PLC0415 - see the top

    return audit_actions.tail(context)


def export(context: Context) -> int:
    """Write records for an auditor."""
    from doorbell.cli import audit_actions  # noqa: PLC0415 - see the top

    return audit_actions.export(context)


def witness(context: Context) -> int:
    """Serve until interrupted, or take the owner's word about a restored log."""
    from doorbell.cli import audit_witness  # noqa: PLC0415 - see the top

    return audit_witness.witness(context)


def demo(context: Context) -> int:
    """Play each attack; 1 if one of them is seen by nobody."""
    from doorbell.cli import audit_demo  # noqa: PLC0415 - see the top

    return audit_demo.demo(context)
