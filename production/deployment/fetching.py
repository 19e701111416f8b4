"""From what was asked for to a checked release in a folder of ours, or a refusal."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from production.deployment.release import SignedSource, open_unsigned
from production.deployment.versions import refuse_below
from production.errors import ReleaseRefusedError, StepFailedError

if TYPE_CHECKING:
    from config.production.production_settings import ProductionSettings
    from production.deployment.release import Release
    from production.deployment.world import World

# Wheels, their unpacked form and the bytecode.
UNPACKED_FACTOR = 4
NO_ROOM = "Free some space, as by `[storage] keep_days`, and deploy again."


@dataclass(slots=True)
class Wish:
    """What was asked for.

    Attributes:
        version: as `1.2.3`; empty for the release before.
        source: a folder or an address.
        why: for the history.
        trusts_unsigned: in the development profile only.
    """

    version: str
    source: str
    why: str = "by hand"
    trusts_unsigned: bool = False


def refuse_below_floors(config: ProductionSettings, kept: str, version: str) -> None:
    """Let a version pass that is below no floor.

    Args:
        config: the owner's floor.
        kept: the floor of the releases that were committed.
        version: of the release.

    Raises:
        ReleaseRefusedError: it is below one.
    """
    refuse_below(kept, version)
    refuse_below(config.deploy.floor, version)


def fetch_release(
    config: ProductionSettings, world: World, wish: Wish, into: Path
) -> Release:
    """Check a release, and bring it into a folder.

    Raises:
        ReleaseRefusedError: it is not to be trusted.
        StepFailedError: it cannot be had, or not now.
    """
    if wish.trusts_unsigned:
        if config.profile != "development":
            msg = "unsigned releases are for the development profile"
            raise ReleaseRefusedError(msg, hint="Sign it: `doorbell-deploy publish`.")
        return open_unsigned(wish.version, Path(wish.source), into)
    if not world.is_synchronised():
        msg = "the clock is not synchronised, so no expiry can be checked"
        raise StepFailedError(msg, hint="See `timedatectl`; try again later.")
    return signed_source(config, world, wish.source).fetch(wish.version, into)


def signed_source(
    config: ProductionSettings, world: World, source: str
) -> SignedSource:
    """Open a source of signed releases with the root of this device.

    Raises:
        ReleaseRefusedError: the device has no root to trust by.
    """
    try:
        root = Path(config.deploy.root_file).read_bytes()
    except OSError as error:
        msg = f"no release can be trusted: {config.deploy.root_file}: {error.strerror}"
        raise ReleaseRefusedError(
            msg, hint="Copy 1.root.json of the repository there; see the documentation."
        ) from error
    return SignedSource(source, root, world.paths.state_dir / "trusted")


def refuse_without_room(release: Release, root: Path) -> None:
    """Let a release pass that the disk has room for.

    Raises:
        StepFailedError: it has not.
    """
    size = sum(file.stat().st_size for file in release.folder.iterdir())
    folder = root
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < UNPACKED_FACTOR * size:
        msg = f"slot needs {UNPACKED_FACTOR * size >> 20} MiB, {free >> 20} are free"
        raise StepFailedError(msg, hint=NO_ROOM)
