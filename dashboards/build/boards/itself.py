"""7 sidewatch and the monitoring pipeline: can what you see be trusted."""

from __future__ import annotations

from dashboards.build.boards.forwarding import FORWARDING
from dashboards.build.boards.pipeline import PIPELINE
from dashboards.build.shapes import UP, Board, Query, Row, lines, stat, table

VERDICT = Row(
    "",
    (
        stat(
            "Labels",
            "Whether the scrape keeps sidewatch's labels (honor_labels). If not, no rule finds"
            " anything.",
            "KEPT.",
            'min(sidewatch_label_canary{app="canary", service="canary", container="canary",'
            " <targets>})",
            alerts=("SidewatchLabelCanary",),
            words=((1, "KEPT", "ok"),),
            nothing="RENAMED",
        ),
        stat(
            "State on disk",
            "Whether the state can be saved. While it cannot, exactly-once is suspended.",
            "SAVED.",
            "max(sidewatch_state_degraded{<targets>})",
            alerts=("SidewatchStateDegraded",),
            words=((0, "SAVED", "ok"), (1, "DEGRADED", "bad")),
        ),
        stat(
            "Configuration",
            "Whether the newest configuration was taken.",
            "TAKEN.",
            "min(sidewatch_config_reload_success{<targets>})",
            alerts=("SidewatchConfigReloadFailed",),
            words=((1, "TAKEN", "ok"), (0, "REFUSED", "warn")),
        ),
        stat(
            "Blind sources",
            "Sources that cannot be read: alerts from them cannot fire.",
            "0.",
            "count(max by (app, source, instance) (sidewatch_source_up{<ours source>}) == 0)"
            " or vector(0)",
            alerts=("SidewatchSourceDown",),
            steps=((1, "bad"),),
        ),
        stat(
            "Behind in logs",
            "How long the oldest unread byte of any log has waited.",
            "below 60 s.",
            "max(sidewatch_source_lag_seconds{<ours source>})",
            unit="s",
            alerts=("SidewatchSourceLagging",),
            steps=((60, "warn"),),
        ),
        stat(
            "Targets down",
            "Targets that do not answer Prometheus.",
            "0.",
            "count(up{<targets>} == 0) or vector(0)",
            alerts=("PipelineTargetDown", "PipelineJobGone"),
            steps=((1, "warn"),),
        ),
    ),
)

SOURCES = Row(
    "What sidewatch reads",
    (
        table(
            "Sources",
            "Each source: whether it can be read, how long ago it was looked at, how far behind.",
            "UP, looked at within its interval.",
            Query(
                "max by (app, instance, source) (sidewatch_source_up{<ours source>})",
                column="state",
                words=UP,
            ),
            Query(
                "time() - max by (app, instance, source)"
                " (sidewatch_source_last_success_timestamp_seconds{<ours source>})",
                column="looked at",
                unit="s",
            ),
            Query(
                "max by (app, instance, source) (sidewatch_source_interval_seconds{<ours source>})",
                column="every",
                unit="s",
            ),
            Query(
                "max by (app, instance, source) (sidewatch_source_lag_bytes{<ours source>})",
                column="unread",
                unit="bytes",
            ),
            order=("app", "source", "instance"),
            alerts=("SidewatchSourceDown", "SidewatchSourceStale"),
        ),
        lines(
            "Behind in logs",
            "How long the oldest unread byte has waited.",
            "below 60 s; beyond, what a source feeds may be withheld.",
            Query(
                "max by (app, source, instance) (sidewatch_source_lag_seconds{<ours source>})",
                "{{app}} {{source}}",
            ),
            unit="s",
            alerts=("SidewatchSourceLagging",),
            steps=((60, "warn"),),
        ),
        lines(
            "Failures of sources",
            "Failures in ten minutes, by reason.",
            "0.",
            Query(
                "sum by (app, source, reason)"
                " (increase(sidewatch_source_failures_total{<ours source>}[10m]))",
                "{{app}} {{source}} {{reason}}",
            ),
        ),
        table(
            "Queries",
            "Each query of a database: how long ago it was answered, how long that took, how often"
            " it is asked.",
            "answered within its interval.",
            Query(
                "time() - max by (app, instance, query)"
                " (sidewatch_query_last_success_timestamp_seconds{<ours>})",
                column="answered",
                unit="s",
            ),
            Query(
                "max by (app, instance, query) (sidewatch_query_interval_seconds{<ours>})",
                column="every",
                unit="s",
            ),
            Query(
                "max by (app, instance, query) (sidewatch_query_duration_seconds{<ours>})",
                column="took",
                unit="s",
            ),
            order=("app", "query", "instance"),
            alerts=("SidewatchQueryStale",),
        ),
        table(
            "Queries that are not asked",
            "Queries that are switched off, and why. A missing table is another version of the"
            " application; the others are for you.",
            "missing only.",
            Query(
                "max by (app, query, reason) (sidewatch_query_disabled{<ours>}) == 1",
                column="off",
                words=((1, "yes", "quiet"),),
            ),
            order=("app", "query", "reason"),
            alerts=("SidewatchQueryDisabled",),
            width=12,
        ),
        lines(
            "What was lost or left out",
            "In an hour: bytes of logs that were gone unread, records that came too late to set a"
            " gauge, label sets that were folded into `other`.",
            "0.",
            Query(
                "sum by (app, source, reason)"
                " (increase(sidewatch_log_lost_bytes_total{<ours source>}[1h]))",
                "bytes of {{app}} {{source}} {{reason}}",
            ),
            Query(
                "sum by (app, service) (increase(sidewatch_late_records_total{<ours>}[1h]))",
                "late in {{app}} {{service}}",
            ),
            Query(
                "sum by (app, metric, label)"
                " (increase(sidewatch_series_dropped_total{<ours>}[1h]))",
                "folded {{app}} {{metric}} {{label}}",
            ),
            alerts=("SidewatchLogLost", "SidewatchSeriesDropped"),
        ),
        lines(
            "Not understood",
            "The share of records of the last hour that were of no known format; the worst service"
            " of each application.",
            "below 20 %, unless its objective is set.",
            Query(
                "max by (app) (sum by (app, service)"
                " (increase(watched_log_unparsed_total{<ours>}[1h])) / on (app, service) (sum by"
                " (app, service) (increase(watched_log_records_total{<ours>}[1h])) > 0))",
                "{{app}}",
            ),
            unit="percentunit",
            alerts=("SidewatchLogUnparsed",),
            steps=((0.2, "warn"),),
            highest=1,
        ),
        lines(
            "How long queries take",
            "How long the last answer of each query took.",
            "milliseconds; a statement is given up after two seconds.",
            Query(
                "max by (app, instance, query) (sidewatch_query_duration_seconds{<ours>})",
                "{{app}} {{query}}",
            ),
            unit="s",
        ),
    ),
)

