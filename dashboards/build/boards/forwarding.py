"""Of sidewatch itself: the logs that it forwards, how far behind it is, and what became of them."""

from __future__ import annotations

from dashboards.build.shapes import UP, Query, Row, lines, table

FORWARDING = Row(
    "Forwarded logs",
    (
        table(
            "Destinations",
            "Each receiver: whether it answers, and when it last acknowledged records.",
            "UP, acknowledged of late.",
            Query(
                "max by (app, destination, instance) (sidewatch_forward_up{<ours>})",
                column="state",
                words=UP,
            ),
            Query(
                "max by (app, destination, instance)"
                " (sidewatch_forward_last_acknowledged_timestamp_seconds{<ours>}) * 1000",
                column="acknowledged",
                unit="dateTimeFromNow",
            ),
            Query(
                "sum by (app, destination, instance) (sidewatch_forward_lag_bytes{<ours source>})",
                column="waiting",
                unit="bytes",
            ),
            order=("app", "destination", "instance"),
            alerts=("SidewatchForwardDown",),
            width=12,
        ),
        lines(
            "Behind in forwarding",
            "How long the oldest line that no receiver has acknowledged has waited. Dashed: how"
            " long it may.",
            "seconds; below the dashed line.",
            Query(
                "max by (app, destination, source, instance)"
                " (sidewatch_forward_lag_seconds{<ours source>})",
                "{{app}} {{destination}} {{source}}",
            ),
            Query(
                "max by (app, destination, instance)"
                " (sidewatch_forward_lag_objective_seconds{<ours>})",
                "objective {{app}} {{destination}}",
                goal=True,
            ),
            unit="s",
            alerts=("SidewatchForwardLagging",),
        ),
        lines(
            "Records that were taken",
            "Records a second that each receiver has taken.",
            "as many as are written and selected.",
            Query(
                "sum by (app, destination) (rate("
                "sidewatch_forward_acknowledged_records_total{<ours source>}[$__rate_interval]))",
                "{{app}} {{destination}}",
            ),
            unit="cps",
        ),
        lines(
            "Requests",
            "Requests a second, by what became of them.",
            "nearly all acknowledged.",
            Query(
                "sum by (destination, outcome)"
                " (rate(sidewatch_forward_requests_total{<ours>}[$__rate_interval]))",
                "{{destination}} {{outcome}}",
            ),
            unit="reqps",
        ),
        lines(
            "Records that no receiver has",
            "In an hour: records that a receiver will never take, and bytes that were gone before"
            " they were sent.",
            "0.",
            Query(
                "sum by (app, destination, source, reason)"
                " (increase(sidewatch_forward_rejected_records_total{<ours source>}[1h]))",
                "rejected {{app}} {{destination}} {{reason}}",
            ),
            Query(
                "sum by (app, destination, source, reason)"
                " (increase(sidewatch_forward_lost_bytes_total{<ours source>}[1h]))",
                "bytes lost {{app}} {{destination}} {{reason}}",
            ),
            alerts=("SidewatchForwardRejected", "SidewatchForwardLost"),
        ),
        lines(
            "Secrets that were taken out",
            "Redactions in an hour, by rule.",
            "few; many tell of an application that logs secrets.",
            Query(
                "sum by (destination, rule)"
                " (increase(sidewatch_forward_redacted_total{<ours>}[1h]))",
                "{{destination}} {{rule}}",
            ),
        ),
    ),
)
