"""A Debian that is really booted, in a container: systemd, units, reboots.

The root file system is made once with debootstrap into `$DOORBELL_CACHE`; what a test
writes lies over it and goes with the test.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from doorbell.testing.waiting import until

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("DOORBELL_CACHE", HERE.parents[1] / ".cache")) / "systemd"
SUITE = "bookworm"
# What Raspberry Pi OS brings and a minimal Debian does not, as far as the installer
# would ask for it: inside there is no network.
PACKAGES = (
    "systemd-sysv,dbus,adduser,procps,iproute2,ca-certificates,python3,python3-venv"
)
BOOT_S = 60.0
NAMESPACES = ("-m", "-p", "-u", "-i", "-n", "-C")
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
GROUPS = ("/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup")
TOOLS = ("systemd-nspawn", "debootstrap", "unshare", "nsenter", "setpriv")


def why_no_machine() -> str:
    """Say why no container can be booted here; empty if it probably can."""
    if os.geteuid() != 0:
        return "booting a container needs root"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        return f"not installed: {', '.join(missing)}"
    command = [shutil.which("unshare") or "", "-m", "true"]
    probe = subprocess.run(command, capture_output=True, check=False)
    if probe.returncode != 0:
        return "mounts of one's own are forbidden here"
    return ""


def root_file_system() -> Path:
    """Return the Debian to boot, made if it is absent."""
    root = CACHE / SUITE
    if not root.exists():
        unfinished = CACHE / f"{SUITE}.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        CACHE.mkdir(parents=True, exist_ok=True)
        make = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE]
        subprocess.run(
            [*make, str(unfinished), *mirror()],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        unfinished.rename(root)
    return root


def mirror() -> list[str]:
    """Where this machine itself gets its Debian from, if that can be read."""
    try:
        text = Path("/etc/apt/sources.list.d/debian.sources").read_text("utf-8")
    except OSError:
        return []
    places = [line.split()[1] for line in text.splitlines() if line.startswith("URIs:")]
    return [place for place in places if "security" not in place][:1]


@dataclass
class Machine:
    """One container.

    Attributes:
        folder: what it writes, its console and the share at `/mnt`.
    """

    folder: Path
    leader: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _group: str = field(default="", init=False)

    def up(self) -> float:
        """Boot; returns how long it took until systemd has started everything."""
        began_s = time.monotonic()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._group = f"doorbell-test-{os.getpid()}"
        # It ends with us, however we end.
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", "-m", "--propagation"]
        command += ["private", str(HERE / "boot.sh")]
        command += [str(root_file_system()), str(self.folder), self._group]
        with (self.folder / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        until(self._is_up, BOOT_S, f"booted, see {self.folder}/console.log")
        return time.monotonic() - began_s

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.console()
        children = f"/proc/{self._process.pid}/task/{self._process.pid}/children"
        found = Path(children).read_text().split()
        if not found:
            return False
        self.leader = int(found[0])
        state = self.run("systemctl is-system-running", check=False)
        return state.strip() in {"running", "degraded"}

    def console(self) -> str:
        """What the container said on its console."""
        return (self.folder / "console.log").read_text(errors="replace")[-4000:]

    def command(self, script: str) -> list[str]:
        """The command that runs a shell script inside."""
        inside = ["nsenter", "-t", str(self.leader), *NAMESPACES]
        return [*inside, "env", "-i", PATH, "HOME=/root", "bash", "-c", script]

    def run(self, script: str, within_s: float = 60.0, *, check: bool = True) -> str:
        """Run a shell script as root inside; returns what it printed."""
        done = subprocess.run(
            self.command(script),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=within_s,
            check=False,
        )
        if check:
            said = f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
            assert done.returncode == 0, f"{script}: {done.returncode}\n{said}"
        return done.stdout

    def path(self, inside: str) -> Path:
        """A file of the container as this machine sees it, while it runs."""
        return Path(f"/proc/{self.leader}/root{inside}")

    def property(self, unit: str, name: str) -> str:
        """What systemd says of a unit."""
        return self.run(f"systemctl show -p {name} --value {unit}").strip()

    def is_active(self, *units: str) -> bool:
        """Whether all of these run."""
        return all(self.property(unit, "ActiveState") == "active" for unit in units)

    def journal(self, lines: int = 60) -> str:
        """The end of its journal, for a failure's message."""
        return self.run(
            f"journalctl --no-pager -o short-monotonic -n {lines}", check=False
        )

    def down(self) -> None:
        """Shut it down as `poweroff` does."""
        if self._process is None:
            return
        # systemd(1): SIGRTMIN+4 powers off.
        os.kill(self.leader, signal.SIGRTMIN + 4)
        try:
            self._process.wait(30.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._gone()

    def cut_power(self) -> None:
        """End it without a word; what the kernel has, it keeps."""
        if self._process is None:
            return
        os.kill(self.leader, signal.SIGKILL)
        self._process.wait(30.0)
        self._gone()

    def _gone(self) -> None:
        self._process, self.leader = None, 0
        for hierarchy in GROUPS:
            top = Path(hierarchy) / self._group
            folders = [Path(folder) for folder, _, _ in os.walk(top, topdown=False)]
            for folder in folders:
                # A process that is just ending may be in it still: left behind.
                try:
                    folder.rmdir()
                except OSError:
                    break
