"""What holds for the tests of every kind."""

from __future__ import annotations

from hypothesis import settings

# How long one example takes says more about what else the machine does than about us.
settings.register_profile("doorbell", deadline=None)
settings.load_profile("doorbell")
