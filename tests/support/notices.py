"""What Alertmanager makes of alerts: the routing and inhibition as shipped, with little to wait."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from tests.support.firing import Firing
from tests.support.servers import Alertmanager, alertmanager
from tests.support.waiting import wait_for
from tests.support.web import get_json
from tests.support.webhook import Webhook, webhook

SHIPPED = Path(__file__).parents[2] / "rules/alertmanager/alertmanager.yaml"
WAITS = {"group_wait": "1s", "group_interval": "1s"}
PEOPLE = {"page", "ticket"}
POST = {"send_resolved": False}


def routing(url: str) -> dict[str, Any]:
    """The shipped configuration, with these changes.

    Its receivers for people post to `url`, and tell what is resolved to nobody; there are no quiet
    hours, since it may be night; and waits are short.
    """
    told = yaml.safe_load(SHIPPED.read_text())
    told.pop("templates", None)
    told["receivers"] = [
        {"name": one["name"], "webhook_configs": [{**POST, "url": f"{url}/{one['name']}"}]}
        if one["name"] in PEOPLE
        else {"name": one["name"]}
        for one in told["receivers"]
    ]
    told["route"] = _route(told["route"])
    return dict(told)


def _route(route: Mapping[str, Any]) -> dict[str, Any]:
    kept = {k: v for k, v in route.items() if not k.endswith("_time_intervals")}
    waits = {name: wait for name, wait in WAITS.items() if name in route}
    if "routes" in route:
        kept["routes"] = [_route(one) for one in route["routes"]]
    return {**kept, **waits}


def notified(
    binary: Path, folder: Path, apps: Mapping[str, Sequence[Firing]]
) -> dict[str, list[dict[str, Any]]]:
    """The notifications of each application: what was posted, with its `commonLabels`."""
    alerts = [{"labels": dict(one.labels)} for fired in apps.values() for one in fired]
    found: dict[str, list[dict[str, Any]]] = {app: [] for app in apps}
    if not alerts:
        return found
    with webhook() as hook, alertmanager(binary, folder, routing(hook.url)) as manager:
        request = urllib.request.Request(
            f"{manager.url}/api/v2/alerts",
            data=json.dumps(alerts).encode(),
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=10).close()
        wait_for(lambda: len(manager.alerts()) == len(alerts), "all alerts to be taken")
        told = partial(_told, hook)
        wait_for(lambda: len(told()) >= _to_be_told(manager), "every notification", within=60)
    for body in told():
        found[body["commonLabels"]["app"]].append(body)
    return found


def _told(hook: Webhook) -> list[dict[str, Any]]:
    """What was posted, each once: what is answered late comes again, the same word for word."""
    bodies = [post.body for post in hook.posts]
    return list({json.dumps(body, sort_keys=True): body for body in bodies}.values())


def _to_be_told(manager: Alertmanager) -> int:
    """How many groups have an alert for people that nothing holds back: each is a notification."""
    groups = get_json(f"{manager.url}/api/v2/alerts/groups")
    return sum(
        group["receiver"]["name"] in PEOPLE
        and any(one["status"]["state"] == "active" for one in group["alerts"])
        for group in groups
    )
