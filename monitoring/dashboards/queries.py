"""What several panels ask, in PromQL."""

from __future__ import annotations

from monitoring.dashboards.panel import Query


def grown(counter: str, window: str) -> str:
    """How much each series of a counter grew; a new one by all it has.

    A house has few rings: to `increase` the first of its kind after a start is none.
    """
    new = f"({counter} unless {counter} offset {window})"
    return f"({new} or increase({counter}[{window}]))"


def quantiles(metric: str, by: str = "") -> tuple[Query, ...]:
    """Median and 95th percentile of a histogram over the panel's step."""
    labels = f"le, {by}" if by else "le"
    legend = f" {{{{{by}}}}}" if by else ""
    return tuple(
        Query(
            f"histogram_quantile({share}, "
            f"sum by ({labels}) {grown(f'{metric}_bucket', '$__range')})",
            f"{name}{legend}",
        )
        for share, name in ((0.5, "median"), (0.95, "95 %"))
    )
