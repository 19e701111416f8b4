"""What `doorbell audit witness` does: remember what another machine's log was."""

from __future__ import annotations

import logging
import os
import shlex
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from doorbell.core.errors import UnavailableError, UsageError
from monitoring.logging import audit_witness, checkpoint
from monitoring.logging.audit_files import Folder
from monitoring.logging.audit_witness_server import WitnessServer
from monitoring.logging.checkpoint import CheckpointError, Verifier

if TYPE_CHECKING:
    from doorbell.cli.context import Context

log = logging.getLogger("doorbell.witness")

TIMEOUT_S = 5.0
SEED_FILE = "witness.key"
SEED_BYTES = 32


def witness(context: Context) -> int:
    """Serve until interrupted, or take the owner's word about a restored log."""
    args = context.args
    path = Path(args.folder)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = Folder(str(path))
        if args.accept_restored:
            return _accept(context, folder, args.accept_restored)
        return _serve(context, folder)
    except OSError as error:
        msg = f"the witness cannot work: {error.strerror or error}"
        raise UnavailableError(msg) from error


def _accept(context: Context, folder: Folder, origin: str) -> int:
    last = audit_witness.forget(folder, origin)
    if last is None:
        context.say(f"nothing was remembered of {origin}")
    else:
        context.say(f"{origin} may begin anew; it had {last.size} records")
    return 0


def _serve(context: Context, folder: Folder) -> int:
    args = context.args
    logs = [_parsed(key) for key in args.key]
    if not logs:
        msg = "a witness needs the --key of at least one log"
        raise UsageError(msg, hint="It is the file `audit/vkey` on the doorbell.")
    one = audit_witness.Witness(
        folder, args.name, _seed(folder), logs, lambda: time.time_ns() // 10**9
    )
    alarm = Alarm(shlex.split(args.alarm))
    with WitnessServer(_address(args.listen), one, alarm) as server:
        host, port = server.server_address[:2]
        context.say(f"listening at http://{host!s}:{port}")
        context.say(f'witness_key = "{one.verifier}"')
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            thread.join()
        finally:
            server.shutdown()
    return 0


class Alarm:
    """Tells somebody of a refusal by a command, and waits for nobody.

    Args:
        command: words of it; none for no alarm.
    """

    def __init__(self, command: list[str]) -> None:
        self._command = command

    def __call__(self, text: str) -> None:
        """Run the command; what it does is its own affair."""
        if not self._command:
            return
        try:
            # Not waited for: the request is answered meanwhile.
            process = subprocess.Popen([*self._command, text], stdin=subprocess.DEVNULL)
        except OSError as error:
            log.error("alarm_failed", extra={"error": str(error)})  # noqa: TRY400 - the errno says it all
            return
        threading.Thread(target=process.wait, daemon=True).start()


def _seed(folder: Folder) -> bytes:
    try:
        seed = folder.read(SEED_FILE)
    except FileNotFoundError:
        folder.replace(SEED_FILE, os.urandom(SEED_BYTES))
        seed = folder.read(SEED_FILE)
    if len(seed) != SEED_BYTES:
        msg = f"{folder(SEED_FILE)} is no key of {SEED_BYTES} bytes"
        raise UsageError(msg)
    return seed


def _parsed(text: str) -> Verifier:
    try:
        return Verifier.parse(text)
    except CheckpointError as error:
        msg = f"--key: {error}"
        raise UsageError(msg) from error


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        msg = f"--listen is HOST:PORT, not {text!r}"
        raise UsageError(msg)
    return host.strip("[]"), int(port)


def remembered(
    where: str, key: Verifier | None, witness: Verifier | None, *, is_needed: bool
) -> checkpoint.Checkpoint | None:
    """What a witness remembers of a log.

    Args:
        where: its address, or a file with the checkpoint.
        key: of the log, whose name is its origin.
        witness: of the witness, whose signature must be there if it is known.
        is_needed: it is an error if it does not answer.

    Raises:
        UnavailableError: it does not answer, or not with a checkpoint it signed.
    """
    try:
        text = _fetched(where, key.name if key else "")
        found = checkpoint.parse(text)
        if witness is not None:
            found.check_cosigned(witness)
    except (OSError, CheckpointError) as error:
        if not is_needed and isinstance(error, OSError):
            return None
        msg = f"the witness at {where} did not answer as it should: {error}"
        raise UnavailableError(msg) from error
    return found


def _fetched(where: str, origin: str) -> str:
    if "://" not in where:
        return Path(where).read_text("utf-8")
    query = urllib.parse.urlencode({"origin": origin})
    url = f"{where.rstrip('/')}/checkpoint?{query}"
    if not url.startswith(("http://", "https://")):
        msg = f"a witness is reached by http or https, not {where}"
        raise UsageError(msg)
    with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - checked above
        return str(answer.read(checkpoint.MAX_NOTE_BYTES).decode())
