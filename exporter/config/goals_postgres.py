"""What may be asked of a database server and of how it is kept."""

from __future__ import annotations

from collections.abc import Mapping

from exporter.config.goal import Goal
from exporter.model import Duration, Size

POSTGRES: Mapping[str, Goal] = {
    "postgres_connections": Goal(
        "watched_postgres_connections_objective_ratio",
        "watched_postgres_max_connections",
        ("database",),
        "databases",
        float,
        most=1.0,
    ),
    "postgres_cache_hit": Goal(
        "watched_postgres_cache_hit_objective_ratio",
        "watched_postgres_blocks_hit_total",
        ("database",),
        "databases",
        float,
        most=1.0,
    ),
    "postgres_transaction": Goal(
        "watched_postgres_transaction_objective_seconds",
        "watched_postgres_longest_transaction_seconds",
        ("database",),
        "databases",
        Duration,
    ),
    "postgres_idle_transaction": Goal(
        "watched_postgres_idle_transaction_objective_seconds",
        "watched_postgres_longest_idle_transaction_seconds",
        ("database",),
        "databases",
        Duration,
    ),
    "postgres_blocked": Goal(
        "watched_postgres_blocked_objective_seconds",
        "watched_postgres_longest_blocked_seconds",
        ("database",),
        "databases",
        Duration,
    ),
    "postgres_replication_lag": Goal(
        "watched_postgres_replication_lag_objective_seconds",
        "watched_postgres_replication_lag_seconds",
        ("database",),
        "databases",
        Duration,
    ),
    "postgres_slot": Goal(
        "watched_postgres_slot_objective_bytes",
        "watched_postgres_slot_retained_bytes",
        ("database",),
        "databases",
        Size,
    ),
    "postgres_slot_unread": Goal(
        "watched_postgres_slot_unread_objective_bytes",
        "watched_postgres_slot_retained_bytes",
        ("database",),
        "databases",
        Size,
    ),
    "postgres_replicas": Goal(
        "watched_postgres_replicas_objective",
        "watched_postgres_replicas",
        ("database",),
        "databases",
        float,
    ),
    "postgres_rollbacks": Goal(
        "watched_postgres_rollbacks_objective_ratio",
        "watched_postgres_transactions_total",
        ("database",),
        "databases",
        float,
        most=1.0,
    ),
    "postgres_dead_rows": Goal(
        "watched_postgres_dead_rows_objective_ratio",
        "watched_postgres_dead_rows_worst_ratio",
        ("database",),
        "databases",
        float,
        most=1.0,
    ),
    "postgres_invalid_indexes": Goal(
        "watched_postgres_invalid_indexes_objective",
        "watched_postgres_invalid_indexes",
        ("database",),
        "databases",
        float,
    ),
    "postgres_clock_skew": Goal(
        "watched_postgres_clock_skew_objective_seconds",
        "watched_postgres_clock_skew_seconds",
        ("database",),
        "databases",
        Duration,
    ),
}
