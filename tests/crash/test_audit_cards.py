"""A card that was changed or put back while the doorbell was off, and who notices."""

from __future__ import annotations

import contextlib
import shutil
import threading
from typing import TYPE_CHECKING

import pytest
from doorstep import Doorstep

from doorbell.cli.main import main
from doorbell.testing.sink import Sink
from doorbell.testing.waiting import until
from monitoring.logging.audit_export import records
from monitoring.logging.audit_files import Folder
from monitoring.logging.audit_verify import TAMPERED, verify
from monitoring.logging.audit_witness import Witness
from monitoring.logging.audit_witness_server import WitnessServer
from monitoring.logging.checkpoint import Verifier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitoring.logging.chain import Record

pytestmark = [pytest.mark.crash, pytest.mark.timeout(120)]


@pytest.fixture
def doorstep(tmp_path: Path) -> Iterator[Doorstep]:
    with Sink() as sink:
        one = Doorstep(tmp_path, sink)
        yield one
        with contextlib.suppress(ProcessLookupError):
            one.kill()


def folder(step: Doorstep) -> Folder:
    return Folder(str(step.state / "audit"))


def until_recorded(step: Doorstep, act: str) -> list[Record]:
    def found() -> list[Record]:
        return [record for record in records(folder(step)) if record.act == act]

    return until(found, 20.0, act)


def command(step: Doorstep, *words: str) -> int:
    return main(["--config", str(step.config), *words])


def test_a_log_that_was_changed_meanwhile_is_reported_at_the_next_start(
    doorstep: Doorstep,
) -> None:
    restart(doorstep)
    until_recorded(doorstep, "doorbell.started")
    doorstep.stop()
    path = next(doorstep.state.glob("audit/*.log"))
    path.write_bytes(
        path.read_bytes().replace(b"doorbell.started", b"doorbell.starred")
    )
    restart(doorstep)
    found = until_recorded(doorstep, "security.audit_tampered")[0]
    assert found.ctx["severity"] == "critical"
    assert verify(folder(doorstep)).code == TAMPERED


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[WitnessServer]:
    """A witness that knows no log yet."""
    memory = tmp_path / "witness"
    memory.mkdir()
    one = Witness(Folder(str(memory)), "nas.lan", b"w" * 32, [], lambda: 1_790_000_000)
    with WitnessServer(("127.0.0.1", 0), one) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def restart(step: Doorstep) -> None:
    step.start()
    step.ready()


def test_a_witness_notices_yesterdays_card(
    doorstep: Doorstep, witness: WitnessServer, capsys: pytest.CaptureFixture[str]
) -> None:
    # The owner carries the key over before the log is watched.
    restart(doorstep)
    until((doorstep.state / "audit" / "vkey").exists, 5.0, "a key")
    doorstep.stop()
    key = Verifier.parse((doorstep.state / "audit" / "vkey").read_text())
    witness.witness._logs[key.name] = key
    port = witness.server_address[1]
    lines = f'[audit]\ncheckpoint_s = 1.0\nwitness_url = "http://127.0.0.1:{port}"\n'
    lines += f'witness_key = "{witness.witness.verifier}"\n'
    doorstep.write_settings(lines + doorstep.target())
    shutil.copytree(doorstep.state / "audit", doorstep.folder / "yesterday")

    restart(doorstep)
    doorstep.enrol("Anna", "anna")
    size = len(list(records(folder(doorstep))))
    until(lambda: _seen(witness, key) >= size, 20.0, "a checkpoint at the witness")
    doorstep.stop()
    seen = _seen(witness, key)
    assert command(doorstep, "audit", "verify") == 0

    shutil.rmtree(doorstep.state / "audit")
    shutil.copytree(doorstep.folder / "yesterday", doorstep.state / "audit")
    assert command(doorstep, "audit", "verify") == 5
    assert "behind" in capsys.readouterr().out
    restart(doorstep)
    found = until_recorded(doorstep, "security.audit_behind_witness")[0]
    assert found.ctx["severity"] == "critical"
    assert _seen(witness, key) == seen


def _seen(server: WitnessServer, key: Verifier) -> int:
    with contextlib.suppress(OSError):
        last = server.witness.last(key.name)
        return last.size if last else 0
    return 0
