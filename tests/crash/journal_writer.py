"""Write rings until the end, saying of each what became of it.

Run by `test_journal_crash`, which kills it at every system call: what it printed as
`kept` must be read back, whatever happened later.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from doorbell.adapters.ring_journal import RingJournal
from doorbell.core.errors import StorageError
from doorbell.core.stamp import Stamp

STAMP = Stamp("ab" * 16, 5, 6, synced=True)


def say(line: str) -> None:
    """Print without buffering: a kill must not take the answer back."""
    os.write(1, f"{line}\n".encode())


def main(folder: str, slots: str, first: str, count: str) -> None:
    """Open, write, make room ahead, let the first files go."""
    journal = RingJournal(Path(folder), int(slots))
    try:
        journal.open()
    except StorageError as error:
        say(f"shut {error}")
        return
    for number in range(int(first), int(first) + int(count)):
        try:
            ring = journal.append("gpio", STAMP, f"{number:032x}")
        except StorageError:
            say(f"told {number}")
        else:
            say(f"kept {number} {ring.seq}")
        try:
            journal.prepare()
        except StorageError as error:
            say(f"full {error}")
    journal.close()
    say("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
