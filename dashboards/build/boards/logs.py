"""5 Logs and errors: how much is said, what of it is bad, and what nobody understood."""

from __future__ import annotations

from collections.abc import Mapping

from dashboards.build.shapes import Board, Query, Row, Tone, lines, stat, table

LEVELS: Mapping[str, Tone] = {
    "^critical$": "bad",
    "^error$": "bad",
    "^warning$": "warn",
    "^info$": "calm",
    "^(debug|trace|unknown)$": "quiet",
}
UNPARSED = (
    "sum by (app, service) (increase(watched_log_unparsed_total{<ours service>}[1h]))"
    " / on (app, service)"
    " (sum by (app, service) (increase(watched_log_records_total{<ours service>}[1h])) > 0)"
)

VERDICT = Row(
    "",
    (
        stat(
            "Errors in ten minutes",
            "Records of the level error or critical.",
            "what is usual; the alert compares with the median of a week.",
            "sum(app_service:watched_log_errors:increase10m{<app service>})",
            alerts=("WatchedErrorRate",),
            decimals=0,
        ),
        stat(
            "Exceptions in half an hour",
            "Tracebacks, each counted once.",
            "0.",
            "sum(increase(watched_exceptions_total{<ours service>}[30m]))",
            alerts=("WatchedExceptionsRepeated",),
            decimals=0,
        ),
        stat(
            "Last event that pages",
            "How long ago a message was last read for which somebody is called.",
            "long ago: the alert holds for ten minutes.",
            'time() - max(watched_event_read_timestamp_seconds{impact="page", <ours service>})',
            unit="s",
            alerts=("WatchedEventCritical",),
            steps=((0, "bad"), (600, "ok")),
            nothing="never",
        ),
        stat(
            "Last event for a ticket",
            "How long ago a message was last read that somebody has to look at.",
            "long ago: the alert holds for an hour.",
            'time() - max(watched_event_read_timestamp_seconds{impact="ticket", <ours service>})',
            unit="s",
            alerts=("WatchedEventTicket",),
            steps=((0, "warn"), (3600, "ok")),
            nothing="never",
        ),
        stat(
            "Not understood",
            "The share of records of the last hour that were of no known format; the worst"
            " service.",
            "below 20 %, unless its objective is set.",
            f"max({UNPARSED})",
            unit="percentunit",
            alerts=("SidewatchLogUnparsed",),
            steps=((0.2, "warn"),),
        ),
        stat(
            "Newest line",
            "How long ago a log was last written; the service that has been silent longest.",
            "short; heartbeats say what is too long.",
            "time() - min(max by (app, service)"
            " (watched_log_newest_timestamp_seconds{<ours service>}))",
            unit="s",
        ),
    ),
)

RECORDS = Row(
    "What is said",
    (
        lines(
            "Records by level",
            "Records a second, by level; a traceback belongs to its record.",
            "few errors.",
            Query(
                "sum by (level)"
                " (rate(watched_log_records_total{<ours service>}[$__rate_interval]))",
                "{{level}}",
                tones=LEVELS,
            ),
            unit="cps",
            stacked=True,
        ),
        lines(
            "Lines by service",
            "Physical lines a second.",
            "steady; a service that falls silent has stopped, or logs elsewhere.",
            Query(
                "sum by (app, service)"
                " (rate(watched_log_lines_total{<ours service>}[$__rate_interval]))",
                "{{app}} {{service}}",
            ),
            unit="cps",
            alerts=("WatchedLogSilent",),
        ),
        lines(
            "Errors in ten minutes",
            "Records of the level error or critical, by service. Dashed: how many an alert takes"
            " at least.",
            "below three times the median of a week.",
            Query(
                "app_service:watched_log_errors:increase10m{<app service>}",
                "{{app}} {{service}}",
            ),
            Query(
                "max by (app, service) (watched_log_errors_objective{<ours service>})"
                " or on (app, service)"
                " app_service:watched_log_errors:increase10m{<app service>} * 0 + 5",
                "at least {{app}} {{service}}",
                goal=True,
            ),
            alerts=("WatchedErrorRate",),
        ),
        lines(
            "Exceptions in half an hour",
            "Tracebacks by type. Dashed: how many of one type make an alert.",
            "0; 5 make an alert where no objective is set.",
            Query(
                "sum by (app, service, type)"
                " (increase(watched_exceptions_total{<ours service>}[30m]))",
                "{{app}} {{type}}",
            ),
            Query(
                "max by (app, service) (watched_exceptions_objective{<ours service>})"
                " or on (app, service) sum by (app, service)"
                " (increase(watched_exceptions_total{<ours service>}[30m])) * 0 + 5",
                "objective {{app}} {{service}}",
                goal=True,
            ),
            alerts=("WatchedExceptionsRepeated",),
        ),
    ),
)

EVENTS = Row(
    "What profiles know",
    (
        table(
            "Events",
            "Messages that a profile names, what they mean for you, and when one was last read.",
            "no page or ticket of late.",
            Query(
                "sum by (app, service, event, impact)"
                " (increase(watched_events_total{<ours service>}[$__range]))",
                column="in this time",
                unit="short",
            ),
            Query(
                "max by (app, service, event, impact)"
                " (watched_event_read_timestamp_seconds{<ours service>}) * 1000",
                column="last read",
                unit="dateTimeFromNow",
            ),
            order=("app", "service", "impact", "event"),
            alerts=("WatchedEventCritical", "WatchedEventTicket", "WatchedEventBurst"),
        ),
        table(
            "Exceptions",
            "Every type of exception that was seen.",
            "none.",
            Query(
                "sum by (app, service, type)"
                " (increase(watched_exceptions_total{<ours service>}[$__range]))",
                column="in this time",
                unit="short",
            ),
            order=("app", "service", "type"),
            alerts=("WatchedExceptionsRepeated",),
            width=12,
        ),
        lines(
            "Not understood",
            "The share of records of the last hour that were of no known format. Dashed: the"
            " objective.",
            "below the objective; 20 % where none is set.",
            Query(UNPARSED, "{{app}} {{service}}"),
            Query(
                "max by (app, service) (watched_log_unparsed_objective_ratio{<ours service>})"
                " or on (app, service) sum by (app, service)"
                " (increase(watched_log_records_total{<ours service>}[1h])) * 0 + 0.2",
                "objective {{app}} {{service}}",
                goal=True,
            ),
            unit="percentunit",
            alerts=("SidewatchLogUnparsed",),
            highest=1,
        ),
        lines(
            "Events",
            "Events in ten minutes, by what they mean for you.",
            "info only.",
            Query(
                "sum by (impact) (increase(watched_events_total{<ours service>}[10m]))",
                "{{impact}}",
                tones={"^page$": "bad", "^ticket$": "warn", "^info$": "calm"},
            ),
        ),
    ),
)

LOGS = Board(
    "sidewatch-logs",
    "sidewatch 5: Logs and errors",
    "How much is said, what of it is bad, and what did nobody understand?",
    (VERDICT, RECORDS, EVENTS),
    ("service",),
)
