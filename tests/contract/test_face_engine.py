"""Every engine keeps the promises of `ports.faces`, the fake one and the real ones."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from modelling import furnished, needs
from PIL import Image, ImageFilter

from config.vision import Vision
from doorbell.adapters import faces_dlib, points
from doorbell.adapters.engines import open_engine
from doorbell.adapters.model_folder import ModelFolder
from doorbell.core import chip as measure
from doorbell.core.decision import Box
from doorbell.core.errors import BadInputError, UnavailableError
from doorbell.core.quality import SHARP_ENOUGH, TOO_DARK
from doorbell.stages.face_reader import MAX_FACES, MAX_READ, FaceReader
from doorbell.stages.vision import INVENTED_FACE
from doorbell.testing.clock import FakeClock
from doorbell.testing.drawn_face import drawn_face
from doorbell.testing.faces import Marker, open_fake_engine, scene

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from doorbell.ports.faces import DetectedFace, Engine

DATA = Path(os.environ.get("DOORBELL_TEST_DATA", "../shared/data"))
LFW = DATA / "lfw"
PEOPLE = ("Ann_Veneman", "Anders_Fogh_Rasmussen")


class Stand:
    """An engine and pictures it can see faces in.

    `portrait(person, photo, width)` returns a 640 by 480 frame with that person's face,
    about `width` pixels wide, in its middle.
    """

    def __init__(
        self,
        engine: Engine,
        portrait: Callable[[int, int, int], NDArray[np.uint8]],
    ) -> None:
        self.engine = engine
        self.portrait = portrait

    def face(self, rgb: NDArray[np.uint8]) -> DetectedFace:
        return self.engine.detector.detect(rgb, 60)[0]

    def embedding(self, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
        embedder = self.engine.embedder
        row: NDArray[np.float32] = embedder.embed(
            [embedder.align(rgb, self.face(rgb))]
        )[0]
        return row


def painted(person: int, photo: int, width: int) -> NDArray[np.uint8]:
    box = Box(320 - width // 2, 240 - width // 2, width, width)
    return scene(640, 480, [Marker(120.0 * person + photo, box)])


def photographed(person: int, photo: int, width: int) -> NDArray[np.uint8]:
    name = PEOPLE[person]
    picture = Image.open(LFW / name / f"{name}_{photo + 1:04}.jpg").convert("RGB")
    # The published pictures are 250 pixels with a face of about 110.
    side = round(250 * width / 110)
    frame = Image.new("RGB", (640, 480), (110, 110, 110))
    scaled = picture.resize((side, side), Image.Resampling.LANCZOS)
    frame.paste(scaled, ((640 - side) // 2, (480 - side) // 2))
    return np.array(frame)


@pytest.fixture(scope="module")
def dlib_engine() -> Engine:
    needs("dlib")
    return faces_dlib.open_engine(Vision())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> ModelFolder:
    """A folder with every model there is."""
    return furnished(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def onnx_engine(folder: ModelFolder) -> Engine:
    return open_engine(Vision(engine="dlib-onnx"), folder)


@pytest.fixture(scope="module")
def bare_engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    """`dlib-onnx` on a fresh machine: without YuNet."""
    needs("dlib", "onnxruntime")
    bare = ModelFolder(tmp_path_factory.mktemp("bare"))
    return open_engine(Vision(engine="dlib-onnx"), bare)


@pytest.fixture(scope="module")
def mobile_engine(folder: ModelFolder) -> Engine:
    return open_engine(Vision(engine="mobilefacenet"), folder)


REAL = ["dlib_engine", "onnx_engine", "bare_engine", "mobile_engine"]


@pytest.fixture(params=["fake", *REAL])
def stand(request: pytest.FixtureRequest) -> Stand:
    if request.param == "fake":
        return Stand(open_fake_engine(Vision()), painted)
    if not LFW.is_dir():
        pytest.skip(f"no photographs below {LFW}")
    return Stand(request.getfixturevalue(request.param), photographed)


def test_face_is_found_where_it_is(stand: Stand) -> None:
    found = stand.engine.detector.detect(stand.portrait(0, 0, 120), 60)
    assert len(found) == 1
    box = found[0].box
    assert abs(box.x + box.w / 2 - 320) < 30
    assert abs(box.y + box.h / 2 - 240) < 30
    assert 80 < box.w < 160
    assert found[0].landmarks.shape == (5, 2)
    assert -1 <= found[0].yaw <= 1


def test_narrower_faces_than_wanted_are_not_reported(stand: Stand) -> None:
    small = stand.portrait(0, 0, 60)
    assert len(stand.engine.detector.detect(small, 40)) == 1
    assert stand.engine.detector.detect(small, 120) == []


def test_same_person_is_more_alike_than_another(stand: Stand) -> None:
    engine = stand.engine
    first, second = (stand.embedding(stand.portrait(0, n, 120)) for n in (0, 1))
    other = stand.embedding(stand.portrait(1, 0, 120))
    scores = engine.embedder.likeness(first, np.stack([first, second, other]))
    assert scores[0] == pytest.approx(1.0, abs=1e-5)
    assert scores[0] >= scores[1] > scores[2]
    assert scores[1] >= engine.point.unsure_at
    assert scores[2] < engine.point.unsure_at


def test_embeddings_have_the_promised_shape_and_repeat(stand: Stand) -> None:
    embedder = stand.engine.embedder
    rgb = stand.portrait(0, 0, 120)
    chip = embedder.align(rgb, stand.face(rgb))
    assert chip.shape[0] == chip.shape[1]
    rows = embedder.embed([chip, chip])
    assert rows.shape == (2, embedder.dimensions)
    assert rows.dtype == np.float32
    assert np.array_equal(rows[0], rows[1])
    assert embedder.embed([]).shape == (0, embedder.dimensions)
    empty = np.zeros((0, embedder.dimensions), np.float32)
    assert embedder.likeness(rows[0], empty).shape == (0,)


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 300), (300, 1), (2, 2), (480, 640)], ids=str
)
def test_pictures_without_face_show_nobody(
    stand: Stand, shape: tuple[int, int]
) -> None:
    assert stand.engine.detector.detect(np.full((*shape, 3), 90, np.uint8), 60) == []


@pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (200, 30, 30)])
def test_picture_of_one_colour_shows_nobody_to_real_engines(
    stand: Stand, colour: tuple[int, int, int]
) -> None:
    if stand.engine.name == "fake":
        pytest.skip("one colour is what the fake engine takes for a face")
    rgb = np.empty((240, 320, 3), np.uint8)
    rgb[:] = colour
    assert stand.engine.detector.detect(rgb, 24) == []


def test_crowd_is_found_and_each_face_once(stand: Stand) -> None:
    if stand.engine.name == "fake":
        pytest.skip("two squares of one hue are one face to the fake engine")
    face = stand.portrait(0, 0, 60)[170:310, 250:390]
    crowd = np.tile(face, (5, 8, 1))
    found = stand.engine.detector.detect(crowd, 40)
    assert 36 <= len(found) <= 40
    assert len({(round(f.box.x / 70), round(f.box.y / 70)) for f in found}) == len(
        found
    )


def test_four_hundred_faces_cost_no_more_than_a_few(stand: Stand) -> None:
    if stand.engine.name == "fake":
        pytest.skip("two squares of one hue are one face to the fake engine")
    face = stand.portrait(0, 0, 90)[185:295, 265:375]
    crowd = np.tile(face, (20, 20, 1))
    busy: list[float] = []
    reader = FaceReader(stand.engine, busy.append, FakeClock())
    faces = reader.read(crowd, 60).faces
    assert 8 < len(faces) <= MAX_FACES
    assert sum(one.embedding is not None for one in faces) == MAX_READ
    assert {one.note for one in faces[MAX_READ:]} == {"too many faces"}


def test_face_over_the_edge_can_be_embedded(stand: Stand) -> None:
    portrait = stand.portrait(0, 0, 160)
    embedder = stand.engine.embedder
    found = 0
    # From the whole face to its half: detectors differ in where they give up.
    for left in (210, 250, 280, 320):
        rgb = np.ascontiguousarray(portrait[:, left:])
        for face in stand.engine.detector.detect(rgb, 60):
            found += 1
            assert np.isfinite(embedder.embed([embedder.align(rgb, face)])).all()
    assert found


def test_read_only_frames_of_the_ring_are_taken(stand: Stand) -> None:
    rgb = stand.portrait(0, 0, 120)
    rgb.flags.writeable = False
    assert np.isfinite(stand.embedding(rgb)).all()


def test_space_names_the_network(stand: Stand) -> None:
    assert stand.engine.embedder.space
    assert stand.engine.name in {"fake", "dlib", "dlib-onnx", "mobilefacenet"}


# What is dlib's own.


def test_dlib_thresholds_can_be_set(dlib_engine: Engine) -> None:
    assert dlib_engine.point == points.DLIB_POINT
    engine = open_fake_engine(Vision(known_at=0.99, unsure_at=0.9))
    assert (engine.point.known_at, engine.point.unsure_at) == (0.99, 0.9)
    assert points.as_set(points.DLIB_POINT, Vision(known_at=0.96)).known_at == 0.96


def test_dlib_gives_the_numbers_of_face_recognition(dlib_engine: Engine) -> None:
    if importlib.util.find_spec("face_recognition") is None:
        pytest.skip("face_recognition is not installed")
    if not LFW.is_dir():
        pytest.skip(f"no photographs below {LFW}")
    with warnings.catch_warnings():
        # Its models package imports pkg_resources, which warns of its end.
        warnings.simplefilter("ignore")
        face_recognition = pytest.importorskip(
            "face_recognition", reason="face_recognition cannot be imported"
        )
    embedder = dlib_engine.embedder
    for person in (0, 1):
        rgb = photographed(person, 0, 120)
        [face] = dlib_engine.detector.detect(rgb, 60)
        box = face.box
        location = (box.y, box.x + box.w - 1, box.y + box.h - 1, box.x)
        [theirs] = face_recognition.face_encodings(rgb, [location], model="small")
        [ours] = embedder.embed([embedder.align(rgb, face)])
        assert np.abs(ours - theirs).max() < 1e-6


def test_dlib_engine_loads_neither_pkg_resources_nor_the_other_networks() -> None:
    pytest.importorskip("dlib", reason="dlib is not installed")
    code = (
        "import sys\n"
        "opened = []\n"
        "def hook(event, args):\n"
        "    if event == 'open': opened.append(str(args[0]))\n"
        "sys.addaudithook(hook)\n"
        "from config.vision import Vision\n"
        "from doorbell.adapters.faces_dlib import open_engine\n"
        "open_engine(Vision())\n"
        "bad = {'pkg_resources', 'face_recognition_models', 'cv2'} & set(sys.modules)\n"
        "bad |= {p for p in opened if '68' in p.rsplit('/')[-1] or 'mmod' in p}\n"
        "sys.exit(str(bad) if bad else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_missing_models_say_which_command_mends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(UnavailableError, match="is missing") as caught:
        faces_dlib.model_file("network.dat")
    assert caught.value.exit_code == 69
    assert "pip install" in caught.value.hint


def test_missing_library_says_which_command_mends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "dlib", None)
    with pytest.raises(UnavailableError, match="dlib") as caught:
        faces_dlib.open_engine(Vision())
    assert "pip install" in caught.value.hint


def test_space_changes_with_model_and_alignment(tmp_path: Path) -> None:
    model, other = tmp_path / "a", tmp_path / "b"
    model.write_bytes(b"1")
    other.write_bytes(b"2")
    spaces = {
        faces_dlib.embedding_space([model], "x"),
        faces_dlib.embedding_space([model], "y"),
        faces_dlib.embedding_space([other], "x"),
        faces_dlib.embedding_space([model, other], "x"),
    }
    assert len(spaces) == 4


@pytest.mark.parametrize(
    ("size", "min_px", "scale"),
    [
        ((1280, 720), 80, 1.0),
        ((1280, 720), 160, 0.5),
        ((1280, 720), 40, 2.0),
        ((1280, 720), 24, (4_000_000 / (1280 * 720)) ** 0.5),
        ((4000, 4000), 80, 0.5),
        ((1, 1), 160, 1.0),
    ],
)
def test_time_of_a_scan_is_bounded(
    size: tuple[int, int], min_px: int, scale: float
) -> None:
    assert faces_dlib.scan_scale(*size, min_px) == pytest.approx(scale)


def test_network_that_answers_nan_is_an_error() -> None:
    class Broken:
        def face_recognition_model_v1(self, path: str) -> Broken:
            del path
            return self

        def compute_face_descriptor(self, chip: object) -> list[float]:
            del chip
            return [float("nan")] * 128

    embedder = faces_dlib.DlibEmbedder(Broken(), Path("x"), "space")
    with pytest.raises(BadInputError, match="no number"):
        embedder.embed([np.zeros((150, 150, 3), np.uint8)])


def test_yaw_grows_as_the_nose_leaves_the_middle() -> None:
    eyes = [(40, 0), (30, 0), (0, 0), (10, 0)]

    def with_nose(x: float) -> float:
        return faces_dlib.yaw(np.array([*eyes, (x, 20)], np.float32))

    assert with_nose(20) == pytest.approx(0.0)
    assert with_nose(35) == pytest.approx(1.0)
    assert with_nose(5) == pytest.approx(-1.0)
    assert with_nose(90) == 1.0
    assert faces_dlib.yaw(np.zeros((5, 2), np.float32)) == 0.0


def test_blurred_and_dark_photographs_are_told_apart(dlib_engine: Engine) -> None:
    if not LFW.is_dir():
        pytest.skip(f"no photographs below {LFW}")
    rgb = photographed(0, 0, 120)
    face = dlib_engine.detector.detect(rgb, 60)[0]

    def aligned(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return dlib_engine.embedder.align(picture, face)

    blurred = np.array(Image.fromarray(rgb).filter(ImageFilter.GaussianBlur(4)))
    dark = (rgb * 0.2).astype(np.uint8)
    assert measure.sharpness(aligned(rgb)) > SHARP_ENOUGH
    assert measure.sharpness(aligned(blurred)) < SHARP_ENOUGH
    assert measure.brightness(aligned(rgb)) > TOO_DARK
    assert measure.brightness(aligned(dark)) < TOO_DARK


def test_every_engine_passes_the_rehearsal_of_the_vision_stage(stand: Stand) -> None:
    # Each has chips of its own size: the stage must not invent one.
    embedder = stand.engine.embedder
    chip = embedder.align(np.full((720, 1280, 3), 128, np.uint8), INVENTED_FACE)
    assert embedder.embed([chip]).shape == (1, embedder.dimensions)


def test_the_drawn_face_of_a_self_test_is_seen(stand: Stand) -> None:
    picture = drawn_face()
    [face] = stand.engine.detector.detect(picture, 60)
    chip = stand.engine.embedder.align(picture, face)
    assert np.isfinite(stand.engine.embedder.embed([chip])).all()
