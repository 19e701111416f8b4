"""A model arrives whole and right, or nothing of it stays."""

from __future__ import annotations

import hashlib
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from doorbell.adapters import model_fetch
from doorbell.adapters.model_catalogue import FETCHED, Model
from doorbell.adapters.model_folder import ModelFolder
from doorbell.core.errors import (
    BadInputError,
    ModelError,
    StorageError,
    UnavailableError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONTENT = bytes(range(256)) * 1200
MODEL = Model(
    name="toy",
    filename="toy.onnx",
    url="",
    licence="MIT",
    size=len(CONTENT),
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    use="plays",
    training="Trained on nothing.",
)


@dataclass
class Site:
    """What a server does, request by request.

    Attributes:
        script: one word a request; then `ok`. `ok` answers and honours ranges, `whole`
            ignores them, `drop` ends in the middle, `wrong` sends other bytes,
            `endless` never stops, `short` claims to be whole, `404`, `500`, `away`
            redirects to the next request.
        asked: the Range of each request, "" for none.
    """

    script: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    url: str = ""
    sent: int = 0


def handler(site: Site) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - one case a word
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            site.asked.append(wanted)
            word = site.script.pop(0) if site.script else "ok"
            start = int(wanted[6:-1]) if wanted and word != "whole" else 0
            match word:
                case "404" | "500":
                    self.send_error(int(word))
                case "away":
                    self.send_response(302)
                    self.send_header("Location", f"{site.url}/elsewhere")
                    self.end_headers()
                case "endless":
                    self.answer(0, None)
                    self.stream()
                case "wrong":
                    self.answer(0, len(CONTENT))
                    self.wfile.write(CONTENT[:-1] + b"!")
                case "short":
                    self.answer(0, 1000)
                    self.wfile.write(CONTENT[:1000])
                case "drop":
                    self.answer(start, len(CONTENT) - start)
                    self.wfile.write(CONTENT[start : start + 100_000])
                case _:
                    self.answer(start, len(CONTENT) - start)
                    self.wfile.write(CONTENT[start:])

        def answer(self, start: int, length: int | None) -> None:
            self.send_response(206 if start else 200)
            if start:
                last = len(CONTENT) - 1
                place = f"bytes {start}-{last}/{len(CONTENT)}"
                self.send_header("Content-Range", place)
            if length is not None:
                self.send_header("Content-Length", str(length))
            self.end_headers()

        def stream(self) -> None:
            try:
                while True:
                    site.sent += self.wfile.write(b"x" * 65536)
            except OSError:
                return

        def log_message(self, *args: object) -> None:
            pass

    return Handler


@contextmanager
def serving(*script: str) -> Iterator[Site]:
    site = Site(list(script))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(site))
    site.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> ModelFolder:
    return ModelFolder(tmp_path / "models")


def fetched(folder: ModelFolder, site: Site, heard: list[int] | None = None) -> Path:
    arrived = heard.append if heard is not None else lambda _: None
    url = model_fetch.mirrored(MODEL, site.url)
    return model_fetch.fetch(MODEL, folder, url, arrived)


def left_in(folder: ModelFolder) -> set[str]:
    return {path.name for path in folder.path.iterdir()} - {".lock"}


def test_model_arrives_and_is_what_it_should_be(folder: ModelFolder) -> None:
    heard: list[int] = []
    with serving() as site:
        path = fetched(folder, site, heard)
    assert path.read_bytes() == CONTENT
    assert left_in(folder) == {MODEL.filename}
    assert folder.condition(MODEL) == "installed"
    assert heard == sorted(heard)
    assert heard[-1] == MODEL.size


def test_installed_model_is_not_fetched_again(folder: ModelFolder) -> None:
    with serving() as site:
        fetched(folder, site)
        fetched(folder, site)
    assert site.asked == [""]


def test_dropped_download_goes_on_where_it_ended(folder: ModelFolder) -> None:
    with serving("drop", "drop", "ok") as site:
        assert fetched(folder, site).read_bytes() == CONTENT
    assert site.asked == ["", "bytes=100000-", "bytes=200000-"]


def test_download_of_an_earlier_run_goes_on(folder: ModelFolder) -> None:
    with serving("drop", "404") as site:
        with pytest.raises(UnavailableError, match="404"):
            fetched(folder, site)
        assert folder.condition(MODEL) == "absent"
        assert fetched(folder, site).read_bytes() == CONTENT
    assert site.asked[-1] == "bytes=100000-"


