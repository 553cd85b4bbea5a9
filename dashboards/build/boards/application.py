"""1 Application: requests, probes, heartbeats, containers and shutdowns."""

from __future__ import annotations

from dashboards.build.boards.natives import NATIVES
from dashboards.build.shapes import UP, Board, Query, Row, Word, lines, stat, table

YES: tuple[Word, ...] = ((0, "no", "calm"), (1, "YES", "warn"))

VERDICT = Row(
    "",
    (
        stat(
            "Answers",
            "Whether the liveness probe gets the answer that it should, from the worst vantage.",
            "UP.",
            'min(watched_probe_success{kind="liveness", <ours probe>})',
            alerts=("WatchedProbeFailed", "WatchedStartSlow"),
            words=UP,
            nothing="not probed",
        ),
        stat(
            "Ready",
            "Whether the readiness probe says that it can work.",
            "UP.",
            'min(watched_probe_success{kind="readiness", <ours probe>})',
            alerts=("WatchedNotReady",),
            words=UP,
            nothing="not probed",
        ),
        stat(
            "Requests that fail",
            "The share of requests of the worst route that got a 5xx in ten minutes.",
            "below its objective, 5 % where none is set.",
            "max(app_route:watched_http_requests_5xx:increase10m{<app>}"
            " / on (app, route) (app_route:watched_http_requests:increase10m{<app>} > 0))",
            unit="percentunit",
            alerts=("WatchedHttpErrors",),
            steps=((0.05, "bad"),),
            link="sidewatch-webhooks",
        ),
        stat(
            "Containers missing",
            "Containers that should run and do not.",
            "0.",
            "sum(app_service:watched_replicas_expected:sum{<app service>}"
            " - on (app, service) app_service:watched_replicas_running:sum{<app service>})",
            alerts=("WatchedServiceDown", "WatchedReplicasMissing"),
            steps=((1, "bad"),),
            nothing="none watched",
        ),
        stat(
            "Draining",
            "Whether a service of it shuts down just now.",
            "no.",
            "max(watched_draining{<ours service>})",
            alerts=("WatchedDrainStuck",),
            words=YES,
        ),
        stat(
            "Quiet window",
            "Whether a deploy is under way, so that its effects page nobody.",
            "no.",
            "max(watched_quiet_window{<ours service>})",
            words=YES,
        ),
    ),
)

