"""What each process may load: memory is the scarcest thing on the smallest Pi."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIBRARIES = ("cv2", "numpy", "dlib", "PIL", "apprise", "gpiozero", "asyncio")
STORAGE = ("sqlite3", "cryptography")
# What a role of its own needs, and no other.
READERS = ("tomllib", "difflib", "argparse")
OTHERS = ("zoneinfo", "http.client", "email", "hashlib", "subprocess")


def loaded(statement: str, watched: tuple[str, ...]) -> set[str]:
    report = f"{statement}\nimport sys\nprint(*(set({watched}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", report], check=True, capture_output=True, text=True
    )
    return set(done.stdout.split())


def test_a_worker_begins_with_neither_storage_nor_a_heavy_library() -> None:
    unwanted = LIBRARIES + STORAGE + READERS + OTHERS
    assert loaded("import doorbell.runtime.worker", unwanted) == set()


def test_a_worker_begins_with_less_than_twelve_mib_of_its_own() -> None:
    # 10.8 on x86-64 with Python 3.11, of which the bare interpreter is 4; 13.2 before
    # workers left to others what only others need.
    statement = (
        "import doorbell.runtime.worker, re\n"
        "rollup = open('/proc/self/smaps_rollup').read()\n"
        "print(re.search(r'Anonymous: +([0-9]+)', rollup)[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", statement], check=True, capture_output=True, text=True
    )
    assert int(done.stdout) / 1024 < 12


def test_the_capture_worker_loads_no_hashes_and_no_generators() -> None:
    statement = (
        "from doorbell.runtime import worker\n"
        "from doorbell.stages import capture\n"
        "from doorbell.adapters import camera_folder, jpeg\n"
    )
    unwanted = ("numpy.random", "PIL", "dlib", "onnxruntime", "hashlib", *STORAGE)
    assert loaded(statement, unwanted) == set()


def test_the_vision_worker_loads_neither_pillow_nor_http() -> None:
    statement = (
        "from doorbell.runtime import worker, models\n"
        "from doorbell.stages import vision\n"
        "from doorbell.adapters import engines, jpeg\n"
    )
    unwanted = ("PIL", "http.client", "numpy.random", "tomllib", *STORAGE)
    assert loaded(statement, unwanted) == set()


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
