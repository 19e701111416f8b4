"""`doorbell audit …` over logs on a real disk: exit codes, proofs, tables."""

from __future__ import annotations

import base64
import csv
import json
import os
import shlex
import shutil
import sys
import threading
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest

from doorbell.cli.main import main
from doorbell.testing.waiting import until
from monitoring.logging import chain, checkpoint, tree
from monitoring.logging.audit_errors import AuditError
from monitoring.logging.audit_logger import AuditLogger, OwnRoute
from monitoring.logging.audit_place import AuditPlace, FolderLock
from monitoring.logging.instants import now

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A machine whose log has six records, all signed."""
    record(tmp_path, 5)
    return tmp_path


def place(home: Path) -> AuditPlace:
    return AuditPlace(
        home / "audit", home / "keys" / "audit.key", home / "audit" / "writer.sock"
    )


def record(home: Path, count: int) -> None:
    logger = AuditLogger(OwnRoute(place(home), now))
    for number in range(count):
        logger.record("test.done", obj=str(number))
    logger.close()


def run(home: Path, *words: str) -> int:
    return main(["audit", *words], environ={"DOORBELL_STORAGE__DIR": str(home)})


def found(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    shown: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return shown


def log_file(home: Path) -> Path:
    return home / "audit" / "000000000000.log"


def test_an_intact_log(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(home, "verify", "--json", "--every-field") == 0
    shown = found(capsys)
    assert (shown["records"], shown["covered"], shown["first_bad"]) == (6, 6, None)


def test_a_torn_end_is_told_and_repaired(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with log_file(home).open("ab") as file:
        file.write(b'{"v":1,"se')
    assert run(home, "verify", "--json") == 3
    assert found(capsys)["first_bad"] == {
        "record": 6,
        "kind": "torn",
        "file": "000000000000.log",
        "detail": "10 bytes were being written when the power failed",
    }
    assert run(home, "verify", "--repair") == 0
    assert run(home, "tail", "--json") == 0
    last = found(capsys)["records"][-1]  # type: ignore[index] # a list of records
    assert last["act"] == "audit.repaired"


def test_nothing_is_repaired_while_a_writer_writes(home: Path) -> None:
    with log_file(home).open("ab") as file:
        file.write(b"{")
    with FolderLock(home / "audit"):
        assert run(home, "verify", "--repair") == 69


def test_a_changed_log(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = log_file(home).read_bytes()
    log_file(home).write_bytes(content.replace(b'"obj":"2"', b'"obj":"9"'))
    assert run(home, "verify") == 4
    assert "record 3" in capsys.readouterr().out
    assert run(home, "verify", "--repair") == 4


def test_a_log_that_was_made_anew_with_another_key_is_not_ours(home: Path) -> None:
    (home / "forged").mkdir()
    record(home / "forged", 5)
    shutil.rmtree(home / "audit")
    shutil.copytree(home / "forged" / "audit", home / "audit")
    assert run(home, "verify", "--folder", str(home / "audit")) == 0
    assert run(home, "verify") == 4


def test_a_log_behind_its_witness(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    signer = place(home).signer()
    note = checkpoint.sign(signer, 99, b"r" * 32).note
    (tmp_path / "seen").write_text(note, "utf-8")
    assert run(home, "verify", "--witness", str(tmp_path / "seen"), "--json") == 5
    assert found(capsys)["first_bad"]["kind"] == "behind"  # type: ignore[index] # not None
    assert run(home, "verify", "--witness", str(tmp_path / "nothing")) == 69


def test_a_folder_that_is_no_log(tmp_path: Path) -> None:
    assert run(tmp_path, "verify") == 69
    assert run(tmp_path, "verify", "--key", "nonsense") == 2


def test_a_record_is_proved_to_somebody_who_has_only_the_key(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = tmp_path / "line"
    assert run(home, "prove", "3", "--record", str(line)) == 0
    head, _, rest = capsys.readouterr().out.partition("\n\n")
    kind, index, *lines = head.splitlines()
    assert (kind, index) == ("c2sp.org/tlog-proof@v1", "index 3")
    signed = checkpoint.parse(rest)
    key = (home / "audit" / "vkey").read_text()
    signed.check(checkpoint.Verifier.parse(key))
    leaf = chain.leaf_hash(line.read_bytes())
    proof = [base64.b64decode(node) for node in lines]
    tree.check_inclusion(leaf, 3, signed.size, proof, signed.root)


def test_growth_is_proved_in_the_form_a_witness_takes(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(home, 3)
    assert run(home, "prove", "--consistency", "6", "9") == 0
    old, proof, signed = checkpoint.parse_consistency(capsys.readouterr().out)
    assert (old, signed.size) == (6, 9)
    before = checkpoint.find_all(
        next((home / "audit").glob("*.checkpoints")).read_text("utf-8")
    )
    root = next(note.root for note in before if note.size == 6)
    tree.check_consistency(6, 9, proof, root, signed.root)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("prove",), 2),
        (("prove", "3", "--consistency", "1", "2"), 2),
        (("prove", "99"), 65),
        (("prove", "--consistency", "6", "5"), 65),
        (("tail", "-n", "0"), 2),
        (("witness", "--folder", "w"), 2),
    ],
)
def test_what_cannot_be_is_refused(
    home: Path, words: tuple[str, ...], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    assert run(home, *words) == code


def test_records_are_exported(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "audit.csv"
    assert run(home, "export", "-o", str(out)) == 0
    with out.open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 6


def test_the_demonstration_sees_every_attack(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(home, "demo", "--json") == 0
    attacks = found(capsys)["attacks"]
    assert isinstance(attacks, list)
    assert [one["seen_by"] for one in attacks].count("witness") == 3


def test_a_key_of_the_witness_that_is_none_is_a_mistake_in_the_settings(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = home / "doorbell.toml"
    key = "nas+00000000+" + "A" * 44
    config.write_text(f'[storage]\ndir = "{home}"\n[audit]\nwitness_key = "{key}"\n')
    assert main(["--config", str(config), "audit", "verify"], environ={}) == 78
    assert "audit.witness_key" in capsys.readouterr().err


def test_a_key_that_others_can_read_is_refused(home: Path) -> None:
    (home / "keys" / "audit.key").chmod(0o644)
    with pytest.raises(AuditError):
        place(home).signer()


# A command that writes its last argument into a file.
WRITE = [sys.executable, "-c", "import sys; open(sys.argv[1], 'w').write(sys.argv[2])"]


@pytest.fixture
def served(home: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a witness started by the command, in a thread."""
    from monitoring.logging import audit_witness_server  # noqa: PLC0415 - to end it

    servers = []

    class Kept(audit_witness_server.WitnessServer):
        def __init__(self, *words: object) -> None:
            super().__init__(*words)  # type: ignore[arg-type] # as it is called
            servers.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("doorbell.cli.audit_witness.WitnessServer", Kept)
        key = (home / "audit" / "vkey").read_text().strip()
        words = ["witness", "--folder", str(tmp_path / "memory"), "--key", key]
        words += ["--alarm", shlex.join([*WRITE, str(tmp_path / "alarm")])]
        thread = threading.Thread(
            target=run, args=(home, *words, "--listen", "127.0.0.1:0")
        )
        thread.start()
        while not servers:
            os.sched_yield()
        yield "http://127.0.0.1:" + str(servers[0].server_address[1])
        servers[0].shutdown()
        thread.join()


