"""What `doorbell audit verify|prove|tail|export` does."""

from __future__ import annotations

import re
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from doorbell.cli import audit_witness, shown
from doorbell.core.errors import StorageError, UsageError
from monitoring.logging import (
    audit_export,
    audit_proofs,
    audit_verify,
    checkpoint,
    instants,
)
from monitoring.logging.audit_errors import AuditError
from monitoring.logging.audit_files import Folder
from monitoring.logging.audit_log import AuditLog
from monitoring.logging.audit_place import AuditPlace, FolderLock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from doorbell.cli.context import Context
    from monitoring.logging.audit_verify import Report
    from monitoring.logging.checkpoint import Verifier

# A record that is just being written looks torn.
LOOKS, LOOK_S = 5, 0.1
# What a record's time may begin with; empty for any.
_TIME = re.compile(r"(\d{4}(-\d\d(-\d\d(T\d\d(:\d\d(:\d\d(\.\d+Z?)?)?)?)?)?)?)?\Z")


def _place(context: Context) -> AuditPlace:
    return AuditPlace.of(context.settings)


def _folder(context: Context) -> Folder:
    given = getattr(context.args, "folder", None)
    return Folder(given) if given else _place(context).log


def verify(context: Context) -> int:
    """Verify, and repair what may be."""
    folder = _folder(context)
    trust = audit_verify.Trust(
        key=_key(context),
        witnessed=_witnessed(context, folder),
        every_field=getattr(context.args, "every_field", False),
    )
    began_ns = time.monotonic_ns()
    report = _verified(folder, trust)
    if report.code == audit_verify.TORN and getattr(context.args, "repair", False):
        _repair(context)
        report = _verified(folder, trust)
    took_ms = (time.monotonic_ns() - began_ns) / 1e6
    _tell(context, report, took_ms)
    return report.code


def _verified(folder: Folder, trust: audit_verify.Trust) -> Report:
    """Verify; look again if the end seems torn, since somebody may be writing it."""
    report = audit_verify.verify(folder, trust)
    for _ in range(LOOKS):
        if report.code != audit_verify.TORN:
            break
        time.sleep(LOOK_S)
        report = audit_verify.verify(folder, trust)
    return report


def _repair(context: Context) -> None:
    """Open the log as its writer would: that cuts the torn end and records it."""
    if getattr(context.args, "folder", None):
        msg = "--repair is for this machine's own log, whose key signs the repair"
        raise UsageError(msg)
    place = _place(context)
    with ExitStack() as stack:
        stack.enter_context(FolderLock(place.folder))
        log = AuditLog(place.log, place.signer(), instants.now, place.limits)
        stack.callback(place.give_to_owner)
        stack.callback(log.close)


def _key(context: Context) -> Verifier | None:
    given = getattr(context.args, "key", None)
    if not given:
        return _own_key(context)
    try:
        return checkpoint.Verifier.parse(given)
    except checkpoint.CheckpointError as error:
        msg = f"--key: {error}"
        raise UsageError(msg) from error


def _own_key(context: Context) -> Verifier | None:
    """Take this machine's own key, which lies elsewhere than what it signs.

    None where it cannot be read, or where another log is verified: then the key beside
    the log has to do, which who rewrites the log may replace too.
    """
    place = _place(context)
    if getattr(context.args, "folder", None):
        return None
    with suppress(OSError, AuditError):
        # To ask for the signer would make a key where there is none.
        return place.signer().verifier if place.key_file.exists() else None
    return None


def _witnessed(context: Context, folder: Folder) -> checkpoint.Checkpoint | None:
    """Ask the witness, the one that is named or the one of the settings."""
    given = getattr(context.args, "witness", None)
    own = not getattr(context.args, "folder", None)
    where = given or (own and context.settings.audit.witness_url) or ""
    if not where:
        return None
    key = _key(context) or audit_verify.stored_key(folder)
    # A file may hold what a push carried, which no witness has signed.
    witness = _place(context).witness if own and "://" in where else None
    found = audit_witness.remembered(where, key, witness, is_needed=bool(given))
    if found is None:
        context.warn(f"the witness at {where} does not answer: not compared with it")
    return found


