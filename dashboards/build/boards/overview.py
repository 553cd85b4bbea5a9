"""0 Overview: is anything wrong, and where."""

from __future__ import annotations

from dashboards.build.shapes import UP, Board, Query, Row, bars, lines, stat, table

FIRING = 'ALERTS{alertstate="firing"'

# Since when each alert fires, in milliseconds.
SINCE = (
    "(ALERTS_FOR_STATE{<app>} * 1000 and ignoring (alertstate)"
    f' {FIRING}, severity!="none", <app>}})'
)
# What an alert may be about, besides its application.
SUBJECTS = (
    *("service", "queue", "job_class", "queue_library", "entity", "state", "route", "vhost"),
    *("probe", "part", "field", "heartbeat", "database", "file", "mount", "certificate", "api"),
    *(
        "quota",
        "event",
        "type",
        "slo",
        "subject",
        "source",
        "query",
        "reason",
        "job",
        "integration",
    ),
)
ABOUT = f"label_join({SINCE}, 'what', ' ', {', '.join(map(repr, SUBJECTS))})"

VERDICT = Row(
    "",
    (
        stat(
            "Pages",
            "Critical alerts that fire now: somebody has to act.",
            "0.",
            f'count({FIRING}, severity="critical", <app>}}) or vector(0)',
            steps=((1, "bad"),),
        ),
        stat(
            "Tickets",
            "Warnings that fire now: somebody has to look, this week.",
            "0.",
            f'count({FIRING}, severity="warning", <app>}}) or vector(0)',
            steps=((1, "warn"),),
        ),
        stat(
            "Applications",
            "Applications that sidewatch watches now.",
            "as many as are configured.",
            "count(group by (app) (sidewatch_app_info{<ours>}))",
            alerts=("SidewatchAppAbsent",),
            link="sidewatch-application",
        ),
        stat(
            "Blind sources",
            "Logs, databases, daemons and probes that cannot be read: alerts from them cannot"
            " fire.",
            "0.",
            "count(max by (app, source, instance) (sidewatch_source_up{<ours>}) == 0) or vector(0)",
            alerts=("SidewatchSourceDown",),
            steps=((1, "bad"),),
            link="sidewatch-itself",
        ),
        stat(
            "Quiet windows",
            "Services whose deploy is under way: its effects page nobody for as long.",
            "0, and for some minutes 1 at a deploy.",
            "count(max by (app, service) (watched_quiet_window{<ours>}) == 1) or vector(0)",
            steps=((0, "calm"),),
        ),
        stat(
            "Alerting",
            "Whether Prometheus evaluates the rules: Watchdog always fires. That its messages"
            " arrive, only a dead-man's switch outside can tell.",
            "ALIVE.",
            f'max({FIRING}, alertname="Watchdog"}})',
            alerts=("Watchdog",),
            words=((1, "ALIVE", "ok"),),
            nothing="SILENT",
        ),
        table(
            "Firing alerts",
            "Every alert that fires now and since when. A click on its name opens its runbook, one"
            " on the application its dashboard.",
            "nothing.",
            Query(
                f"max by (severity, alertname, app, what) ({ABOUT})",
                column="since",
                unit="dateTimeFromNow",
            ),
            order=("severity", "alertname", "app", "what"),
            link="sidewatch-application",
            carries=("app",),
            height=7,
        ),
    ),
)

