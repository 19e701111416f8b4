"""A file system in memory that loses its power: for code that must survive that.

Code under test takes its file system as an argument that defaults to the module `os`
(`def save(path: str, disk: Disk = os) -> None`) and calls it by the names of `os`; a
test hands it a `SimFS` instead. There are: `open close read pread write pwrite fsync
fdatasync ftruncate lseek fstat stat listdir rename replace unlink mkdir rmdir
makedirs chmod`, and for tests `exists`, `content`, `plant`, `files`.

What is written stays in memory until `fsync` of the file; a name that is made,
renamed or removed stays in memory until `fsync` of the *folder* (open it with
`O_RDONLY | O_DIRECTORY`). A power cut keeps of what was not synced whatever the seed
says: nothing, all, the later write without the earlier one, sectors of 512 bytes with
zeros between them, a size without its content, the rename without the file's bytes.
What is not synced may also have come to disk long before: both happen.

    for seed in range(1000):
        disk = SimFS(seed)
        disk.cut_at(disk.random.randrange(20))   # power fails at this call, counted
        with contextlib.suppress(PowerCut):       # from 0, of those that change a disk
            save("state/deploy.json", disk)
        disk.reboot()                             # only what the seed let survive
        assert load("state/deploy.json", disk) in (old, new)

`disk.fail(call, nth, errno_)` makes the n-th such call from now (0 is the next) raise
an OSError; a failed fsync leaves what it should have written marked clean, as Linux
does: a second fsync succeeds and the bytes are lost all the same. A failed write may
have written a part. `disk.calls` counts the calls that change a disk, so a dry run
tells how many places there are to cut. `PowerCut` is a BaseException: no handler of
the code under test may live on in a machine that is off.
"""

from __future__ import annotations

import errno
import os
import posixpath
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

from simdisk import (
    Entry,
    File,
    Handle,
    PowerCut,
    Status,
    apply,
    change_names,
    clean,
    failure,
    is_reachable,
)

if TYPE_CHECKING:
    from simdisk import StrPath

    Buffer = bytes | bytearray | memoryview

__all__ = ["PowerCut", "SimFS"]


