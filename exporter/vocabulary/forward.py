"""What sidewatch forwards, by destination: how far behind it is, and what became of the records."""

from __future__ import annotations

from exporter.model import Family

_SOURCE = ("destination", "source")


def _gauge(name: str, text: str, labels: tuple[str, ...] = ("destination",)) -> Family:
    return Family(f"sidewatch_forward_{name}", "gauge", text, labels, "own")


def _counter(name: str, text: str, *labels: str) -> Family:
    return Family(f"sidewatch_forward_{name}_total", "counter", text, labels, "own")


FORWARD = (
    _gauge("up", "1 when the last request was answered, 0 when it was not or was put off."),
    _gauge("lag_bytes", "Bytes of logs that no receiver has acknowledged.", _SOURCE),
    _gauge("lag_seconds", "How long the oldest of them has waited.", _SOURCE),
    _gauge(
        "lag_objective_seconds",
        "How long a line may wait, as configured.",
    ),
    _gauge(
        "last_acknowledged_timestamp_seconds",
        "When the receiver last acknowledged records; not shown before the first time.",
    ),
    _counter("acknowledged_records", "Records that the receiver has taken.", *_SOURCE),
    _counter(
        "rejected_records",
        "Records that the receiver will never take: partial (it named how many), refused.",
        *_SOURCE,
        "reason",
    ),
    _counter(
        "unselected_records",
        "Records that are not to be sent: service, level, sampled.",
        *_SOURCE,
        "reason",
    ),
    _counter(
        "redacted",
        "Secrets that were taken out of records before they were sent, by rule.",
        "destination",
        "rule",
    ),
    _counter(
        "lost_bytes",
        "Bytes of logs known to be gone before they were sent.",
        *_SOURCE,
        "reason",
    ),
    _counter("requests", "Requests by what became of them.", "destination", "outcome"),
    _counter("retries", "Requests that have to be sent again, by reason.", "destination", "reason"),
)
