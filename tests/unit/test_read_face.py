"""What a face that was read brings to a visit's evidence."""

from __future__ import annotations

from doorbell.core.decision import Box
from doorbell.core.quality import FaceMeasures, weight_of
from doorbell.stages.face_reader import ReadFace

MEASURES = FaceMeasures(width_px=120, sharpness=50, brightness=120, yaw=0.0)


def test_face_weighs_by_how_sure_the_detector_was() -> None:
    # Kills: every frame of a burst counting alike, the doubtful ones too.
    faces = [ReadFace(Box(0, 0, 120, 120), s, MEASURES, None, "") for s in (0.8, 0.9)]
    weights = [face.sighting().weight for face in faces]
    assert weights == [weight_of(0.8), weight_of(0.9)]
    assert weights[0] < weights[1]
