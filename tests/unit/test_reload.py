"""Which settings a running daemon takes over, and whom it restarts for that."""

from __future__ import annotations

from msgspec import structs

from config.door import Camera, Chime
from config.notify import Notify
from config.production.production_settings import ProductionSettings
from config.sections import Storage
from doorbell.runtime.reload import plan_reload

NOW = ProductionSettings()


def test_equal_settings_restart_nobody() -> None:
    plan = plan_reload(NOW, ProductionSettings())
    assert plan.roles == ()
    assert plan.needs_restart == ()


def test_a_new_target_restarts_only_who_tells() -> None:
    wanted = structs.replace(NOW, notify=Notify(language="de"))
    plan = plan_reload(NOW, wanted)
    assert plan.roles == ("notify",)
    assert plan.settings.notify.language == "de"


def test_the_chime_belongs_to_the_button() -> None:
    wanted = structs.replace(NOW, chime=Chime(quiet_hours="22:00-07:00"))
    assert plan_reload(NOW, wanted).roles == ("button",)


def test_another_state_directory_waits_for_a_restart() -> None:
    wanted = structs.replace(NOW, storage=Storage(dir="/srv/doorbell"))
    plan = plan_reload(NOW, wanted)
    assert plan.needs_restart == ("storage",)
    assert plan.settings.storage == NOW.storage


def test_a_frame_size_the_ring_was_not_made_for_waits_with_the_whole_camera() -> None:
    wanted = structs.replace(NOW, camera=Camera(width=640, height=480, rotate=90))
    plan = plan_reload(NOW, wanted)
    assert plan.needs_restart == ("camera",)
    assert plan.settings.camera == NOW.camera


def test_turning_the_picture_is_taken_over() -> None:
    wanted = structs.replace(NOW, camera=Camera(rotate=180))
    plan = plan_reload(NOW, wanted)
    assert plan.roles == ("capture",)
    assert plan.settings.camera.rotate == 180
