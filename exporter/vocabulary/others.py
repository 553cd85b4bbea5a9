"""What rules read and others show: the applications' own metrics, Prometheus and Alertmanager.

sidewatch does not show these again. Prometheus scrapes each where it is, and the target of an
application has its name as the label `app`. Names and labels of AGLedger are those of its runbook
(5.3) and of the dashboards in agledger-ai/install, those of tripl of its code (tripl/metrics.py);
the rest as Prometheus 2.42 and Alertmanager 0.25 answer when they are asked.
"""

from __future__ import annotations

from exporter.model import Family


def _counter(name: str, *labels: str) -> Family:
    return Family(name, "counter", "", labels)


def _gauge(name: str, *labels: str) -> Family:
    return Family(name, "gauge", "", labels)


# The counters of what AGLedger drops without a word. Each version has more of them, so the rules
# read them by what their names end in.
DROPPED = (
    _counter("agledger_webhook_enqueue_failures_total", "stage"),
    _counter("agledger_cascade_cancel_enqueue_failures_total", "scope"),
    _counter("agledger_cascading_gate_enqueue_failures_total"),
    _counter("agledger_phase2_enqueue_failures_total"),
    _counter("agledger_federation_outbound_enqueue_failed_total"),
    _counter("agledger_reputation_update_failures_total", "event"),
    _counter("agledger_auth_audit_persist_failures_total", "event"),
    _counter("agledger_persist_event_unmapped_total", "busEvent"),
    _counter("agledger_siem_mapper_failures_total", "event_type"),
    _counter("agledger_siem_http_batches_dropped_total"),
    _counter("agledger_siem_file_lines_dropped_total"),
)

AGLEDGER = (
    Family(
        "agledger_http_request_duration_seconds",
        "histogram",
        "",
        ("method", "route", "status_code"),
    ),
    Family("agledger_verification_duration_seconds", "histogram", "", ("contract_type", "result")),
    _counter("agledger_worker_jobs_processed_total", "queue", "status"),
    _gauge("agledger_db_pool_total_connections"),
    _gauge("agledger_db_pool_waiting_connections"),
    _counter("agledger_auth_cache_hits_total"),
    _counter("agledger_auth_cache_misses_total"),
    _counter("agledger_vault_checkpoint_skipped_broken_total"),
    *DROPPED,
)

TRIPL = (
    _counter("tripl_celery_tasks_total", "task", "status"),
    _counter("tripl_alert_deliveries_total", "status"),
    _counter("tripl_settings_read_failures_total", "section"),
    _gauge("tripl_metric_check_interval_seconds"),
)

# `job` and `instance` are of the target and not listed.
PROMETHEUS = (
    _gauge("up"),
    _gauge("scrape_duration_seconds"),
    _gauge("scrape_timeout_seconds"),  # with the feature extra-scrape-metrics only
    _gauge("prometheus_config_last_reload_successful"),
    _counter("prometheus_rule_evaluation_failures_total", "rule_group"),
    _counter("prometheus_rule_group_iterations_missed_total", "rule_group"),
    _counter("prometheus_notifications_dropped_total"),
    _gauge("prometheus_notifications_alertmanagers_discovered"),
    _counter("prometheus_target_scrapes_exceeded_sample_limit_total"),
    _counter("prometheus_target_scrapes_exceeded_body_size_limit_total"),
    _counter("prometheus_target_scrape_pool_exceeded_label_limits_total"),
    _counter("prometheus_target_scrape_pool_exceeded_target_limit_total"),
    _counter("prometheus_target_scrapes_sample_duplicate_timestamp_total"),
    _counter("prometheus_target_scrapes_sample_out_of_bounds_total"),
    _counter("prometheus_target_scrapes_sample_out_of_order_total"),
    _counter("prometheus_tsdb_compactions_failed_total"),
    _counter("prometheus_tsdb_head_truncations_failed_total"),
    _counter("prometheus_tsdb_checkpoint_creations_failed_total"),
    _counter("prometheus_tsdb_wal_corruptions_total"),
    _counter("prometheus_tsdb_wal_truncations_failed_total"),
    _counter("prometheus_tsdb_wal_writes_failed_total"),
)

ALERTMANAGER = (
    _gauge("alertmanager_config_last_reload_successful"),
    _gauge("alertmanager_config_hash"),
    _gauge("alertmanager_cluster_members"),
    _counter("alertmanager_notifications_total", "integration"),
    _counter("alertmanager_notifications_failed_total", "integration", "reason"),
)

OTHERS = {family.name: family for family in (*AGLEDGER, *TRIPL, *PROMETHEUS, *ALERTMANAGER)}
