"""`people reembed` and `people import`: no face is lost when the engine changes."""

from __future__ import annotations

import json
import struct
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from doorbell.adapters.model_catalogue import dlib_space
from doorbell.cli.main import main
from doorbell.ports.store import EnrolledPhoto, NewEmbedding
from doorbell.runtime import wiring
from doorbell.testing.faces import FakeEmbedder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from doorstep import Doorstep

    from doorbell.ports.store import Store

pytestmark = pytest.mark.timeout(40)  # each command starts a vision process

SPACE = FakeEmbedder.space
OLD = struct.pack("<2f", 1.0, 2.0)


def run(doorstep: Doorstep, *words: str) -> int:
    return main(["--config", str(doorstep.config), *words], environ={})


def shown(
    doorstep: Doorstep, capsys: pytest.CaptureFixture[str], *words: str
) -> dict[str, Any]:
    capsys.readouterr()
    assert run(doorstep, *words, "--json") == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def in_store(doorstep: Doorstep, use: Callable[[Store], Any]) -> Any:  # noqa: ANN401 - whatever `use` returns
    with closing(wiring.open_store(doorstep.settings)) as store:
        return use(store)


def enrol(doorstep: Doorstep, name: str, *scenes: str) -> None:
    photos = [str(doorstep.porch / f"{scene}.png") for scene in scenes]
    assert run(doorstep, "enrol", name, *photos, "--consent", name) == 0


def photos(store: Store, name: str) -> list[EnrolledPhoto]:
    [person] = [one for one in store.people() if one.name == name]
    return list(store.photos(person.id))


def floats(rows: bytes) -> tuple[float, ...]:
    return struct.unpack(f"<{len(rows) // 4}f", rows)


def as_of_another_engine(store: Store) -> None:
    everything = [p for person in store.people() for p in store.photos(person.id)]
    store.replace_embeddings([NewEmbedding(p.id, OLD, "old") for p in everything])


def test_gallery_is_computed_anew_from_its_photographs(
    doorstep: Doorstep, capsys: pytest.CaptureFixture[str]
) -> None:
    enrol(doorstep, "Anna", "anna", "anna")
    enrol(doorstep, "Ben", "ben")
    before = in_store(doorstep, lambda store: store.gallery(SPACE))
    in_store(doorstep, as_of_another_engine)
    found = shown(doorstep, capsys, "people", "reembed")
    assert found == {"engine": "fake", "replaced": 3, "current": 0, "left": []}
    ids, rows = in_store(doorstep, lambda store: store.gallery(SPACE))
    assert ids == before[0]
    # The photographs are stored as JPEG, so the colours are not quite the same.
    numbers = zip(floats(rows), floats(before[1]), strict=True)
    assert all(abs(one - other) < 0.02 for one, other in numbers)
    # And once more changes nothing.
    found = shown(doorstep, capsys, "people", "reembed")
    assert (found["replaced"], found["current"]) == (0, 3)


def test_photograph_that_cannot_be_read_keeps_what_it_had(
    doorstep: Doorstep, capsys: pytest.CaptureFixture[str]
) -> None:
    enrol(doorstep, "Anna", "anna")

    def spoil(store: Store) -> None:
        [person] = store.people()
        jpeg = photos(store, "Anna")[0].jpeg
        more = [EnrolledPhoto(data, OLD, "old") for data in (b"no picture", b"")]
        store.enrol("", "", more, person.enrolled, person.id)
        as_of_another_engine(store)
        assert photos(store, "Anna")[0].jpeg == jpeg

    in_store(doorstep, spoil)
    found = shown(doorstep, capsys, "people", "reembed")
    assert found["replaced"] == 1
    assert [(one["name"], one["photo"]) for one in found["left"]] == [
        ("Anna", 2),
        ("Anna", 3),
    ]
    assert "without a photograph" in found["left"][1]["reason"]
    spaces = in_store(doorstep, lambda s: [p.space for p in photos(s, "Anna")])
    assert spaces == [SPACE, "old", "old"]


def test_daemon_says_whom_its_engine_cannot_compare(
    doorstep: Doorstep, capsys: pytest.CaptureFixture[str]
) -> None:
    enrol(doorstep, "Anna", "anna")
    in_store(doorstep, as_of_another_engine)
    doorstep.start()
    doorstep.ready()
    found = shown(doorstep, capsys, "people", "list")
    assert [one["left_out"] for one in found["people"]] == [1]
    assert shown(doorstep, capsys, "status")["left_out"] == 1
    assert run(doorstep, "people", "list") == 0
    assert "doorbell people reembed" in capsys.readouterr().out
    assert "gallery_left_out" in doorstep.log.read_text()
    assert shown(doorstep, capsys, "people", "reembed")["replaced"] == 1
    assert shown(doorstep, capsys, "status")["left_out"] == 0
    # The running engine knows her from now on.
    doorstep.stand("anna")
    assert shown(doorstep, capsys, "press")["decision"] == "known"


def test_encodings_are_imported_and_marked(
    doorstep: Doorstep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ada.json"
    path.write_text(json.dumps([[0.1] * 128, [0.2] * 128]))
    words = ("people", "import", str(path), "--name", "Ada", "--consent", "Ada")
    found = shown(doorstep, capsys, *words)
    assert found["encodings"] == 2
    assert found["usable"] is None
    ids, rows = in_store(doorstep, lambda store: store.gallery(dlib_space()))
    assert len(ids) == 2
    assert len(rows) == 2 * 512
    assert run(doorstep, *words) == 65
    assert "enrolled already" in capsys.readouterr().err
    assert run(doorstep, *words, "--add") == 0
    assert in_store(doorstep, lambda s: len(photos(s, "Ada"))) == 4
    folder = tmp_path / "exported"
    assert run(doorstep, "people", "export", "Ada", "-o", str(folder)) == 0
    assert {one.name for one in folder.iterdir()} == {"person.json"}


def test_pickle_is_refused_before_anything_is_asked(
    doorstep: Doorstep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "known_faces.pkl"
    path.write_bytes(b"\x80\x04N.")
    words = ("people", "import", str(path), "--name", "Ada", "--consent", "Ada")
    assert run(doorstep, *words) == 65
    assert "pickle" in capsys.readouterr().err
    assert run(doorstep, "people", "import", "nowhere", *words[3:]) == 65
    assert in_store(doorstep, lambda store: store.people()) == []