def test_server_without_ranges_sends_all_again(folder: ModelFolder) -> None:
    with serving("drop", "whole") as site:
        assert fetched(folder, site).read_bytes() == CONTENT


def test_wrong_bytes_are_refused_and_nothing_stays(folder: ModelFolder) -> None:
    with serving("wrong", "ok") as site:
        with pytest.raises(ModelError, match="digest is wrong") as caught:
            fetched(folder, site)
        assert caught.value.exit_code == 65
        assert left_in(folder) == set()
        # And the next try begins anew.
        assert fetched(folder, site).read_bytes() == CONTENT
    assert site.asked == ["", ""]


def test_wrong_download_keeps_an_installed_file(folder: ModelFolder) -> None:
    with serving("ok", "wrong") as site:
        path = fetched(folder, site)
        path.write_bytes(b"damaged meanwhile")
        with pytest.raises(ModelError):
            fetched(folder, site)
    assert path.read_bytes() == b"damaged meanwhile"


def test_endless_data_is_refused_after_the_models_size(folder: ModelFolder) -> None:
    with serving("endless") as site:
        with pytest.raises(ModelError, match="more than"):
            fetched(folder, site)
        assert left_in(folder) == set()
    # What the kernel buffered on both sides, but no more.
    assert site.sent < MODEL.size + (32 << 20)


@pytest.mark.parametrize("word", ["404", "500", "short"])
def test_server_that_has_it_not_is_an_error(folder: ModelFolder, word: str) -> None:
    with serving(*[word] * 5) as site, pytest.raises(UnavailableError) as caught:
        fetched(folder, site)
    assert caught.value.exit_code == 69
    assert "--file" in caught.value.hint
    assert folder.condition(MODEL) == "absent"


def test_redirect_is_followed(folder: ModelFolder) -> None:
    with serving("away", "ok") as site:
        assert fetched(folder, site).read_bytes() == CONTENT


def test_redirects_in_a_circle_end(folder: ModelFolder) -> None:
    with serving(*["away"] * 50) as site, pytest.raises(UnavailableError):
        fetched(folder, site)


def test_silent_machine_is_an_error(folder: ModelFolder) -> None:
    with serving() as site:
        pass
    with pytest.raises(UnavailableError, match="refused") as caught:
        fetched(folder, site)
    assert caught.value.exit_code == 69


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "toy.onnx", ""])
def test_only_the_web_is_fetched_from(folder: ModelFolder, url: str) -> None:
    with pytest.raises(BadInputError, match="no address"):
        model_fetch.fetch(MODEL, folder, url, lambda _: None)


def test_interrupted_download_can_go_on(folder: ModelFolder) -> None:
    def interrupt(have: int) -> None:
        if have > 100_000:
            raise KeyboardInterrupt

    with serving() as site:
        url = model_fetch.mirrored(MODEL, site.url)
        with pytest.raises(KeyboardInterrupt):
            model_fetch.fetch(MODEL, folder, url, interrupt)
        assert folder.condition(MODEL) == "absent"
        assert fetched(folder, site).read_bytes() == CONTENT
    assert site.asked[1].startswith("bytes=")


# From a file.


def test_file_brought_along_is_installed(folder: ModelFolder, tmp_path: Path) -> None:
    path = tmp_path / "copy"
    path.write_bytes(CONTENT)
    model_fetch.take_file(MODEL, folder, path, lambda _: None)
    assert folder.condition(MODEL) == "installed"


@pytest.mark.parametrize("content", [b"", CONTENT[:-1], CONTENT + b"x", b"!" * 307_200])
def test_another_file_is_refused(
    folder: ModelFolder, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "copy"
    path.write_bytes(content)
    with pytest.raises(ModelError):
        model_fetch.take_file(MODEL, folder, path, lambda _: None)
    assert left_in(folder) == set()
    assert path.exists()


def test_missing_file_is_an_error(folder: ModelFolder, tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(BadInputError, match="cannot be read"):
            model_fetch.take_file(MODEL, folder, path, lambda _: None)
    assert left_in(folder) == set()


def test_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("")
    with serving() as site, pytest.raises(StorageError):
        fetched(ModelFolder(tmp_path / "models"), site)


def test_catalogue_pins_every_file() -> None:
    for model in FETCHED:
        assert model.url.startswith("https://")
        assert len(bytes.fromhex(model.sha256)) == 32
        assert model.size > 0
        assert model.licence
        assert model.training.endswith(".")
    assert len({model.name for model in FETCHED}) == len(FETCHED)
