"""3 Webhooks and quotas: what comes in, what is asked of others, and how much of it is left."""

from __future__ import annotations

from dashboards.build.shapes import Board, Query, Row, lines, stat, table

FAILED = (
    "app_route:watched_http_requests_5xx:increase10m{<app route>}"
    " / on (app, route) (app_route:watched_http_requests:increase10m{<app route>} > 0)"
)
REJECTED = (
    'app_route:watched_http_requests_4xx:increase10m{route="webhooks", <app route>}'
    " / on (app, route) (app_route:watched_http_requests:increase10m{<app route>} > 0)"
)
LATE = "app_route:watched_http_requests_late:ratio10m{<app route>}"

VERDICT = Row(
    "",
    (
        stat(
            "Webhooks that fail",
            "The share of requests of the worst route that got a 5xx in ten minutes.",
            "below 5 %, unless its objective is set.",
            f"max({FAILED})",
            unit="percentunit",
            alerts=("WatchedHttpErrors",),
            steps=((0.05, "bad"),),
        ),
        stat(
            "Webhooks refused",
            "The share of webhooks that got a 4xx in ten minutes: a changed secret, or a stranger.",
            "below 10 %, unless its objective is set.",
            f"max({REJECTED})",
            unit="percentunit",
            alerts=("WatchedHttpRejected",),
            steps=((0.1, "warn"),),
        ),
        stat(
            "Requests that are late",
            "The share of requests of the worst route that took longer than their objective.",
            "below 10 %, unless its objective is set.",
            f"max({LATE})",
            unit="percentunit",
            alerts=("WatchedHttpSlow",),
            steps=((0.1, "warn"),),
        ),
        stat(
            "Since the last webhook",
            "How long ago the last webhook came, of the application that waits longest.",
            "shorter than the declared interval.",
            'time() - min(watched_heartbeat_timestamp_seconds{heartbeat="webhooks", <ours>})',
            unit="s",
            alerts=("WatchedHttpSilence",),
        ),
        stat(
            "Quota left",
            "What is left of the quota that is nearest to its objective, in objectives.",
            "above 1.",
            "min(min by (app, quota, scope) (watched_quota_remaining{<ours quota>})"
            " / on (app, quota, scope)"
            " max by (app, quota, scope) (watched_quota_remaining_objective{<ours quota>}))",
            alerts=("WatchedQuotaLow",),
            steps=((0, "warn"), (1, "ok")),
            decimals=1,
        ),
        stat(
            "Answers that refuse",
            "The share of answers of remote interfaces in ten minutes that were a 401, 403, 429 or"
            " 5xx; the worst interface.",
            "what is usual; the alert compares with a week.",
            "max(app_api:watched_api_errors:ratio10m{<app api>})",
            unit="percentunit",
            alerts=("WatchedApiErrors",),
        ),
    ),
)

