"""What an application's database tells: its queues, the rows it works on, and its own health.

All of it is *shared*: any number of sidewatch instances may ask the same database, and every rule
takes their maximum. Ages are by the database's clock. A query that ran and found nothing gives 0
for every state, outcome and reason that is listed here; one that did not run gives nothing.
"""

from __future__ import annotations

from exporter.model import Family, Kind

LIMIT = 2000  # two libraries with a hundred queues each, ten outcomes and windows to a queue


def _shared(name: str, kind: Kind, labels: tuple[str, ...], text: str) -> Family:
    return Family(name, kind, text, labels, "shared", limit=LIMIT)


def _gauge(name: str, labels: tuple[str, ...], text: str) -> Family:
    return _shared(name, "gauge", labels, text)


def _counter(name: str, labels: tuple[str, ...], text: str) -> Family:
    return _shared(name, "counter", labels, text)


# A job is in one state only. What is due is `ready` (a worker may take it now) or `overdue` (its
# time has come, and nobody has made it ready). `retrying` waits for its next attempt. `failed` is
# kept as a record; `dead` waits in a dead-letter queue for somebody to look.
QUEUES = (
    _gauge(
        "watched_queue_jobs",
        ("queue", "state"),
        "Jobs now: ready, scheduled, overdue, running, retrying, blocked, failed, dead.",
    ),
    _gauge(
        "watched_queue_oldest_age_seconds",
        ("queue", "clock"),
        "How long the oldest job has been due, enqueued or claimed; 0 where there is none. The"
        " clock progress tells how long ago any job was claimed or ended, 3600 at the most.",
    ),
    _gauge(
        "watched_queue_recent_jobs",
        ("queue", "outcome", "window"),
        "Jobs that ended in the window before now (15m, 1h): completed, failed and lost (will be"
        " tried again), exhausted (failed or lost with no attempt left), cancelled.",
    ),
    _gauge(
        "watched_queue_stuck_jobs",
        ("queue", "reason"),
        "Running jobs that nobody runs any more or that run too long: expired, heartbeat, timeout,"
        " lease.",
    ),
    _gauge(
        "watched_queue_count_capped",
        ("queue",),
        "1 where counting stopped at a limit, so that there are more jobs than shown.",
    ),
    _gauge(
        "watched_queue_count_estimated",
        ("queue",),
        "1 where the jobs are estimated by the query planner, not counted.",
    ),
    _gauge(
        "watched_workers",
        ("queue_library", "state"),
        "Workers by their heartbeat rows: live, stale (gone without a farewell).",
    ),
    _gauge(
        "watched_schedule_last_fired_timestamp_seconds",
        ("schedule",),
        "When the schedule last enqueued a job.",
    ),
)

# `entity` is what the profile calls a table's rows (deployments, deliveries), `state` and `phase`
# (waiting, active, done, failed) what it calls the values of their state column. What is done is
# history and mostly told only as it comes. Rows whose state nobody has named are of the state
# `other` and of the phase `unknown`.
ROWS = (
    _gauge(
        "watched_rows",
        ("entity", "state", "phase"),
        "Rows that are in this state now; other (unknown) is what the configuration does not name.",
    ),
    _gauge(
        "watched_rows_oldest_seconds",
        ("entity", "state", "phase"),
        "How long the oldest row has been in this state; 0 where none is.",
    ),
    _gauge(
        "watched_rows_recent",
        ("entity", "state", "phase", "window"),
        "Rows that came into this state in the window before now (15m, 1h).",
    ),
    _gauge(
        "watched_failure_streak",
        ("entity",),
        "The longest row of failures without a success between, as it stands now.",
    ),
)

