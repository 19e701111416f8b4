"""`python -m production.installation FOLDER`: what `install.sh` leaves to Python.

Prints the slot that is to be started.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from production.deployment.disk import KernelDisk
from production.deployment.paths import find_paths
from production.deployment.slot_builder import usual_builder
from production.deployment.state_file import StateFile
from production.errors import DeployError
from production.installation.first_slot import FirstInstallation
from production.installation.holder_venv import usual_holder


def main() -> int:
    """Install; exit codes as `doorbell-deploy`."""
    parser = argparse.ArgumentParser(
        prog="python -m production.installation",
        description="Install a release into the first slot.",
        epilog="example: python -m production.installation /tmp/release",
    )
    parser.add_argument("release", type=Path, help="folder with release.json")
    parser.add_argument("--python", default="/usr/bin/python3", help="interpreter")
    chosen = parser.parse_args()
    paths = find_paths(None, os.environ)
    paths.state_dir.mkdir(parents=True, exist_ok=True)
    installation = FirstInstallation(
        paths=paths,
        state=StateFile(paths.state_dir),
        builder=usual_builder(chosen.python),
        holder=usual_holder(paths.root, chosen.python),
        disk=KernelDisk(),
        say=lambda text: print(text, file=sys.stderr, flush=True),  # noqa: T201 - a program's own words
    )
    try:
        print(installation.install(chosen.release.absolute()))  # noqa: T201 - as above
    except DeployError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - as above
        return error.exit_code
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - as above
        return DeployError.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