PROBES = Row(
    "Probes and signs of life",
    (
        lines(
            "Probes",
            "Whether each probe gets the answer that it should: the worst vantage counts.",
            "1; a probe that is right less often than its objective over half an hour is unsteady.",
            Query(
                "min by (app, probe, kind) (watched_probe_success{<ours probe>})",
                "{{app}} {{probe}} {{kind}}",
            ),
            Query(
                "max by (app, probe) (watched_probe_steady_objective_ratio{<ours probe>})"
                " or on (app, probe)"
                " max by (app, probe) (watched_probe_success{<ours probe>}) * 0 + 0.9",
                "steady {{app}} {{probe}}",
                goal=True,
            ),
            unit="percentunit",
            alerts=("WatchedProbeFailed", "WatchedNotReady", "WatchedProbeUnsteady"),
            stepped=True,
            highest=1,
        ),
        lines(
            "How long probes take",
            "Each phase of the last exchange of each probe, from the slowest vantage.",
            "below a second a phase, unless its objective is set; most of it is waiting.",
            Query(
                "max by (app, probe, kind, phase) (watched_probe_duration_seconds{<ours probe>})",
                "{{app}} {{probe}} {{kind}} {{phase}}",
            ),
            unit="s",
            stacked=True,
            alerts=("WatchedProbeSlow",),
        ),
        table(
            "Why probes fail",
            "What each failing probe says of the answer. A redirect is told as what it is.",
            "nothing.",
            Query(
                "max by (app, probe, kind, reason) (watched_probe_failing{<ours probe>}) == 1",
                column="failing",
                words=((1, "FAILING", "bad"),),
            ),
            order=("app", "probe", "kind", "reason"),
            alerts=("WatchedProbeRedirected", "WatchedDependencyDown", "WatchedStatusDegraded"),
            width=12,
        ),
        table(
            "Parts of the application",
            "What a health body says of each part.",
            "UP.",
            Query(
                "min by (app, probe, component) (watched_component_up{<ours probe>})",
                column="state",
                words=UP,
            ),
            order=("app", "probe", "component"),
            alerts=("WatchedComponentDown",),
            width=12,
        ),
        lines(
            "Signs of life",
            "How long ago each heartbeat came, in intervals of it. Webhooks are somebody else's"
            " sign of life.",
            "below 1; past 2 it is missing.",
            Query(
                "(time() - max by (app, heartbeat)"
                ' (watched_heartbeat_timestamp_seconds{heartbeat!="webhooks", <ours heartbeat>}))'
                " / on (app, heartbeat) max by (app, heartbeat)"
                " (watched_heartbeat_interval_seconds{<ours heartbeat>})",
                "{{app}} {{heartbeat}}",
            ),
            alerts=("WatchedHeartbeatMissing",),
            steps=((2, "bad"),),
        ),
        lines(
            "Numbers of health bodies",
            "Numbers that a health body tells. Dashed: above which an alert is made.",
            "below the objective, where one is set.",
            Query(
                "max by (app, probe, field) (watched_probe_field{<ours probe>})",
                "{{app}} {{probe}} {{field}}",
            ),
            Query(
                "max by (app, probe, field) (watched_probe_field_objective{<ours probe>})",
                "objective {{app}} {{probe}} {{field}}",
                goal=True,
            ),
            alerts=("WatchedProbeFieldHigh",),
        ),
        table(
            "Versions",
            "The version that each vantage is told. Two of one application at once are a deploy"
            " that did not reach all of it.",
            "one version an application.",
            Query(
                "count by (app, probe, version) (watched_probe_info{<ours probe>})",
                column="vantages",
            ),
            order=("app", "probe", "version"),
            alerts=("WatchedVersionSkew",),
            width=12,
        ),
        lines(
            "Requests that a proxy could not hand on",
            "Requests behind each virtual host that found no application, in ten minutes. Dashed:"
            " the objective.",
            "0; 5 make an alert where no objective is set.",
            Query(
                "sum by (app, vhost) (increase(watched_upstream_errors_total{<ours>}[10m]))",
                "{{app}} {{vhost}}",
            ),
            Query(
                "max by (app, vhost) (watched_upstream_errors_objective{<ours>})"
                " or on (app, vhost) sum by (app, vhost)"
                " (increase(watched_upstream_errors_total{<ours>}[10m])) * 0 + 5",
                "objective {{vhost}}",
                goal=True,
            ),
            alerts=("WatchedUpstreamErrors",),
        ),
    ),
)

