"""One encrypted file for a whole state: written and read as a stream.

A plain tar of three members, so that it can be opened without us:

    README        how
    identity.age  the key of the next, encrypted with the passphrase
    data.age      a tar, encrypted to that key

The formats are those of age (age-encryption.org/v1).
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
import threading
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Generic, Protocol, TypeVar

import pyrage
from pyrage import passphrase as sealed
from pyrage import x25519

from doorbell.core.backup import (
    MANIFEST,
    MAX_MANIFEST_BYTES,
    Manifest,
    Tally,
    is_ours,
    parse_manifest,
)
from doorbell.core.errors import BadInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Take = Callable[[str, int, "Source"], None]

T = TypeVar("T")

README, IDENTITY, DATA = "README", "identity.age", "data.age"
HOW = b"""\
A backup of a doorbell. `doorbell restore FILE` reads it. Without it:

    tar xf FILE
    age --decrypt -o identity.txt identity.age      (asks for the passphrase)
    age --decrypt -i identity.txt data.age | tar x
"""
BLOCK = tarfile.BLOCKSIZE
MAX_IDENTITY_BYTES = 4096
_OTHER = "Try another backup."


class Source(Protocol):
    """Where bytes come from."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end."""
        ...


class BackupWriter:
    """Takes files one after the other, and ends with their list.

    Args:
        out: a tar that is written as a stream.
    """

    def __init__(self, out: tarfile.TarFile) -> None:
        self._out = out
        self._tally = Tally()

    def add(self, name: str, content: IO[bytes], size: int) -> None:
        """Add the first `size` bytes of a file.

        Raises:
            OSError: it holds fewer, or cannot be read.
        """
        hashed = _Hashed(content)
        self._out.addfile(_entry(name, size), hashed)
        self._tally.add(name, size, hashed.digest.hexdigest())

    def finish(self, release: str, made_at_s: float | None, number: str) -> Manifest:
        """Write the list and return it."""
        manifest = Manifest(release, made_at_s, number, tuple(self._tally.members))
        content = manifest.encode()
        self._out.addfile(_entry(MANIFEST, len(content)), io.BytesIO(content))
        return manifest


class _Hashed(io.RawIOBase):
    """A reader that digests what is read through it."""

    def __init__(self, content: IO[bytes]) -> None:
        self._content = content
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._content.read(size)
        self.digest.update(data)
        return data


class _FarEnd(threading.Thread, Generic[T]):
    """Works at the other end of a pipe, and keeps what came of it."""

    def __init__(self, work: Callable[[IO[bytes]], T], end: IO[bytes]) -> None:
        super().__init__(name="backup")
        self._work = work
        self._end = end
        self._result: list[T] = []
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        """Work, and close the end."""
        try:
            with self._end:
                self._result.append(self._work(self._end))
        except Exception as error:  # noqa: BLE001 - border of a thread: `outcome` raises it
            self.error = error

    def outcome(self) -> T:
        """Wait for it; raise what it raised."""
        self.join()
        if self.error is not None:
            raise self.error
        return self._result[0]


def write_backup(
    out: IO[bytes], passphrase: str, fill: Callable[[BackupWriter], Manifest]
) -> Manifest:
    """Write a whole backup.

    Args:
        out: a new file; it is sought in.
        passphrase: without which it cannot be opened.
        fill: called with what takes the files; returns what it finished with.

    Raises:
        OSError: the disk, or whatever `fill` raises.
    """
    identity = x25519.Identity.generate()
    _put(out, README, HOW)
    _put(out, IDENTITY, sealed.encrypt(str(identity).encode(), passphrase))
    header = out.tell()
    out.write(bytes(BLOCK))
    manifest = _encrypt(out, identity, fill)
    end = out.tell()
    out.write(bytes(-end % BLOCK + 2 * BLOCK))
    out.seek(header)
    out.write(_header(DATA, end - header - BLOCK))
    return manifest


def _put(out: IO[bytes], name: str, content: bytes) -> None:
    out.write(_header(name, len(content)) + content + bytes(-len(content) % BLOCK))


def _header(name: str, size: int) -> bytes:
    return _entry(name, size).tobuf(tarfile.USTAR_FORMAT)


