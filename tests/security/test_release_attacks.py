"""What a bad mirror, a thief of a key and old metadata can do to a device: nothing."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from release_world import Repository, edited, make_unsigned

from production.deployment.publish import Publisher, PublishError, describe
from production.deployment.release import (
    SignedSource,
    open_unsigned,
    read_description,
)
from production.errors import DeployError, ReleaseRefusedError, StepFailedError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    one = Repository(tmp_path)
    one.add("1.0.0")
    return one


class Device:
    """A device with our root, that asks a repository now and then."""

    def __init__(self, folder: Path, root: bytes) -> None:
        self._folder = folder / "device"
        self._root = root
        self._count = 0

    def source(self, repository: Path) -> SignedSource:
        return SignedSource(str(repository), self._root, self._folder / "trusted")

    def fetch(self, repository: Path, version: str) -> Path:
        self._count += 1
        into = self._folder / str(self._count)
        self.source(repository).fetch(version, into)
        return into


@pytest.fixture
def device(tmp_path: Path, repository: Repository) -> Device:
    return Device(tmp_path, repository.root)


def test_a_signed_release_arrives_whole(device: Device, repository: Repository) -> None:
    into = device.fetch(repository.folder, "1.0.0")
    names = {path.name for path in into.iterdir()}
    assert names == {
        "release.json",
        "requirements.txt",
        "doorbell_edge-1.0.0-py3-none-any.whl",
    }
    assert device.source(repository.folder).latest() == "1.0.0"


def test_a_flipped_byte_in_a_wheel_is_refused(
    device: Device, repository: Repository
) -> None:
    wheel = repository.target("releases/1.0.0/*.whl")
    content = bytearray(wheel.read_bytes())
    content[100] ^= 1
    wheel.write_bytes(content)
    with pytest.raises(ReleaseRefusedError):
        device.fetch(repository.folder, "1.0.0")


def test_endless_data_is_refused_after_as_much_as_was_announced(
    device: Device, repository: Repository
) -> None:
    wheel = repository.target("releases/1.0.0/*.whl")
    wheel.unlink()
    wheel.symlink_to("/dev/zero")
    with pytest.raises(ReleaseRefusedError, match="more was sent"):
        device.fetch(repository.folder, "1.0.0")


def test_endless_metadata_is_refused(device: Device, repository: Repository) -> None:
    timestamp = repository.metadata("timestamp.json")
    timestamp.unlink()
    timestamp.symlink_to("/dev/zero")
    with pytest.raises(ReleaseRefusedError, match="more was sent"):
        device.fetch(repository.folder, "1.0.0")


def test_expired_metadata_is_refused_so_nobody_freezes_us(tmp_path: Path) -> None:
    old = Repository(tmp_path, days_old=15.0)
    old.add("1.0.0", days_old=15.0)
    with pytest.raises(ReleaseRefusedError, match="expired"):
        Device(tmp_path, old.root).fetch(old.folder, "1.0.0")


def test_a_refresh_makes_an_expired_repository_good_again(tmp_path: Path) -> None:
    old = Repository(tmp_path, days_old=15.0)
    old.add("1.0.0", days_old=15.0)
    old.publisher().refresh()
    Device(tmp_path, old.root).fetch(old.folder, "1.0.0")


def test_older_metadata_than_was_seen_is_a_rollback_and_refused(
    device: Device, repository: Repository, tmp_path: Path
) -> None:
    shutil.copytree(repository.folder, tmp_path / "yesterday")
    repository.add("1.1.0")
    device.fetch(repository.folder, "1.1.0")
    with pytest.raises(ReleaseRefusedError):
        device.fetch(tmp_path / "yesterday", "1.0.0")


def test_pieces_of_two_snapshots_are_not_mixed(
    device: Device, repository: Repository, tmp_path: Path
) -> None:
    shutil.copytree(repository.folder, tmp_path / "yesterday")
    repository.add("1.1.0")
    newest = repository.metadata("*.releases.json")
    shutil.copy(tmp_path / "yesterday" / "metadata" / "2.releases.json", newest)
    with pytest.raises(ReleaseRefusedError):
        device.fetch(repository.folder, "1.1.0")


def test_changed_metadata_does_not_pass_under_an_old_signature(
    device: Device, repository: Repository
) -> None:
    edited(repository.metadata("timestamp.json"), {"version": 99})
    with pytest.raises(ReleaseRefusedError):
        device.fetch(repository.folder, "1.0.0")


def test_another_root_is_not_ours(repository: Repository, tmp_path: Path) -> None:
    stranger = Repository(tmp_path / "stranger")
    stranger.add("1.0.0")
    with pytest.raises(ReleaseRefusedError):
        Device(tmp_path, repository.root).fetch(stranger.folder, "1.0.0")


def test_a_thief_of_the_releases_key_can_add_nothing_elsewhere(
    device: Device, repository: Repository
) -> None:
    """The delegation covers `releases/…` only."""
    from securesystemslib.signer import CryptoSigner  # noqa: PLC0415
    from tuf.api.metadata import Metadata, TargetFile  # noqa: PLC0415

    metadata = Metadata.from_file(str(repository.metadata("*.releases.json")))
    content = b"{}"
    metadata.signed.targets["elsewhere/x"] = TargetFile.from_data(
        "elsewhere/x", content
    )
    signer = repository.publisher()._signer("releases")
    assert isinstance(signer, CryptoSigner)
    repository.publisher()._renew("releases", metadata)
    repository.publisher().refresh()
    source = device.source(repository.folder)
    with pytest.raises(ReleaseRefusedError):
        source.fetch("../../elsewhere", repository.folder / "into")
    assert source._updater(str(repository.folder)).get_targetinfo("elsewhere/x") is None


def test_a_release_that_is_not_there_is_refused(
    device: Device, repository: Repository
) -> None:
    with pytest.raises(ReleaseRefusedError, match="signed"):
        device.fetch(repository.folder, "9.9.9")


def test_a_repository_that_is_away_is_not_a_refusal(
    repository: Repository, tmp_path: Path
) -> None:
    # Port 1 answers nobody.
    away = SignedSource("http://127.0.0.1:1/", repository.root, tmp_path / "trusted")
    with pytest.raises(StepFailedError, match="cannot be had"):
        away.fetch("1.0.0", tmp_path / "into")


def test_a_folder_without_signatures_is_refused(device: Device, tmp_path: Path) -> None:
    folder = make_unsigned(tmp_path / "r", "1.0.0", {"tiny_doorbell.py": ""})
    with pytest.raises(ReleaseRefusedError, match="nothing signed"):
        device.fetch(folder, "1.0.0")


@pytest.mark.parametrize(
    "wheels", [["../../etc/passwd.whl"], ["/x.whl"], ["a/b.whl"], ["x.tar"], []]
)
def test_a_wheel_cannot_name_another_place(wheels: list[str]) -> None:
    content = {"format": 1, "version": "1.0.0", "wheels": wheels}
    with pytest.raises(ReleaseRefusedError):
        read_description(json.dumps(content).encode(), "1.0.0")


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]", b"null", b'{"format": 2, "version": "1", "wheels": []}'],
)
def test_a_damaged_description_is_refused(content: bytes) -> None:
    with pytest.raises(ReleaseRefusedError):
        read_description(content, "1.0.0")


def test_an_unsigned_release_of_another_version_is_refused(tmp_path: Path) -> None:
    folder = make_unsigned(tmp_path / "r", "1.0.0", {"tiny_doorbell.py": ""})
    with pytest.raises(ReleaseRefusedError, match=r"not 1\.0\.1"):
        open_unsigned("1.0.1", folder, tmp_path / "into")


def test_keys_are_for_their_owner_only_and_may_be_locked(tmp_path: Path) -> None:
    Publisher(tmp_path / "r", tmp_path / "k", passphrase=b"secret").begin()
    for key in (tmp_path / "k").iterdir():
        assert key.stat().st_mode & 0o077 == 0
        assert b"ENCRYPTED" in key.read_bytes()
    with pytest.raises(PublishError):
        Publisher(tmp_path / "r", tmp_path / "k").refresh()


def test_what_cannot_be_published_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for version, folder in (("1.0.0", "empty"), ("one", "empty")):
        with pytest.raises(DeployError):
            describe(version, tmp_path / folder)
    with pytest.raises(PublishError, match="no repository"):
        Publisher(tmp_path / "none", tmp_path / "k").refresh()
