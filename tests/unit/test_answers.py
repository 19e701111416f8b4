"""What an HTTP status means for a delivery."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from doorbell.core.answers import in_words, meaning, retry_after_s

NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize("status", [200, 201, 204])
def test_two_hundreds_are_sent(status: int) -> None:
    assert meaning(status) == "sent"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413])
def test_what_cannot_heal_is_refused(status: int) -> None:
    assert meaning(status) == "refused"


@pytest.mark.parametrize("status", [301, 302, 307, 408, 425, 429, 500, 502, 503, 511])
def test_what_may_heal_is_tried_again(status: int) -> None:
    assert meaning(status) == "retry"


def test_retry_after_in_both_forms_and_nonsense() -> None:
    assert retry_after_s("7", NOW) == 7.0
    assert retry_after_s("Tue, 03 Nov 2026 12:01:00 GMT", NOW) == 60.0
    assert retry_after_s("Tue, 03 Nov 2026 11:00:00 GMT", NOW) == 0.0
    for nonsense in (None, "", "soon", "-3", "²", "Tue, 99 Nov 2026"):
        assert retry_after_s(nonsense, NOW) is None


def test_a_refusal_says_what_to_do_about_it() -> None:
    assert "token" in in_words(401)
    assert in_words(502) == "HTTP 502"
