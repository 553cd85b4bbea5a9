"""The metrics that agledger and tripl tell of themselves, scraped beside sidewatch."""

from __future__ import annotations

from dashboards.build.shapes import Query, Row, lines

NATIVES = Row(
    "Own metrics of agledger and tripl",
    (
        lines(
            "agledger: requests that fail",
            "The share of requests that got a 5xx in ten minutes; health checks left out.",
            "below 5 %, unless its objective is set.",
            Query(
                "sum by (app) (increase(app_instance:agledger_requests_failed:total{<app>}[10m]))"
                " / on (app) (sum by (app)"
                " (increase(app_instance:agledger_requests:total{<app>}[10m])) > 0)",
                "{{app}}",
            ),
            unit="percentunit",
            alerts=("AgledgerHttpErrors",),
            steps=((0.05, "bad"),),
        ),
        lines(
            "agledger: requests that are denied",
            "Requests that got a 401 or 403 in ten minutes.",
            "few; 20 of them make an alert if they are a fifth of all.",
            Query(
                "sum by (app) (increase(app_instance:agledger_requests_denied:total{<app>}[10m]))",
                "{{app}}",
            ),
            alerts=("AgledgerAuthBurst",),
            steps=((20, "warn"),),
        ),
        lines(
            "agledger: how long verification takes",
            "The time within which 95 % of the verifications of ten minutes were done.",
            "below 5 s, unless its objective is set.",
            Query(
                "histogram_quantile(0.95, sum by (app, le)"
                " (increase(agledger_verification_duration_seconds_bucket{<ours>}[10m])))",
                "{{app}}",
                exemplars=True,
            ),
            unit="s",
            alerts=("AgledgerVerificationSlow",),
            steps=((5, "warn"),),
        ),
        lines(
            "agledger: hits of its cache of keys",
            "The share of authentications that its cache answers, in a quarter of an hour.",
            "above 80 %, unless its objective is set.",
            Query(
                "sum by (app, instance) (increase(agledger_auth_cache_hits_total{<ours>}[15m]))"
                " / on (app, instance)"
                " (sum by (app, instance) (increase(agledger_auth_cache_hits_total{<ours>}[15m]))"
                " + on (app, instance) sum by (app, instance)"
                " (increase(agledger_auth_cache_misses_total{<ours>}[15m])))",
                "{{app}} {{instance}}",
            ),
            unit="percentunit",
            alerts=("AgledgerAuthCacheMisses",),
            highest=1,
        ),
        lines(
            "agledger: what was dropped without a word",
            "Counters of things that were to be written and were not, in a quarter of an hour.",
            "0.",
            Query(
                "sum by (app, counter)"
                " (increase(app_counter_instance:agledger_dropped:total{<app>}[15m]))",
                "{{app}} {{counter}}",
            ),
            alerts=("AgledgerSilentDrops",),
            steps=((1, "bad"),),
        ),
        lines(
            "agledger: broken checkpoints of the vault",
            "Checkpoints that were left out because the chain was broken, in three hours.",
            "0.",
            Query(
                "sum by (app) (increase(app_instance:agledger_vault_broken:total{<app>}[3h]))",
                "{{app}}",
            ),
            alerts=("AgledgerVaultBroken",),
            steps=((1, "bad"),),
        ),
        lines(
            "tripl: settings that could not be read",
            "Failed looks at its settings in half an hour.",
            "0.",
            Query(
                "sum by (app) (increase(app_instance:tripl_settings_unread:total{<app>}[30m]))",
                "{{app}}",
            ),
            alerts=("TriplSettingsUnreadable",),
            steps=((1, "warn"),),
        ),
    ),
    folded=True,
)
