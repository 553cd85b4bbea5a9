"""What answers when it is asked: health endpoints, what their bodies say, certificates, brokers.

Probes are of a *vantage* point: each sidewatch sees for itself, and a rule takes the worst of them.
`probe` names who is asked (api, worker), `kind` what is asked: liveness, readiness, startup (does
anybody answer yet), status, dependency. A result that is three intervals old is dropped.
"""

from __future__ import annotations

from exporter.model import Family, Kind, Scope


def _gauge(name: str, labels: tuple[str, ...], text: str, scope: Scope = "vantage") -> Family:
    return Family(name, "gauge", text, labels, scope)


# What has no label but a probe's own is bounded by the configuration. A limit that two thousand
# probes with eleven reasons meet would fold the reasons of some into `other`, where nobody sees
# whose they are.
ROOM = 30_000


def _verdict(name: str, labels: tuple[str, ...], text: str, kind: Kind = "gauge") -> Family:
    return Family(name, kind, text, ("probe", "kind", *labels), "vantage", limit=ROOM)


# Reasons: refused, timeout, dns, tls, redirect, status, body, json, size, closed, other. All of
# them are shown from the first result on, at 0.
PROBES = (
    _verdict("watched_probe_success", (), "1 if the last answer was as it should be."),
    _verdict(
        "watched_probe_failing",
        ("reason",),
        "1 for the reason for which the last answer was not as it should be; 0 for all others.",
    ),
    _verdict(
        "watched_probe_failing_since_timestamp_seconds",
        (),
        "When the first failure of those in a row was; shown while the probe fails. A startup probe"
        " fails only while nobody answers at all.",
    ),
    _verdict(
        "watched_probe_failures_total",
        ("reason",),
        "Answers that were not as they should be.",
        "counter",
    ),
    _verdict(
        "watched_probe_duration_seconds",
        ("phase",),
        "How long each phase of the last exchange took: resolve, connect, tls, wait, transfer.",
    ),
    _gauge(
        "watched_probe_info",
        ("probe", "version"),
        "1; the version that the application tells of itself. Not shown for what is not a part of"
        " it.",
    ),
    _gauge(
        "watched_component_up",
        ("probe", "component"),
        "What a health body says of a part: 1 if it is well or in maintenance, 0 if not.",
    ),
    _gauge(
        "watched_probe_field", ("probe", "field"), "A number that a health body tells, by its name."
    ),
)

# Three labels for one thing say where it was seen; two of them are empty. `host` is left to the
# operator's own labels.
CERTIFICATES = (
    _gauge(
        "watched_tls_not_after_timestamp_seconds",
        ("probe", "file", "vhost"),
        "When the certificate expires: the first to expire of the chain that a server showed to a"
        " probe, the first in a PEM file, or one that the application has stored for a host.",
    ),
)

BROKERS = (
    _gauge("watched_queue_consumers", ("queue",), "Who takes from the queue now.", "shared"),
    _gauge(
        "watched_broker_start_timestamp_seconds",
        ("broker",),
        "When a broker that keeps its messages in memory only was started, by its own word.",
        "shared",
    ),
)

OBJECTIVES = (
    _gauge(
        "watched_probe_start_objective_seconds",
        ("probe",),
        "How long a start may take; 300 where it is not set.",
    ),
    _gauge(
        "watched_probe_field_objective",
        ("probe", "field"),
        "Above which value a number of a health body makes an alert; none does where it is not"
        " set.",
    ),
    _gauge(
        "watched_tls_objective_seconds",
        ("probe", "file", "vhost"),
        "How long a certificate must still hold; 1728000 (20 days) where it is not set.",
    ),
    _gauge(
        "watched_queue_consumers_objective",
        ("queue",),
        "How many consumers a broker's queue must have; 1 where it is not set.",
        "shared",
    ),
    _gauge(
        "watched_queue_growth_objective",
        ("queue",),
        "By how many messages a broker's queue may grow in half an hour; 20 where it is not set.",
        "shared",
    ),
)

FAMILIES = (*PROBES, *CERTIFICATES, *BROKERS, *OBJECTIVES)
