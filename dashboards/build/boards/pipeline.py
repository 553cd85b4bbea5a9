"""Of sidewatch itself: Prometheus and Alertmanager, which carry what it tells."""

from __future__ import annotations

from dashboards.build.shapes import UP, Query, Row, lines, table

PIPELINE = Row(
    "Prometheus and Alertmanager",
    (
        table(
            "Targets",
            "Each target that Prometheus scrapes.",
            "UP, answered in a fraction of 10 s.",
            Query(
                "max by (job, instance) (up{<targets>})",
                column="state",
                words=UP,
            ),
            Query(
                "max by (job, instance) (scrape_duration_seconds{<targets>})",
                column="took",
                unit="s",
                steps=((8, "warn"),),
            ),
            Query(
                "max by (job, instance) (scrape_samples_scraped{<targets>})",
                column="samples",
                unit="locale",
            ),
            order=("job", "instance"),
            alerts=(
                "PipelineTargetDown",
                "PipelineTargetUnsteady",
                "PipelineJobGone",
                "PipelineTargetUnnamed",
                "PipelineScrapeSlow",
            ),
            width=12,
        ),
        lines(
            "How long scrapes take",
            "The mean of ten minutes of each target.",
            "far below 8 s; after 10 s Prometheus gives up.",
            Query(
                "max by (job, instance) (avg_over_time(scrape_duration_seconds{<targets>}[10m]))",
                "{{job}} {{instance}}",
            ),
            unit="s",
            alerts=("PipelineScrapeSlow",),
            steps=((8, "warn"),),
        ),
        lines(
            "Rules that fail or are late",
            "Evaluations that failed, and those that were left out, in ten minutes.",
            "0.",
            Query(
                "sum by (instance) (increase("
                "prometheus_rule_evaluation_failures_total{<targets>}[10m]))",
                "failed {{instance}}",
            ),
            Query(
                "sum by (instance) (increase("
                "prometheus_rule_group_iterations_missed_total{<targets>}[10m]))",
                "left out {{instance}}",
            ),
            alerts=("PipelineRuleFailures", "PipelineRulesLate"),
            steps=((1, "bad"),),
        ),
        lines(
            "How long rules take",
            "The last evaluation of each group of rules.",
            "a fraction of its interval.",
            Query(
                "max by (rule_group)"
                " (label_replace(prometheus_rule_group_last_duration_seconds{<targets>},"
                ' "rule_group", "$1", "rule_group", ".*;(.*)"))',
                "{{rule_group}}",
            ),
            unit="s",
            alerts=("PipelineRulesLate",),
        ),
        lines(
            "Alerts that Prometheus dropped",
            "Alerts that no Alertmanager took, in ten minutes.",
            "0.",
            Query(
                "sum by (instance)"
                " (increase(prometheus_notifications_dropped_total{<targets>}[10m]))",
                "{{instance}}",
            ),
            alerts=("PipelineAlertsDropped",),
            steps=((1, "bad"),),
        ),
        lines(
            "Messages that fail",
            "The share of the messages of a quarter of an hour that Alertmanager could not send.",
            "below 5 %.",
            Query(
                "sum by (integration, instance)"
                " (increase(alertmanager_notifications_failed_total{<targets>}[15m]))"
                " / on (integration, instance) (sum by (integration, instance)"
                " (increase(alertmanager_notifications_total{<targets>}[15m])) > 0)",
                "{{integration}} {{instance}}",
            ),
            unit="percentunit",
            alerts=("PipelineMessagesFailing",),
            steps=((0.05, "bad"),),
        ),
        lines(
            "Alertmanagers",
            "How many each Prometheus knows, and how many members each cluster has.",
            "all of yours.",
            Query(
                "max by (instance) (prometheus_notifications_alertmanagers_discovered{<targets>})",
                "known to {{instance}}",
            ),
            Query(
                "max by (job, instance) (alertmanager_cluster_members{<targets>})",
                "members seen by {{instance}}",
            ),
            Query(
                "count by (job) (count_values by (job)"
                ' ("hash", alertmanager_config_hash{<targets>}))',
                "configurations of {{job}}",
            ),
            alerts=(
                "PipelineAlertmanagerMissing",
                "PipelineClusterSplit",
                "PipelineAlertmanagersDiffer",
            ),
            stepped=True,
        ),
        table(
            "Configurations",
            "Whether each process has taken its newest configuration.",
            "TAKEN.",
            Query(
                "max by (job, instance) (prometheus_config_last_reload_successful{<targets>}"
                " or alertmanager_config_last_reload_successful{<targets>})",
                column="configuration",
                words=((1, "TAKEN", "ok"), (0, "REFUSED", "warn")),
            ),
            order=("job", "instance"),
            alerts=("PipelineConfigRefused",),
            width=12,
        ),
        lines(
            "The alert that always fires",
            "Whether Watchdog fires: as long as it does, rules are evaluated. A dead-man's switch"
            " outside calls when it no longer hears it.",
            "yes, without a gap.",
            Query('max by (alertname) (ALERTS{alertname="Watchdog"})', "{{alertname}}"),
            unit="bool_yes_no",
            alerts=("Watchdog",),
            stepped=True,
            highest=1,
        ),
        lines(
            "What Prometheus refused or could not keep",
            "Scrapes and samples refused in ten minutes, and failures of its storage in three"
            " hours.",
            "0.",
            Query(
                "sum by (reason, instance)"
                " (increase(reason_instance:prometheus_scrapes_rejected:total[10m]))",
                "refused: {{reason}}",
            ),
            Query(
                "sum by (failure, instance)"
                " (increase(failure_instance:prometheus_storage_failed:total[3h]))",
                "storage: {{failure}}",
            ),
            alerts=("PipelineScrapeRejected", "PipelineStorageFailing"),
            steps=((1, "warn"),),
        ),
        lines(
            "Series in memory",
            "Series that Prometheus holds in memory.",
            "steady; about 3 KiB of memory each.",
            Query(
                "max by (instance) (prometheus_tsdb_head_series{<targets>})",
                "{{instance}}",
            ),
        ),
    ),
)
