"""Taking the doorbell off leaves what is the household's, unless told otherwise."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from door import Door

pytestmark = [pytest.mark.systemd, pytest.mark.timeout(300)]

INSTALLER = "/mnt/release/install.sh"
OURS = (
    "ls -d /opt/doorbell /run/doorbell /var/lib/doorbell-deploy"
    " /usr/local/bin/doorbell* /etc/systemd/system/*bell* 2>/dev/null"
    " | grep -v '\\.d$'; pgrep -u doorbell"
)
HOUSEHOLD = "find /etc/doorbell /var/lib/doorbell -name '*.toml' -o -name '*.key'"


def test_uninstalling_keeps_what_is_the_households(door: Door) -> None:
    door.ready()
    rings, kept = door.rings(), door.machine.run(HOUSEHOLD)
    assert "doorbell.toml" in kept
    assert "master.key" in kept
    door.machine.run(f"{INSTALLER} --uninstall", 120.0)
    assert door.machine.run(OURS, check=False) == ""
    assert door.machine.run(HOUSEHOLD) == kept
    door.machine.run(f"{INSTALLER} --release /mnt/release", 300.0)
    door.ready()
    assert door.rings() == rings


@pytest.mark.skipif(not os.environ.get("FULL"), reason="a third installation: FULL=1")
def test_purging_leaves_nothing(door: Door) -> None:
    door.machine.run(f"{INSTALLER} --uninstall --purge", 120.0)
    assert door.machine.run(OURS, check=False) == ""
    assert door.machine.run(f"{HOUSEHOLD} 2>/dev/null", check=False) == ""
    assert door.machine.run("getent passwd doorbell", check=False) == ""
    door.machine.run(f"{INSTALLER} --release /mnt/release --no-start", 300.0)
    door.configure()
    door.machine.run(f"{INSTALLER} --release /mnt/release", 120.0)
    door.ready()
