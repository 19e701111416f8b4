"""`doorbell models`: what is installed, from where, and what it was trained on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from modelling import MODELS, needs

from doorbell.adapters.model_catalogue import FETCHED, YUNET
from doorbell.cli.main import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setattr("config.loader.DEFAULT_PATH", tmp_path / "absent.toml")
    return {"DOORBELL_VISION__MODELS_DIR": str(tmp_path / "models")}


def test_list_says_licence_digest_source_and_training(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models"], environ=environ) == 0
    shown = capsys.readouterr().out
    for model in FETCHED:
        for fact in (model.licence, model.sha256, model.url, model.training):
            assert fact in shown
        assert f"doorbell models fetch {model.name}" in shown
    assert main(["models", "list", "--json"], environ=environ) == 0
    found = json.loads(capsys.readouterr().out)
    assert {one["state"] for one in found["models"]} == {"absent"}


def test_a_file_is_installed_or_refused_by_its_digest(
    environ: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not MODELS.is_dir():
        pytest.skip(f"no model files below {MODELS}")
    good = MODELS / YUNET.filename
    bad = tmp_path / "changed.onnx"
    bad.write_bytes(good.read_bytes()[:-1] + b"!")
    words = ["models", "fetch", "yunet", "--file"]
    assert main([*words, str(bad)], environ=environ) == 65
    assert "digest is wrong" in capsys.readouterr().err
    assert main([*words, str(good)], environ=environ) == 0
    told = capsys.readouterr()
    assert YUNET.training in told.err
    assert "restart" in told.out
    assert main(["models", "--json"], environ=environ) == 0
    found = json.loads(capsys.readouterr().out)["models"]
    assert [m["state"] for m in found if m["name"] == "yunet"] == ["installed"]


def test_build_tells_how_far_it_is_from_dlib(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    needs("dlib", "onnxruntime")
    assert main(["models", "build", "--json"], environ=environ) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["largest_difference"] <= 1e-5
    assert main(["models", "list"], environ=environ) == 0
    assert "dlib-resnet: installed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["nothing"], "no model 'nothing'"),
        (["dlib-resnet"], "doorbell models build"),
        (["yunet", "--file", "x", "--mirror", "https://y"], "exclude"),
    ],
)
def test_words_that_do_not_fit_are_a_usage_error(
    environ: dict[str, str],
    words: list[str],
    why: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["models", "fetch", *words], environ=environ) == 2
    assert why in capsys.readouterr().err
