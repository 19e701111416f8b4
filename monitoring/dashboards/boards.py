"""The three boards."""

from __future__ import annotations

from monitoring.dashboards.device import DEVICE
from monitoring.dashboards.household import HOUSEHOLD
from monitoring.dashboards.pipeline import PIPELINE

BOARDS = (HOUSEHOLD, PIPELINE, DEVICE)
