"""The vocabulary: every metric that sidewatch may show, by name. Rules and profiles speak only it.

`scope` says how instances of sidewatch are put together: *shared* with `max`, *local* with `sum`,
*vantage* (probes) with `min` or `count`, *own* for sidewatch itself. `app` is on every series of a
watched application and is not listed.
"""

from __future__ import annotations

from exporter.model import JOB_BUCKETS, REQUEST_BUCKETS, Family
from exporter.vocabulary import containers, files, forward, objectives, probes, sql


def _families(*families: Family) -> dict[str, Family]:
    return {family.name: family for family in families}


LOGS = _families(
    Family("watched_log_lines_total", "counter", "Physical log lines read.", ("service", "stream")),
    Family(
        "watched_log_records_total",
        "counter",
        "Log records after joining; a traceback belongs to its record.",
        ("service", "level"),
    ),
    Family("watched_log_unparsed_total", "counter", "Records of no known format.", ("service",)),
    Family(
        "watched_log_newest_timestamp_seconds",
        "gauge",
        "When the newest byte was appended to a log of this service.",
        ("service",),
    ),
    Family(
        "watched_exceptions_total",
        "counter",
        "Exceptions in logs; one traceback is one.",
        ("service", "type"),
    ),
    Family(
        "watched_events_total",
        "counter",
        "Messages that the profile names.",
        ("service", "event", "impact"),
    ),
    Family(
        "watched_event_read_timestamp_seconds",
        "gauge",
        "When sidewatch last read this event.",
        ("service", "event", "impact"),
    ),
    Family(
        "watched_event_last_timestamp_seconds",
        "gauge",
        "The last event's own time.",
        ("service", "event", "impact"),
    ),
    Family(
        "watched_heartbeat_timestamp_seconds",
        "gauge",
        "When this sign of life was last given.",
        ("heartbeat",),
    ),
    Family(
        "watched_heartbeat_interval_seconds",
        "gauge",
        "How often this sign of life is expected.",
        ("heartbeat",),
    ),
    Family("watched_jobs_enqueued_total", "counter", "Jobs enqueued.", ("queue", "job_class")),
    Family("watched_jobs_started_total", "counter", "Jobs started.", ("queue", "job_class")),
    Family(
        "watched_jobs_finished_total",
        "counter",
        "Jobs finished, only where the line tells the outcome.",
        ("queue", "job_class", "outcome"),
    ),
    Family(
        "watched_job_duration_seconds",
        "histogram",
        "How long jobs ran.",
        ("job_class",),
        buckets=JOB_BUCKETS,
    ),
    Family(
        "watched_job_wait_seconds",
        "histogram",
        "How long jobs waited before they ran.",
        ("queue",),
        buckets=JOB_BUCKETS,
    ),
    Family("watched_jobs_running", "gauge", "Jobs running now.", ("service",)),
    Family("watched_jobs_requested", "gauge", "Jobs waiting, scheduled ones too.", ("service",)),
    Family("watched_worker_processes", "gauge", "Worker processes alive.", ("service",)),
    Family("watched_worker_slots", "gauge", "Jobs that can run at once.", ("service",)),
    Family(
        "watched_http_requests_total",
        "counter",
        "Requests answered.",
        ("route", "method", "status"),
    ),
    Family(
        "watched_http_request_duration_seconds",
        "histogram",
        "How long requests took.",
        ("route",),
        buckets=REQUEST_BUCKETS,
    ),
    Family(
        "watched_api_responses_total",
        "counter",
        "Answers of remote interfaces.",
        ("api", "status", "from_cache"),
    ),
    Family("watched_quota_remaining", "gauge", "What is left of a quota.", ("quota", "scope")),
    Family("watched_quota_limit", "gauge", "A quota's size.", ("quota", "scope")),
    Family(
        "watched_quota_reset_timestamp_seconds",
        "gauge",
        "When a quota is full again.",
        ("quota", "scope"),
    ),
    Family("watched_draining", "gauge", "1 while the application shuts down.", ("service",)),
    Family(
        "watched_drain_deadline_timestamp_seconds",
        "gauge",
        "When the shutdown must have ended.",
        ("service",),
    ),
    Family(
        "watched_quiet_window",
        "gauge",
        "1 while a deploy is under way and its effects need no page.",
        ("service",),
    ),
)

UPSTREAMS = _families(
    Family(
        "watched_upstream_errors_total",
        "counter",
        "Requests that a proxy could not hand to the application behind this host.",
        ("vhost", "reason"),
    ),
    Family(
        "watched_upstream_idle",
        "gauge",
        "1 where nothing is meant to run behind this host, as declared in the configuration.",
        ("vhost",),
    ),
)

