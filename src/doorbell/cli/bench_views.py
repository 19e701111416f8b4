"""What `doorbell bench` prints, as tables for people and as JSON for scripts."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING

from doorbell.cli import shown
from doorbell.evaluation import idle, idle_work, rings
from doorbell.evaluation.figures import spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from doorbell.evaluation.figures import Spread
    from doorbell.evaluation.growth import Sample
    from doorbell.evaluation.idle import IdleProcess
    from doorbell.evaluation.idle_work import IdleWork
    from doorbell.evaluation.rings import MeasuredRing

    Json = dict[str, object]

MIB = 1 << 20
MB = 1_000_000


# On which machine.


def about(load: float) -> str:
    """Describe the machine and what else it did; `load` is that of the beginning."""
    return (
        f"{platform.machine()}, {os.cpu_count()} cores, Python "
        f"{platform.python_version()}, load {load:.1f} before and "
        f"{os.getloadavg()[0]:.1f} after"
    )


def machine(load: float) -> Json:
    """Return the same for scripts."""
    return {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": load,
        "load_after": os.getloadavg()[0],
    }


# Rings.


def rings_text(found: Sequence[MeasuredRing]) -> str:
    """Return two tables, by stage and by visitor, and the sum of the decisions."""
    stages = [
        _stage_row(stage, one, rings.STAGES[stage])
        for stage, one in rings.by_stage(found).items()
    ]
    visitors = [_visitor_row(group) for group in rings.by_visitor(found).values()]
    heads = ("SINCE THE PRESS", "MEDIAN MS", "P95 MS", "RINGS", "")
    by_stage = shown.table(heads, stages) if stages else "no ring was told"
    heads = ("VISITOR", "DECIDED MS", "PUSH MS", "RIGHT", "SAID")
    by_visitor = shown.table(heads, visitors)
    right = f"{rings.count_right(found)} of {len(found)} decisions were right"
    return f"{by_stage}\n\n{by_visitor}\n\n{right}"


def _stage_row(stage: str, one: Spread, meaning: str) -> tuple[str, ...]:
    return (stage, f"{one.median:.0f}", f"{one.p95:.0f}", str(one.count), meaning)


def _visitor_row(group: Sequence[MeasuredRing]) -> tuple[str, ...]:
    return (
        group[0].visitor.who,
        _median(group, "decided"),
        _median(group, "push"),
        f"{rings.count_right(group)} of {len(group)}",
        ", ".join(sorted({ring.decision for ring in group})),
    )


def _median(group: Sequence[MeasuredRing], stage: str) -> str:
    one = spread([ring.took_ms[stage] for ring in group if stage in ring.took_ms])
    return f"{one.median:.0f}" if one else "-"


def rings_json(found: Sequence[MeasuredRing]) -> Json:
    """Return the same for scripts; times in milliseconds."""
    return _group_json(found) | {
        "visitors": {
            picture: _group_json(group)
            for picture, group in rings.by_visitor(found).items()
        }
    }


def _group_json(group: Sequence[MeasuredRing]) -> Json:
    right = rings.count_right(group)
    return {
        "rings": len(group),
        "right": right,
        "wrong": len(group) - right,
        "stages_ms": {
            stage: {"median": one.median, "p95": one.p95, "count": one.count}
            for stage, one in rings.by_stage(group).items()
        },
    }


# Idle.


def idle_text(found: Sequence[IdleProcess]) -> str:
    """Return a table by process, and how its figures were made."""
    heads = ("PROCESS", "PSS MIB", "CPU %", "WAKE-UPS/S", "MB A DAY", "FSYNCS A DAY")
    table = shown.table(heads, [_idle_row(one) for one in [*found, idle.whole(found)]])
    goals = (
        f"goals: {idle.GOAL_BYTES_A_DAY // MB} MB and {idle.GOAL_SYNCS_A_DAY} fsyncs "
        "a day; CPU is of one core"
    )
    return f"{table}\n\n{goals}\n{_method(found)}"


def _idle_row(one: IdleProcess) -> tuple[str, ...]:
    written, syncs = one.written_a_day, one.syncs_a_day
    return (
        one.role,
        f"{one.pss_bytes / MIB:.1f}",
        f"{one.cpu_percent:.2f}",
        f"{one.wakeups_a_s:.1f}",
        "-" if written is None else f"{written / MB:.1f}",
        "-" if syncs is None else f"{syncs:.0f}",
    )


def _method(found: Sequence[IdleProcess]) -> str:
    written = "bytes from write_bytes of /proc/PID/io, extrapolated to a day;"
    if found[0].written_a_day is None:
        written = "bytes not measured: the temporary folder is in memory (set TMPDIR);"
    syncs = "fsyncs counted by strace in a second window, extrapolated to a day"
    if found[0].syncs_a_day is None:
        syncs = "fsyncs not counted: strace is not installed, or may not watch"
    memory = (
        "memory from /proc/PID/smaps_rollup, mean of ten readings; "
        "processor from /proc/PID/stat;"
    )
    return f"{memory}\n{written}\n{syncs}"


def idle_json(found: Sequence[IdleProcess]) -> Json:
    """Return the same for scripts."""
    whole = idle.whole(found)
    return {
        "processes": {one.role: _process_json(one) for one in found},
        "together": _process_json(whole),
        "is_within_goals": idle.is_within_goals(whole),
    }


def _process_json(one: IdleProcess) -> Json:
    return {
        "pss_bytes": one.pss_bytes,
        "cpu_percent": round(one.cpu_percent, 3),
        "wakeups_per_s": round(one.wakeups_a_s, 2),
        "written_bytes_per_day": one.written_a_day,
        "fsyncs_per_day": one.syncs_a_day,
    }


def idle_work_text(work: IdleWork) -> str:
    """Return how often networks ran, and what it cost."""
    shares = ", ".join(f"{role} {cpu:.1f}" for role, cpu in work.cpu_percent.items())
    return (
        f"runs of networks a second: {work.still_a_s:.2f} on a still porch (goal "
        f"{idle_work.GOAL_STILL_A_S:g}), {work.moving_a_s:.2f} while something moves "
        f"(goal {idle_work.GOAL_MOVING_A_S:g})\n"
        f"CPU % while something moves: {shares}"
    )


def idle_work_json(work: IdleWork) -> Json:
    """Return the same for scripts."""
    return {
        "network_runs_per_s": {"still": work.still_a_s, "moving": work.moving_a_s},
        "cpu_percent_moving": work.cpu_percent,
        "is_little_work": work.is_within_goals,
    }


# Memory after many visits.


def memory_text(samples: Sequence[Sample]) -> str:
    """Return the resident memory of each process after so many visits."""
    heads = ("VISITS", *(f"{role.upper()} KIB" for role in samples[0].rss_kib))
    rows = [(str(one.visits), *map(str, one.rss_kib.values())) for one in samples]
    last = samples[-1]
    rate = f"{last.visits / last.took_s:.0f} visits a second"
    return f"{shown.table(heads, rows)}\n\n{rate}"


def memory_json(samples: Sequence[Sample]) -> Json:
    """Return the same for scripts."""
    return {
        "took_s": samples[-1].took_s,
        "samples": [{"visits": one.visits, "rss_kib": one.rss_kib} for one in samples],
    }
