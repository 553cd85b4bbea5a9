"""2 Jobs and queues: is work done in time, and if not, why."""

from __future__ import annotations

from dashboards.build.boards.rows import QUEUE_NATIVES, ROWS
from dashboards.build.shapes import Board, Query, Row, lines, stat, table

VERDICT = Row(
    "",
    (
        stat(
            "Lateness",
            "How long the oldest due job has waited, in objectives of its queue; the worst queue.",
            "below 1. From 1 on it is late, from 4 on nothing seems to be worked on.",
            "max(app_queue:watched_queue_late:ratio{<app queue>})",
            alerts=("WatchedQueueOld", "WatchedQueueStopped"),
            steps=((1, "warn"), (4, "bad")),
            decimals=2,
        ),
        stat(
            "Stuck jobs",
            "Jobs that are marked as running and that nobody runs, or that run too long.",
            "0.",
            "sum(max by (app, queue, reason) (watched_queue_stuck_jobs{<ours queue>}))",
            alerts=("WatchedQueueStuck",),
            steps=((1, "warn"),),
        ),
        stat(
            "Failed for good",
            "Jobs that failed or were lost within the last hour and will not be tried again.",
            "0.",
            "sum(max by (app, queue)"
            ' (watched_queue_recent_jobs{outcome="exhausted", window="1h", <ours queue>}))',
            alerts=("WatchedJobsExhausted",),
            steps=((1, "warn"),),
        ),
        stat(
            "Dead letters",
            "Jobs in dead-letter queues: nobody runs them until somebody has looked.",
            "0.",
            'sum(max by (app, queue) (watched_queue_jobs{state="dead", <ours queue>}))',
            alerts=("WatchedQueueDeadLetters",),
            steps=((1, "warn"),),
            nothing="none kept",
        ),
        stat(
            "Live workers",
            "Workers that write their heartbeat, of the application that has the fewest.",
            "at least 1.",
            'min(max by (app, queue_library) (watched_workers{state="live", <ours>}))',
            alerts=("WatchedQueueNoWorkers",),
            steps=((0, "bad"), (1, "ok")),
        ),
        stat(
            "Dead workers",
            "Workers that are gone without a farewell.",
            "0.",
            'sum(max by (app, queue_library) (watched_workers{state="stale", <ours>}))',
            alerts=("WatchedQueueNoWorkers",),
            steps=((1, "warn"),),
        ),
    ),
)

SYMPTOMS = Row(
    "Is work done in time?",
    (
        lines(
            "The oldest due job",
            "How long the oldest job that is due has waited, by the database's clock. Dashed: the"
            " queue's objective.",
            "below the objective; 5 minutes where none is set.",
            Query(
                'max by (app, queue) (watched_queue_oldest_age_seconds{clock="due", <ours queue>})',
                "{{app}} {{queue}}",
            ),
            Query(
                "max by (app, queue) (watched_queue_oldest_age_objective_seconds{<ours queue>})",
                "objective {{app}} {{queue}}",
                goal=True,
            ),
            unit="s",
            alerts=("WatchedQueueOld", "WatchedQueueStopped"),
        ),
        lines(
            "Jobs that wait",
            "Jobs that are ready or overdue; those scheduled for later are left out.",
            "falls as fast as it rises.",
            Query(
                "sum by (app, queue) (max by (app, queue, state)"
                ' (watched_queue_jobs{state=~"ready|overdue", <ours queue>}))',
                "{{app}} {{queue}}",
            ),
            alerts=("WatchedQueueGrowing",),
        ),
        lines(
            "Jobs by state",
            "All jobs that the database or the broker knows.",
            "no blocked, failed or dead ones.",
            Query(
                "sum by (state) (max by (app, queue, state) (watched_queue_jobs{<ours queue>}))",
                "{{state}}",
                tones={
                    "^ready$": "calm",
                    "^running$": "ok",
                    "^scheduled$": "quiet",
                    "^(overdue|retrying|blocked)$": "warn",
                    "^(failed|dead)$": "bad",
                },
            ),
            stacked=True,
            alerts=("WatchedQueueDeadLetters",),
        ),
        lines(
            "How jobs ended in the last hour",
            "Jobs that ended within an hour, by outcome, as the database has them.",
            "nearly all completed.",
            Query(
                "sum by (outcome) (max by (app, queue, outcome)"
                ' (watched_queue_recent_jobs{window="1h", <ours queue>}))',
                "{{outcome}}",
                tones={
                    "^completed$": "ok",
                    "^cancelled$": "quiet",
                    "^(failed|lost)$": "warn",
                    "^exhausted$": "bad",
                },
            ),
            stacked=True,
            alerts=("WatchedJobsExhausted",),
        ),
        lines(
            "Share of jobs that fail",
            "The share of the jobs of each queue that ended in the last hour and failed or were"
            " lost. Dashed: the objective.",
            "below the objective; 5 % where none is set.",
            Query(
                "app_queue:watched_queue_failed:recent1h{<app queue>} / on (app, queue)"
                " (sum by (app, queue) (max by (app, queue, outcome)"
                ' (watched_queue_recent_jobs{outcome!="cancelled", window="1h", <ours queue>}))'
                " > 0)",
                "{{app}} {{queue}}",
            ),
            Query(
                "max by (app, queue) (watched_queue_failures_objective_ratio{<ours queue>})"
                " or on (app, queue)"
                " app_queue:watched_queue_failed:recent1h{<app queue>} * 0 + 0.05",
                "objective {{app}} {{queue}}",
                goal=True,
            ),
            unit="percentunit",
            alerts=("WatchedJobFailureRatio",),
            highest=1,
        ),
        lines(
            "Stuck jobs",
            "Jobs marked as running that nobody runs, by the reason that tells.",
            "0; 1 makes an alert, unless its objective is set.",
            Query(
                "max by (app, queue, reason) (watched_queue_stuck_jobs{<ours queue>})",
                "{{app}} {{queue}} {{reason}}",
            ),
            alerts=("WatchedQueueStuck",),
            steps=((1, "warn"),),
        ),
    ),
)