POSTGRES = (
    _gauge(
        "watched_postgres_up",
        ("database",),
        "1 while the database answers a query; never left out while sidewatch is to ask it.",
    ),
    _gauge("watched_postgres_info", ("database", "version", "role"), "1; primary or replica."),
    _gauge("watched_postgres_start_timestamp_seconds", ("database",), "When the server started."),
    _gauge(
        "watched_postgres_clock_skew_seconds",
        ("database",),
        "How far the server's clock is ahead of sidewatch's.",
    ),
    _gauge(
        "watched_postgres_connections",
        ("database", "state", "role", "application"),
        "Connections to this database, sidewatch's own left out: active, idle,"
        " idle_in_transaction, other.",
    ),
    _gauge(
        "watched_postgres_server_connections",
        ("database",),
        "Client connections to the whole server, whatever their database.",
    ),
    _gauge(
        "watched_postgres_max_connections",
        ("database",),
        "Client connections that the server takes from ordinary users; reserved ones left out.",
    ),
    _gauge(
        "watched_postgres_pool_limit",
        ("database",),
        "How many connections the application's pools may open together, as declared.",
    ),
    _counter("watched_postgres_blocks_hit_total", ("database",), "Blocks found in the cache."),
    _counter("watched_postgres_blocks_read_total", ("database",), "Blocks not in the cache."),
    _counter(
        "watched_postgres_transactions_total",
        ("database", "outcome"),
        "Transactions ended: committed, rolled_back.",
    ),
    _counter("watched_postgres_deadlocks_total", ("database",), "Deadlocks broken by the server."),
    _counter("watched_postgres_temp_files_total", ("database",), "Temporary files written."),
    _counter("watched_postgres_temp_bytes_total", ("database",), "Bytes of temporary files."),
    _gauge("watched_postgres_size_bytes", ("database",), "What the database takes on disk."),
    _gauge(
        "watched_postgres_size_limit_bytes",
        ("database",),
        "What the database may take on disk, as declared.",
    ),
    _gauge(
        "watched_postgres_longest_transaction_seconds",
        ("database",),
        "Age of the oldest open transaction; 0 where none is open.",
    ),
    _gauge(
        "watched_postgres_longest_idle_transaction_seconds",
        ("database",),
        "How long the oldest transaction that does nothing has been idle.",
    ),
    _gauge("watched_postgres_blocked_backends", ("database",), "Backends that wait for a lock."),
    _gauge(
        "watched_postgres_longest_blocked_seconds",
        ("database",),
        "How long the longest of them has waited.",
    ),
    _gauge(
        "watched_postgres_xid_age", ("database",), "Age of the oldest transaction id not frozen."
    ),
    _gauge("watched_postgres_multixact_age", ("database",), "The same of multixact ids."),
    _gauge("watched_postgres_live_rows", ("database",), "Live rows, as the server estimates."),
    _gauge("watched_postgres_dead_rows", ("database",), "Dead rows that wait for a vacuum."),
    _gauge(
        "watched_postgres_dead_rows_worst_ratio",
        ("database",),
        "Share of dead rows in the worst of the tables that have 10000; 0 where none has.",
    ),
    _gauge(
        "watched_postgres_vacuum_overdue_tables",
        ("database",),
        "Tables with more dead rows than autovacuum lets stand.",
    ),
    _gauge("watched_postgres_invalid_indexes", ("database",), "Indexes that are not used."),
    _counter(
        "watched_postgres_checkpoints_total",
        ("database", "reason"),
        "Checkpoints of the server: timed, requested.",
    ),
    _counter("watched_postgres_wal_bytes_total", ("database",), "Write-ahead log written."),
    _gauge(
        "watched_postgres_slot_retained_bytes",
        ("database", "slot"),
        "Write-ahead log that this replication slot keeps from being removed.",
    ),
    _gauge("watched_postgres_slot_active", ("database", "slot"), "1 while the slot is read."),
    _gauge(
        "watched_postgres_slot_lost",
        ("database", "slot"),
        "1 if the server has given the slot up, so that its reader must be made anew.",
    ),
    _gauge(
        "watched_postgres_replicas",
        ("database",),
        "Replicas and others that receive the server's log now.",
    ),
    _gauge(
        "watched_postgres_archive_failing",
        ("database",),
        "1 while the last try to archive the server's log has failed; only where it is archived.",
    ),
    _gauge(
        "watched_postgres_replication_lag_seconds",
        ("database",),
        "How far a replica is behind its primary; only replicas have it.",
    ),
)

# As for logs, an objective has its subject's labels. Where it is not set, the rules name a default,
# so that a queue the configuration has never heard of is watched too.
OBJECTIVES = (
    _gauge(
        "watched_queue_oldest_age_objective_seconds",
        ("queue",),
        "How long a job may be due before it runs; 300 where it is not set.",
    ),
    _gauge(
        "watched_rows_oldest_objective_seconds",
        ("entity", "state", "phase"),
        "How long a row may be in this state; no limit where it is not set.",
    ),
    _gauge(
        "watched_rows_objective",
        ("entity", "state", "phase"),
        "How many rows in this state make an alert; none do where it is not set.",
    ),
    _gauge(
        "watched_rows_recent_objective",
        ("entity", "state", "phase"),
        "How many rows newly failed in an hour make an alert; 1 where it is not set.",
    ),
    _gauge(
        "watched_failure_streak_objective",
        ("entity",),
        "How many failures one after the other make an alert; 3 where it is not set.",
    ),
    _gauge(
        "watched_postgres_connections_objective_ratio",
        ("database",),
        "Which share of the server's connections may be taken; 0.8 where it is not set.",
    ),
    _gauge(
        "watched_postgres_cache_hit_objective_ratio",
        ("database",),
        "Which share of blocks must be found in the cache; 0.9 where it is not set.",
    ),
)

SQL = (*QUEUES, *ROWS, *POSTGRES, *OBJECTIVES)
