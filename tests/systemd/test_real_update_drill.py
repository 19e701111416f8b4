"""Bad updates of the real doorbell on a real systemd: each goes back, rings go on."""

from __future__ import annotations

import json
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest
from faulty import FAULTS, make_faulty, sign

from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from door import Door

FULL = bool(os.environ.get("FULL"))
# What each must end in, as in the table of docs/explanation/updates.md.
ENDS = {
    "good": "committed",
    "broken import": "discarded",
    "starts, then crashes": "rolled_back",
    "hangs": "rolled_back",
    "unhealthy": "rolled_back",
    "slow, 3 times": "rolled_back",
    "20 % errors": "rolled_back",
    "migration fails": "discarded",
}
SHORT = ("starts, then crashes", "migration fails")
LIMITS = {
    "trial_s": "60.0",
    "trial_rings": "12",
    "min_rings": "12",
    "ring_period_s": "0.3",
    "latency_factor": "2.0",
    "memory_factor": "4.0",
    "grace_s": "6.0",
}

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def strict(door: Door) -> Iterator[Door]:
    """The door with limits that tell the faults of the drills."""
    door.ready()
    settings = "/etc/doorbell/doorbell.toml"
    door.machine.run(f"cp -p {settings} /root/settings")
    for key, value in LIMITS.items():
        door.machine.run(f"sed -i 's/^{key} = .*/{key} = {value}/' {settings}")
    yield door
    door.machine.run(f"cat /root/settings > {settings}")


def test_every_fault_is_drilled() -> None:
    assert set(ENDS) == set(FAULTS)


@pytest.mark.parametrize("fault", [*(ENDS if FULL else SHORT)])
def test_an_update_that_is(strict: Door, note: list[str], fault: str) -> None:
    version = f"0.9.{list(ENDS).index(fault)}"
    release = strict.machine.folder / "share" / version
    make_faulty(release, version, fault)
    before = status(strict)
    began_s = time.monotonic()
    code = strict.machine.run(
        f"doorbell-deploy deploy {version} /mnt/{version} --unsigned > /root/said 2>&1;"
        "echo $?",
        240.0,
    )
    took_s = time.monotonic() - began_s
    said = strict.machine.run("cat /root/said")
    shutil.rmtree(release)
    last = history(strict)[-1]
    note.append(f"{fault}: {last['phase']} after {took_s:.0f} s, {last['reason'][:70]}")
    assert last["version"] == version, said
    assert last["phase"] == ENDS[fault], said
    assert last["reason"]
    stays = ENDS[fault] == "committed"
    assert code.strip() == ("0" if stays else "1"), said
    assert (status(strict)["active"] != before["active"]) is stays
    rings(strict)


def rings(door: Door) -> None:
    """Press: somebody is told."""
    door.ready()
    told = len(door.pushes())
    door.press()
    door.told(told + 1)


def begin_trial(door: Door, version: str) -> None:
    """Deploy a good release, with a judge who takes an hour."""
    make_faulty(door.machine.folder / "share" / version, version, "good")
    limits = "DOORBELL_DEPLOY__TRIAL_RINGS=10000 DOORBELL_DEPLOY__TRIAL_S=3600"
    door.machine.run(
        f"{limits} setsid doorbell-deploy deploy {version} /mnt/{version} --unsigned "
        "> /root/said 2>&1 &"
    )
    until(lambda: phase(door) == "trial", 120.0, "on trial")


def cut_and_boot(door: Door) -> None:
    door.machine.cut_power()
    door.machine.up()
    door.ready()


def test_a_release_that_kills_the_machine_is_left_after_three_starts(
    strict: Door, note: list[str]
) -> None:
    """The plug is pulled in the trial, boot after boot, before anybody can judge."""
    active = status(strict)["active"]
    begin_trial(strict, "0.9.9")
    off = "/etc/systemd/system/doorbell-deploy.service.d/off.conf"
    (strict.machine.folder / "share" / "off.conf").write_text(
        "[Service]\nExecCondition=/bin/false\n"
    )
    strict.machine.run(f"install -D /mnt/off.conf {off}; systemctl daemon-reload; sync")
    boots = 0
    while phase(strict) == "trial" and boots < 5:
        cut_and_boot(strict)
        boots += 1
    strict.machine.run(f"rm {off}; systemctl daemon-reload")
    note.append(f"a release that dies at each boot: left after {boots} boots")
    assert boots <= 3
    assert status(strict)["active"] == active
    assert history(strict)[-1]["phase"] == "rolled_back"
    rings(strict)


def test_a_trial_goes_on_by_itself_after_a_cut_of_power(
    strict: Door, note: list[str]
) -> None:
    """The guard sees to it that somebody judges."""
    active = status(strict)["active"]
    begin_trial(strict, "0.9.8")
    cut_and_boot(strict)
    began_s = time.monotonic()
    until(lambda: phase(strict) == "", 90.0, "judged")
    note.append(f"judged after a reboot within {time.monotonic() - began_s:.0f} s")
    assert history(strict)[-1]["phase"] == "committed"
    assert status(strict)["active"] != active
    rings(strict)


def test_the_timers_unit_updates_from_a_signed_source(
    strict: Door, note: list[str]
) -> None:
    """As the unit is confined, and with nothing on the command line."""
    version = "0.9.10"
    share = strict.machine.folder / "share"
    make_faulty(share / version, version, "good")
    sign(share / version, version, share / "signed")
    strict.machine.run(
        "cp /mnt/signed/repository/metadata/1.root.json"
        " /etc/doorbell/release-root.json;"
        "sed -i '/^\\[deploy\\]/a source_url = \"/mnt/signed/repository\"' "
        "/etc/doorbell/doorbell.toml;"
        # The machine around the container has no time server.
        "mkdir -p /run/systemd/timesync; touch /run/systemd/timesync/synchronized"
    )
    began_s = time.monotonic()
    strict.machine.run("systemctl start doorbell-deploy.service || true", 240.0)
    said = strict.machine.run("journalctl --no-pager -u doorbell-deploy.service -n 40")
    told = history(strict)
    assert told, said
    last = told[-1]
    assert (last["version"], last["phase"]) == (version, "committed"), said
    assert last["why"] == "by the timer"
    note.append(f"the timer's update: {time.monotonic() - began_s:.0f} s")
    rings(strict)


def status(door: Door) -> dict[str, Any]:
    said = door.machine.run("doorbell-deploy status --json")
    return dict(json.loads(said.splitlines()[-1]))


def phase(door: Door) -> str:
    under_way = status(door)["deployment"]
    return str(under_way["phase"]) if under_way else ""


def history(door: Door) -> list[dict[str, Any]]:
    said = door.machine.run("doorbell-deploy history --json")
    return list(json.loads(said.splitlines()[-1])["history"])