JOBS = Row(
    "Jobs, as logs tell of them",
    (
        lines(
            "Jobs a second",
            "Jobs that were started, by class.",
            "steady.",
            Query(
                "sum by (app, job_class) (rate("
                "watched_jobs_started_total{<ours queue job_class>}[$__rate_interval]))",
                "{{app}} {{job_class}}",
            ),
            unit="ops",
            alerts=("WatchedJobsNotStarted",),
        ),
        lines(
            "How long jobs run",
            "The time within which 95 % of the jobs of each class were done. Dashed: how long the"
            " objective allows.",
            "below the objective, where one is set.",
            Query(
                "histogram_quantile(0.95, sum by (app, job_class, le) (rate("
                "watched_job_duration_seconds_bucket{<ours job_class>}[$__rate_interval])))",
                "{{app}} {{job_class}}",
                exemplars=True,
            ),
            Query(
                "max by (app, job_class) (watched_job_duration_objective_seconds"
                "{<ours job_class>})",
                "objective {{app}} {{job_class}}",
                goal=True,
            ),
            unit="s",
            alerts=("WatchedJobSlow",),
        ),
        lines(
            "Jobs that run too long",
            "The share of jobs of the last hour that took longer than their objective. Dashed: the"
            " share that may.",
            "below the dashed line; 10 % where none is set.",
            Query(
                "app_job_class:watched_jobs_late:ratio1h{<app job_class>}",
                "{{app}} {{job_class}}",
            ),
            Query(
                "max by (app, job_class) (watched_job_late_objective_ratio{<ours job_class>})"
                " or on (app, job_class)"
                " app_job_class:watched_jobs_late:ratio1h{<app job_class>} * 0 + 0.1",
                "objective {{app}} {{job_class}}",
                goal=True,
            ),
            unit="percentunit",
            alerts=("WatchedJobSlow",),
            highest=1,
        ),
        lines(
            "Jobs that waited too long",
            "The share of jobs of half an hour that waited longer than their queue's objective."
            " Dashed: the share that may.",
            "below the dashed line; 10 % where none is set.",
            Query(
                "app_queue:watched_jobs_waited_late:ratio30m{<app queue>}",
                "{{app}} {{queue}}",
            ),
            Query(
                "max by (app, queue) (watched_job_wait_late_objective_ratio{<ours queue>})"
                " or on (app, queue)"
                " app_queue:watched_jobs_waited_late:ratio30m{<app queue>} * 0 + 0.1",
                "objective {{app}} {{queue}}",
                goal=True,
            ),
            unit="percentunit",
            alerts=("WatchedJobWaitLong",),
            highest=1,
        ),
        lines(
            "Failures in an hour",
            "Jobs of each class that failed within an hour. Dashed: how many make an alert.",
            "below the dashed line; 3 where none is set.",
            Query(
                "app_job_class:watched_jobs_failed:increase1h{<app job_class>}",
                "{{app}} {{job_class}}",
            ),
            Query(
                "max by (app, job_class) (watched_job_failures_objective{<ours job_class>})"
                " or on (app, job_class)"
                " app_job_class:watched_jobs_failed:increase1h{<app job_class>} * 0 + 3",
                "objective {{app}} {{job_class}}",
                goal=True,
            ),
            alerts=("WatchedJobFailures",),
        ),
        lines(
            "Jobs cut off in an hour",
            "Jobs of each class that were ended because they ran too long.",
            "0; 1 makes an alert, unless its objective is set.",
            Query(
                "sum by (app, job_class) (increase(watched_jobs_finished_total"
                '{outcome="timeout", <ours queue job_class>}[1h]))',
                "{{app}} {{job_class}}",
            ),
            alerts=("WatchedJobTimeouts",),
            steps=((1, "warn"),),
        ),
    ),
)

