"""Run the tests of the real adapters in a virtual machine that stands in for a Pi.

usage: run.py FOLDER [PYTEST-ARGUMENT...]

FOLDER keeps the machine's image between runs (about 3 GB). Needs root, once, to build
it; see docs/TESTING.md. Without arguments everything marked `device` is run. pytest's
own output is passed on, and its closing line comes last.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parents[1]
FACES = ("Hans_Blix", "Colin_Powell")
PROGRAMS = {
    "qemu-system-x86_64": "qemu-system-x86",
    "mmdebstrap": "mmdebstrap",
    "mkfs.ext4": "e2fsprogs",
}
EVERYTHING = ["-m", "device", "tests/contract", "tests/device", "-v", "--tb=short"]
MEMORY_MIB = 2048
# Start, installation and tests took some 6 minutes on two slow cores.
LONGEST_S = 1800
UNAVAILABLE = 69


def missing_packages() -> list[str]:
    """Debian packages of what is missing here."""
    return [name for program, name in PROGRAMS.items() if not shutil.which(program)]


def say(line: str) -> None:
    """Tell the one who waits."""
    sys.stderr.write(line + "\n")


def fill(share: Path, arguments: list[str]) -> None:
    """Put everything that the machine needs of us into the shared folder."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    subprocess.run(
        [
            *pip,
            "wheel",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            share / "wheel",
            ".",
        ],
        cwd=PROJECT,
        check=True,
    )
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "tests", share / "tests", ignore=ignored)
    shutil.copy(PROJECT / "pyproject.toml", share)
    (share / "pytest-arguments").write_text("\n".join(arguments) + "\n")
    data = os.environ.get("DOORBELL_TEST_DATA", PROJECT.parent / "shared" / "data")
    for name in FACES:
        photos = Path(data) / "lfw" / name
        if photos.is_dir():
            shutil.copytree(photos, share / "data" / "lfw" / name)


def machine(folder: Path, share: Path) -> list[str]:
    """The command line of the virtual machine; the image itself is never written."""
    kernel = "root=/dev/vda console=ttyS0 quiet mitigations=off panic=-1 nokaslr"
    disk = f"file={folder}/disk.img,if=virtio,format=raw,snapshot=on,cache=unsafe"
    shared = f"local,path={share},mount_tag=share,security_model=none"
    return [
        "qemu-system-x86_64",
        *("-M", "q35", "-cpu", "max", "-accel", "tcg,thread=multi,tb-size=512"),
        *("-smp", "2", "-m", str(MEMORY_MIB)),
        *("-nodefaults", "-display", "none", "-no-reboot"),
        *("-kernel", f"{folder}/vmlinuz", "-initrd", f"{folder}/initrd"),
        *("-append", kernel, "-drive", disk, "-virtfs", shared),
        *("-device", "virtio-rng-pci"),
        *("-serial", f"file:{folder}/console.log", "-serial", "stdio"),
    ]


def main(folder: Path, arguments: list[str]) -> int:
    """Build what is missing, start the machine, and return pytest's exit code."""
    if missing := missing_packages():
        say(f"needs Debian packages: apt-get install {' '.join(missing)}")
        return UNAVAILABLE
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["/bin/bash", HERE / "build_image.sh", folder], check=True)
    with tempfile.TemporaryDirectory(prefix="device-") as name:
        share = Path(name)
        fill(share, arguments or EVERYTHING)
        command = machine(folder, share)
        subprocess.run(command, stdin=subprocess.DEVNULL, timeout=LONGEST_S, check=True)
        code = share / "exit-code"
        if not code.exists():
            say(f"the machine ended early; see {folder}/console.log")
            return 1
        return int(code.read_text())


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]).resolve(), sys.argv[2:]))