CONTAINERS = Row(
    "Containers",
    (
        lines(
            "Containers that run",
            "Running containers of each service. Dashed: how many are expected.",
            "as many as expected.",
            Query(
                "sum by (app, service) (watched_service_running_replicas{<ours service>})",
                "{{app}} {{service}}",
            ),
            Query(
                "sum by (app, service) (watched_service_expected_replicas{<ours service>})",
                "expected {{app}} {{service}}",
                goal=True,
            ),
            alerts=("WatchedServiceDown", "WatchedReplicasMissing"),
            stepped=True,
        ),
        lines(
            "Restarts",
            "Starts of containers that had ended by themselves, in a quarter of an hour. Dashed:"
            " how many are a crash loop.",
            "0; 3 are a crash loop where no objective is set.",
            Query(
                "app_service:watched_container_restarts:increase15m{<app service>}",
                "{{app}} {{service}}",
            ),
            Query(
                "app_service:watched_container_restarts_objective:count{<app service>}",
                "objective {{app}} {{service}}",
                goal=True,
            ),
            alerts=("WatchedCrashLoop",),
        ),
        table(
            "Services",
            "Each service: how many of its containers run and are unhealthy, since when the newest"
            " runs, and the code with which the last one ended.",
            "none unhealthy, code 0.",
            Query(
                "sum by (app, service) (watched_service_running_replicas{<ours service>})",
                column="running",
            ),
            Query(
                "sum by (app, service) (watched_service_expected_replicas{<ours service>})",
                column="expected",
            ),
            Query(
                'sum by (app, service) (watched_container_health{state="unhealthy",'
                " <ours service>})",
                column="unhealthy",
                steps=((1, "bad"),),
            ),
            Query(
                "max by (app, service) (watched_container_started_timestamp_seconds"
                "{<ours service>}) * 1000",
                column="started",
                unit="dateTimeFromNow",
            ),
            Query(
                "max by (app, service) (watched_container_last_exit_code{<ours service>})",
                column="last exit code",
                steps=((1, "bad"),),
            ),
            order=("app", "service"),
            alerts=("WatchedServiceUnhealthy", "WatchedOneshotFailed"),
        ),
        table(
            "Ends of containers",
            "How containers ended, and when the last of each kind did: stopped by somebody, by"
            " themselves, out of memory, killed after their grace.",
            "stopped, with code 0 or 143.",
            Query(
                "sum by (app, service, exit_code, reason) (increase("
                "watched_container_exits_total{<ours service>}[$__range]))",
                column="in this time",
            ),
            Query(
                "max by (app, service, exit_code, reason) ("
                "watched_container_last_exit_timestamp_seconds{<ours service>}) * 1000",
                column="last",
                unit="dateTimeFromNow",
            ),
            order=("app", "service", "reason", "exit_code"),
            alerts=("WatchedOomKilled", "WatchedKilledInDrain"),
        ),
        table(
            "Images",
            "What the containers of each service run.",
            "one image a service.",
            Query(
                "count by (app, service, image, version) (watched_container_info{<ours service>})",
                column="hosts",
            ),
            order=("app", "service", "image", "version"),
            width=12,
        ),
        table(
            "States",
            "The state of each container.",
            "running.",
            Query(
                "max by (app, service, replica, state) (watched_container_state{<ours service>})"
                " == 1",
                column="is",
                words=((1, "yes", "calm"),),
            ),
            order=("app", "service", "replica", "state"),
            width=12,
        ),
    ),
)

DRAINS = Row(
    "Shutdowns",
    (
        lines(
            "Draining and quiet",
            "1 while a service shuts down; 1 while its deploy keeps alerts quiet.",
            "0, and some minutes of 1 at a deploy.",
            Query(
                "max by (app, service) (watched_draining{<ours service>})",
                "draining {{app}} {{service}}",
            ),
            Query(
                "max by (app, service) (watched_quiet_window{<ours service>})",
                "quiet {{app}} {{service}}",
            ),
            unit="bool_yes_no",
            stepped=True,
            highest=1,
        ),
        lines(
            "Time left for a shutdown",
            "Until a shutdown must have ended; below 0 it is past its deadline.",
            "above 0.",
            Query(
                "max by (app, service) (watched_drain_deadline_timestamp_seconds{<ours service>})"
                " - time() and on (app, service)"
                " max by (app, service) (watched_draining{<ours service>}) == 1",
                "{{app}} {{service}}",
            ),
            unit="s",
            alerts=("WatchedDrainStuck", "WatchedKilledInDrain"),
            negative=True,
        ),
    ),
)

APPLICATION = Board(
    "sidewatch-application",
    "sidewatch 1: Application",
    "One application: does it answer, does it run, does it shut down as it should?",
    (VERDICT, PROBES, CONTAINERS, DRAINS, NATIVES),
    ("service", "probe", "heartbeat"),
)
