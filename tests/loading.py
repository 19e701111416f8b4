"""Settings from a text, or the mistakes in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from config.errors import Mistake, SettingsError
from config.loader import load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from config.production.production_settings import ProductionSettings

NO_VARIABLES: dict[str, str] = {}


def loaded(
    folder: Path, text: str | bytes, environ: Mapping[str, str] = NO_VARIABLES
) -> ProductionSettings:
    path = folder / "doorbell.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load(path, environ)


def mistakes(
    folder: Path, text: str | bytes, environ: Mapping[str, str] = NO_VARIABLES
) -> tuple[Mistake, ...]:
    with pytest.raises(SettingsError) as caught:
        loaded(folder, text, environ)
    assert caught.value.exit_code == 78
    return caught.value.mistakes
