"""Eight attacks on an audit log, and which layer sees each.

Whoever attacks has the folder of the log and knows how it works: what is rewritten is
chained anew, the records that open files included. The layers are the chain alone, the
chain with the signed checkpoints beside it, and both with what a witness remembers.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from monitoring.logging import chain, checkpoint, instants
from monitoring.logging.audit_files import NOTES, Folder
from monitoring.logging.audit_log import AuditLog, Limits
from monitoring.logging.audit_opening import OPENED
from monitoring.logging.audit_verify import (
    Trust,
    all_checkpoints,
    verify,
    verify_chain,
)
from monitoring.logging.checkpoint import Signer
from monitoring.logging.tree import Frontier

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from monitoring.logging.audit_verify import Report
    from monitoring.logging.checkpoint import Checkpoint

SEED = b"the key of a log that is made to be attacked"[:32]
LIMITS = Limits(checkpoint_records=64, rotate_bytes=80_000)
DAY_RECORDS = 640
BATCH = 32
VICTIM = 300


@dataclass(frozen=True, slots=True)
class World:
    """A log of two days, and what its attacker and its owner have.

    Attributes:
        folder: the log now.
        yesterday: a copy of the card from the evening before.
        witnessed: what the witness saw last.
    """

    folder: Path
    yesterday: Path
    witnessed: Checkpoint
    signer: Signer


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack: how it is called, and what it does to a world."""

    name: str
    play: Callable[[World], None]


@dataclass(frozen=True, slots=True)
class Seen:
    """What each layer said; the codes of `doorbell audit verify`."""

    attack: str
    by_chain: Report
    by_checkpoints: Report
    by_witness: Report

    @property
    def first_layer(self) -> str:
        """The first layer that saw it; empty if none did."""
        layers = {
            "chain": self.by_chain,
            "checkpoints": self.by_checkpoints,
            "witness": self.by_witness,
        }
        return next((name for name, report in layers.items() if report.code), "")


def build(home: Path) -> World:
    """Write a log of two days below `home`."""
    folder, yesterday = home / "audit", home / "yesterday"
    folder.mkdir(parents=True)
    signer = Signer("", SEED)
    _day(folder, signer, 1)
    shutil.copytree(folder, yesterday)
    _day(folder, signer, 2)
    return World(folder, yesterday, all_checkpoints(Folder(str(folder)))[-1], signer)


def _day(folder: Path, signer: Signer, day: int) -> None:
    log = AuditLog(Folder(str(folder)), signer, instants.now, LIMITS)
    for first in range(0, DAY_RECORDS, BATCH):
        numbers = range(first, first + BATCH)
        log.append([_record(f"visit:{day}-{number}") for number in numbers])
        if log.due_s() == 0.0:
            log.checkpoint()
    log.close()


def _record(obj: str) -> chain.Entry:
    return chain.entry("visit.decided", instants.now(), obj=obj, out="unknown")


# The attacks.


def _flip(world: World) -> None:
    path, lines, place = _find(world, VICTIM)
    lines[place] = lines[place].replace(b'"out":"unknown"', b'"out":"nobody!"')
    _write(path, lines)


def _delete(world: World) -> None:
    path, lines, place = _find(world, VICTIM)
    del lines[place]
    _write(path, lines)


def _swap(world: World) -> None:
    path, lines, place = _find(world, VICTIM)
    lines[place], lines[place + 1] = lines[place + 1], lines[place]
    _write(path, lines)


def _insert(world: World) -> None:
    path, lines, place = _find(world, VICTIM)
    prev = chain.leaf_hash(lines[place - 1]).hex()
    forged = chain.encode(_record("visit:forged"), VICTIM, prev)
    _write(path, [*lines[:place], forged, *lines[place:]])


def _rewrite(world: World) -> None:
    _chain_anew(world, VICTIM)
    for note in world.folder.glob(f"*.{NOTES}"):
        note.unlink()


def _cut(world: World) -> None:
    """Cut off the last records with every checkpoint over them."""
    path, lines, place = _find(world, 2 * DAY_RECORDS - 40)
    _write(path, lines[:place])
    size = 2 * DAY_RECORDS - 40
    _sign_anew(world, [n for n in all_checkpoints(_log(world)) if n.size <= size])


def _rewrite_with_key(world: World) -> None:
    """Chain all anew and sign it all anew, since the key was on the card too."""
    hashes = _chain_anew(world, VICTIM)
    notes = []
    for size in sorted({note.size for note in all_checkpoints(_log(world))}):
        frontier = Frontier()
        frontier.extend(hashes[:size])
        notes.append(checkpoint.sign(world.signer, size, frontier.root()))
    _sign_anew(world, notes)


def _restore(world: World) -> None:
    shutil.rmtree(world.folder)
    shutil.copytree(world.yesterday, world.folder)


ATTACKS = (
    Attack("flip a word of a record", _flip),
    Attack("delete a record", _delete),
    Attack("swap two records", _swap),
    Attack("insert a record", _insert),
    Attack("rewrite all after a record, without the key", _rewrite),
    Attack("cut the tail, with the checkpoints over it", _cut),
    Attack("rewrite all after a record, with the stolen key", _rewrite_with_key),
    Attack("put back yesterday's card", _restore),
)


def copied(world: World, home: Path) -> World:
    """The same world below another folder, to be attacked there."""
    folder = home / "audit"
    shutil.copytree(world.folder, folder)
    return World(folder, world.yesterday, world.witnessed, world.signer)


def play(attack: Attack, world: World) -> Seen:
    """Attack a log, and ask each layer."""
    attack.play(world)
    log, key = _log(world), world.signer.verifier
    return Seen(
        attack.name,
        by_chain=verify_chain(log),
        by_checkpoints=verify(log, Trust(key)),
        by_witness=verify(log, Trust(key, world.witnessed)),
    )


# What an attacker needs for that.


def _log(world: World) -> Folder:
    return Folder(str(world.folder))


def _find(world: World, seq: int) -> tuple[Path, list[bytes], int]:
    """The file of a record, its lines, and the record's place among them."""
    name = max(name for name in _log(world).listing().logs if name.first <= seq)
    path = world.folder / str(name)
    return path, path.read_bytes().splitlines(), seq - name.first


def _write(path: Path, lines: Sequence[bytes]) -> None:
    path.write_bytes(b"".join(line + b"\n" for line in lines))


def _chain_anew(world: World, victim: int) -> list[bytes]:
    """Change a record and chain all behind it again; returns all hashes."""
    hashes: list[bytes] = []
    for name in _log(world).listing().logs:
        path = world.folder / str(name)
        lines = []
        for line in path.read_bytes().splitlines():
            lines.append(_forged(line, hashes, victim))
            hashes.append(chain.leaf_hash(lines[-1]))
        _write(path, lines)
    return hashes


def _forged(line: bytes, before: Sequence[bytes], victim: int) -> bytes:
    record = json.loads(line)
    if record["seq"] < victim:
        return line
    if record["seq"] == victim:
        record["out"] = "nobody"
    record["prev"] = before[-1].hex()
    if record["act"] == OPENED:
        frontier = Frontier()
        frontier.extend(before)
        record["ctx"]["root"] = frontier.root().hex()
        record["ctx"]["peaks"] = [peak.hex() for peak in frontier.peaks]
    return json.dumps(record, separators=(",", ":")).encode()


def _sign_anew(world: World, notes: Sequence[Checkpoint]) -> None:
    files = sorted(world.folder.glob(f"*.{NOTES}"))
    for file in files[1:]:
        file.unlink()
    files[0].write_text("".join(f"\n{note.note}" for note in notes), "utf-8")
