"""What is in a release, and whether it may be trusted: fetch it into a folder.

A release is a folder of wheels with `release.json` and `requirements.txt` (each wheel
with its hash). Signed, it lies in a TUF repository: every file is a target of the
delegated role `releases`, reached from a root that came with the device. python-tuf
refuses what is expired, older than what was seen before, mixed from two snapshots,
or longer than was announced; here its refusals get words for the owner.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from production.deployment.disk import KernelDisk, sync_all_below
from production.deployment.versions import version_key
from production.errors import DeployError, ReleaseRefusedError, StepFailedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tuf.ngclient import FetcherInterface, Updater

FORMAT = 1
RELEASE_FILE = "release.json"
REQUIREMENTS = "requirements.txt"
LATEST = "releases/latest.json"
# More than a release with every engine has; what is bigger is no release.
MOST_FILES = 400
MOST_BYTES = 4 << 30
_DESCRIPTION_BYTES = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,200}\.whl")
_CHUNK = 1 << 16
_NOT_FOUND = 404
_UNSIGNED = "Unsigned releases are for the development profile: --unsigned."


@dataclass(frozen=True, slots=True)
class Release:
    """A release that lies in a folder, checked.

    Attributes:
        floor: once it is committed, no version below this one; may be empty.
        wheels: names of files in `folder`.
        signed: by a key that our root trusts.
    """

    version: str
    folder: Path
    wheels: tuple[str, ...]
    floor: str = ""
    signed: bool = False


def read_description(content: bytes, version: str) -> Release:
    """Read `release.json`; the folder is filled in by whoever fetched it.

    Raises:
        ReleaseRefusedError: it is damaged, or that of another version.
    """
    try:
        raw: Any = json.loads(content[:_DESCRIPTION_BYTES])
        named, floor, wheels = raw["version"], raw.get("floor", ""), raw["wheels"]
        if raw["format"] != FORMAT or not isinstance(floor, str):
            msg = f"{RELEASE_FILE} is of format {raw['format']!r}"
            raise ReleaseRefusedError(msg)
        names = tuple(str(name) for name in wheels)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        msg = f"{RELEASE_FILE} is damaged: {error}"
        raise ReleaseRefusedError(msg) from error
    if named != version:
        msg = f"this is release {named!r}, not {version}"
        raise ReleaseRefusedError(msg)
    version_key(version)
    _check_names(names)
    return Release(version, Path(), names, floor)


def _check_names(names: tuple[str, ...]) -> None:
    if not names or len(names) > MOST_FILES:
        msg = f"a release has 1 to {MOST_FILES} wheels, not {len(names)}"
        raise ReleaseRefusedError(msg)
    for name in names:
        # A name that is a path would be written somewhere else.
        if not _NAME.fullmatch(name):
            msg = f"{name[:80]!r} is no name of a wheel"
            raise ReleaseRefusedError(msg)


def open_unsigned(version: str, source: Path, into: Path) -> Release:
    """Copy an unsigned release from a folder: for development only.

    Raises:
        ReleaseRefusedError: it is not whole.
        StepFailedError: it cannot be copied.
    """
    try:
        content = (source / RELEASE_FILE).read_bytes()
    except OSError as error:
        msg = f"{source / RELEASE_FILE}: {error.strerror}"
        raise ReleaseRefusedError(msg) from error
    release = read_description(content, version)
    try:
        into.mkdir(parents=True, exist_ok=True)
        for name in (RELEASE_FILE, REQUIREMENTS, *release.wheels):
            shutil.copyfile(source / name, into / name)
    except FileNotFoundError as error:
        msg = f"the release lacks {error.filename}"
        raise ReleaseRefusedError(msg) from error
    except OSError as error:
        msg = f"the release cannot be copied: {error.strerror}"
        raise StepFailedError(msg) from error
    return Release(version, into, release.wheels, release.floor)


class SignedSource:
    """A TUF repository, in a folder or at an address.

    Args:
        source: `metadata/` and `targets/` are below it.
        root: the root metadata that came with the device.
        trusted: where what was seen is remembered, against older metadata.
        fetcher: how files are got; by the source if None.

    Raises:
        ReleaseRefusedError: the root cannot be used.
    """

    def __init__(
        self,
        source: str,
        root: bytes,
        trusted: Path,
        fetcher: FetcherInterface | None = None,
    ) -> None:
        base = source.rstrip("/")
        self._base = base if "://" in base else Path(base).resolve().as_uri()
        self._root = root
        self._trusted = trusted
        self._fetcher = fetcher or fetcher_for(self._base)

    def latest(self) -> str:
        """Return the version that the repository offers.

        Raises:
            ReleaseRefusedError: the metadata cannot be trusted.
            StepFailedError: it cannot be reached.
        """
        with tempfile.TemporaryDirectory() as folder, _told():
            content = _get(self._updater(folder), LATEST, Path(folder) / "latest")
            self._remember()
        try:
            return str(json.loads(content)["version"])
        except (ValueError, KeyError, TypeError) as error:
            msg = f"{LATEST} is damaged"
            raise ReleaseRefusedError(msg) from error

    def fetch(self, version: str, into: Path) -> Release:
        """Bring a release into a folder, every byte of it checked.

        Raises:
            ReleaseRefusedError: it cannot be trusted.
            StepFailedError: it cannot be reached or written.
        """
        version_key(version)
        with _told(), _temporary_files_in(into):
            updater = self._updater(str(into))
            prefix = f"releases/{version}"
            content = _get(updater, f"{prefix}/{RELEASE_FILE}", into / RELEASE_FILE)
            release = read_description(content, version)
            for name in (REQUIREMENTS, *release.wheels):
                _fetch(updater, f"{prefix}/{name}", into / name)
            self._remember()
        return Release(version, into, release.wheels, release.floor, signed=True)

    def _remember(self) -> None:
        """Bring to disk what was seen: python-tuf writes it without."""
        sync_all_below(KernelDisk(), str(self._trusted))

    def _updater(self, folder: str) -> Updater:
        from tuf.ngclient import Updater, UpdaterConfig  # noqa: PLC0415 - an extra: the unsigned path and the guard go without

        self._trusted.mkdir(parents=True, exist_ok=True)
        updater = Updater(
            str(self._trusted),
            f"{self._base}/metadata/",
            folder,
            f"{self._base}/targets/",
            fetcher=self._fetcher,
            config=UpdaterConfig(max_root_rotations=32, max_delegations=4),
            bootstrap=self._root,
        )
        updater.refresh()
        return updater


def _fetch(updater: Updater, path: str, to: Path) -> None:
    target = updater.get_targetinfo(path)
    if target is None:
        msg = f"nobody who may has signed {path}"
        raise ReleaseRefusedError(msg)
    if target.length > MOST_BYTES:
        msg = f"{path} has {target.length} bytes"
        raise ReleaseRefusedError(msg)
    updater.download_target(target, str(to))


def _get(updater: Updater, path: str, to: Path) -> bytes:
    _fetch(updater, path, to)
    return to.read_bytes()


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    """Let python-tuf put what it checks on the card: /tmp is in memory on a Pi."""
    folder.mkdir(parents=True, exist_ok=True)
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


@contextmanager
def _told() -> Iterator[None]:
    """Say in our words what python-tuf refuses."""
    from tuf.api import exceptions as refused  # noqa: PLC0415 - as above

    try:
        yield
    except DeployError:
        raise
    except refused.DownloadLengthMismatchError as error:
        msg = f"more was sent than was announced: {error}"
        raise ReleaseRefusedError(msg) from error
    except refused.DownloadHTTPError as error:
        if error.status_code == _NOT_FOUND:
            msg = f"nothing signed is there: {error}"
            raise ReleaseRefusedError(msg, hint=_UNSIGNED) from error
        msg = f"the release cannot be had: {error}"
        raise StepFailedError(msg, hint="Try again later.") from error
    except refused.DownloadError as error:
        msg = f"the release cannot be had: {error}"
        raise StepFailedError(
            msg, hint="Try again when the network is back."
        ) from error
    except refused.ExpiredMetadataError as error:
        msg = f"the release's metadata is expired: {error}"
        raise ReleaseRefusedError(
            msg,
            hint="Its publisher must sign it anew; the release that runs stays.",
        ) from error
    except refused.RepositoryError as error:
        msg = f"the release cannot be trusted: {error}"
        raise ReleaseRefusedError(msg) from error
    except OSError as error:
        msg = f"the release cannot be stored: {error.strerror or error}"
        raise StepFailedError(msg) from error


def fetcher_for(base: str) -> FetcherInterface:
    """Return what gets files from a folder, or over HTTP."""
    from tuf.api.exceptions import DownloadHTTPError  # noqa: PLC0415 - as above
    from tuf.ngclient import FetcherInterface  # noqa: PLC0415 - as above
    from tuf.ngclient.urllib3_fetcher import Urllib3Fetcher  # noqa: PLC0415 - as above

    class FolderFetcher(FetcherInterface):  # type: ignore[misc,unused-ignore]
        """Files below a folder, piece by piece: one without end is refused in time."""

        def _fetch(self, url: str) -> Iterator[bytes]:
            path = url.removeprefix("file://")
            if not os.path.exists(path):  # noqa: PTH110 - text of an address
                msg = f"there is no {path}"
                raise DownloadHTTPError(msg, _NOT_FOUND)
            return _pieces(path)

    return FolderFetcher() if base.startswith("file://") else Urllib3Fetcher()


def _pieces(path: str) -> Iterator[bytes]:
    with Path(path).open("rb") as file:
        while piece := file.read(_CHUNK):
            yield piece
