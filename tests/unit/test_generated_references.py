"""The committed references say what the source says."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import msgspec
import pytest

from config import reference, rendering, words
from config.loader import load
from config.production.production_settings import ProductionSettings
from config.validation import item_type, section_types
from doorbell.cli import reference as command_reference
from monitoring.metrics import reference as metrics_reference

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def test_committed_references_are_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    pages = (reference, command_reference, metrics_reference)
    codes = [one.main(["--check"]) for one in pages]
    assert codes == [0, 0, 0], capsys.readouterr().err


def test_a_stale_reference_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reference, "ROOT", tmp_path)
    assert reference.main([]) == 0
    assert reference.main(["--check"]) == 0
    (tmp_path / ".env.example").write_text("old")
    assert reference.main(["--check"]) == 1
    assert ".env.example" in capsys.readouterr().err


def fields() -> Iterator[tuple[str, object]]:
    kinds = dict(section_types())
    while kinds:
        name, kind = kinds.popitem()
        for info in msgspec.structs.fields(kind):
            yield f"{name}.{info.name}", info.type
            if item := item_type(info.type):
                kinds[f"{name}.{info.name}"] = item


@pytest.mark.parametrize(("key", "kind"), [pytest.param(*f, id=f[0]) for f in fields()])
def test_every_setting_says_what_it_means(key: str, kind: object) -> None:
    assert words.meaning(kind), key


def test_the_sample_changes_nothing_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "sample.toml"
    path.write_text(reference.sample())
    assert load(path, {}) == ProductionSettings()


def test_the_sample_with_every_default_uncommented_changes_nothing(
    tmp_path: Path,
) -> None:
    text = reference.sample().split("# [[")[0]
    text = re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE)
    path = tmp_path / "sample.toml"
    path.write_text(text)
    assert load(path, {}) == ProductionSettings()


def test_what_is_shown_can_be_loaded_again(tmp_path: Path) -> None:
    target = {
        "name": "a",
        "url": 'file:/tmp/\u00fc "x" \\y',
        "rules": [{"person": "b"}],
    }
    raw = {"notify": {"targets": [target, {"name": "b", "url": "console:"}]}}
    settings = msgspec.convert(raw, ProductionSettings)
    path = tmp_path / "shown.toml"
    path.write_text(rendering.to_toml(msgspec.to_builtins(settings)))
    assert load(path, {}) == settings


def test_a_table_in_a_list_is_rendered_inline() -> None:
    text = f"x = {rendering.value([{'a': 1, 'b': [True]}])}"
    assert tomllib.loads(text) == {"x": [{"a": 1, "b": [True]}]}
