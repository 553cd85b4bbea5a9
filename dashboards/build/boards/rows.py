"""Of jobs and queues: rows that have a state, and what agledger and tripl tell themselves."""

from __future__ import annotations

from dashboards.build.shapes import Query, Row, lines, table

ROWS = Row(
    "Rows that have a state: deployments, deliveries, scans, certificates",
    (
        table(
            "Rows",
            "How many rows are in each state, and how long the oldest has been.",
            "few in waiting or failed states.",
            Query(
                "max by (app, entity, phase, state) (watched_rows{<ours entity>})",
                column="rows",
            ),
            Query(
                "max by (app, entity, phase, state) (watched_rows_oldest_seconds{<ours entity>})",
                column="oldest",
                unit="s",
            ),
            order=("app", "entity", "phase", "state"),
            alerts=("WatchedRowsPresent",),
        ),
        lines(
            "The oldest row of each state",
            "How long the oldest row has been in its state, where that has a limit. Dashed: the"
            " objective.",
            "below the objective.",
            Query(
                "max by (app, entity, state, phase) (watched_rows_oldest_seconds{<ours entity>})"
                " and on (app, entity, state, phase) max by (app, entity, state, phase)"
                " (watched_rows_oldest_objective_seconds{<ours entity>})",
                "{{app}} {{entity}} {{state}}",
            ),
            Query(
                "max by (app, entity, state, phase)"
                " (watched_rows_oldest_objective_seconds{<ours entity>})",
                "objective {{app}} {{entity}} {{state}}",
                goal=True,
            ),
            unit="s",
            alerts=("WatchedRowsStale",),
        ),
        lines(
            "Rows that failed within an hour",
            "Rows that came into a failed state within the last hour. Dashed: how many make an"
            " alert.",
            "0; 1 makes an alert where no objective is set.",
            Query(
                "max by (app, entity, state, phase)"
                ' (watched_rows_recent{phase="failed", window="1h", <ours entity>})',
                "{{app}} {{entity}} {{state}}",
            ),
            Query(
                "max by (app, entity, state, phase) (watched_rows_recent_objective{<ours entity>})",
                "objective {{app}} {{entity}} {{state}}",
                goal=True,
            ),
            alerts=("WatchedRowsFailed",),
        ),
        lines(
            "Failures one after the other",
            "The longest row of failures without a success between. Dashed: the objective.",
            "0; 3 make an alert where no objective is set.",
            Query(
                "max by (app, entity) (watched_failure_streak{<ours entity>})",
                "{{app}} {{entity}}",
            ),
            Query(
                "max by (app, entity) (watched_failure_streak_objective{<ours entity>})"
                " or on (app, entity)"
                " max by (app, entity) (watched_failure_streak{<ours entity>}) * 0 + 3",
                "objective {{app}} {{entity}}",
                goal=True,
            ),
            alerts=("WatchedFailureStreak",),
            stepped=True,
        ),
    ),
)

QUEUE_NATIVES = Row(
    "Own metrics of agledger and tripl",
    (
        lines(
            "agledger: jobs that fail",
            "Jobs of each queue that failed in a quarter of an hour.",
            "0; 3 make an alert if they are more than 5 %, unless its objective is set.",
            Query(
                "sum by (app, queue) (increase("
                "app_queue_instance:agledger_jobs_failed:total{<app queue>}[15m]))",
                "{{app}} {{queue}}",
            ),
            alerts=("AgledgerJobFailures",),
            steps=((3, "warn"),),
        ),
        lines(
            "tripl: tasks that fail",
            "Tasks that failed within an hour.",
            "0; 3 make an alert if they are more than 5 %, unless its objective is set.",
            Query(
                "sum by (app, task)"
                " (increase(app_task_instance:tripl_tasks_failed:total{<app>}[1h]))",
                "{{app}} {{task}}",
            ),
            alerts=("TriplTaskFailures",),
            steps=((3, "warn"),),
        ),
        lines(
            "tripl: alert deliveries that fail",
            "Deliveries that failed within an hour.",
            "0; 1 makes an alert, unless its objective is set.",
            Query(
                "sum by (app) (increase(app_instance:tripl_deliveries_failed:total{<app>}[1h]))",
                "{{app}}",
            ),
            alerts=("TriplDeliveriesFailed",),
            steps=((1, "warn"),),
        ),
    ),
    folded=True,
)