CAUSES = Row(
    "Workers and brokers",
    (
        lines(
            "Workers",
            "Workers by their heartbeat rows: live ones, and those gone without a farewell.",
            "live ones only.",
            Query(
                "max by (app, queue_library, state) (watched_workers{<ours>})",
                "{{app}} {{queue_library}} {{state}}",
                tones={"live$": "ok", "stale$": "bad"},
            ),
            alerts=("WatchedQueueNoWorkers",),
            stepped=True,
        ),
        lines(
            "Worker processes and their jobs",
            "As the log tells: processes, jobs that run, and jobs that could (slots). Jobs that"
            " are asked for rise while nobody takes them.",
            "fewer running than slots.",
            Query("sum by (app) (watched_worker_processes{<ours>})", "{{app}} processes"),
            Query("max by (app) (watched_jobs_running{<ours>})", "{{app}} running"),
            Query("sum by (app) (watched_worker_slots{<ours>})", "{{app}} slots", goal=True),
            Query("max by (app) (watched_jobs_requested{<ours>})", "{{app}} asked for"),
            alerts=("WatchedWorkersGone", "WatchedJobsSaturated"),
        ),
        lines(
            "Consumers of brokers' queues",
            "Who takes from each queue now. Dashed: how many must.",
            "at least as many as the dashed line; 1 where none is set.",
            Query(
                "max by (app, queue) (watched_queue_consumers{<ours queue>})",
                "{{app}} {{queue}}",
            ),
            Query(
                "max by (app, queue) (watched_queue_consumers_objective{<ours queue>})"
                " or on (app, queue)"
                " max by (app, queue) (watched_queue_consumers{<ours queue>}) * 0 + 1",
                "objective {{app}} {{queue}}",
                goal=True,
            ),
            alerts=("WatchedQueueNoConsumers",),
            stepped=True,
        ),
        table(
            "Starts and schedules",
            "When each broker that keeps its messages in memory was last started: what waited in it"
            " then is gone.",
            "long ago.",
            Query(
                "app_service:watched_broker_start:timestamp{<app>} * 1000",
                column="started",
                unit="dateTimeFromNow",
            ),
            order=("app", "service"),
            alerts=("WatchedBrokerRestarted",),
            width=12,
        ),
        table(
            "Schedules",
            "When each schedule last enqueued a job.",
            "not longer ago than its interval.",
            Query(
                "max by (app, schedule) (watched_schedule_last_fired_timestamp_seconds{<ours>})"
                " * 1000",
                column="last fired",
                unit="dateTimeFromNow",
            ),
            order=("app", "schedule"),
            alerts=("WatchedHeartbeatMissing",),
            width=12,
        ),
        table(
            "How jobs are counted",
            "Queues of which there are more jobs than shown, or whose jobs are an estimate.",
            "no line says yes.",
            Query(
                "max by (app, queue) (watched_queue_count_capped{<ours queue>})",
                column="capped",
                words=((0, "no", "calm"), (1, "YES", "warn")),
            ),
            Query(
                "max by (app, queue) (watched_queue_count_estimated{<ours queue>})",
                column="estimated",
                words=((0, "no", "calm"), (1, "YES", "warn")),
            ),
            order=("app", "queue"),
            width=12,
        ),
    ),
)

QUEUES = Board(
    "sidewatch-queues",
    "sidewatch 2: Jobs and queues",
    "Is work done in time? If not: nobody works, it fails, or there is too much of it.",
    (VERDICT, SYMPTOMS, JOBS, CAUSES, ROWS, QUEUE_NATIVES),
    ("queue", "job_class", "entity"),
)
