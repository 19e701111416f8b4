"""Writes the boards as Grafana's JSON: `python -m monitoring.dashboards.rendering`.

With `--check` it only compares. Needs `grafana-foundation-sdk`, which only whoever
changes a board has to install.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from grafana_foundation_sdk.builders import dashboard as d
from grafana_foundation_sdk.builders import gauge, prometheus, stat, timeseries
from grafana_foundation_sdk.builders.common import (
    ReduceDataOptions,
    StackingConfig,
    VizLegendOptions,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
)

from config.reference import publish
from monitoring.dashboards.boards import BOARDS

if TYPE_CHECKING:
    from monitoring.dashboards.panel import Board, Panel, Query

FOLDER = Path("infrastructure/grafana/dashboards")
# The uid that `infrastructure/grafana/provisioning/datasources` gives Prometheus.
SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
HEIGHT = 8

AnyPanel = timeseries.Panel | stat.Panel | gauge.Panel


def as_json(board: Board) -> str:
    """Return a board as Grafana reads it."""
    builder = (
        d.Dashboard(board.title)
        .uid(board.uid)
        .tags(["doorbell"])
        .time(board.since, "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
    )
    for row in board.rows:
        builder.with_row(d.Row(row.title))
        for panel in row.panels:
            builder.with_panel(_panel(panel))
    return JSONEncoder(sort_keys=True, indent=2).encode(builder.build()) + "\n"


def _panel(panel: Panel) -> AnyPanel:
    builder = _of_kind(panel)
    builder.title(panel.title).description(panel.says).unit(panel.unit)
    builder.datasource(SOURCE).span(panel.width).height(HEIGHT)
    for number, query in enumerate(panel.queries):
        builder.with_target(_query(query, chr(ord("A") + number)))
    return builder


def _of_kind(panel: Panel) -> AnyPanel:
    match panel.kind:
        case "stat":
            return stat.Panel().reduce_options(_last_value())
        case "gauge":
            return gauge.Panel().min(0).max(1).reduce_options(_last_value())
        case "bars":
            stacked = StackingConfig().mode(StackingMode.NORMAL)
            bars = timeseries.Panel().draw_style(GraphDrawStyle.BARS)
            return bars.fill_opacity(80).stacking(stacked).legend(_legend())
        case "timeseries":
            return (
                timeseries.Panel()
                .line_width(2)
                .legend(_legend())
                .span_nulls(span_nulls=True)
            )


def _last_value() -> ReduceDataOptions:
    return ReduceDataOptions().calcs(["lastNotNull"])


def _legend() -> VizLegendOptions:
    shown = VizLegendOptions().show_legend(show_legend=True)
    return shown.display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)


def _query(query: Query, ref: str) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.promql).legend_format(query.legend)
    return target.ref_id(ref).datasource(SOURCE)


def main() -> int:
    """Write the files, or say which are not what the boards say."""
    pages = {str(FOLDER / f"{board.uid}.json"): as_json(board) for board in BOARDS}
    return publish(pages, check="--check" in sys.argv[1:])


if __name__ == "__main__":
    raise SystemExit(main())
