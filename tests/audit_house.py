"""An audit log on a simulated disk, for the tests of what is done with one."""

from __future__ import annotations

from dataclasses import dataclass, field

from simfs import SimFS

from monitoring.logging import chain
from monitoring.logging.audit_files import Folder
from monitoring.logging.audit_log import AuditLog, Limits
from monitoring.logging.checkpoint import Signer

NS_PER_DAY = 86_400 * 10**9
START_NS = 1_790_000_000 * 10**9
SIGNER = Signer("", b"k" * 32)


@dataclass
class Clock:
    """A clock that a test moves."""

    boot_id: str = "b0" * 16
    mono_ns: int = 0
    wall_ns: int = START_NS
    synced: bool = True

    def __call__(self) -> Clock:
        return Clock(self.boot_id, self.mono_ns, self.wall_ns, self.synced)

    def wait(self, days: float) -> None:
        self.mono_ns += int(days * NS_PER_DAY)
        self.wall_ns += int(days * NS_PER_DAY)


@dataclass
class House:
    """A disk with a log on it."""

    disk: SimFS = field(default_factory=SimFS)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.disk.plant("audit/lock", b"")

    @property
    def folder(self) -> Folder:
        return Folder("audit", self.disk)

    def open(self, signer: Signer = SIGNER, **limits: float) -> AuditLog:
        chosen = Limits(**limits)  # type: ignore[arg-type] # by name
        return AuditLog(self.folder, signer, self.clock, chosen)

    def append(self, log: AuditLog, *names: str) -> int:
        return log.append(
            [chain.entry("test.done", self.clock(), obj=n) for n in names]
        )

    def names(self) -> list[str]:
        return sorted(self.disk.listdir("audit"))
