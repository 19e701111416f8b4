"""Pictures of a folder as a live camera."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from config.door import Camera as Settings
from doorbell.adapters import scene as scenes
from doorbell.adapters.camera_folder import FolderCamera
from doorbell.ports.camera import CameraAbsentError, Frame

if TYPE_CHECKING:
    from pathlib import Path

WIDTH, HEIGHT = 160, 120
NS_PER_S = 1_000_000_000
COLOURS = {"anna": (200, 40, 40), "ben": (40, 200, 40), "cleo": (40, 40, 200)}


class Time:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.ns = 5 * NS_PER_S

    def now_ns(self) -> int:
        return self.ns

    def wait(self, seconds: float) -> None:
        self.ns += round(seconds * NS_PER_S)


def picture(path: Path, rgb: tuple[int, int, int], size: tuple[int, int]) -> None:
    width, height = size
    cv2.imwrite(str(path), np.full((height, width, 3), rgb[::-1], np.uint8))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, colour in COLOURS.items():
        picture(tmp_path / f"{name}.png", colour, (WIDTH, HEIGHT))
    return tmp_path


def camera(
    folder: Path, time: Time | None = None, **options: object
) -> tuple[FolderCamera, Time]:
    time = time or Time()
    chosen = {"folder_noise": 0.0, "rate_fps": 10.0, **options}
    settings = Settings(
        source=f"folder:{folder}",
        width=WIDTH,
        height=HEIGHT,
        **chosen,  # type: ignore[arg-type]  # any setting, by name
    )
    found = FolderCamera(settings, time.now_ns, time.wait)
    found.open()
    return found, time


def frame(found: FolderCamera) -> Frame:
    got = found.read(10.0)
    assert got is not None
    return got


def shown(found: FolderCamera) -> str:
    """Return whose picture is before the camera."""
    centre = frame(found).rgb[HEIGHT // 2, WIDTH // 2]
    return min(COLOURS, key=lambda name: np.abs(centre - np.array(COLOURS[name])).sum())


def test_each_picture_stays_for_its_dwell_and_then_again(folder: Path) -> None:
    found, time = camera(folder, folder_dwell_s=2.0)
    names = []
    for _ in range(7):
        names.append(shown(found))
        time.wait(1.0)
    assert names == ["anna", "anna", "ben", "ben", "cleo", "cleo", "anna"]


def test_without_loop_the_last_picture_stays(folder: Path) -> None:
    found, time = camera(folder, folder_dwell_s=1.0, folder_loop=False)
    time.wait(100.0)
    assert shown(found) == "cleo"


def test_scene_file_switches_the_picture_at_will(folder: Path) -> None:
    found, time = camera(folder)
    assert shown(found) == "anna"
    for name in ("cleo", "ben", "cleo"):
        (folder / "new").write_text(f"{name}.png\n", encoding="utf-8")
        (folder / "new").replace(folder / "scene.txt")
        assert shown(found) == name
    (folder / "scene.txt").unlink()
    time.wait(2.0)
    assert shown(found) == "ben"


def test_scene_file_may_name_a_picture_that_came_later(folder: Path) -> None:
    found, _ = camera(folder)
    (folder / "ben.png").rename(folder / "zoe.png")
    (folder / "scene.txt").write_text("zoe.png", encoding="utf-8")
    assert shown(found) == "ben"


@pytest.mark.parametrize("words", ["nobody.png", "../../etc/passwd", "", "\n", "a\nb"])
def test_bad_scene_file_leaves_the_loop_running(folder: Path, words: str) -> None:
    found, _ = camera(folder)
    (folder / "scene.txt").write_text(words, encoding="utf-8")
    assert shown(found) == "anna"


def test_single_file_is_a_camera(folder: Path) -> None:
    found, time = camera(folder / "ben.png")
    time.wait(60)
    assert shown(found) == "ben"


def test_bad_pictures_are_skipped_with_a_reason(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "aaa.jpg").write_text("no picture", encoding="utf-8")
    (folder / "bad.jpg").write_bytes(b"")
    (folder / "notes.txt").write_text("hello", encoding="utf-8")
    (folder / "dir.png").mkdir()
    with caplog.at_level(logging.WARNING):
        found, time = camera(folder, folder_dwell_s=1.0)
        seen = set()
        for _ in range(12):
            seen.add(shown(found))
            time.wait(0.5)
    assert seen == set(COLOURS)
    skipped = {r.__dict__["file"] for r in caplog.records}
    assert skipped == {"aaa.jpg", "bad.jpg", "dir.png"}
    assert all(r.__dict__["reason"] for r in caplog.records)


@pytest.mark.parametrize("content", [{}, {"a.jpg": b"no picture"}, {"a.txt": b"x"}])
def test_folder_without_picture_is_an_absent_camera(
    tmp_path: Path, content: dict[str, bytes]
) -> None:
    for name, data in content.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(CameraAbsentError, match="no picture") as caught:
        camera(tmp_path)
    assert caught.value.hint


def test_pictures_that_vanish_are_an_absent_camera(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scenes, "CACHE_BYTES", WIDTH * HEIGHT * 3)
    found, time = camera(folder, folder_dwell_s=1.0)
    for path in folder.iterdir():
        path.unlink()
    time.wait(1.0)
    assert shown(found) == "anna"
    found.close()
    with pytest.raises(CameraAbsentError):
        found.open()


def test_cache_is_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "CACHE_BYTES", 2 * WIDTH * HEIGHT * 3)
    found, time = camera(folder, folder_dwell_s=1.0)
    for _ in range(9):
        shown(found)
        time.wait(1.0)
    assert found._scene is not None
    assert len(found._scene._cache) == 2


def test_picture_keeps_its_proportions_on_a_neutral_ground(tmp_path: Path) -> None:
    picture(tmp_path / "tall.png", (250, 250, 250), (100, 300))
    found, _ = camera(tmp_path, folder_scale=0.5)
    rgb = frame(found).rgb
    lit = np.argwhere(rgb[:, :, 0] > 200)
    (top, left), (bottom, right) = lit.min(axis=0), lit.max(axis=0)
    assert (bottom - top + 1, right - left + 1) == (60, 20)
    assert (rgb[0, 0] == scenes.BACKGROUND).all()


def test_rotated_camera_shows_a_tall_frame(folder: Path) -> None:
    found, _ = camera(folder, rotate=90)
    assert frame(found).rgb.shape == (WIDTH, HEIGHT, 3)


def test_noise_is_of_the_size_asked_for_and_fresh_in_each_frame(folder: Path) -> None:
    found, _ = camera(folder, folder_noise=4.0)
    first = frame(found).rgb.astype(int)
    second = frame(found).rgb.astype(int)
    assert (first - COLOURS["anna"]).std() == pytest.approx(4.0, abs=0.3)
    assert abs((first - COLOURS["anna"]).mean()) < 0.2
    assert (first - second).std() == pytest.approx(4.0 * 2**0.5, abs=0.5)


def test_same_seed_gives_the_same_frames(folder: Path) -> None:
    one, _ = camera(folder, folder_noise=3.0)
    two, _ = camera(folder, folder_noise=3.0)
    for _ in range(3):
        assert (frame(one).rgb == frame(two).rgb).all()


def test_noise_does_not_shine_through_a_mask(folder: Path) -> None:
    whole = [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)]
    found, _ = camera(folder, folder_noise=30.0, masks=[whole])
    assert not frame(found).rgb.any()
    assert not frame(found).rgb.any()


def test_frames_come_at_the_rate_of_the_settings(folder: Path) -> None:
    found, time = camera(folder, rate_fps=10.0)
    began_ns = time.ns
    for _ in range(21):
        frame(found)
    assert (time.ns - began_ns) / NS_PER_S == pytest.approx(2.0, abs=0.01)


def test_read_gives_up_at_its_timeout(folder: Path) -> None:
    found, time = camera(folder, rate_fps=1.0)
    frame(found)
    before_ns = time.ns
    assert found.read(0.2) is None
    assert time.ns - before_ns == 200_000_000


def test_photograph_turned_by_exif_stands_upright(tmp_path: Path) -> None:
    left_red = np.zeros((60, 80, 3), np.uint8)
    left_red[:, :40] = (0, 0, 255)
    done, jpeg = cv2.imencode(".jpg", left_red)
    assert done
    exif = (
        b"\xff\xe1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0"
        b"\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    )
    data = bytes(jpeg)
    (tmp_path / "turned.jpg").write_bytes(data[:2] + exif + data[2:])
    rgb = scenes.decode(tmp_path / "turned.jpg")
    assert rgb.shape[:2] == (80, 60)
    assert rgb[5, 30, 0] > 200
    assert rgb[-5, 30, 0] < 60


def test_a_picture_that_is_not_shown_is_not_kept(folder: Path) -> None:
    (folder / "scene.txt").write_text("cleo.png", encoding="utf-8")
    found, _ = camera(folder)
    frame(found)
    assert found._scene is not None
    assert list(found._scene._cache) == ["cleo.png"]
