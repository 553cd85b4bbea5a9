"""4 Postgres: does it answer, is it full, and what holds it up."""

from __future__ import annotations

from dashboards.build.boards.upkeep import UPKEEP, limit, newest
from dashboards.build.shapes import UP, Board, Query, Row, lines, stat, table

SHARE = (
    "max by (app, database) (watched_postgres_server_connections{<ours database>})"
    " / on (app, database)"
    " (max by (app, database) (watched_postgres_max_connections{<ours database>}) > 0)"
)


VERDICT = Row(
    "",
    (
        stat(
            "Databases",
            "Whether every database answers.",
            "UP.",
            "min(max by (app, database) (watched_postgres_up{<ours database>}))",
            alerts=("WatchedPostgresDown",),
            words=UP,
        ),
        stat(
            "Connections taken",
            "The share of the server's connections that is taken; the fullest server.",
            "below 80 %, unless its objective is set.",
            f"max({SHARE})",
            unit="percentunit",
            alerts=("WatchedPostgresConnections",),
            steps=((0.8, "warn"),),
        ),
        stat(
            "Blocks from the cache",
            "The share of blocks that were found in the cache in ten minutes, of the database that"
            " finds fewest; only where there is traffic.",
            "above 90 %, unless its objective is set.",
            "min(app_database:watched_postgres_blocks_hit:ratio10m{<app database>})",
            unit="percentunit",
            alerts=("WatchedPostgresCacheHits",),
            steps=((0, "warn"), (0.9, "ok")),
            nothing="no traffic",
        ),
        stat(
            "Longest transaction",
            "The age of the oldest open transaction.",
            "seconds; what is older than an hour holds back vacuums, unless its objective is set.",
            "max(watched_postgres_longest_transaction_seconds{<ours database>})",
            unit="s",
            alerts=("WatchedPostgresTransactionOpen",),
            steps=((3600, "warn"),),
        ),
        stat(
            "Blocked backends",
            "Backends that wait for a lock.",
            "0, or 1 for a moment.",
            "max(watched_postgres_blocked_backends{<ours database>})",
            alerts=("WatchedPostgresBlocked",),
        ),
        stat(
            "Age of transaction ids",
            "The age of the oldest transaction id that is not frozen. At 2 147 million the server"
            " refuses every write.",
            "below 200 million, where autovacuum begins to freeze.",
            "max(app_database:watched_postgres_freeze:age{<app database>})",
            alerts=("WatchedPostgresWraparound", "WatchedPostgresFreezeLate"),
            steps=((1000000000, "warn"), (1600000000, "bad")),
        ),
    ),
)

CAPACITY = Row(
    "Is there room?",
    (
        lines(
            "Connections taken",
            "The share of the server's connections that is taken. Dashed: the objective.",
            "below the objective; 80 % where none is set.",
            Query(SHARE, "{{app}} {{database}}"),
            Query(
                "max by (app, database) (watched_postgres_connections_objective_ratio"
                "{<ours database>}) or on (app, database) max by (app, database)"
                " (watched_postgres_max_connections{<ours database>}) * 0 + 0.8",
                "objective {{app}} {{database}}",
                goal=True,
            ),
            unit="percentunit",
            alerts=("WatchedPostgresConnections",),
            highest=1,
        ),
        lines(
            "Connections by state",
            "The application's connections, by what they do. Dashed: how many its pools may open.",
            "few idle in transaction.",
            Query(
                "sum by (app, database, state) (max by (app, database, state, role, application)"
                " (watched_postgres_connections{<ours database>}))",
                "{{database}} {{state}}",
                tones={
                    " active$": "ok",
                    " idle$": "quiet",
                    " idle_in_transaction$": "warn",
                    " other$": "calm",
                },
            ),
            Query(
                "max by (app, database) (watched_postgres_pool_limit{<ours database>})",
                "pools of {{database}}",
                goal=True,
            ),
            stacked=True,
            alerts=("WatchedPostgresPoolExhausted",),
        ),
        lines(
            "Size",
            "What each database takes on disk. Dashed: what it may, as declared.",
            "below the dashed line in four days, too.",
            newest("watched_postgres_size_bytes", "{{app}} {{database}}"),
            Query(
                "max by (app, database) (watched_postgres_size_limit_bytes{<ours database>})",
                "limit {{app}} {{database}}",
                goal=True,
            ),
            unit="bytes",
            alerts=("WatchedPostgresSizeForecast",),
        ),
        lines(
            "Blocks from the cache",
            "The share of blocks found in the cache in ten minutes, where there is traffic."
            " Dashed: the objective.",
            "above the objective; 90 % where none is set.",
            Query(
                "app_database:watched_postgres_blocks_hit:ratio10m{<app database>}",
                "{{app}} {{database}}",
            ),
            Query(
                "max by (app, database) (watched_postgres_cache_hit_objective_ratio"
                "{<ours database>}) or on (app, database)"
                " app_database:watched_postgres_blocks_hit:ratio10m{<app database>} * 0 + 0.9",
                "objective {{app}} {{database}}",
                goal=True,
            ),
            unit="percentunit",
            alerts=("WatchedPostgresCacheHits",),
            highest=1,
        ),
    ),
)

