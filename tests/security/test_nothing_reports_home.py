"""A library that reports to its maker does not do so in this house."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

# onnxruntime 1.32, once loaded, opens a database below the home and uploads from it.
# The database shows it without a network.
LOADED = "from doorbell.adapters import onnx_session; onnx_session._library()"


def files_after(statement: str, home: Path) -> list[Path]:
    environ = {k: v for k, v in os.environ.items() if k != "ORT_DISABLE_TELEMETRY"}
    home.mkdir()
    environ |= {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    subprocess.run(
        [sys.executable, "-c", statement],
        env=environ,
        check=True,
        capture_output=True,
        cwd=home,
    )
    return [path for path in home.rglob("*") if path.is_file()]


def test_onnxruntime_keeps_no_record_of_its_use(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    assert files_after(LOADED, tmp_path / "ours") == []
