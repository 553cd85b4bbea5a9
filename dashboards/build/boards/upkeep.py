"""How a database is kept: cleaned up, archived, and sent on to replicas."""

from __future__ import annotations

from dashboards.build.shapes import Query, Row, lines, table


def newest(name: str, tells: str, **labels: str) -> Query:
    """The value of a gauge of a database."""
    more = "".join(f'{label}="{value}", ' for label, value in labels.items())
    return Query(f"max by (app, database) ({name}{{{more}<ours database>}})", tells)


def limit(name: str, objective: str, usual: int) -> Query:
    """How long it may be: its objective, or what is usual where none is set."""
    return Query(
        "max by (app, database)"
        f" (watched_postgres_{objective}_objective_seconds{{<ours database>}})"
        f" or on (app, database) max by (app, database) ({name}{{<ours database>}}) * 0 + {usual}",
        "objective {{app}} {{database}}",
        goal=True,
    )


UPKEEP = Row(
    "Upkeep",
    (
        lines(
            "Dead rows of the worst table",
            "The share of dead rows in the worst of the tables that have 10,000. Dashed: how large"
            " it may be.",
            "below the dashed line; 20 % where no objective is set.",
            newest("watched_postgres_dead_rows_worst_ratio", "{{app}} {{database}}"),
            Query(
                "max by (app, database) (watched_postgres_dead_rows_objective_ratio"
                "{<ours database>}) or on (app, database) max by (app, database)"
                " (watched_postgres_dead_rows_worst_ratio{<ours database>}) * 0 + 0.2",
                "objective {{app}} {{database}}",
                goal=True,
            ),
            unit="percentunit",
            alerts=("WatchedPostgresVacuumLate",),
            highest=1,
        ),
        lines(
            "Dead rows",
            "Dead rows that wait for a vacuum.",
            "a small part of the live ones.",
            newest("watched_postgres_dead_rows", "{{app}} {{database}}"),
        ),
        table(
            "Housekeeping",
            "Tables that autovacuum should have been at, indexes that are not used, ages of ids.",
            "0 overdue, 0 invalid, ages below 200 million.",
            Query(
                "max by (app, database) (watched_postgres_vacuum_overdue_tables{<ours database>})",
                column="vacuum overdue",
            ),
            Query(
                "max by (app, database) (watched_postgres_invalid_indexes{<ours database>})",
                column="invalid indexes",
            ),
            Query(
                "max by (app, database) (watched_postgres_xid_age{<ours database>})",
                column="transaction ids",
                unit="locale",
            ),
            Query(
                "max by (app, database) (watched_postgres_multixact_age{<ours database>})",
                column="multixact ids",
                unit="locale",
            ),
            Query(
                "max by (app, database) (watched_postgres_live_rows{<ours database>})",
                column="live rows",
                unit="locale",
            ),
            order=("app", "database"),
            alerts=("WatchedPostgresIndexInvalid",),
            width=12,
        ),
        table(
            "Replication slots",
            "Write-ahead log that each slot keeps from being removed.",
            "read, and little kept.",
            Query(
                "max by (app, database, slot) (watched_postgres_slot_active{<ours database>})",
                column="read",
                words=((1, "yes", "ok"), (0, "NO", "bad")),
            ),
            Query(
                "max by (app, database, slot)"
                " (watched_postgres_slot_retained_bytes{<ours database>})",
                column="kept",
                unit="bytes",
                steps=((5000000000, "warn"),),
            ),
            Query(
                "max by (app, database, slot) (watched_postgres_slot_lost{<ours database>})",
                column="lost",
                words=((0, "no", "ok"), (1, "LOST", "bad")),
            ),
            order=("app", "database", "slot"),
            alerts=(
                "WatchedPostgresSlotUnread",
                "WatchedPostgresSlotRetains",
                "WatchedPostgresSlotLost",
            ),
            width=12,
        ),
        lines(
            "Who receives the server's log",
            "Replicas and others that are connected. Dashed: how many must be, where it is said.",
            "not below the dashed line.",
            newest("watched_postgres_replicas", "{{app}} {{database}}"),
            Query(
                "max by (app, database) (watched_postgres_replicas_objective{<ours database>})",
                "objective {{app}} {{database}}",
                goal=True,
            ),
            alerts=("WatchedPostgresReplicaGone",),
            stepped=True,
        ),
        lines(
            "Replicas",
            "How far each replica is behind its primary. Dashed: how far it may be.",
            "below the dashed line; 30 s where no objective is set.",
            newest("watched_postgres_replication_lag_seconds", "{{app}} {{database}}"),
            limit("watched_postgres_replication_lag_seconds", "replication_lag", 30),
            unit="s",
            alerts=("WatchedPostgresReplicaLate",),
        ),
        lines(
            "Write-ahead log",
            "Bytes a second written ahead.",
            "steady; bulk loads stand out.",
            Query(
                "max by (app, database)"
                " (rate(watched_postgres_wal_bytes_total{<ours database>}[$__rate_interval]))",
                "{{app}} {{database}}",
            ),
            unit="Bps",
        ),
        lines(
            "Checkpoints",
            "Checkpoints a second by what made them.",
            "most of them timed.",
            Query(
                "max by (app, database, reason) (rate("
                "watched_postgres_checkpoints_total{<ours database>}[$__rate_interval]))",
                "{{database}} {{reason}}",
            ),
            unit="ops",
        ),
        lines(
            "Failing to archive",
            "1 while the last try to archive the server's log has failed; nothing where it is not"
            " archived.",
            "0.",
            newest("watched_postgres_archive_failing", "{{app}} {{database}}"),
            alerts=("WatchedPostgresArchiveFailing",),
            stepped=True,
            highest=1,
        ),
    ),
)
