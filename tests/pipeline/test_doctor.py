"""`doorbell doctor` on this machine, with settings right and wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from doorbell.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path


def _examined(config: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict]:
    code = main(
        ["--config", str(config), "doctor", "--production", "--json"], environ={}
    )
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "porch").mkdir()
    file = tmp_path / "doorbell.toml"
    file.write_text(
        f'profile = "testing"\n[storage]\ndir = "{tmp_path / "state"}"\n'
        f'[button]\nsource = "mock"\n[camera]\nsource = "folder:{tmp_path / "porch"}"\n'
    )
    return file


def test_a_machine_in_order_is_told_so(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = _examined(config, capsys)
    assert code == 0
    assert found["camera"]["status"] == found["packages"]["status"] == "healthy"
    # The checklist knows a desk from a door.
    assert "button.source" in found["profile"]["detail"]


def test_what_is_missing_is_named_with_its_repair(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = config.read_text()
    config.write_text(
        text.replace("folder:", "rtsp://127.0.0.1:9/?").split("?")[0] + '"'
    )
    code, found = _examined(config, capsys)
    assert code == 69
    assert found["camera"]["detail"] == "the camera does not answer"
    assert found["camera"]["repair"]


def test_wrong_settings_do_not_keep_the_rest_from_being_examined(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text("[camera]\nwidht = 3\n")
    code, found = _examined(config, capsys)
    assert code == 69
    assert "width" in found["settings"]["detail"]
    assert "memory" in found
