"""What a backup holds: its names, and the list that says what each file must be.

Pure. The list is written last; a backup without it was cut short.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field

from doorbell.core.errors import BadInputError

FORMAT = 1
MANIFEST = "manifest.json"
DATABASE = "state.db"
SETTINGS = "doorbell.toml"
MASTER_KEY, AUDIT_KEY = "keys/master.key", "keys/audit.key"
# A list of a million pictures is some 100 MB; more than that is no backup of ours.
MAX_MANIFEST_BYTES = 128 << 20

_NAMES = re.compile(
    r"state\.db|doorbell\.toml|manifest\.json|keys/(master|audit)\.key"
    r"|audit/(vkey|\d{12}(-\d{1,6})?\.(log|hashes|checkpoints))"
    r"|pictures/(undated|\d{4}-\d{2})/[0-9A-Za-z_-]{1,80}\.enc"
)


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the backup.

    Attributes:
        size: bytes.
        sha256: of its content, in hexadecimal.
    """

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the backup is and holds.

    Attributes:
        release: version of the program that wrote it.
        made_at_s: wall seconds since 1970, None if the clock could not be trusted.
        id: random, to tell one backup from another.
    """

    release: str
    made_at_s: float | None
    id: str
    files: tuple[Member, ...]
    format: int = FORMAT

    def encode(self) -> bytes:
        """Return it as JSON."""
        return json.dumps(asdict(self), separators=(",", ":")).encode()

    @property
    def bytes(self) -> int:
        """Size of everything it lists."""
        return sum(file.size for file in self.files)


def parse_manifest(content: bytes) -> Manifest:
    """Read the list.

    Raises:
        BadInputError: it is none, or of a later format.
    """
    try:
        found = json.loads(content)
        files = tuple(
            Member(str(one["name"]), int(one["size"]), str(one["sha256"]))
            for one in found["files"]
        )
        made = found["made_at_s"]
        manifest = Manifest(
            release=str(found["release"]),
            made_at_s=None if made is None else float(made),
            id=str(found["id"]),
            files=files,
            format=int(found["format"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        msg = "the backup's list of files cannot be read"
        raise BadInputError(msg, hint="Try another backup.") from error
    if manifest.format > FORMAT:
        msg = f"the backup has format {manifest.format}; this release reads {FORMAT}"
        raise BadInputError(msg, hint=f"Install release {manifest.release} or later.")
    return manifest


def is_ours(name: str) -> bool:
    """Whether a file of that name may be in a backup; none leaves the folder."""
    return _NAMES.fullmatch(name) is not None


@dataclass(slots=True)
class Tally:
    """What came out of a backup so far, to be held against its list."""

    members: list[Member] = field(default_factory=list)

    def add(self, name: str, size: int, sha256: str) -> None:
        """Note one file."""
        self.members.append(Member(name, size, sha256))

    def check(self, manifest: Manifest) -> None:
        """Compare.

        Raises:
            BadInputError: a file is missing, twice, changed, or not in the list.
        """
        found = {member.name: member for member in self.members}
        listed = {member.name: member for member in manifest.files}
        wrong = sorted(
            name
            for name in found.keys() | listed.keys()
            if found.get(name) != listed.get(name)
        )
        if wrong or len(found) != len(self.members):
            names = ", ".join(wrong[:3]) or "a file is there twice"
            msg = f"the backup is damaged: {names}"
            raise BadInputError(msg, hint="Try another backup.")
