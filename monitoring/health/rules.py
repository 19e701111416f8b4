"""The checks: facts in, verdict out. Pure; each looks at one thing.

What each means for the owner is written in `docs/how-to/health.md`. A dead network is
the concern of `network` alone: pushes wait in the outbox for it, and that is what the
outbox is for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from monitoring.health.verdict import Status, Verdict, healthy

if TYPE_CHECKING:
    from collections.abc import Sequence

    from monitoring.health.facts import (
        CameraFacts,
        DiskFacts,
        EngineFacts,
        JournalFacts,
        NetworkFacts,
        OutboxFacts,
        StateFacts,
        SyntheticFacts,
        WorkerFacts,
    )

# The hub itself gives the card up after this on the path of a ring.
STATE_PATIENCE_S = 2.0
# An attempt ends with the target's timeout; what is due this long is not being tried.
OVERDUE_S = 30.0
# Older than this although there is a network: somebody should know.
OLD_PUSH_S = 300.0
# Room for the journal's next file, a few visits, and SQLite's log.
LOW_BYTES = 64 << 20
# The reserve (4 MiB by default) is given up below this.
EMPTY_BYTES = 8 << 20
# Less is a hiccup: rings yield to people, and a worker may be starting again.
SYNTHETIC_ROUNDS = 10
LOG = "journalctl -u 'doorbell@*' -n 50"


def camera(facts: CameraFacts) -> Verdict:
    """Whether the camera gives fresh frames."""
    if not facts.is_wanted:
        return healthy("no camera is set")
    age_s = facts.frame_age_s
    if age_s is None or age_s >= facts.stale_s:
        seen = "no frame yet" if age_s is None else f"last frame {age_s:.0f} s ago"
        return Verdict(
            Status.UNHEALTHY,
            _joined(f"{facts.condition}: {seen}", facts.detail),
            facts.hint or "Check the camera's cable and that nothing else uses it.",
            "doorbell look",
        )
    if facts.condition != "ok":
        return Verdict(
            Status.DEGRADED,
            _joined(facts.condition, facts.detail),
            facts.hint or "Look at what the camera sees.",
            "doorbell look",
        )
    return healthy(f"last frame {age_s * 1000:.0f} ms ago")


def engine(facts: EngineFacts) -> Verdict:
    """Whether recognition has passed its rehearsal."""
    if not facts.is_wanted:
        return healthy("recognition is switched off")
    if not facts.is_up:
        return Verdict(
            Status.UNHEALTHY,
            _joined(f"its process is {facts.worker}", facts.detail),
            "Visitors are told without a name until it runs.",
            "doorbell models list",
        )
    if facts.note:
        return Verdict(
            Status.DEGRADED,
            f"{facts.name}: {facts.note}",
            "It works, with less than it could have.",
            "doorbell models list",
        )
    return healthy(f"{facts.name}, rehearsed")


def journal(facts: JournalFacts) -> Verdict:
    """Whether a ring would be heard and brought to disk."""
    if not facts.is_up:
        return Verdict(
            Status.UNHEALTHY,
            _joined(f"the button's process is {facts.worker}", facts.detail),
            "Nobody can ring until it runs.",
            LOG,
        )
    if facts.condition != "ok":
        return Verdict(
            Status.UNHEALTHY,
            facts.detail or "it has not answered yet",
            facts.hint or "Rings are told from memory; the card needs attention.",
            "df -h; dmesg | tail",
        )
    if facts.line == "absent":
        return Verdict(
            Status.DEGRADED,
            _joined("the button's line is absent", facts.detail),
            facts.hint or "Only the command line can ring.",
            "doorbell config show",
        )
    return healthy(facts.detail)


def state(facts: StateFacts) -> Verdict:
    """Whether `state.db` takes a write."""
    repair = "df -h; dmesg | tail"
    if facts.unanswered_s > STATE_PATIENCE_S:
        return Verdict(
            Status.UNHEALTHY,
            f"the card has not answered for {facts.unanswered_s:.0f} s",
            "Visits are told from memory; the card hangs.",
            repair,
        )
    if facts.trouble:
        return Verdict(
            Status.UNHEALTHY,
            facts.trouble,
            "Visits are told from memory and recorded once the card works again.",
            repair,
        )
    if facts.took_ms is None:
        return Verdict(Status.UNHEALTHY, "not asked yet", "Wait for its first trial.")
    return healthy("takes writes", facts.took_ms)


def outbox(facts: OutboxFacts) -> Verdict:
    """Whether what is to be told is being told, as far as that depends on us."""
    if facts.targets == 0:
        return Verdict(
            Status.DEGRADED,
            "no target is set: nobody is told",
            "Add a [[notify.targets]] section; see docs/how-to/notifications.md.",
            "doorbell config show",
        )
    if not facts.is_up:
        return Verdict(
            Status.UNHEALTHY,
            f"the notify process is {facts.worker}; {facts.waiting} wait",
            "Nobody is told until it runs.",
            LOG,
        )
    if facts.overdue_s > OVERDUE_S:
        return Verdict(
            Status.UNHEALTHY,
            f"{facts.waiting} wait, one untried for {facts.overdue_s:.0f} s",
            "Pushes are due and nothing tries to send them: this is a bug.",
            "systemctl restart 'doorbell@*'",
        )
    if facts.has_network and facts.oldest_s > OLD_PUSH_S:
        who = ", ".join(facts.refusing) or "a target"
        return Verdict(
            Status.DEGRADED,
            f"{facts.waiting} wait, the oldest for {facts.oldest_s:.0f} s",
            f"{who} does not take them; see what it answers.",
            "doorbell notify test",
        )
    return healthy(f"{facts.waiting} wait" if facts.waiting else "empty")


def workers(facts: Sequence[WorkerFacts]) -> Verdict:
    """Whether every worker process runs."""
    lost = [one for one in facts if one.state == "fatal"]
    if lost:
        return Verdict(
            Status.UNHEALTHY,
            "; ".join(_joined(f"{one.role} was given up", one.detail) for one in lost),
            "It died too often and stays down until the daemon is restarted.",
            LOG,
        )
    ailing = [one for one in facts if one.state != "running"]
    if ailing:
        return Verdict(
            Status.DEGRADED,
            "; ".join(
                _joined(f"{one.role} is {one.state}", one.detail) for one in ailing
            ),
            "It is started again by itself.",
            "doorbell status",
        )
    deaths = sum(one.deaths for one in facts)
    restarts = f", {deaths} restarts since the start" if deaths else ""
    return healthy(f"{len(facts)} run{restarts}")


def disk(facts: DiskFacts) -> Verdict:
    """Whether there is room for what is to come."""
    if not facts.is_known:
        return Verdict(
            Status.UNHEALTHY,
            "the file system does not answer",
            "The card hangs or was taken out.",
            "dmesg | tail",
        )
    free = f"{facts.free_bytes >> 20} MiB of {facts.total_bytes >> 20} MiB free"
    if facts.is_read_only:
        return Verdict(
            Status.UNHEALTHY,
            f"read-only; {free}",
            "The kernel found errors on the card, or it was mounted so.",
            "dmesg | tail",
        )
    if facts.free_bytes < LOW_BYTES:
        is_empty = facts.free_bytes < EMPTY_BYTES
        return Verdict(
            Status.UNHEALTHY if is_empty else Status.DEGRADED,
            free,
            "Pictures go first when it is full; lower [storage] max_mib or clean up.",
            "df -h",
        )
    return healthy(free)


def audit(trouble: str, records: int) -> Verdict:
    """Whether what people do can be recorded.

    Args:
        trouble: why it cannot, or what the witness says; empty if it can.
        records: on disk.
    """
    if trouble:
        return Verdict(
            Status.DEGRADED,
            trouble,
            "Rings go on; what people do waits until it can be recorded.",
            "doorbell audit verify",
        )
    return healthy(f"{records} records")


def clock(*, synced: bool) -> Verdict:
    """Whether the time that people are told is right."""
    if synced:
        return healthy("synchronised")
    return Verdict(
        Status.DEGRADED,
        "not synchronised",
        "Rings are kept in order all the same, but their times may be wrong.",
        "timedatectl",
    )


def network(facts: NetworkFacts) -> Verdict:
    """Whether there is a way out of this machine."""
    if not facts.is_known:
        return Verdict(Status.DEGRADED, "not asked yet", "Wait for the first look.")
    if not facts.interfaces:
        return Verdict(
            Status.UNHEALTHY,
            "no interface is up",
            "The chime works and pushes wait; check the cable or the Wi-Fi.",
            "ip link",
        )
    names = ", ".join(facts.interfaces)
    if not facts.has_route:
        return Verdict(
            Status.DEGRADED,
            f"{names} up, but no default route",
            "Only targets inside the house can be reached.",
            "ip route",
        )
    return healthy(f"{names} up")


def synthetic(facts: SyntheticFacts) -> Verdict:
    """Whether the doorbell's own rings come through."""
    if facts.every_s <= 0:
        return healthy("switched off")
    limit_s = SYNTHETIC_ROUNDS * facts.every_s
    since_s = facts.since_success_s
    waited_s = facts.uptime_s if since_s is None else since_s
    if waited_s > limit_s:
        return Verdict(
            Status.UNHEALTHY,
            _joined(f"none came through for {waited_s:.0f} s", facts.failure),
            "A visitor's ring would likely fail the same way; see the other checks.",
            LOG,
        )
    if facts.failure:
        return Verdict(
            Status.DEGRADED, facts.failure, "The last one failed; the next may not."
        )
    if since_s is None:
        return healthy("none yet")
    return healthy(f"came through {since_s:.0f} s ago")


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