INCOMING = Row(
    "What comes in",
    (
        lines(
            "Requests by status",
            "Requests a second, by the class of their answer.",
            "nearly all 2xx.",
            Query(
                "sum by (class) (label_replace("
                "rate(watched_http_requests_total{<ours route>}[$__rate_interval]),"
                ' "class", "${1}xx", "status", "(.).."))',
                "{{class}}",
                tones={"^2": "ok", "^3": "calm", "^4": "warn", "^5": "bad"},
            ),
            unit="reqps",
            stacked=True,
        ),
        lines(
            "Requests that fail",
            "The share of requests of each route that got a 5xx in ten minutes. Dashed: the"
            " objective.",
            "below the objective; 5 % where none is set.",
            Query(FAILED, "{{app}} {{route}}"),
            Query(
                "max by (app, route) (watched_http_errors_objective_ratio{<ours route>})"
                " or on (app, route)"
                " app_route:watched_http_requests:increase10m{<app route>} * 0 + 0.05",
                "objective {{app}} {{route}}",
                goal=True,
            ),
            unit="percentunit",
            alerts=("WatchedHttpErrors",),
            highest=1,
        ),
        lines(
            "How long requests take",
            "The time within which half, and 95 %, of the requests of each route were answered.",
            "below the objective of the route, where one is set (dashed).",
            Query(
                "histogram_quantile(0.95, sum by (app, route, le) (rate("
                "watched_http_request_duration_seconds_bucket{<ours route>}[$__rate_interval])))",
                "95 % {{app}} {{route}}",
                exemplars=True,
            ),
            Query(
                "histogram_quantile(0.5, sum by (app, route, le) (rate("
                "watched_http_request_duration_seconds_bucket{<ours route>}[$__rate_interval])))",
                "half {{app}} {{route}}",
            ),
            Query(
                "max by (app, route)"
                " (watched_http_request_duration_objective_seconds{<ours route>})",
                "objective {{app}} {{route}}",
                goal=True,
            ),
            unit="s",
            alerts=("WatchedHttpSlow",),
        ),
        lines(
            "Requests that are late",
            "The share of requests of each route in ten minutes that took longer than their"
            " objective. Dashed: the share that may.",
            "below the dashed line; 10 % where none is set.",
            Query(LATE, "{{app}} {{route}}"),
            Query(
                "max by (app, route) (watched_http_late_objective_ratio{<ours route>})"
                f" or on (app, route) {LATE} * 0 + 0.1",
                "objective {{app}} {{route}}",
                goal=True,
            ),
            unit="percentunit",
            alerts=("WatchedHttpSlow",),
            highest=1,
        ),
        lines(
            "Webhooks refused",
            "The share of webhooks that got a 4xx in ten minutes. Dashed: the objective.",
            "below the objective; 10 % where none is set.",
            Query(REJECTED, "{{app}} {{route}}"),
            Query(
                "max by (app, route) (watched_http_rejected_objective_ratio{<ours route>})"
                " or on (app, route)"
                " app_route:watched_http_requests:increase10m{<app route>} * 0 + 0.1",
                "objective {{app}} {{route}}",
                goal=True,
            ),
            unit="percentunit",
            alerts=("WatchedHttpRejected",),
            highest=1,
        ),
        lines(
            "Signatures that failed",
            "Webhooks in ten minutes whose signature was not the sender's. Dashed: how many make"
            " an alert.",
            "0; 5 make an alert where no objective is set.",
            Query(
                "sum by (app, service, event)"
                ' (increase(watched_events_total{event="signature_failed", <ours>}[10m]))',
                "{{app}} {{service}}",
            ),
            Query(
                "max by (app, event) (watched_event_burst_objective{<ours>})"
                " or on (app, event) sum by (app, event)"
                ' (increase(watched_events_total{event="signature_failed", <ours>}[10m])) * 0 + 5',
                "objective {{app}}",
                goal=True,
            ),
            alerts=("WatchedEventBurst",),
        ),
        lines(
            "Logins that were throttled",
            "Requests of the login that got a 429 in ten minutes. Dashed: how many make an alert.",
            "0; 5 make an alert where no objective is set.",
            Query(
                "sum by (app, route) (increase("
                'watched_http_requests_total{route="login", status="429", <ours route>}[10m]))',
                "{{app}} {{route}}",
            ),
            Query(
                "max by (app, route) (watched_http_throttled_objective{<ours route>})"
                " or on (app, route)"
                " app_route:watched_http_requests:increase10m{<app route>} * 0 + 5",
                "objective {{app}}",
                goal=True,
            ),
            alerts=("WatchedHttpThrottled",),
        ),
        lines(
            "Since the last webhook",
            "How long ago the last webhook came. Dashed: the longest that is usual, as declared.",
            "below the dashed line.",
            Query(
                "time() - max by (app, heartbeat)"
                ' (watched_heartbeat_timestamp_seconds{heartbeat="webhooks", <ours>})',
                "{{app}}",
            ),
            Query(
                "max by (app, heartbeat)"
                ' (watched_heartbeat_interval_seconds{heartbeat="webhooks", <ours>})',
                "declared {{app}}",
                goal=True,
            ),
            unit="s",
            alerts=("WatchedHttpSilence",),
        ),
    ),
)

OUTGOING = Row(
    "What is asked of others",
    (
        lines(
            "Answers of remote interfaces",
            "Answers a second, by interface and status.",
            "nearly all 2xx and 3xx.",
            Query(
                "sum by (api, status)"
                " (rate(watched_api_responses_total{<ours api>}[$__rate_interval]))",
                "{{api}} {{status}}",
                tones={" [23]..$": "ok", " (401|403|429)$": "warn", " 5..$": "bad"},
            ),
            unit="reqps",
            stacked=True,
            alerts=("WatchedApiErrors",),
        ),
        lines(
            "Answers that refuse",
            "The share of answers in ten minutes that were a 401, 403, 429 or 5xx.",
            "below three times the median of a week.",
            Query("app_api:watched_api_errors:ratio10m{<app api>}", "{{app}} {{api}}"),
            unit="percentunit",
            alerts=("WatchedApiErrors",),
            highest=1,
        ),
        lines(
            "What is left of quotas",
            "What is left of each quota. Dashed: how much must be.",
            "above the dashed line.",
            Query(
                "min by (app, quota, scope) (watched_quota_remaining{<ours quota>})",
                "{{app}} {{quota}} {{scope}}",
            ),
            Query(
                "max by (app, quota, scope) (watched_quota_remaining_objective{<ours quota>})",
                "objective {{app}} {{quota}}",
                goal=True,
            ),
            alerts=("WatchedQuotaLow", "WatchedQuotaBurns"),
            log=True,
        ),
        table(
            "When quotas are full again",
            "When each quota is renewed.",
            "within the hour, for most.",
            Query(
                "max by (app, quota, scope) (watched_quota_reset_timestamp_seconds{<ours quota>})"
                " * 1000",
                column="full again",
                unit="dateTimeFromNow",
            ),
            order=("app", "quota", "scope"),
            width=12,
        ),
    ),
)

WEBHOOKS = Board(
    "sidewatch-webhooks",
    "sidewatch 3: Webhooks and quotas",
    "Do requests arrive, are they answered, and may we ask others for more?",
    (VERDICT, INCOMING, OUTGOING),
    ("route", "api", "quota"),
)