OWN = _families(
    Family(
        "sidewatch_app_info",
        "gauge",
        "1 for each application that is watched.",
        ("profile", "uid"),
        "own",
    ),
    Family(
        "sidewatch_build_info",
        "gauge",
        "1; which sidewatch this is, and which engine counts: compiled or python.",
        ("version", "engine", "python"),
        "own",
    ),
    Family(
        "sidewatch_label_canary",
        "gauge",
        'Always 1, with `app="canary"`; renamed labels betray a scrape without `honor_labels`.',
        ("service", "container"),
        "own",
    ),
    Family(
        "sidewatch_test_alert_timestamp_seconds",
        "gauge",
        "When `sidewatch test-alert` began; there only while it runs.",
        ("test",),
        "own",
    ),
    Family(
        "sidewatch_source_up",
        "gauge",
        "1 while this source can be read.",
        ("source",),
        "own",
    ),
    Family(
        "sidewatch_source_last_success_timestamp_seconds",
        "gauge",
        "When this source was last looked at without a failure, new lines or not.",
        ("source",),
        "own",
    ),
    Family(
        "sidewatch_source_interval_seconds",
        "gauge",
        "How often this source is looked at, at the least.",
        ("source",),
        "own",
    ),
    Family(
        "sidewatch_source_failures_total",
        "counter",
        "Failures of this source.",
        ("source", "reason"),
        "own",
    ),
    Family(
        "sidewatch_source_lag_bytes",
        "gauge",
        "Bytes that wait to be read.",
        ("source",),
        "own",
    ),
    Family(
        "sidewatch_source_lag_seconds",
        "gauge",
        "How long the oldest unread byte has waited.",
        ("source",),
        "own",
    ),
    Family(
        "sidewatch_source_catching_up",
        "gauge",
        "1 while the lag is above a minute: what this source feeds may be withheld.",
        ("source",),
        "own",
    ),
    Family(
        "sidewatch_log_lost_bytes_total",
        "counter",
        "Bytes of logs known to be gone unread.",
        ("source", "reason"),
        "own",
    ),
    Family(
        "sidewatch_late_records_total",
        "counter",
        "Records older than five minutes when read; they set no gauge.",
        ("service",),
        "own",
    ),
    Family(
        "sidewatch_series_dropped_total",
        "counter",
        "Label sets folded into `other` because the metric was full, by the guilty label.",
        ("metric", "label"),
        "own",
    ),
    Family(
        "sidewatch_query_disabled",
        "gauge",
        "1 while this query is not asked: missing (a table or column), privilege, version, slow,"
        " broken.",
        ("query", "reason"),
        "own",
    ),
    Family(
        "sidewatch_query_last_success_timestamp_seconds",
        "gauge",
        "When this query was last answered; before the first time, when it was first to be asked.",
        ("query",),
        "own",
    ),
    Family(
        "sidewatch_query_interval_seconds",
        "gauge",
        "How often this query is asked; longer than configured while it is backed off.",
        ("query",),
        "own",
    ),
    Family(
        "sidewatch_query_duration_seconds",
        "gauge",
        "How long the last answer took.",
        ("query",),
        "own",
    ),
    Family(
        "sidewatch_query_failures_total",
        "counter",
        "Queries that failed, by the class of their SQLSTATE, or the reason where there is none.",
        ("query", "reason"),
        "own",
    ),
    Family(
        "sidewatch_state_degraded",
        "gauge",
        "1 while the state cannot be saved, and exactly-once is suspended.",
        (),
        "own",
    ),
    Family(
        "sidewatch_state_last_save_timestamp_seconds",
        "gauge",
        "When the state was last saved, or found unchanged.",
        (),
        "own",
    ),
    Family(
        "sidewatch_config_reload_success",
        "gauge",
        "1 when the newest configuration was taken, 0 when the one before it is still in use.",
        (),
        "own",
    ),
    Family(
        "sidewatch_config_last_reload_timestamp_seconds",
        "gauge",
        "When the configuration in use was taken.",
        (),
        "own",
    ),
    Family(
        "sidewatch_http_refused_total",
        "counter",
        "Clients of the endpoint that were turned away: busy, certificate, connections,"
        " credentials, exhausted, handshake.",
        ("reason",),
        "own",
    ),
    Family(
        "sidewatch_receiver_requests_total",
        "counter",
        "Exports of logs that were sent to /v1/logs, by the status of HTTP that they got.",
        ("status",),
        "own",
    ),
    Family(
        "sidewatch_receiver_records_total",
        "counter",
        "Records of logs that were sent: counted, or rejected because nothing is configured for"
        " their sender or because they say nothing.",
        ("outcome",),
        "own",
    ),
    Family(
        "sidewatch_discovery_up",
        "gauge",
        "1 while the daemon answers whose containers' labels name applications.",
        (),
        "own",
    ),
    Family(
        "sidewatch_discovered_apps",
        "gauge",
        "Applications that are watched because containers' labels name them.",
        (),
        "own",
    ),
    Family(
        "sidewatch_discovery_refused_apps",
        "gauge",
        "Applications that labels name and that are not taken, by reason.",
        ("reason",),
        "own",
    ),
    Family("sidewatch_push_up", "gauge", "1 when the newest push of metrics was taken.", (), "own"),
    Family(
        "sidewatch_push_last_success_timestamp_seconds",
        "gauge",
        "When a push of metrics was last taken.",
        (),
        "own",
    ),
    Family(
        "sidewatch_push_failures_total",
        "counter",
        "Pushes of metrics that were not taken, or not all of them, by reason.",
        ("reason",),
        "own",
    ),
    Family(
        "sidewatch_event_loop_lag_seconds",
        "gauge",
        "How late the event loop last woke up.",
        (),
        "own",
    ),
)

FAMILIES = {
    **LOGS,
    **_families(*sql.SQL),
    **_families(*probes.FAMILIES),
    **_families(*containers.FAMILIES),
    **_families(*files.FAMILIES),
    **UPSTREAMS,
    **_families(*objectives.FAMILIES),
    **OWN,
    **_families(*forward.FORWARD),
}