APPLICATIONS = Row(
    "Each application",
    (
        table(
            "Applications",
            "One line an application: what fires, whether it answers, and how late, wrong or full"
            " it is. Empty cells are what the application does not have.",
            "UP, small shares, lateness below 1 of the objective.",
            Query(
                f'count by (app) ({FIRING}, severity="critical", <app>}})'
                " or on (app) group by (app) (sidewatch_app_info{<ours>}) * 0",
                column="pages",
                steps=((1, "bad"),),
            ),
            Query(
                f'count by (app) ({FIRING}, severity="warning", <app>}})'
                " or on (app) group by (app) (sidewatch_app_info{<ours>}) * 0",
                column="tickets",
                steps=((1, "warn"),),
            ),
            Query(
                'min by (app) (watched_probe_success{kind=~"liveness|readiness", <ours>})',
                column="answers",
                words=UP,
            ),
            Query(
                "max by (app) (app_route:watched_http_requests_5xx:increase10m{<app>}"
                " / on (app, route) (app_route:watched_http_requests:increase10m{<app>} > 0))",
                column="5xx, 10 min",
                unit="percentunit",
                steps=((0.05, "bad"),),
            ),
            Query(
                "max by (app) (app_queue:watched_queue_late:ratio{<app>})",
                column="queue lateness",
                unit="short",
                steps=((1, "warn"), (4, "bad")),
            ),
            Query(
                "sum by (app) (app_service:watched_log_errors:increase10m{<app>})",
                column="errors, 10 min",
                unit="short",
            ),
            Query(
                "sum by (app) (app_service:watched_replicas_expected:sum{<app>}"
                " - on (app, service) app_service:watched_replicas_running:sum{<app>})",
                column="containers missing",
                unit="short",
                steps=((1, "bad"),),
            ),
            Query(
                "clamp_min(min by (app) (app_slo_subject:watched_slo_left:ratio30d{<app>}), 0)",
                column="budget left",
                unit="percentunit",
            ),
            Query(
                "time() - max by (app) (watched_log_newest_timestamp_seconds{<ours>})",
                column="newest line",
                unit="s",
            ),
            order=("app",),
            alerts=("WatchedHttpErrors", "WatchedQueueOld", "WatchedQueueStopped"),
            link="sidewatch-application",
            height=7,
        ),
    ),
)

SYMPTOMS = Row(
    "What users feel",
    (
        lines(
            "Alerts that fire",
            "How many alerts fire, by severity.",
            "0.",
            Query(
                f'count by (severity) ({FIRING}, severity=~"critical|warning", <app>}})',
                "{{severity}}",
                tones={"critical": "bad", "warning": "warn"},
            ),
            stepped=True,
        ),
        lines(
            "Requests that fail",
            "The share of requests of each route that got a 5xx in ten minutes, the worst route of"
            " each application. Dashed: the objective.",
            "below the objective; 5 % where none is set.",
            Query(
                "max by (app) (app_route:watched_http_requests_5xx:increase10m{<app>}"
                " / on (app, route) (app_route:watched_http_requests:increase10m{<app>} > 0))",
                "{{app}}",
            ),
            unit="percentunit",
            alerts=("WatchedHttpErrors",),
            steps=((0.05, "bad"),),
        ),
        lines(
            "Lateness of queues",
            "How long the oldest due job has waited, in objectives of its queue: the worst queue of"
            " each application. Past 1 it is late, past 4 nothing seems to be worked on.",
            "below 1.",
            Query("max by (app) (app_queue:watched_queue_late:ratio{<app>})", "{{app}}"),
            alerts=("WatchedQueueOld", "WatchedQueueStopped"),
            steps=((1, "warn"), (4, "bad")),
        ),
        lines(
            "Errors in logs",
            "Records of the level error or critical in ten minutes.",
            "what is usual for the application; the alert compares with a week.",
            Query(
                "sum by (app) (app_service:watched_log_errors:increase10m{<app>})",
                "{{app}}",
            ),
            alerts=("WatchedErrorRate",),
        ),
        lines(
            "How fast budgets burn",
            "Errors of the last hour against the budget of 30 days: at 1 it lasts just as long, at"
            " 14.4 two days' worth is gone in an hour.",
            "below 1.",
            Query(
                "max by (app, slo, subject) (app_slo_subject:watched_slo_burn:rate1h{<app>})",
                "{{app}} {{slo}} {{subject}}",
            ),
            alerts=("WatchedBudgetBurnsFast", "WatchedBudgetBurns"),
            steps=((14.4, "bad"),),
        ),
        bars(
            "Budget left of 30 days",
            "What is left of each error budget; past 0 the objective is missed.",
            "above 0.",
            Query(
                "clamp_min(app_slo_subject:watched_slo_left:ratio30d{<app>}, 0)",
                "{{app}} {{slo}} {{subject}}",
            ),
            unit="percentunit",
            highest=1,
        ),
    ),
)

OVERVIEW = Board(
    "sidewatch-overview",
    "sidewatch 0: Overview",
    "Is anything wrong, with which application, and what says the runbook?",
    (VERDICT, APPLICATIONS, SYMPTOMS),
)