def _entry(name: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, 0o600
    return entry


def _encrypt(
    out: IO[bytes],
    identity: x25519.Identity,
    fill: Callable[[BackupWriter], Manifest],
) -> Manifest:
    """Encrypt a tar while a thread makes it."""

    def make(sink: IO[bytes]) -> Manifest:
        with tarfile.open(
            fileobj=sink, mode="w|", format=tarfile.USTAR_FORMAT
        ) as inner:
            return fill(BackupWriter(inner))

    source_fd, sink_fd = os.pipe()
    maker = _FarEnd(make, os.fdopen(sink_fd, "wb"))
    with os.fdopen(source_fd, "rb") as source:
        pyrage.encrypt_io(source, out, [identity.to_public()])
    return maker.outcome()


def unlock(source: IO[bytes], passphrase: str) -> x25519.Identity:
    """Open the key of a backup; takes a second or more, by design.

    Raises:
        BadInputError: it is no backup, or the passphrase is another.
    """
    with _outer(source) as outer:
        content = _member(outer, IDENTITY).read(MAX_IDENTITY_BYTES)
    try:
        return x25519.Identity.from_str(sealed.decrypt(content, passphrase).decode())
    except (pyrage.DecryptError, pyrage.IdentityError, ValueError, OSError) as error:
        msg = "the passphrase is wrong, or the backup is damaged"
        raise BadInputError(msg, hint="Type it as it was given.") from error


def read_backup(source: IO[bytes], key: x25519.Identity, take: Take) -> Manifest:
    """Read a whole backup, giving each file to `take`; checked to its end.

    Nothing of what was taken may be used if this raises.

    Raises:
        BadInputError: it is no backup, damaged, or from a later release.
        OSError: whatever `take` raises.
    """
    with _outer(source) as outer:
        return _decrypt(_member(outer, DATA), key, take)


@contextmanager
def _outer(source: IO[bytes]) -> Iterator[tarfile.TarFile]:
    source.seek(0)
    try:
        with tarfile.open(fileobj=source, mode="r:") as outer:
            yield outer
    except tarfile.TarError as error:
        msg = f"this is no backup: {error}"
        raise BadInputError(msg, hint=_OTHER) from error


def _member(outer: tarfile.TarFile, name: str) -> IO[bytes]:
    try:
        found = outer.extractfile(name)
    except KeyError:
        found = None
    if found is None:
        msg = f"this is no backup: it holds no {name}"
        raise BadInputError(msg, hint=_OTHER)
    return found


def _decrypt(data: IO[bytes], key: x25519.Identity, take: Take) -> Manifest:
    """Decrypt a tar while a thread reads it."""
    source_fd, sink_fd = os.pipe()
    reader = _FarEnd(lambda end: _taken(end, take), os.fdopen(source_fd, "rb"))
    damage: Exception | None = None
    # What is still in the buffer when the reader gave up goes nowhere.
    with suppress(BrokenPipeError), os.fdopen(sink_fd, "wb") as sink:
        try:
            pyrage.decrypt_io(data, sink, [key])
        except (OSError, pyrage.DecryptError) as error:
            damage = error
    reader.join()
    if damage is not None and not isinstance(reader.error, (BadInputError, OSError)):
        msg = "the backup is damaged"
        raise BadInputError(msg, hint=_OTHER) from damage
    return reader.outcome()


def _taken(end: IO[bytes], take: Take) -> Manifest:
    tally, listed = Tally(), b""
    try:
        with tarfile.open(fileobj=end, mode="r|") as inner:
            for entry in inner:
                content = inner.extractfile(entry)
                if content is None or not is_ours(entry.name):
                    msg = "the backup holds what no backup of ours does"
                    raise BadInputError(msg, hint=_OTHER)
                if entry.name == MANIFEST:
                    listed = content.read(MAX_MANIFEST_BYTES)
                    continue
                hashed = _Hashed(content)
                take(entry.name, entry.size, hashed)
                tally.add(entry.name, entry.size, hashed.digest.hexdigest())
    except tarfile.TarError as error:
        msg = "the backup is damaged"
        raise BadInputError(msg, hint=_OTHER) from error
    manifest = parse_manifest(listed)
    tally.check(manifest)
    return manifest
