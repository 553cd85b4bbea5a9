"""The same rules, scrape and routing as resources of the Prometheus Operator, in Kubernetes.

The kinds and their fields are those of monitoring.coreos.com/v1 and v1alpha1. A secret that
Alertmanager elsewhere reads from a file is a key of one Secret here, called like the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import yaml
from msgspec import Struct, field

from exporter.errors import ExportError
from exporter.export.inhibition import matcher
from exporter.export.routing import Routing
from exporter.export.shipped import Subject

GROUP = "monitoring.coreos.com"
NAME = "sidewatch"
SECRET = "sidewatch-alertmanager"  # noqa: S105 - its name
PORT = "metrics"
INTERVAL = "15s"
# What Alertmanager's keys are called there, where that is not the same without underscores.
NAMES = {
    "api_url": "apiURL",
    "chat_id": "chatID",
    "client_url": "clientURL",
    "links": "pagerDutyLinkConfigs",
    "require_tls": "requireTLS",
}
# Paths of files, and the references to a Secret that stand for them.
REFERENCES = {
    "api_url_file": "apiURL",
    "auth_password_file": "authPassword",
    "bot_token_file": "botToken",
    "credentials_file": "credentials",
    "routing_key_file": "routingKey",
    "url_file": "urlSecret",
    "webhook_url_file": "apiURL",
}
LISTED = ("headers", "details")  # mappings there are lists of pairs

Resource = dict[str, Any]


class Place(Struct, frozen=True):
    """Where resources go, and the labels by which an operator's selectors find them."""

    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)

    def resource(self, kind: str, version: str, name: str, **more: Any) -> Resource:
        """A resource with its head."""
        labels = {"app.kubernetes.io/name": NAME, **self.labels}
        head = {"name": name, "labels": labels}
        if self.namespace:
            head["namespace"] = self.namespace
        return {"apiVersion": version, "kind": kind, "metadata": head, **more}


def rules(subjects: Iterable[Subject], place: Place) -> Iterator[Resource]:
    """A PrometheusRule for each subject."""
    for subject in subjects:
        groups = [
            {"name": group.name, "rules": [dict(piece.rule) for piece in group.pieces]}
            for group in subject.groups
        ]
        name = f"{NAME}-{subject.name}"
        yield place.resource("PrometheusRule", f"{GROUP}/v1", name, spec={"groups": groups})


def monitor(how: str, place: Place) -> Resource:
    """What scrapes it: `service`, `pod`, or HOST:PORT of one outside. Raises ExportError."""
    # Or every label of ours arrives under another name.
    scrape = {"port": PORT, "interval": INTERVAL, "honorLabels": True}
    selector = {"matchLabels": {"app.kubernetes.io/name": NAME}}
    if how == "service":
        spec: dict[str, Any] = {"selector": selector, "endpoints": [scrape]}
        return place.resource("ServiceMonitor", f"{GROUP}/v1", NAME, spec=spec)
    if how == "pod":
        spec = {"selector": selector, "podMetricsEndpoints": [scrape]}
        return place.resource("PodMonitor", f"{GROUP}/v1", NAME, spec=spec)
    host, _, port = how.rpartition(":")
    if not host or not port.isdigit():
        raise ExportError(f"{how} is nothing to scrape; give service, pod, or HOST:PORT")
    spec = {
        "jobName": NAME,
        "honorLabels": True,
        "scrapeInterval": INTERVAL,
        "staticConfigs": [{"targets": [how], "labels": {"job": NAME}}],
    }
    return place.resource("ScrapeConfig", f"{GROUP}/v1alpha1", NAME, spec=spec)


def alertmanager(made: Routing, place: Place) -> Sequence[Resource]:
    """An AlertmanagerConfig, and a ConfigMap of its templates. Raises ExportError."""
    given = yaml.safe_load(made.configuration)
    spec = {
        "route": _route(given["route"]),
        "receivers": [_receiver(one) for one in given["receivers"]],
        "inhibitRules": [
            {
                "sourceMatch": _matchers(one["source_matchers"]),
                "targetMatch": _matchers(one["target_matchers"]),
                "equal": one["equal"],
            }
            for one in given["inhibit_rules"]
        ],
        "muteTimeIntervals": [_hours(one) for one in given["time_intervals"]],
    }
    templates = {"sidewatch.tmpl": made.template}
    return (
        place.resource("AlertmanagerConfig", f"{GROUP}/v1alpha1", NAME, spec=spec),
        place.resource("ConfigMap", "v1", f"{NAME}-templates", data=templates),
    )


def written(resources: Iterable[Resource]) -> str:
    """As YAML, a document each."""
    made = [
        yaml.safe_dump(one, sort_keys=False, allow_unicode=True, width=100) for one in resources
    ]
    return "---\n".join(made)


def _route(given: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {_camel(key): value for key, value in given.items()}
    if "matchers" in given:
        made["matchers"] = _matchers(given["matchers"])
    if "routes" in given:
        made["routes"] = [_route(one) for one in given["routes"]]
    return made


def _matchers(texts: Iterable[str]) -> list[dict[str, str]]:
    parts = map(matcher, texts)
    return [
        {"name": name, "matchType": operator, "value": value} for name, operator, value in parts
    ]


def _receiver(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        _camel(key): value if key == "name" else [_block(one) for one in value]
        for key, value in given.items()
    }


def _block(given: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in given.items():
        if key in REFERENCES:
            made[REFERENCES[key]] = {"name": SECRET, "key": PurePosixPath(value).name}
        elif key in LISTED:
            made[_camel(key)] = [{"key": name, "value": text} for name, text in value.items()]
        elif key == "links":
            made[_camel(key)] = [{"href": one["href"], "alt": one["text"]} for one in value]
        else:
            made[_camel(key)] = _block(value) if isinstance(value, dict) else value
    return made


def _hours(given: Mapping[str, Any]) -> dict[str, Any]:
    """Times there are UTC: the kind has no field for another zone."""
    spans = []
    for one in given["time_intervals"]:
        if one.get("location", "UTC") != "UTC":
            raise ExportError(
                "the operator knows no time zone of quiet hours but UTC: give them in UTC, and no"
                " SIDEWATCH_QUIET_ZONE"
            )
        times = [{"startTime": t["start_time"], "endTime": t["end_time"]} for t in one["times"]]
        spans.append({"times": times})
    return {"name": given["name"], "timeIntervals": spans}


def _camel(key: str) -> str:
    first, *rest = key.split("_")
    return NAMES.get(key, first + "".join(word.capitalize() for word in rest))