ITS_OWN = Row(
    "sidewatch itself",
    (
        lines(
            "How late its event loop is",
            "How late the event loop last woke up.",
            "milliseconds; above 1 s processor time is short.",
            Query(
                "max by (instance) (sidewatch_event_loop_lag_seconds{<targets>})",
                "{{instance}}",
            ),
            unit="s",
            alerts=("SidewatchLoopBlocked",),
            steps=((1, "warn"),),
        ),
        lines(
            "Since the last save",
            "How long ago the state was last saved, or found unchanged.",
            "seconds.",
            Query(
                "time() - max by (app, instance)"
                " (sidewatch_state_last_save_timestamp_seconds{<targets>})",
                "{{instance}} {{app}}",
            ),
            unit="s",
            alerts=("SidewatchStateDegraded",),
        ),
        table(
            "Installations",
            "Which sidewatch runs where.",
            "one version.",
            Query(
                "max by (instance, version, engine, python) (sidewatch_build_info{<targets>})",
                column="runs",
                words=((1, "yes", "ok"),),
            ),
            order=("instance", "version", "engine", "python"),
            width=12,
        ),
        table(
            "Who watches which application",
            "Each application, its profile, and the installations that watch it.",
            "one installation an application, unless its objective says otherwise.",
            Query(
                "count by (app, profile) (sidewatch_app_info{<ours>})",
                column="installations",
            ),
            order=("app", "profile"),
            alerts=("SidewatchAppTwice", "SidewatchAppAbsent"),
            width=12,
        ),
        table(
            "Applications named by labels",
            "Applications that are watched because labels of containers name them, and those that"
            " are not taken.",
            "the daemon answers, none refused.",
            Query(
                "max by (instance) (sidewatch_discovery_up{<targets>})",
                column="daemon",
                words=UP,
            ),
            Query(
                "max by (instance) (sidewatch_discovered_apps{<targets>})",
                column="watched",
            ),
            Query(
                "max by (instance, reason) (sidewatch_discovery_refused_apps{<targets>})",
                column="refused",
                steps=((1, "warn"),),
            ),
            order=("instance", "reason"),
            alerts=(
                "SidewatchDiscoveryDown",
                "SidewatchDiscoveryRefused",
                "SidewatchDiscoveryEmpty",
            ),
        ),
    ),
)

ITSELF = Board(
    "sidewatch-itself",
    "sidewatch 7: sidewatch and its pipeline",
    "Can what the other dashboards show be trusted?",
    (VERDICT, SOURCES, FORWARDING, ITS_OWN, PIPELINE),
    ("source",),
)
