"""What is legal but unwise is said, and what is wise gets no word."""

from __future__ import annotations

import msgspec
import pytest

from config.advice import Advice, advise, is_guessable, is_private_host
from config.production.production_settings import ProductionSettings

GOOD = {
    "storage": {"key_file": "/etc/doorbell/keys/master.key"},
    "notify": {
        "targets": [{"name": "phone", "url": "ntfy+https://ntfy.house.lan/x"}],
    },
}


def advice_on(**tables: object) -> list[Advice]:
    return advise(msgspec.convert({**GOOD, **tables}, ProductionSettings))


def target(url: str, **more: object) -> dict[str, object]:
    return {"targets": [{"name": "phone", "url": url, **more}]}


def test_a_wise_configuration_gets_no_advice() -> None:
    assert advice_on() == []


@pytest.mark.parametrize(
    "url",
    [
        "ntfy+https://ntfy.sh/Xk29vQ8mZp31LwTr",
        "ntfys://ntfy.sh/Xk29vQ8mZp31LwTr",
        "ntfys://Xk29vQ8mZp31LwTr",
        "webhook+https://ntfy.sh/Xk29vQ8mZp31LwTr",
    ],
)
def test_pictures_to_a_public_relay_are_warned_of(url: str) -> None:
    (found,) = advice_on(notify=target(url))
    assert found.key == "notify.targets[0].url"
    assert "pictures" in found.message
    assert "ntfy.sh" in found.message
    assert advice_on(notify=target(url, picture=False)) == []
    assert "Xk29" not in str(found)


def test_a_topic_that_can_be_guessed_is_warned_of() -> None:
    (found,) = advice_on(notify=target("ntfy+https://ntfy.sh/doorbell", picture=False))
    assert "guess" in found.message


@pytest.mark.parametrize(
    ("topic", "guessable"),
    [
        ("door", True),
        ("my-front-door", True),
        ("doorbell2024", False),
        ("smith_house_5", True),
        ("123456", True),
        ("", True),
        ("k3v9x2m8q4z7", False),
        ("8f3e9a7c1b2d4f60", False),
        ("correct-horse-battery-staple", False),
    ],
)
def test_a_topic_is_guessable_if_made_of_few_words(topic: str, guessable: bool) -> None:
    assert is_guessable(topic) is guessable


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        ("webhook+http://example.org/hook", True),
        ("json://example.org/hook", True),
        ("ntfy://push.example.org/k3v9x2m8q4z7", True),
        ("webhook+https://example.org/hook", False),
        ("webhook+http://192.168.1.4/hook", False),
        ("webhook+http://homeassistant.local/hook", False),
        ("json://localhost/hook", False),
        ("console:", False),
    ],
)
def test_pictures_in_the_clear_across_the_internet_are_warned_of(
    url: str, warned: bool
) -> None:
    found = advice_on(notify=target(url))
    assert any("unencrypted" in one.message for one in found) is warned


@pytest.mark.parametrize(
    ("tables", "key"),
    [
        ({"button": {"source": "mock"}}, "button.source"),
        ({"camera": {"source": "folder:/pictures"}}, "camera.source"),
        ({"camera": {"source": "rtsp://cam.example.org/1"}}, "camera.source"),
        ({"camera": {"source": "rtsp://me:pass@cam.lan/1"}}, "camera.source"),
        ({"notify": {}}, "notify.targets"),
        ({"notify": target("console:", enabled=False)}, "notify.targets"),
        ({"notify": target("mailto://me:secret@house.lan")}, "notify.targets[0].url"),
        ({"features": {"notifications": False}}, "features.notifications"),
        ({"control": {"group": "a", "admin_group": "a"}}, "control.admin_group"),
        ({"log": {"level": "debug"}}, "log.level"),
        ({"camera": {"rate_fps": 20}}, "camera.preroll_s"),
    ],
)
def test_each_unwise_setting_is_named(tables: dict[str, object], key: str) -> None:
    assert [one.key for one in advice_on(**tables)] == [key]


def test_a_key_beside_what_it_encrypts_is_warned_of() -> None:
    keys = [one.key for one in advice_on(storage={})]
    assert keys == ["storage.key_file"]
    elsewhere = {"key_file": "/var/lib/doorbell-keys/k", "dir": "/var/lib/doorbell"}
    assert advice_on(storage=elsewhere) == []


def test_years_of_faces_are_warned_of() -> None:
    storage = {"key_file": "/etc/k", "keep_days": 1000, "picture_days": 364}
    assert [one.key for one in advice_on(storage=storage)] == ["storage.keep_days"]


def test_fakes_are_no_surprise_in_development() -> None:
    fakes = {"button": {"source": "mock"}, "camera": {"source": "folder:/p"}}
    assert advice_on(profile="development", **fakes) == []


@pytest.mark.parametrize(
    ("listen", "keys"),
    [
        ("127.0.0.1:8080", []),
        ("[::1]:8080", []),
        ("0.0.0.0:8080", ["web.listen"]),
        ("[::]:8080", ["web.listen"]),
    ],
)
def test_a_token_in_the_clear_on_the_network_is_warned_of(
    listen: str, keys: list[str]
) -> None:
    web = {"enabled": True, "listen": listen}
    assert [advice.key for advice in advice_on(web=web)] == keys


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("10.1.2.3", True),
        ("fd00::1", True),
        ("127.0.0.1", True),
        ("nas", True),
        ("nas.home.arpa", True),
        ("8.8.8.8", False),
        ("local.example.org", False),
        ("notlan", True),
        ("evil.notlan", False),
    ],
)
def test_a_host_is_private_only_by_address_or_suffix(host: str, private: bool) -> None:
    assert is_private_host(host) is private


@pytest.mark.parametrize(
    ("engine", "known_at", "warned"),
    [
        ("dlib-onnx", 0.6, True),
        ("dlib", 0.93, False),
        ("mobilefacenet", 0.2, True),
        ("mobilefacenet", 0.36, False),
        ("auto", 0.2, True),
        ("auto", 0.4, False),
        ("fake", 0.1, False),
    ],
)
def test_a_line_far_below_the_engines_is_warned_of(
    engine: str, known_at: float, *, warned: bool
) -> None:
    found = advice_on(vision={"engine": engine, "known_at": known_at})
    lines = [one for one in found if one.key == "vision.known_at"]
    assert bool(lines) is warned
    assert all("strangers_named" in one.message for one in lines)
