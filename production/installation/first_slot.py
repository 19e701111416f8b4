"""The first installation: one slot and the holder, from a folder that is a release.

What comes later is `doorbell-deploy`'s: here there is no old release to go back to.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from production.deployment.disk import point_link
from production.deployment.release import RELEASE_FILE, Release, read_description
from production.deployment.slots import SLOTS, DeployState
from production.errors import ReleaseRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from production.deployment.disk import Disk
    from production.deployment.paths import Paths
    from production.deployment.slot_builder import SlotBuilder
    from production.deployment.state_file import StateFile
    from production.installation.holder_venv import HolderVenv

FIRST = SLOTS[0]


@dataclass(frozen=True, slots=True)
class FirstInstallation:
    """What it touches.

    Attributes:
        say: hears of each step.
    """

    paths: Paths
    state: StateFile
    builder: SlotBuilder
    holder: HolderVenv
    disk: Disk
    say: Callable[[str], None]

    def install(self, folder: Path) -> str:
        """Fill the first slot, unless a slot runs already; returns the active slot.

        Again is harmless: a whole slot is left alone, an unfinished one made anew.

        Raises:
            ReleaseRefusedError: the folder is no whole release.
            StepFailedError: it cannot be installed.
            OSError: the disk failed.
        """
        with self.state.locked():
            state = self.state.read() or DeployState()
            if not self._is_whole(state):
                state = self._fill(read_release(folder))
        slot = self.paths.slot(state.active)
        if self.holder.refresh(slot):
            self.say("made the button holder's environment")
        return state.active

    def _is_whole(self, state: DeployState) -> bool:
        if state.active not in state.versions:
            return False
        self.say(f"slot {state.active} has {state.versions[state.active]} already")
        return (self.paths.slot(state.active) / "bin" / "doorbell").exists()

    def _fill(self, release: Release) -> DeployState:
        slot = self.paths.slot(FIRST)
        self.say(f"installing {release.version} into slot {FIRST}")
        self.builder.build(release, slot)
        self.builder.sync(slot)
        state = DeployState(
            active=FIRST, versions={FIRST: release.version}, floor=release.floor
        )
        self.state.write(state)
        point_link(self.disk, f"slots/{FIRST}", str(self.paths.current))
        return state


def read_release(folder: Path) -> Release:
    """Read the release that lies in a folder, whatever its version.

    Raises:
        ReleaseRefusedError: it is none.
    """
    try:
        content = (folder / RELEASE_FILE).read_bytes()
        version = str(json.loads(content)["version"])
    except OSError as error:
        msg = f"{folder / RELEASE_FILE}: {error.strerror}"
        raise ReleaseRefusedError(msg) from error
    except (ValueError, KeyError, TypeError) as error:
        msg = f"{folder / RELEASE_FILE} is damaged: {error}"
        raise ReleaseRefusedError(msg) from error
    return replace(read_description(content, version), folder=folder)
