"""What Alertmanager did with an alert: route, inhibition, silence, and how its messages fare.

Formats: Alertmanager's API v2, and its own metrics. Before 0.27, and without the feature
`receiver-name-in-metrics`, these count by the kind of a receiver only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import yaml
from msgspec import Struct

from exporter.hops.asking import Address, Unanswered

SAMPLE = re.compile(r"^alertmanager_(\w+)\{([^}]*)\} (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')
SENT, FAILED = "notification_requests_total", "notification_requests_failed_total"
REASONS = "notifications_failed_total"


class Count(Struct, frozen=True):
    """A number that Alertmanager counts, with its labels."""

    name: str
    labels: Mapping[str, str]
    value: float


class Told(Struct, frozen=True):
    """What Alertmanager has counted: a moment to compare a later one with."""

    counts: tuple[Count, ...]

    def sum(self, name: str, kind: str, receiver: str) -> float:
        """How often, for this kind of integration; for this receiver, where that is told."""
        return sum(
            one.value
            for one in self.counts
            if one.name == name
            and one.labels.get("integration") == kind
            and one.labels.get("receiver_name", receiver) == receiver
        )

    def reasons(self, kind: str) -> set[str]:
        """Why messages of this kind failed, where that is told (0.26)."""
        return {
            one.labels["reason"]
            for one in self.counts
            if one.name == REASONS
            and one.labels.get("integration") == kind
            and one.labels.get("reason")
            and one.value > 0
        }


class Alertmanager(Struct, frozen=True):
    """Each method asks once. All raise Unanswered."""

    at: Address

    def find(self, **labels: str) -> Mapping[str, Any] | None:
        """An alert with these labels, as the API tells it."""
        query = "&".join(f"filter={name}%3D%22{value}%22" for name, value in labels.items())
        found: Sequence[Mapping[str, Any]] = self.at.json(f"/api/v2/alerts?{query}")
        return found[0] if found else None

    def post(
        self, labels: Mapping[str, str], annotations: Mapping[str, str], *, end: float
    ) -> None:
        """Have an alert fire until then."""
        alert = {
            "labels": labels,
            "annotations": annotations,
            "endsAt": datetime.fromtimestamp(end, UTC).isoformat(),
        }
        self.at.post("/api/v2/alerts", [alert])

    def kinds(self) -> dict[str, dict[str, int]]:
        """Of each receiver, how many ways of which kind it has, by the configuration."""
        text = self.at.json("/api/v2/status")["config"]["original"]
        try:
            receivers = yaml.safe_load(text)["receivers"]
        except (yaml.YAMLError, KeyError, TypeError):
            raise Unanswered(f"{self.at.url} shows no configuration that can be read") from None
        return {
            one["name"]: {
                key.removesuffix("_configs"): len(one[key])
                for key in one
                if key.endswith("_configs") and one[key]
            }
            for one in receivers
        }

    def told(self) -> Told:
        """How many messages it has sent so far."""
        text = self.at.get("/metrics").decode("utf-8", "replace")
        return Told(tuple(_counts(text)))


def _counts(text: str) -> Iterator[Count]:
    for name, labels, value in SAMPLE.findall(text):
        if name in {SENT, FAILED, REASONS}:
            yield Count(name, dict(LABEL.findall(labels)), float(value))
