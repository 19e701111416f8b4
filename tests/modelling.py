"""Model files for tests: those of the test data, in folders of their own."""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

from doorbell.adapters.model_catalogue import FETCHED
from doorbell.adapters.model_folder import ModelFolder

MODELS = Path(os.environ.get("DOORBELL_TEST_DATA", "../shared/data")) / "models"


def needs(*libraries: str) -> None:
    """Skip where a library is not installed, without loading it."""
    for library in libraries:
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed")


def furnished(path: Path) -> ModelFolder:
    """Return a folder with every model that can be fetched."""
    needs("dlib", "onnxruntime")
    if not MODELS.is_dir():
        pytest.skip(f"no model files below {MODELS}")
    for model in FETCHED:
        # Copied, not linked: a test may damage them.
        shutil.copyfile(MODELS / model.filename, path / model.filename)
    return ModelFolder(path)
