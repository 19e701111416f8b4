"""What the doctor's findings mean, and which command mends what is wrong. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.health.verdict import Status, Verdict, healthy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from monitoring.health.device_facts import DeviceFile, KeyFacts

# The daemon with its engine takes some 250 MiB; below this the machine swaps.
LOW_MEMORY_BYTES = 300 << 20
LEAST_MEMORY_BYTES = 400 << 20
WORN, WORN_OUT = 0.8, 1.0
# Bits of `vcgencmd get_throttled`: now, and since the boot.
_UNDER_VOLTAGE_NOW, _UNDER_VOLTAGE_SINCE = 1 << 0, 1 << 16


def gpio(chip: DeviceFile, user: str, source: str) -> Verdict:
    """Whether the button's line can be had."""
    if source != "gpio":
        return healthy(f"not used: button.source is {source}")
    return _device(
        chip,
        user,
        what="GPIO chip",
        absent="This machine has no GPIO, or its driver is not loaded.",
    )


def video(camera: DeviceFile, user: str, *, lacks: Sequence[str]) -> Verdict:
    """Whether a camera of this machine can be opened.

    Args:
        camera: its device.
        user: who wants to.
        lacks: modules that are needed and absent.
    """
    if lacks:
        return Verdict(
            Status.UNHEALTHY,
            f"{', '.join(lacks)} cannot be imported",
            "The camera's library comes with the operating system, and the virtual "
            "environment must see its packages.",
            "sudo apt install python3-picamera2",
        )
    return _device(
        camera,
        user,
        what="camera",
        absent="No camera is connected, or its cable is loose.",
    )


def _device(found: DeviceFile, user: str, *, what: str, absent: str) -> Verdict:
    if not found.found:
        return Verdict(
            Status.UNHEALTHY, f"no {what} is there", absent, "dmesg | tail -n 30"
        )
    if not found.is_open:
        return Verdict(
            Status.UNHEALTHY,
            f"{found.found} may not be opened by {user}",
            f"{user} is not in the group {found.group}; log in again afterwards.",
            f"sudo usermod -aG {found.group} {user}",
        )
    return healthy(found.found)


def reachable(what: str, *, answers: bool, repair: str) -> Verdict:
    """Whether something on the network took a connection."""
    if answers:
        return healthy(f"{what} answers")
    return Verdict(
        Status.UNHEALTHY,
        f"{what} does not answer",
        "It is off, its address changed, or the network is down.",
        repair,
    )


def packages(lacks: Mapping[str, Sequence[str]]) -> Verdict:
    """Whether what the settings ask for is installed.

    Args:
        lacks: missing modules by the extra that brings them.
    """
    gone = {extra: names for extra, names in lacks.items() if names}
    if not gone:
        return healthy("all that the settings ask for")
    names = ", ".join(name for extra in gone.values() for name in extra)
    return Verdict(
        Status.UNHEALTHY,
        f"{names} cannot be imported",
        "An extra of the package is not installed.",
        f"pip install 'doorbell-edge[{','.join(gone)}]'",
    )


def memory(total: int, available: int) -> Verdict:
    """Whether the daemon fits."""
    said = f"{available >> 20} MiB of {total >> 20} MiB available"
    if total < LEAST_MEMORY_BYTES:
        return Verdict(
            Status.UNHEALTHY, said, "A Pi with 512 MiB is the least.", "free -m"
        )
    if available < LOW_MEMORY_BYTES:
        return Verdict(
            Status.DEGRADED,
            said,
            "Recognition takes some 150 MiB: stop what else runs here.",
            "ps aux --sort=-rss | head",
        )
    return healthy(said)


def power(flags: int | None) -> Verdict:
    """Whether the supply holds."""
    if flags is None:
        return healthy("not known: no Raspberry Pi firmware here")
    if flags & _UNDER_VOLTAGE_NOW:
        return Verdict(
            Status.UNHEALTHY,
            "under-voltage now",
            "The supply or its cable is too weak; cards die of it.",
            "vcgencmd get_throttled",
        )
    if flags & _UNDER_VOLTAGE_SINCE:
        return Verdict(
            Status.DEGRADED,
            "under-voltage since the boot",
            "The supply is weak at times: use the one made for this Pi.",
            "vcgencmd get_throttled",
        )
    return healthy("no under-voltage")


def wear(estimates: Mapping[str, float]) -> Verdict:
    """How much life the card has left, by its own word."""
    if not estimates:
        return healthy("not told by this card")
    worst = max(estimates.values())
    said = f"{worst:.0%} of its life used"
    if worst < WORN:
        return healthy(said)
    return Verdict(
        Status.UNHEALTHY if worst >= WORN_OUT else Status.DEGRADED,
        said,
        "Make a backup and replace the card.",
        "doorbell backup /media/usb/door.backup",
    )


def key(found: KeyFacts, user: str) -> Verdict:
    """Whether the master key is where it protects something."""
    if not found.is_there:
        return healthy("none yet: it is made at the first start")
    if found.is_exposed:
        return Verdict(
            Status.UNHEALTHY,
            "the master key is open to every user of this machine",
            "Whoever reads it reads all faces.",
            "sudo chmod 600 /var/lib/doorbell/keys/master.key",
        )
    if found.is_on_state_disk:
        return Verdict(
            Status.DEGRADED,
            "the master key lies on the same card as what it opens",
            "Who takes the card has both. Put it on another medium and name it in "
            "[storage] key_file, or encrypt the disk.",
            "[storage] key_file = …",
        )
    return healthy(f"readable by {user} only")


def folder(path: str, user: str, *, is_writable: bool) -> Verdict:
    """Whether the state can be written."""
    if is_writable:
        return healthy(path)
    return Verdict(
        Status.UNHEALTHY,
        f"{user} may not write {path}",
        "Run the command as the user of the doorbell, or give the folder to it.",
        f"sudo -u doorbell doorbell doctor   # or: sudo chown {user} {path}",
    )


def demand(holds: bool, detail: str, hint: str, repair: str) -> Verdict:  # noqa: FBT001 - a row of a checklist: whether, and what then
    """One row of the checklist for production: well, or what to do."""
    return healthy(detail) if holds else Verdict(Status.DEGRADED, detail, hint, repair)
