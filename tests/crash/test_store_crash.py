"""The store under SIGKILL, ENOSPC and EIO at every write, sync, rename and unlink.

strace counts the calls of one scripted life of a state directory, then the life is led
again and again, each time struck at another call. A sample of the calls runs here; all
of them with FULL=1 in the environment.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from doorbell.adapters.store_sqlite import Store, StoreOptions
from doorbell.core.stamp import Stamp

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = [pytest.mark.crash, pytest.mark.timeout(600)]

CALLS = "write,pwrite64,fsync,fdatasync,rename,link,unlink,ftruncate,fallocate,mkdir"
LIFE = Path(__file__).with_name("store_life.py")
STEPS = ("open", "enrol", "visit", "picture", "close", "told", "erase", "prune")
SAMPLE = 15
STAMP = Stamp("b" * 32, 10, 20, synced=True)
VISIT = "ab" * 16


def strace(folder: Path, *options: str) -> tuple[list[str], str]:
    """Lead one life; returns the steps it reported as done, and the trace."""
    strace_path = shutil.which("strace")
    if strace_path is None:
        pytest.skip("strace is not installed")
    trace = folder.with_suffix(".trace")
    done = subprocess.run(
        [
            *(strace_path, "-f", "-qq", "-o", str(trace), "-e", f"trace={CALLS}"),
            *options,
            *(sys.executable, str(LIFE), str(folder)),
        ],
        check=False,
        capture_output=True,
        text=True,
    )
    if "Operation not permitted" in done.stderr and not done.stdout:
        pytest.skip("ptrace is not permitted here")
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout.split(), trace.read_text()


@pytest.fixture(scope="module")
def points(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, int]]:
    """Every call of the life, as its name and which of that name it is."""
    folder = tmp_path_factory.mktemp("count") / "state"
    steps, trace = strace(folder)
    assert steps == list(STEPS)
    seen: Counter[str] = Counter()
    found = []
    for name in re.findall(r"^\d+ +(\w+)\(", trace, re.MULTILINE):
        seen[name] += 1
        found.append((name, seen[name]))
    assert len(found) > 100
    return found


def sample(points: list[tuple[str, int]], offset: int) -> list[tuple[str, int]]:
    """An even sample, another one for each fault; all with FULL=1."""
    if os.environ.get("FULL"):
        return points
    stride = max(1, len(points) // SAMPLE)
    return points[offset % stride :: stride]


def check(folder: Path, done: list[str]) -> None:
    """What was acknowledged is there; what was begun is there whole or not at all."""
    begun = STEPS[: len(done) + 1]
    with closing(Store.open(folder, StoreOptions(reserve_bytes=1 << 16))) as store:
        check_visit(store, begun, done)
        check_picture(store, begun, done)
        check_people(store, begun, done)
        files = [path for path in folder.rglob("*") if path.is_file()]
        assert not [path for path in files if path.suffix == ".tmp"]
        store.prune(STAMP)


def check_visit(store: Store, begun: Sequence[str], done: list[str]) -> None:
    """Visit, items, attempts and cursor moved together."""
    visit = store.visit(VISIT)
    assert (visit is None) == (store.cursor() == 0)
    if visit is None:
        assert "visit" not in done
        assert store.told(VISIT) == {}
        return
    is_closed, is_told = visit.decision is not None, visit.state == "told"
    assert "visit" in begun
    assert is_closed or "close" not in done
    assert is_told or "told" not in done
    assert not is_closed or "close" in begun
    assert not is_told or "told" in begun
    assert len(visit.faces) == int(is_closed)
    assert len(store.told(VISIT)) == 1 + is_closed
    assert ("told" in visit.steps) == is_told
    assert len(store.attempts(VISIT)) == 2 * is_told


def check_picture(store: Store, begun: Sequence[str], done: list[str]) -> None:
    """It is whole, or not there."""
    visit, picture = store.visit(VISIT), store.picture(VISIT)
    assert picture in {None, b"picture" * 999}
    assert (picture is not None) == (visit is not None and visit.has_picture)
    if "picture" in done and "erase" not in begun:
        assert picture is not None
    if "erase" in done:
        assert picture is None


def check_people(store: Store, begun: Sequence[str], done: list[str]) -> None:
    """The person is there with all there is, or gone from everywhere."""
    people = store.people()
    visit = store.visit(VISIT)
    named = [face.person_id for face in visit.faces] if visit else []
    if people:
        assert "enrol" in begun
        assert "erase" not in done
        assert store.gallery("s") == ([people[0].id], bytes(16))
        assert [photo.jpeg for photo in store.photos(people[0].id)] == [b"jpeg" * 9]
        assert store.tombstones() == []
        assert named in ([], [people[0].id])
    else:
        assert "enrol" not in done or "erase" in begun
        assert len(store.tombstones()) == ("enrol" in done)
        assert named in ([], [None])


def test_sigkill_at_any_call_loses_nothing_acknowledged(
    points: list[tuple[str, int]], tmp_path: Path
) -> None:
    kills = 0
    for number, (name, nth) in enumerate(sample(points, offset=0)):
        folder = tmp_path / f"kill{number}"
        done, trace = strace(folder, "-e", f"inject={name}:signal=SIGKILL:when={nth}")
        kills += "killed by SIGKILL" in trace
        if not folder.exists():
            continue
        check(folder, done)
        shutil.rmtree(folder)
    assert kills == len(sample(points, offset=0))


@pytest.mark.parametrize(("error", "offset"), [("ENOSPC", 1), ("EIO", 2)])
def test_an_error_at_any_call_is_told_and_the_step_can_be_done_again(
    points: list[tuple[str, int]], tmp_path: Path, error: str, offset: int
) -> None:
    """The life tries each step again after a StorageError; a second one ends it."""
    struck = [point for point in points if point[0] != "write"]
    for number, (name, nth) in enumerate(sample(struck, offset)):
        folder = tmp_path / f"{error}{number}"
        done, _ = strace(folder, "-e", f"inject={name}:error={error}:when={nth}")
        assert done == list(STEPS), (name, nth, done)
        check(folder, done)
        shutil.rmtree(folder)


def test_nothing_is_acknowledged_before_it_is_synced(tmp_path: Path) -> None:
    """SIGKILL cannot show a missing fsync: the order of the calls can."""
    _, trace = strace(tmp_path / "state", "-y")
    parts = re.split(r"write\(1<[^>]*>, \"(\w+)\\n\"", trace)
    calls = dict(zip(parts[1::2], parts[:-1:2], strict=True))
    for step in ("enrol", "visit", "picture", "close", "told", "erase"):
        assert re.search(r"f(data)?sync\(\d+<[^>]*state\.db-wal>", calls[step]), step
    for step, file in (("open", "state.db"), ("picture", f"{VISIT}.enc")):
        found = re.search(
            rf"f(data)?sync\(\d+<[^>]*{file}\.tmp>.*?"
            rf"rename\(\"[^\"]*{file}\.tmp\".*?fsync\(\d+<[^>.]*>",
            calls[step],
            re.DOTALL,
        )
        assert found, step
    key = re.search(
        r"fsync\(\d+<[^>]*master\.key\.tmp>.*?link\(.*?fsync\(\d+<[^>]*/keys>",
        calls["open"],
        re.DOTALL,
    )
    assert key
