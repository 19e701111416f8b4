"""The image, really built and run: by buildah, without a container engine."""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parents[1]
CACHE = Path(os.environ.get("DOORBELL_CACHE", ROOT / ".cache")).resolve() / "image"
DOCKERFILE = ROOT / "infrastructure/docker/Dockerfile.production"
LOCKS = ("requirements-build.txt", "requirements-production.txt")
BASE, IMAGE = "localhost/doorbell-base", "localhost/doorbell:test"
UID = 10001
# Layers of earlier builds make a build quick; beyond this they go.
MOST_CACHED_MB = 5000
# What a container engine is told by compose and by Kubernetes: a root that nobody
# writes, memory where a process must write, no right that root has.
CONFINED = f"""
set -e
mount -o remount,ro,bind /
mount -t tmpfs -o mode=0750,uid={UID},gid={UID} tmpfs /run/doorbell
mount -t tmpfs -o mode=1777 tmpfs /tmp
exec setpriv --reuid {UID} --regid {UID} --clear-groups --inh-caps=-all \
  --no-new-privs -- "$@"
"""


def missing() -> str:
    """Why no image can be built here; empty when it can."""
    if os.geteuid() != 0:
        return "building the image needs root"
    absent = [one for one in ("buildah", "debootstrap") if not shutil.which(one)]
    return f"needs {' and '.join(absent)} (apt-get install)" if absent else ""


def buildah(*words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run one command of buildah on a storage of our own."""
    command = buildah_command(*words)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if check and done.returncode:
        msg = f"{' '.join(words[:3])}: {done.stderr[-3000:]}"
        raise AssertionError(msg)
    return done


def buildah_command(*words: str) -> list[str]:
    storage = ["--root", str(CACHE / "storage"), "--runroot", str(CACHE / "run")]
    return ["buildah", *storage, *words]


def megabytes(folder: Path) -> int:
    """What the files below a folder take."""
    du = ["du", "-s", "--block-size=1MB", str(folder)]
    done = subprocess.run(du, capture_output=True, text=True, check=False)
    return int(done.stdout.split()[0])


def base_image() -> None:
    """Make a small Debian with Python, once."""
    if buildah("inspect", "--type", "image", BASE, check=False).returncode == 0:
        return
    tree = CACHE / "base"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    packages = "--include=python3,python3-venv,ca-certificates"
    debootstrap = ["debootstrap", "--variant=minbase", packages, "bookworm", str(tree)]
    subprocess.run(debootstrap, check=True, stdout=subprocess.DEVNULL)
    for waste in ("var/cache/apt", "var/lib/apt/lists"):
        shutil.rmtree(tree / waste)
        (tree / waste).mkdir()
    container = buildah("from", "scratch").stdout.strip()
    buildah("add", "-q", container, str(tree), "/")
    buildah("commit", "-q", "--rm", container, BASE)
    shutil.rmtree(tree)


def wheels() -> Path:
    """Fetch every package of the locks, once for each state of them."""
    locks = b"".join((ROOT / name).read_bytes() for name in LOCKS)
    folder = CACHE / f"wheels-{sha256(locks).hexdigest()[:12]}"
    if (folder / ".done").exists():
        return folder
    for old in CACHE.glob("wheels-*"):
        shutil.rmtree(old)
    for name in LOCKS:
        pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps"]
        pip += ["--require-hashes", "-r", str(ROOT / name), "-d", str(folder)]
        subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
    (folder / ".done").touch()
    return folder


@cache
def built_image() -> str:
    """Build the image from this checkout; returns its name."""
    # This takes minutes, which is no hang to be reported.
    faulthandler.cancel_dump_traceback_later()
    base_image()
    if megabytes(CACHE / "storage") > MOST_CACHED_MB:
        buildah("rmi", "--prune")
    buildah(
        *("bud", "--isolation", "chroot", "--format", "docker", "--layers"),
        *("--volume", f"{wheels()}:/wheels:ro"),
        *("--build-arg", f"BASE={BASE}"),
        *("--build-arg", "PIP_OPTIONS=--no-index --find-links /wheels"),
        *("-f", str(DOCKERFILE), "-t", IMAGE, str(ROOT)),
    )
    return IMAGE


def described(image: str) -> dict[str, Any]:
    """What the image says of itself."""
    text = buildah("inspect", "--type", "image", image).stdout
    described: dict[str, Any] = json.loads(text)["Docker"]
    return described


@dataclass
class Container:
    """One container, confined as in production; it shares the network of this host."""

    name: str
    volumes: dict[str, Path]

    def command(self, *words: str, environ: dict[str, str] | None = None) -> list[str]:
        """What runs `words` in it."""
        mounts = [f"--volume={at}:{inside}" for inside, at in self.volumes.items()]
        variables = [f"--env={key}={value}" for key, value in (environ or {}).items()]
        return buildah_command(
            *("run", "--isolation", "chroot", "--user", "0"),
            *("--cap-add", "CAP_SYS_ADMIN", *mounts, *variables, self.name, "--"),
            *("sh", "-c", CONFINED, "confined", *words),
        )

    def size_mb(self) -> int:
        """Everything that is unpacked on the device."""
        folder = buildah("mount", self.name).stdout.strip()
        try:
            return megabytes(Path(folder))
        finally:
            buildah("umount", self.name)

    def run(self, *words: str, environ: dict[str, str] | None = None) -> str:
        """Run one command; returns what it said.

        Raises:
            AssertionError: it failed.
        """
        done = subprocess.run(
            self.command(*words, environ=environ),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            msg = f"{words}: {done.returncode} {done.stdout} {done.stderr}"
            raise AssertionError(msg)
        return done.stdout


@contextlib.contextmanager
def container(volumes: dict[str, Path]) -> Iterator[Container]:
    """A container of the image, thrown away at the end."""
    name = buildah("from", built_image()).stdout.strip()
    # Else buildah's own volume may come to lie over ours.
    buildah("config", "--volume", "/var/lib/doorbell-", name)
    try:
        yield Container(name, volumes)
    finally:
        buildah("rm", name, check=False)


def pids_below(pid: int) -> Sequence[int]:
    """A process and all its descendants, the youngest last."""
    found = [pid]
    for one in found:
        # Any thread may be the parent.
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += map(int, children.read_text().split())
    return found


def daemon_below(pid: int) -> int:
    """The supervisor among a process and its descendants; 0 while there is none."""
    for one in pids_below(pid):
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{one}/cmdline").read_bytes().split(b"\0")
            if words[-2:] == [b"run", b""] and b"/opt/doorbell/bin/doorbell" in words:
                return one
    return 0


def beside(pid: int, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the container of a process, with its environment."""
    environ = Path(f"/proc/{pid}/environ").read_text().rstrip("\0").split("\0")
    user = ["-S", str(UID), "-G", str(UID)]
    nsenter = [shutil.which("nsenter") or "nsenter", "-t", str(pid), "-m", "-r", "-w"]
    return subprocess.run(
        [*nsenter, *user, "env", "-i", *environ, *words],
        capture_output=True,
        text=True,
        check=False,
    )
