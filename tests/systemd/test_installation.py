"""A fresh Debian, the installer, a ring, a push; a reboot, a ring again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from doorbell.testing.waiting import until

if TYPE_CHECKING:
    from door import Door

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(600)]

INSTALL = "/mnt/release/install.sh --release /mnt/release"


def test_a_ring_is_told_after_a_fresh_install_and_after_a_reboot(door: Door) -> None:
    before = len(door.pushes())
    door.press()
    door.told(before + 1)
    before = len(door.pushes())
    door.machine.down()
    door.machine.up()
    door.ready()
    door.press()
    door.told(before + 1)


def test_a_cut_of_power_loses_no_ring_that_was_heard(door: Door) -> None:
    door.press()
    until(lambda: door.journalled().total() > 0)
    heard = door.journalled()
    door.machine.cut_power()
    door.machine.up()
    door.ready()
    assert heard <= door.journalled()
    until(lambda: door.rings() >= heard.total(), 8.0, "every ring is in a visit")


def test_installing_again_changes_nothing(door: Door) -> None:
    state = "stat -c '%i %Y' /opt/doorbell/slots/blue/bin/doorbell /etc/doorbell/*;"
    state += " systemctl show -p MainPID --value doorbell@blue doorbell-button"
    before = door.machine.run(state)
    door.machine.run(INSTALL, 120.0)
    assert door.machine.run(state) == before


def test_nobody_but_root_can_change_what_root_starts(door: Door) -> None:
    found = door.machine.run("find /opt/doorbell ! -user root -o -perm /022 ! -type l")
    assert found == ""


def test_who_installed_it_may_command_it_and_strangers_may_not(door: Door) -> None:
    door.ready()
    door.machine.run("runuser -u owner -- doorbell people list")
    said = door.machine.run("runuser -u nobody -- doorbell status 2>&1", check=False)
    assert "cannot reach the doorbell" in said or "may not read it" in said


def test_what_is_at_home_is_for_its_user_alone(door: Door) -> None:
    listed = door.machine.run(
        "stat -c '%a %U %n' /var/lib/doorbell /etc/doorbell /etc/doorbell/doorbell.toml"
        " /run/doorbell /run/doorbell/button.sock"
    )
    assert listed.splitlines() == [
        "700 doorbell /var/lib/doorbell",
        "750 root /etc/doorbell",
        "640 root /etc/doorbell/doorbell.toml",
        "750 doorbell /run/doorbell",
        "600 doorbell /run/doorbell/button.sock",
    ]