CAUSES = Row(
    "What holds it up",
    (
        lines(
            "Long transactions",
            "The oldest open transaction, the longest idle one, and the longest wait for a lock."
            " Dashed: how long each may be.",
            "seconds; an hour, ten minutes and five minutes may be where no objective is set.",
            newest("watched_postgres_longest_transaction_seconds", "{{database}} open"),
            newest("watched_postgres_longest_idle_transaction_seconds", "{{database}} idle"),
            newest("watched_postgres_longest_blocked_seconds", "{{database}} blocked"),
            limit("watched_postgres_longest_transaction_seconds", "transaction", 3600),
            limit("watched_postgres_longest_idle_transaction_seconds", "idle_transaction", 600),
            limit("watched_postgres_longest_blocked_seconds", "blocked", 300),
            unit="s",
            alerts=("WatchedPostgresTransactionOpen", "WatchedPostgresBlocked"),
        ),
        lines(
            "Transactions",
            "Transactions a second that were committed or rolled back.",
            "few rolled back; the alert compares with a week.",
            Query(
                "max by (app, database, outcome) (rate("
                "watched_postgres_transactions_total{<ours database>}[$__rate_interval]))",
                "{{database}} {{outcome}}",
                tones={"committed$": "ok", "rolled_back$": "warn"},
            ),
            unit="ops",
            alerts=("WatchedPostgresRollbacks",),
        ),
        lines(
            "Locks and deadlocks",
            "Backends that wait for a lock, and deadlocks that the server broke in ten minutes.",
            "0.",
            newest("watched_postgres_blocked_backends", "{{database}} wait"),
            Query(
                "max by (app, database)"
                " (increase(watched_postgres_deadlocks_total{<ours database>}[10m]))",
                "{{database}} deadlocks",
            ),
            alerts=("WatchedPostgresDeadlocks", "WatchedPostgresBlocked"),
        ),
        lines(
            "Temporary files",
            "Bytes a second that did not fit in memory.",
            "near 0.",
            Query(
                "max by (app, database) (rate("
                "watched_postgres_temp_bytes_total{<ours database>}[$__rate_interval]))",
                "{{app}} {{database}}",
            ),
            unit="Bps",
        ),
    ),
)

REFERENCE = Row(
    "For reference",
    (
        table(
            "Servers",
            "Version, role, and since when each server runs.",
            "the version that you mean to run.",
            Query(
                "max by (app, database, version, role) (watched_postgres_info{<ours database>})"
                " * on (app, database) group_left () max by (app, database)"
                " (watched_postgres_start_timestamp_seconds{<ours database>}) * 1000",
                column="started",
                unit="dateTimeFromNow",
            ),
            order=("app", "database", "version", "role"),
            width=12,
        ),
        lines(
            "Clocks",
            "How far each server's clock is ahead of sidewatch's.",
            "less than 10 s either way, unless its objective is set.",
            newest("watched_postgres_clock_skew_seconds", "{{app}} {{database}}"),
            unit="s",
            alerts=("SidewatchClockSkew",),
            negative=True,
        ),
        lines(
            "agledger: who waits for a connection of its pool",
            "Requests that wait for a connection of the application's own pool.",
            "0, unless its objective is set.",
            Query(
                "max by (app, instance) (agledger_db_pool_waiting_connections{<ours>})",
                "{{app}} {{instance}}",
            ),
            alerts=("AgledgerPoolExhausted",),
        ),
    ),
    folded=True,
)

POSTGRES = Board(
    "sidewatch-postgres",
    "sidewatch 4: Postgres",
    "Does each database answer, is there room, and what holds it up?",
    (VERDICT, CAPACITY, CAUSES, UPKEEP, REFERENCE),
    ("database",),
)
