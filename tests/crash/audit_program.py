"""A program that writes an audit log and says of each batch what became of it.

    python audit_program.py FOLDER BATCHES

Prints `acked NUMBER OBJ` for each record that `append` acknowledged, `refused` for a
batch that it did not, and `signed SIZE` for each checkpoint.
"""

from __future__ import annotations

import sys
from pathlib import Path

from monitoring.logging import chain, instants
from monitoring.logging.audit_errors import AuditUnwritableError
from monitoring.logging.audit_files import Folder
from monitoring.logging.audit_log import AuditLog, Limits
from monitoring.logging.checkpoint import Signer

SIGNER = Signer("", b"s" * 32)
LIMITS = Limits(checkpoint_records=4, rotate_bytes=2000)
PER_BATCH = 2


def opened(folder: Path) -> AuditLog:
    """Open the log as the writer does."""
    return AuditLog(Folder(str(folder)), SIGNER, instants.now, LIMITS)


def say(*words: object) -> None:
    """Say it at once: the next call may be the last."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def write(log: AuditLog, batch: int) -> None:
    """Append one batch, and sign if that is due."""
    entries = [
        chain.entry("test.done", instants.now(), obj=f"{batch}.{place}")
        for place in range(PER_BATCH)
    ]
    try:
        first = log.append(entries)
    except AuditUnwritableError:
        say("refused")
        return
    for seq, entry in enumerate(entries, first):
        say("acked", seq, entry.obj)
    if log.due_s() == 0.0:
        try:
            say("signed", log.checkpoint().size)
        except AuditUnwritableError:
            say("unsigned")


def main() -> None:
    """Write so many batches; a log that cannot be opened is tried again."""
    folder, batches = Path(sys.argv[1]), int(sys.argv[2])
    log = None
    for batch in range(batches):
        try:
            log = log or opened(folder)
        except (OSError, AuditUnwritableError):
            say("closed")
            continue
        write(log, batch)


if __name__ == "__main__":
    main()
