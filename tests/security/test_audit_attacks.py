"""Eight attacks on the audit log: each is seen, by the layer that should see it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from doorbell.cli.main import main
from doorbell.evaluation import audit_attacks
from doorbell.evaluation.audit_attacks import ATTACKS
from monitoring.logging.audit_files import Folder
from monitoring.logging.audit_verify import BEHIND, INTACT, TAMPERED, Trust, verify

if TYPE_CHECKING:
    from doorbell.evaluation.audit_attacks import Attack, World

VERIFIER = Path(__file__).parents[2] / "docs" / "verify_audit.py"
# First layer that sees it, exit code with the witness, kind of the first finding.
EXPECTED = {
    "flip a word of a record": ("chain", TAMPERED, "altered", 300),
    "delete a record": ("chain", TAMPERED, "missing", 300),
    "swap two records": ("chain", TAMPERED, "swapped", 300),
    "insert a record": ("chain", TAMPERED, "inserted", 300),
    "rewrite all after a record, without the key": (
        "checkpoints",
        TAMPERED,
        "unsigned",
        0,
    ),
    "cut the tail, with the checkpoints over it": ("witness", BEHIND, "behind", 1240),
    "rewrite all after a record, with the stolen key": (
        "witness",
        TAMPERED,
        "rewritten",
        0,
    ),
    "put back yesterday's card": ("witness", BEHIND, "behind", None),
}


@pytest.fixture(scope="module")
def peace(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A log that nobody has touched."""
    return audit_attacks.build(tmp_path_factory.mktemp("peace"))


@pytest.fixture
def world(peace: World, tmp_path: Path) -> World:
    """A copy of it to be attacked."""
    return audit_attacks.copied(peace, tmp_path)


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
def test_an_attack_is_seen_by_its_layer(attack: Attack, world: World) -> None:
    layer, code, kind, first = EXPECTED[attack.name]
    seen = audit_attacks.play(attack, world)
    assert seen.first_layer == layer
    assert seen.by_witness.code == code
    finding = seen.by_witness.findings[0]
    assert finding.kind == kind
    assert first in {finding.seq, None}


def test_the_log_that_is_attacked_is_intact_before(world: World) -> None:
    trust = Trust(world.signer.verifier, world.witnessed, every_field=True)
    report = verify(Folder(str(world.folder)), trust)
    assert (report.code, report.findings) == (INTACT, [])
    assert report.files > 2


def test_rewriting_beneath_the_checkpoints_is_seen_too(world: World) -> None:
    audit_attacks._chain_anew(world, audit_attacks.VICTIM)
    report = verify(Folder(str(world.folder)), Trust(world.signer.verifier))
    assert report.code == TAMPERED
    finding = report.findings[0]
    # Between the last checkpoint that agrees and the first that does not.
    assert finding.kind == "rewritten"
    assert finding.seq <= audit_attacks.VICTIM < finding.seq + 128


@pytest.mark.parametrize("attack", ATTACKS[:4], ids=[a.name for a in ATTACKS[:4]])
def test_the_command_says_the_first_bad_record(
    attack: Attack, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    audit_attacks.play(attack, world)
    folder = str(world.folder)
    assert main(["audit", "verify", "--folder", folder, "--json"], environ={}) == 4
    found = json.loads(capsys.readouterr().out)
    assert found["first_bad"]["record"] == 300
    assert found["first_bad"]["kind"] == EXPECTED[attack.name][2]


def independent(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the verifier that shares no code with ours."""
    return subprocess.run(
        [sys.executable, str(VERIFIER), str(folder)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_verifier_without_our_code_agrees(world: World) -> None:
    report = verify(Folder(str(world.folder)))
    done = independent(world.folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        *(str(report.size), "records,", "root", f"{report.root.hex()},"),
        *(str(report.covered), "signed"),
    ]


@pytest.mark.parametrize("attack", ATTACKS[:5], ids=[a.name for a in ATTACKS[:5]])
def test_a_verifier_without_our_code_sees_what_can_be_seen_here(
    attack: Attack, world: World
) -> None:
    seen = audit_attacks.play(attack, world)
    done = independent(world.folder)
    if seen.first_layer == "chain":
        assert done.returncode == 1
    else:
        # Without checkpoints there is nothing to compare with; it says so.
        assert ", 0 signed" in done.stdout


def test_the_verifier_without_our_code_has_none_of_it() -> None:
    text = VERIFIER.read_text()
    for package in ("doorbell.", "monitoring", "config", "production"):
        assert f"import {package}" not in text
        assert f"from {package}" not in text
