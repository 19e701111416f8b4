"""What a panel and a board are, before they become Grafana's JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["stat", "timeseries", "bars", "gauge"]


@dataclass(frozen=True)
class Query:
    """One PromQL expression.

    Attributes:
        legend: of each series; `{{label}}` is replaced by the label's value.
        pi_only: it has values on a Pi only, so that no other machine can test it.
    """

    promql: str
    legend: str
    pi_only: bool = False


@dataclass(frozen=True)
class Panel:
    """One picture of a board.

    Attributes:
        unit: Grafana's name of the unit, e.g. `s`, `bytes`, `percent`.
        says: what a person should read from it, in one or two sentences.
        width: of the board's 24 columns.
    """

    title: str
    kind: Kind
    queries: tuple[Query, ...]
    unit: str
    says: str
    width: int = 12


@dataclass(frozen=True)
class Row:
    """Panels under one heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Board:
    """One dashboard.

    Attributes:
        since: how far back it looks when it is opened, in Grafana's words.
    """

    uid: str
    title: str
    since: str
    rows: tuple[Row, ...]

    def panels(self) -> list[Panel]:
        """Return all its panels."""
        return [panel for row in self.rows for panel in row.panels]