def _tell(context: Context, report: Report, took_ms: float) -> None:
    first = report.findings[0] if report.findings else None
    if context.wants_json:
        context.say_json(
            {
                "code": report.code,
                "records": report.size,
                "root": report.root.hex(),
                "covered": report.covered,
                "pruned": report.pruned,
                "files": report.files,
                "bytes": report.bytes,
                "restored": report.restored,
                "took_ms": round(took_ms, 1),
                "first_bad": None if first is None else _finding(first),
                "findings": [_finding(finding) for finding in report.findings],
            }
        )
        return
    words = {0: "intact", 3: "its end is torn", 4: "somebody changed it", 5: "behind"}
    rows = [
        ("audit log", words[report.code]),
        ("records", f"{report.size} in {shown.count(report.files, 'file')}"),
        ("root", report.root.hex()),
        ("signed", f"{report.covered} records"),
    ]
    rows += [
        ("restored", f"from a backup at record {seq}; newer ones before it are gone")
        for seq in report.restored
    ]
    rows += [("pruned", f"{report.pruned} records")] if report.pruned else []
    rows += [
        (f"record {one.seq}", f"{one.kind}: {one.detail} {one.file}".rstrip())
        for one in report.findings
    ]
    rows.append(("took", f"{took_ms:.0f} ms"))
    context.say(shown.plain(shown.listing(rows)) if first else shown.listing(rows))


def _finding(finding: audit_verify.Finding) -> dict[str, object]:
    return {
        "record": finding.seq,
        "kind": finding.kind,
        "file": finding.file,
        "detail": finding.detail,
    }


def prove(context: Context) -> int:
    """Print a proof."""
    args, folder = context.args, _folder(context)
    if (args.seq is None) == (args.consistency is None):
        msg = "give the number of a record, or --consistency OLD NEW"
        raise UsageError(msg)
    if args.consistency is not None:
        old, new = args.consistency
        context.say(audit_proofs.prove_growth(folder, old, new).rstrip("\n"))
        return 0
    proof, line = audit_proofs.prove_record(folder, args.seq)
    context.say(proof.rstrip("\n"))
    if args.record:
        if line is None:
            context.warn("the record's body was pruned; the proof is about its hash")
        else:
            with _written(args.record):
                Path(args.record).write_bytes(line)
    return 0


def tail(context: Context) -> int:
    """Print the newest records."""
    if context.args.lines < 1:
        msg = "--lines is at least 1"
        raise UsageError(msg)
    found = audit_export.newest(_folder(context), context.args.lines)
    if context.wants_json:
        context.say_json({"records": [audit_export.plain(one) for one in found]})
        return 0
    rows = [
        (str(one.seq), one.ts, one.actor, one.act, one.out, one.obj) for one in found
    ]
    head = ("RECORD", "TIME", "WHO", "DID", "OUTCOME", "TO")
    context.say(shown.table(head, rows))
    return 0


def export(context: Context) -> int:
    """Write records for an auditor."""
    args, folder = context.args, _folder(context)
    for option, time_ in (("--since", args.since), ("--until", args.until)):
        if not _TIME.match(time_):
            msg = f"{option} is a time in UTC, as 2026-01-31 or 2026-01-31T18:30"
            raise UsageError(msg)
    found = audit_export.within(audit_export.records(folder), args.since, args.until)
    formats = {"csv": audit_export.write_csv, "json": audit_export.write_json}
    write = formats[args.format]
    if args.output == "-":
        write(found, context.out)
        return 0
    with (
        _written(args.output),
        Path(args.output).open("w", encoding="ascii", newline="") as out,
    ):
        count = write(found, out)
    context.say(f"{shown.count(count, 'record')} in {args.output}")
    return 0


@contextmanager
def _written(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        msg = f"{name} cannot be written: {error.strerror or error}"
        raise StorageError(msg) from error
