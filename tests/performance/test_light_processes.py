"""What each process may load: memory is the scarcest thing on the smallest Pi."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIBRARIES = ("cv2", "numpy", "dlib", "PIL", "apprise", "gpiozero", "asyncio")
STORAGE = ("sqlite3", "cryptography")


def loaded(statement: str, watched: tuple[str, ...]) -> set[str]:
    report = f"{statement}\nimport sys\nprint(*(set({watched}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", report], check=True, capture_output=True, text=True
    )
    return set(done.stdout.split())


def test_a_worker_begins_with_neither_storage_nor_a_heavy_library() -> None:
    assert loaded("import doorbell.runtime.worker", LIBRARIES + STORAGE) == set()


def test_the_button_worker_never_loads_pixels() -> None:
    statement = (
        "from doorbell.runtime import worker\n"
        "from doorbell.stages import button\n"
        "from doorbell.adapters import button_gpiozero, button_mock, chime\n"
        "from doorbell.adapters import gpio_lines, ring_journal\n"
    )
    assert loaded(statement, ("cv2", "numpy", "dlib", "PIL", *STORAGE)) == set()


def test_the_notify_worker_loads_only_what_draws() -> None:
    statement = (
        "from doorbell.runtime import worker\n"
        "from doorbell.stages import notify\n"
        "from doorbell.adapters import picture_render\n"
        "from doorbell.adapters.notifiers import open_all\n"
        "open_all({'door': 'webhook+https://example.org/', 'log': 'console:'})\n"
    )
    assert loaded(statement, ("cv2", "numpy", "dlib", "apprise", *STORAGE)) == set()


def test_the_web_process_loads_neither_storage_nor_keys_nor_pixels() -> None:
    heavy = ("cv2", "numpy", "dlib", "PIL", "apprise", "gpiozero", *STORAGE)
    assert loaded("import doorbell.web.__main__, doorbell.web.process", heavy) == set()


@pytest.mark.parametrize("module", ["daemon", "client"])
def test_the_supervisor_loads_no_heavy_library(module: str) -> None:
    heavy = ("cv2", "numpy", "dlib", "PIL", "apprise", "gpiozero")
    assert loaded(f"import doorbell.runtime.{module}", heavy) == set()