def test_the_witness_answers_over_http(
    home: Path, served: str, capsys: pytest.CaptureFixture[str]
) -> None:
    run(home, "prove", "--consistency", "0", "6")
    body = capsys.readouterr().out.split("http", 1)[0]
    body = body[body.index("old 0") :]
    request = urllib.request.Request(f"{served}/add-checkpoint", body.encode())  # noqa: S310 - ours
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - ours
        assert answer.status == 200
    assert run(home, "verify", "--witness", served) == 0


def test_the_witness_raises_the_alarm(home: Path, served: str, tmp_path: Path) -> None:
    key = checkpoint.Verifier.parse((home / "audit" / "vkey").read_text())
    thief = checkpoint.Signer(key.name, b"t" * 32)
    forged = checkpoint.sign(thief, 6, b"r" * 32)
    body = checkpoint.consistency_text(0, [], forged).encode()
    request = urllib.request.Request(f"{served}/add-checkpoint", body)  # noqa: S310 - ours
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=5)  # noqa: S310 - ours
    refused.value.close()
    assert refused.value.code == 403
    alarm = tmp_path / "alarm"
    until(lambda: alarm.exists() and key.name in alarm.read_text(), 5.0, "an alarm")


@pytest.mark.parametrize(
    "words", [("export", "-o", "/no/such/file"), ("prove", "1", "--record", "/no/x/y")]
)
def test_a_file_that_cannot_be_written_is_no_bug(
    home: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    assert run(home, *words) == 69
    assert f"{words[-1]} cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--since", "--until"])
@pytest.mark.parametrize("time", ["yesterday", "01.02.2026", "2026-01-31 18:30"])
def test_a_time_that_is_none_does_not_export_nothing(
    home: Path, capsys: pytest.CaptureFixture[str], option: str, time: str
) -> None:
    assert run(home, "export", "-o", str(home / "out.csv"), option, time) == 2
    assert "as 2026-01-31" in capsys.readouterr().err
    assert not (home / "out.csv").exists()
