"""Make and sign releases: a TUF repository, grown by one release at a time.

Five roles with a key each. `root` and `targets` are used seldom and are kept offline;
`releases` signs what is published; `snapshot` and `timestamp` keep the repository
fresh, so that nobody can hold a device back at an old release unnoticed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from production.deployment.release import FORMAT, LATEST, RELEASE_FILE, REQUIREMENTS
from production.deployment.versions import version_key
from production.errors import DeployError, ReleaseRefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

ROLES = ("root", "targets", "releases", "snapshot", "timestamp")
RELEASES = "releases"
PATHS = ["releases/*", "releases/*/*"]
# Days. A device that gets nothing newer for two weeks is being held back, or we are
# on holiday: either way it only stops updating.
LIFETIME_DAYS = {
    "root": 730,
    "targets": 365,
    "releases": 365,
    "snapshot": 14,
    "timestamp": 14,
}
_WHEEL = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)-.+\.whl")


class PublishError(DeployError):
    """The repository or a key cannot be used."""

    exit_code = 65


class Publisher:
    """One repository and the keys to sign it.

    Args:
        repository: `metadata/` and `targets/` are below it.
        keys: folder of `ROLE.pem`.
        now: of the signatures; only their expiry follows from it.
        passphrase: that the keys are locked with; None for none.
    """

    def __init__(
        self,
        repository: Path,
        keys: Path,
        now: datetime | None = None,
        passphrase: bytes | None = None,
    ) -> None:
        self._metadata = repository / "metadata"
        self._targets = repository / "targets"
        self._keys = keys
        self._now = (now or datetime.now(UTC)).replace(microsecond=0)
        self._passphrase = passphrase

    def begin(self) -> Path:
        """Make keys that are missing and an empty repository; returns the root file.

        Raises:
            PublishError: there is a repository already.
        """
        if self._metadata.exists():
            msg = f"{self._metadata} exists"
            raise PublishError(msg)
        self._metadata.mkdir(parents=True)
        self._targets.mkdir(parents=True, exist_ok=True)
        for role in ROLES:
            self._make_key(role)
        root = Root(expires=self._expiry("root"), consistent_snapshot=True)
        for role in ("root", "targets", "snapshot", "timestamp"):
            root.add_key(self._signer(role).public_key, role)
        self._save("root", Metadata(root))
        self._save("targets", Metadata(self._delegating()))
        self._save(RELEASES, Metadata(Targets(expires=self._expiry(RELEASES))))
        self._save("snapshot", Metadata(Snapshot(expires=self._expiry("snapshot"))))
        self._save("timestamp", Metadata(Timestamp(expires=self._expiry("timestamp"))))
        self.refresh()
        return self._metadata / "1.root.json"

    def add(
        self, version: str, wheels: Path, *, floor: str = "", notes: str = ""
    ) -> None:
        """Sign a folder of wheels as a release, and offer it as the latest.

        Args:
            version: of the release, as `1.2.3`.
            wheels: every wheel that the slot needs, for one platform, and
                optionally a `requirements.txt` with hashes.
            floor: once it is committed, no version below this one is installed.
            notes: for people.

        Raises:
            PublishError: there is no wheel, or no repository.
        """
        described = describe(version, wheels, floor=floor, notes=notes)
        releases = self._load(RELEASES)
        targets: Targets = releases.signed
        prefix = f"releases/{version}"
        for name, content in described.items():
            self._add_target(targets, f"{prefix}/{name}", content)
        for wheel in sorted(wheels.glob("*.whl")):
            self._add_target(targets, f"{prefix}/{wheel.name}", wheel)
        latest = json.dumps({"version": version}).encode()
        self._add_target(targets, LATEST, latest)
        self._renew(RELEASES, releases)
        self.refresh()

    def refresh(self) -> None:
        """Sign snapshot and timestamp anew, of what there is."""
        snapshot = self._load("snapshot")
        for role in ("targets", RELEASES):
            version = self._load(role).signed.version
            snapshot.signed.meta[f"{role}.json"] = MetaFile(version)
        self._renew("snapshot", snapshot)
        timestamp = self._load("timestamp")
        timestamp.signed.snapshot_meta = MetaFile(snapshot.signed.version)
        self._renew("timestamp", timestamp)

    def _add_target(self, targets: Targets, path: str, content: bytes | Path) -> None:
        if isinstance(content, Path):
            target = TargetFile.from_file(path, str(content), ["sha256"])
        else:
            target = TargetFile.from_data(path, content, ["sha256"])
        targets.targets[path] = target
        folder, _, name = path.rpartition("/")
        file = self._targets / folder / f"{target.hashes['sha256']}.{name}"
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, Path):
            shutil.copyfile(content, file)
        else:
            file.write_bytes(content)

    def _delegating(self) -> Targets:
        key = self._signer(RELEASES).public_key
        role = DelegatedRole(
            RELEASES, [key.keyid], 1, terminating=True, paths=list(PATHS)
        )
        return Targets(
            expires=self._expiry("targets"),
            delegations=Delegations({key.keyid: key}, {RELEASES: role}),
        )

    def _renew(self, role: str, metadata: Metadata[Any]) -> None:
        metadata.signed.version += 1
        metadata.signed.expires = self._expiry(role)
        self._save(role, metadata)

    def _expiry(self, role: str) -> datetime:
        return self._now + timedelta(days=LIFETIME_DAYS[role])

    def _load(self, role: str) -> Metadata[Any]:
        if role == "timestamp":
            return Metadata.from_file(str(self._metadata / "timestamp.json"))
        files = list(self._metadata.glob(f"*.{role}.json"))
        if not files:
            msg = f"there is no repository at {self._metadata.parent}"
            raise PublishError(msg, hint="`doorbell-deploy publish init` makes one.")
        newest = max(files, key=lambda file: int(file.name.partition(".")[0]))
        return Metadata.from_file(str(newest))

    def _save(self, role: str, metadata: Metadata[Any]) -> None:
        metadata.sign(self._signer(role))
        number = "" if role == "timestamp" else f"{metadata.signed.version}."
        metadata.to_file(str(self._metadata / f"{number}{role}.json"))

    # Keys.

    def _make_key(self, role: str) -> None:
        path = self._keys / f"{role}.pem"
        if path.exists():
            return
        self._keys.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (
            BestAvailableEncryption(self._passphrase)
            if self._passphrase
            else NoEncryption()
        )
        pem = Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, lock
        )
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(pem)

    def _signer(self, role: str) -> CryptoSigner:
        path = self._keys / f"{role}.pem"
        try:
            key = load_pem_private_key(path.read_bytes(), self._passphrase)
        except (OSError, ValueError, TypeError) as error:
            msg = f"{path}: {error}"
            raise PublishError(msg) from error
        if not isinstance(key, Ed25519PrivateKey):
            msg = f"{path} is no Ed25519 key"
            raise PublishError(msg)
        return CryptoSigner(key)


def describe(
    version: str, wheels: Path, *, floor: str = "", notes: str = ""
) -> Mapping[str, bytes]:
    """Return `release.json` and `requirements.txt` of a folder of wheels.

    Raises:
        PublishError: there is no wheel.
        ReleaseRefusedError: the version is none of ours.
    """
    version_key(version)
    if floor:
        version_key(floor)
    found = sorted(wheels.glob("*.whl"))
    if not found:
        msg = f"there is no wheel in {wheels}"
        raise PublishError(msg)
    content = {
        "format": FORMAT,
        "version": version,
        "floor": floor,
        "notes": notes,
        "wheels": [wheel.name for wheel in found],
    }
    given = wheels / REQUIREMENTS
    required = given.read_bytes() if given.exists() else _requirements(found)
    return {
        RELEASE_FILE: json.dumps(content, indent=1).encode() + b"\n",
        REQUIREMENTS: required,
    }


def _requirements(wheels: list[Path]) -> bytes:
    """Ask for each wheel by hash; several wheels of one version are alternatives."""
    hashes: dict[str, list[str]] = {}
    for wheel in wheels:
        named = _WHEEL.fullmatch(wheel.name)
        if named is None:
            msg = f"{wheel.name} is not named as a wheel"
            raise ReleaseRefusedError(msg)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        wanted = f"{named['name']}=={named['version']}"
        hashes.setdefault(wanted, []).append(f"--hash=sha256:{digest}")
    lines = [f"{wanted} {' '.join(digests)}" for wanted, digests in hashes.items()]
    return "\n".join(lines).encode() + b"\n"
