"""The vision stage: messages in, honest answers out, on the fake engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from descriptors import left_open, open_files
from vision_porch import (
    BLUE,
    FACE,
    GREEN,
    RED,
    SMALL,
    CountingClock,
    Log,
    Porch,
    Wall,
    picture,
)

from config.vision import Vision
from doorbell.adapters.sealed import read_sealed, sealed_memfd
from doorbell.core.decision import Box, Decision
from doorbell.core.errors import BadInputError, UnavailableError
from doorbell.stages.face_reader import MAX_FACES
from doorbell.stages.messages import EncodePicture, FrameRef, PictureEncoded, Stop
from doorbell.stages.vision import VisionStage
from doorbell.stages.vision_messages import (
    EngineReady,
    ExtractFaces,
    FacesExtracted,
    ForgetVisit,
    GalleryJudged,
    JudgeGallery,
    LoadGallery,
    Seen,
)
from doorbell.testing.faces import Marker, embedding, scene

if TYPE_CHECKING:
    from numpy.typing import NDArray


def test_ready_only_after_a_picture_went_through() -> None:
    porch = Porch()
    ready = porch.log.last(EngineReady)
    assert (ready.engine, ready.dimensions) == ("fake", 3)
    assert "rehearsal" in porch.detail
    # Loading, detection and embedding were each announced before.
    assert len([said for said in porch.log.said if isinstance(said, float)]) == 3


def test_missing_engine_ends_the_start_with_its_hint() -> None:
    def missing() -> None:
        msg = "dlib cannot be loaded"
        raise UnavailableError(msg, hint="install it")

    stage = VisionStage(
        Vision(),
        ring=Wall(),
        open_engine=missing,  # type: ignore[arg-type]
        encode=lambda _: b"",
        publish=sealed_memfd,
        fetch=read_sealed,
        clock=CountingClock(),
    )
    with pytest.raises(UnavailableError):
        stage.start(Log())
    stage.close()


def test_enrolled_face_is_known_at_once_and_sure() -> None:
    porch = Porch()
    porch.enrol(anna=RED, bert=BLUE)
    seen = porch.look(picture((RED, FACE)))
    assert seen.decision is Decision.KNOWN
    assert seen.faces[0].person_id == "anna"
    assert seen.faces[0].box == FACE
    assert seen.sure
    assert seen.error == ""
    assert set(seen.took_ms) == {"detect", "embed"}


def test_stranger_is_unknown_and_sure_after_a_second_look() -> None:
    porch = Porch()
    porch.enrol(anna=RED)
    first = porch.look(picture((GREEN, FACE)), at=0)
    assert (first.decision, first.sure) == (Decision.UNKNOWN, False)
    assert porch.look(picture((GREEN, FACE)), at=1).sure


def test_colour_in_between_is_unsure() -> None:
    porch = Porch()
    porch.enrol(anna=RED)
    seen = porch.look(picture((30.0, FACE)))
    assert (seen.decision, seen.sure) == (Decision.UNSURE, False)
    assert seen.faces[0].person_id == "anna"


def test_stranger_beside_a_known_person_is_told_too() -> None:
    porch = Porch()
    porch.enrol(anna=RED)
    beside = Box(400, 100, 120, 120)
    seen = porch.look(picture((RED, FACE), (GREEN, beside)))
    assert sorted(face.decision for face in seen.faces) == ["known", "unknown"]
    assert seen.decision is Decision.KNOWN


def test_empty_porch_is_nobody_and_a_later_face_counts() -> None:
    porch = Porch()
    porch.enrol(anna=RED)
    first = porch.look(picture(), at=1)
    assert (first.decision, first.faces, first.sure) == (Decision.NOBODY, [], False)
    second = porch.look(picture((RED, FACE)), at=2)
    assert second.best_mono_ns == 2
    assert second.decision is Decision.KNOWN


def test_face_too_small_is_not_recognised() -> None:
    porch = Porch()
    porch.enrol(anna=RED)
    assert porch.look(picture((RED, SMALL))).decision is Decision.NOBODY


def test_face_half_outside_gets_a_box_within_the_picture() -> None:
    porch = Porch()
    porch.enrol(anna=RED)
    seen = porch.look(picture((RED, Box(560, 100, 160, 160))))
    box = seen.faces[0].box
    assert box.x + box.w <= 640
    assert box.w > 0


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 480), (640, 1)])
def test_picture_of_one_pixel_is_nobody(width: int, height: int) -> None:
    assert Porch().look(scene(width, height)).decision is Decision.NOBODY


def test_visits_do_not_share_what_they_saw() -> None:
    porch = Porch()
    porch.enrol(anna=RED)
    porch.look(picture((RED, FACE)), visit="one")
    assert porch.look(picture(), visit="two").decision is Decision.NOBODY


def test_forgotten_visit_starts_anew() -> None:
    porch = Porch()
    porch.enrol(anna=RED)
    porch.look(picture((RED, FACE)), visit="one")
    porch.stage.handle(ForgetVisit(visit="one"), ())
    porch.stage.handle(ForgetVisit(visit="never seen"), ())
    assert porch.look(picture(), visit="one").decision is Decision.NOBODY


def test_stale_frame_is_reported_and_takes_nothing_back() -> None:
    porch = Porch()
    porch.enrol(anna=RED)
    porch.look(picture((RED, FACE)), at=1)
    seen = porch.look(picture(), at=2, generation=7)
    assert "generation" in seen.error
    assert seen.decision is Decision.KNOWN


def test_embedding_that_is_no_number_is_an_unknown_face_that_says_so() -> None:
    porch = Porch("ok nan")
    porch.enrol(anna=RED)
    seen = porch.look(picture((RED, FACE)))
    assert seen.decision is Decision.UNKNOWN
    assert seen.faces[0].note == "could not be read"
    assert not seen.sure
    assert porch.look(picture((RED, FACE)), at=1).decision is Decision.KNOWN


def test_crowd_fits_one_message_and_says_who_was_not_read() -> None:
    porch = Porch()
    hues = [15.0 * i for i in range(24)]
    crowd = scene(
        2000,
        500,
        [Marker(hue, Box(80 * i, 100, 64, 64)) for i, hue in enumerate(hues)],
    )
    seen = porch.look(crowd)
    assert len(seen.faces) == min(24, MAX_FACES)
    assert sum(face.note == "too many faces" for face in seen.faces) == 16
    assert not seen.sure


def extract(porch: Porch, rgb: NDArray[np.uint8]) -> FacesExtracted:
    height, width = rgb.shape[:2]
    message = ExtractFaces(request=4, width=width, height=height)
    porch.stage.handle(message, [sealed_memfd(rgb.tobytes())])
    return porch.log.last(FacesExtracted)


def test_faces_are_extracted_for_enrolment_with_their_neighbour() -> None:
    porch = Porch()
    porch.enrol(anna=RED)
    [face] = extract(porch, picture((15.0, FACE))).faces
    assert face.box == FACE
    assert face.nearest_person == "anna"
    assert face.nearest_likeness == pytest.approx(0.966, abs=0.01)
    assert porch.log.pictures == [b"jpeg of (480, 640, 3)"]
    row = np.frombuffer(face.embedding, "<f4")
    assert row == pytest.approx(embedding(15.0), abs=1e-3)


def test_small_face_is_extracted_so_that_it_can_be_refused() -> None:
    assert extract(Porch(), picture((RED, SMALL))).faces[0].box.w == 40


def test_pixels_that_do_not_fit_their_size_are_an_answer_with_a_reason() -> None:
    porch = Porch()
    message = ExtractFaces(request=9, width=640, height=480)
    porch.stage.handle(message, [sealed_memfd(b"short")])
    answer = porch.log.last(FacesExtracted)
    assert "640x480" in answer.error
    assert porch.log.pictures == []
    porch.stage.handle(message, ())
    assert "descriptor" in porch.log.last(FacesExtracted).error


def test_gallery_is_judged_by_leaving_each_photo_out() -> None:
    porch = Porch()
    rows = [embedding(hue) for hue in (RED, 5.0, BLUE, 235.0)]
    message = LoadGallery(version=1, dimensions=3, person_ids=["a", "a", "b", "b"])
    porch.stage.handle(message, [sealed_memfd(np.stack(rows).tobytes())])
    porch.stage.handle(JudgeGallery(request=3), ())
    judged = porch.log.last(GalleryJudged)
    assert (judged.separation.photos, judged.separation.right) == (4, 4)


@pytest.mark.parametrize(
    ("ids", "dimensions", "data"),
    [(["a"], 128, b"\0" * 512), (["a"], 3, b"\0" * 8), (["a"], 3, b"\0\0\xc0\x7f" * 3)],
)
def test_gallery_that_does_not_fit_is_an_error_and_the_old_one_stays(
    ids: list[str], dimensions: int, data: bytes
) -> None:
    porch = Porch()
    porch.enrol(anna=RED)
    message = LoadGallery(version=2, dimensions=dimensions, person_ids=ids)
    with pytest.raises(BadInputError):
        porch.stage.handle(message, [sealed_memfd(data)])
    assert porch.look(picture((RED, FACE))).faces[0].person_id == "anna"


def test_empty_gallery_needs_no_descriptor_and_makes_all_unknown() -> None:
    porch = Porch()
    porch.enrol(anna=RED)
    porch.stage.handle(LoadGallery(version=2, dimensions=3, person_ids=[]), ())
    assert porch.look(picture((RED, FACE))).decision is Decision.UNKNOWN


def test_picture_is_encoded_or_the_reason_said() -> None:
    porch = Porch()
    porch.look(picture())
    frame = FrameRef(0, 1, 640, 480, 0)
    porch.stage.handle(EncodePicture(request=5, frame=frame), ())
    assert porch.log.last(PictureEncoded) == PictureEncoded(request=5)
    assert porch.log.pictures == [b"jpeg of (480, 640, 3)"]
    stale = EncodePicture(request=6, frame=FrameRef(0, 2, 640, 480, 0))
    porch.stage.handle(stale, ())
    assert "generation" in porch.log.last(PictureEncoded).error


def test_no_descriptor_is_left_open() -> None:
    porch = Porch()
    before = open_files()
    porch.enrol(anna=RED)
    extract(porch, picture((RED, FACE)))
    porch.look(picture())
    frame = FrameRef(0, 1, 640, 480, 0)
    porch.stage.handle(EncodePicture(request=5, frame=frame), ())
    with pytest.raises(BadInputError):
        porch.stage.handle(Stop(), [sealed_memfd(b"")])
    assert not left_open(before)


def test_every_slow_step_is_announced_before_it_begins() -> None:
    porch = Porch()
    porch.log.said.clear()
    porch.look(picture((RED, FACE), (GREEN, Box(400, 100, 120, 120))))
    assert [type(said) for said in porch.log.said] == [float, float, float, Seen]


def test_memory_of_forgotten_looks_is_bounded() -> None:
    porch = Porch()
    for number in range(100):
        porch.look(picture(), visit=str(number))
    assert len(porch.stage._visits) <= 16


def test_lines_follow_the_gallery_and_are_told_again() -> None:
    # Kills: lines drawn once at the start, for a gallery that is not there yet.
    porch = Porch(engine="mobilefacenet")
    first = porch.log.last(EngineReady)
    porch.enrol(a=RED, b=GREEN, c=BLUE)
    second = porch.log.last(EngineReady)
    assert second.known_at > first.known_at
    assert second.unsure_at > first.unsure_at


def test_line_that_the_owner_set_does_not_move() -> None:
    porch = Porch(engine="mobilefacenet", vision=Vision(known_at=0.97, unsure_at=0.9))
    ready = porch.log.last(EngineReady)
    assert (ready.known_at, ready.unsure_at) == (0.97, 0.9)
