"""Print what of a locked requirements file applies to this Python, with its hashes.

usage: choose_requirements.py FILE [NAME...]

pip judges markers by the Python that it runs on, not by the one that it downloads for.
With names, only those packages are printed.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pip._vendor.packaging.requirements import Requirement


def main(path: Path, names: set[str]) -> None:
    """Go through the file; a requirement begins at the margin."""
    applies = False
    for line in path.read_text().splitlines():
        if line and not line[0].isspace() and line[0] != "#":
            wanted = Requirement(line.rstrip(" \\"))
            applies = not names or wanted.name in names
            applies = applies and (not wanted.marker or wanted.marker.evaluate())
            if applies:
                sys.stdout.write(f"{wanted.name}{wanted.specifier} \\\n")
        elif applies:
            sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), set(sys.argv[2:]))