class SimFS:
    """One disk and the machine that uses it.

    Args:
        seed: decides what a power cut keeps; the same seed, the same fate.
    """

    def __init__(self, seed: int = 0) -> None:
        self.random = Random(seed)  # noqa: S311 - fates must be repeatable
        self.calls = 0
        self.made: Counter[str] = Counter()
        self._names: dict[str, File | None] = {"": None, "/": None}
        self._kept = dict(self._names)
        self._entries: list[Entry] = []
        self._handles: dict[int, Handle] = {}
        self._next = 3
        self._cut: int | None = None
        self._faults: dict[str, list[tuple[int, int]]] = {}

    # What a test says.

    def cut_at(self, call: int) -> None:
        """Pull the plug at this call that changes a disk, counted from now."""
        self._cut = self.calls + call

    def fail(self, call: str, nth: int, errno_: int) -> None:
        """Let the n-th `call` from now (0 is the next) fail with this error."""
        planned = self._faults.setdefault(call, [])
        planned.append((self.made[call] + nth, errno_))

    def reboot(self) -> None:
        """Go on with what the disk kept; descriptors and faults are gone."""
        self._settle_names()
        for file in self._names.values():
            if file is not None and (file.dirty or file.seen != file.kept):
                file.settle(self.random)
        self._handles.clear()
        self._faults.clear()
        self._cut = None

    def exists(self, path: StrPath) -> bool:
        """Whether programs see such a name."""
        return clean(path) in self._names

    def content(self, path: StrPath) -> bytes:
        """What programs see in a file."""
        return bytes(self._file(clean(path)).seen)

    def plant(self, path: StrPath, content: bytes) -> None:
        """Lay a file there, durably, with its folders: how the disk was before."""
        name = clean(path)
        parent = posixpath.dirname(name)
        while parent not in self._names:
            self._names[parent] = self._kept[parent] = None
            parent = posixpath.dirname(parent)
        self._names[name] = self._kept[name] = File(bytearray(content), content)

    def files(self) -> list[str]:
        """All files programs see, by full name."""
        return sorted(n for n, file in self._names.items() if file is not None)

    # What programs call, by the names of `os`.

    def open(self, path: StrPath, flags: int, mode: int = 0o777) -> int:
        """As `os.open`."""
        del mode
        name = clean(path)
        file = self._opened(name, flags)
        handle = self._next
        self._next += 1
        self._handles[handle] = Handle(name, file, flags)
        return handle

    def _opened(self, name: str, flags: int) -> File | None:
        if name not in self._names:
            if not flags & os.O_CREAT:
                raise failure(errno.ENOENT, name)
            self._parent(name)
            self._mutate("open")
            file: File | None = File()
            self._change((), ((name, file),))
            return file
        if flags & os.O_CREAT and flags & os.O_EXCL:
            raise failure(errno.EEXIST, name)
        file = self._names[name]
        if file is None:
            if flags & (os.O_WRONLY | os.O_RDWR):
                raise failure(errno.EISDIR, name)
        elif flags & os.O_DIRECTORY:
            raise failure(errno.ENOTDIR, name)
        elif flags & os.O_TRUNC and file.seen:
            self._mutate("open")
            file.resize(0)
        return file

    def close(self, fd: int) -> None:
        """As `os.close`."""
        if self._handles.pop(fd, None) is None:
            raise failure(errno.EBADF)

    def read(self, fd: int, length: int) -> bytes:
        """As `os.read`."""
        handle = self._handle(fd)
        got = self.pread(fd, length, handle.at)
        handle.at += len(got)
        return got

    def pread(self, fd: int, length: int, offset: int) -> bytes:
        """As `os.pread`."""
        return bytes(self._data(fd).seen[offset : offset + length])

    def write(self, fd: int, data: Buffer) -> int:
        """As `os.write`; may write less than it is given."""
        handle = self._handle(fd)
        file = self._data(fd)
        at = len(file.seen) if handle.flags & os.O_APPEND else handle.at
        written = self._put("write", file, bytes(data), at)
        handle.at = at + written
        return written

    def pwrite(self, fd: int, data: Buffer, offset: int) -> int:
        """As `os.pwrite`."""
        return self._put("pwrite", self._data(fd), bytes(data), offset)

    def fsync(self, fd: int) -> None:
        """As `os.fsync`: of a file its bytes, of a folder its names."""
        self._sync("fsync", fd)

    def fdatasync(self, fd: int) -> None:
        """As `os.fdatasync`."""
        self._sync("fdatasync", fd)

    def ftruncate(self, fd: int, length: int) -> None:
        """As `os.ftruncate`."""
        file = self._data(fd)
        self._mutate("ftruncate")
        file.resize(length)

    def lseek(self, fd: int, position: int, how: int) -> int:
        """As `os.lseek`."""
        handle = self._handle(fd)
        start = (0, handle.at, len(self._data(fd).seen))[how]
        handle.at = start + position
        return handle.at

    def fstat(self, fd: int) -> Status:
        """As `os.fstat`, its size only."""
        return Status(len(self._data(fd).seen))

    def stat(self, path: StrPath) -> Status:
        """As `os.stat`, its size and whether it is a folder."""
        name = clean(path)
        if name not in self._names:
            raise failure(errno.ENOENT, name)
        file = self._names[name]
        return Status(0, 0o040700) if file is None else Status(len(file.seen))

    def listdir(self, path: StrPath) -> list[str]:
        """As `os.listdir`, in no order."""
        folder = clean(path)
        if self._names.get(folder, self) is not None:
            raise failure(errno.ENOENT, folder)
        start = folder + "/" if folder.strip("/") else folder
        skip = len(start)
        found = [
            name[skip:]
            for name in self._names
            if name.startswith(start) and name[skip:] and "/" not in name[skip:]
        ]
        self.random.shuffle(found)
        return found

    def rename(self, source: StrPath, target: StrPath) -> None:
        """As `os.rename`, of a file."""
        old, new = clean(source), clean(target)
        file = self._file(old)
        self._parent(new)
        self._mutate("rename")
        self._change((old,), ((new, file),))

    def replace(self, source: StrPath, target: StrPath) -> None:
        """As `os.replace`."""
        self.rename(source, target)

    def unlink(self, path: StrPath) -> None:
        """As `os.unlink`."""
        name = clean(path)
        self._file(name)
        self._mutate("unlink")
        self._change((name,), ())

    def mkdir(self, path: StrPath, mode: int = 0o777) -> None:
        """As `os.mkdir`."""
        del mode
        name = clean(path)
        if name in self._names:
            raise failure(errno.EEXIST, name)
        self._parent(name)
        self._mutate("mkdir")
        self._change((), ((name, None),))

    def makedirs(
        self, path: StrPath, mode: int = 0o777, exist_ok: bool = False
    ) -> None:
        """As `os.makedirs`."""
        name = clean(path)
        if name in self._names and exist_ok:
            return
        parent = posixpath.dirname(name)
        if parent not in self._names:
            self.makedirs(parent, mode, exist_ok=True)
        self.mkdir(name, mode)

    def rmdir(self, path: StrPath) -> None:
        """As `os.rmdir`."""
        name = clean(path)
        if self.listdir(name):
            raise failure(errno.ENOTEMPTY, name)
        self._mutate("rmdir")
        self._change((name,), ())

    def chmod(self, path: StrPath, mode: int) -> None:
        """As `os.chmod`: it is there, and nothing is kept of it."""
        del mode
        if clean(path) not in self._names:
            raise failure(errno.ENOENT, clean(path))

    # How a disk behaves.

    def _mutate(self, call: str) -> None:
        """Count a call that changes the disk; it may be the last, or fail."""
        place, nth = self.calls, self.made[call]
        self.calls += 1
        self.made[call] += 1
        if self._cut is not None and place >= self._cut:
            raise PowerCut
        for planned, code in self._faults.get(call, ()):
            if planned == nth:
                raise failure(code)

    def _put(self, call: str, file: File, data: bytes, at: int) -> int:
        try:
            self._mutate(call)
        except OSError as error:
            if error.errno == errno.ENOSPC and data:
                file.lay(data[: self.random.randrange(len(data))], at)
            raise
        length = len(data)
        if length > 1 and self.random.random() < 0.02:
            length = self.random.randrange(1, length)
        file.lay(data[:length], at)
        return length

    def _sync(self, call: str, fd: int) -> None:
        handle = self._handle(fd)
        try:
            self._mutate(call)
        except OSError:
            if handle.file is not None:
                # The pages are clean now, though they never reached the disk.
                handle.file.dirty.clear()
            raise
        if handle.file is None:
            self._sync_folder(handle.path)
        else:
            # Only what is dirty: what a failed fsync dropped is not written again.
            kept = bytearray(handle.file.kept)
            for at, data in handle.file.dirty:
                apply(kept, at, data)
            handle.file.kept = bytes(kept)
            handle.file.dirty.clear()

    def _change(
        self, gone: tuple[str, ...], made: tuple[tuple[str, File | None], ...]
    ) -> None:
        names = (*gone, *(name for name, _ in made))
        entry = Entry(gone, made, frozenset(posixpath.dirname(n) for n in names))
        change_names(self._names, entry)
        self._entries.append(entry)

    def _sync_folder(self, folder: str) -> None:
        left = []
        for entry in self._entries:
            if folder in entry.folders:
                change_names(self._kept, entry)
            else:
                left.append(entry)
        self._entries = left

    def _settle_names(self) -> None:
        draw = self.random.random()
        if draw < 0.5:  # A journalled disk: in order, up to some point.
            count = self.random.randint(0, len(self._entries))
            survivors = self._entries[:count]
        else:
            survivors = [e for e in self._entries if self.random.random() < draw]
        for entry in survivors:
            change_names(self._kept, entry)
        self._entries = []
        # A name whose folder was lost cannot be reached.
        self._names = {
            n: f for n, f in self._kept.items() if is_reachable(n, self._kept)
        }
        self._kept = dict(self._names)

    def _parent(self, name: str) -> None:
        parent = posixpath.dirname(name)
        if self._names.get(parent, self) is not None:
            raise failure(errno.ENOENT, name)

    def _file(self, name: str) -> File:
        if name not in self._names:
            raise failure(errno.ENOENT, name)
        file = self._names[name]
        if file is None:
            raise failure(errno.EISDIR, name)
        return file

    def _handle(self, fd: int) -> Handle:
        if fd not in self._handles:
            raise failure(errno.EBADF)
        return self._handles[fd]

    def _data(self, fd: int) -> File:
        file = self._handle(fd).file
        if file is None:
            raise failure(errno.EISDIR)
        return file
