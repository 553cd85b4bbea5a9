"""The dashboards as they are shipped: for Grafana's provisioning, or to be imported by hand.

Provisioned ones find the data source by a variable of theirs. Grafana's import asks for what
`__inputs` names and puts the answer wherever `${NAME}` stands, so that variable begins with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

FOLDER = Path(str(files("exporter"))) / "dashboards"
INPUT = "DS_PROMETHEUS"
OLDEST_GRAFANA = "10.0.0"


def dashboards(folder: Path = FOLDER) -> Iterator[tuple[str, str]]:
    """Each file's name and JSON, as Grafana provisions them."""
    for path in sorted(folder.glob("*.json")):
        yield path.name, path.read_text(encoding="utf-8")


def importable(text: str) -> str:
    """A dashboard for Grafana's import, which asks which Prometheus is meant."""
    dashboard: dict[str, Any] = json.loads(text)
    kinds = sorted({panel["type"] for panel in _panels(dashboard)})
    dashboard["__inputs"] = [
        {
            "name": INPUT,
            "label": "Prometheus",
            "description": "It scrapes sidewatch and evaluates its rules.",
            "type": "datasource",
            "pluginId": "prometheus",
            "pluginName": "Prometheus",
        }
    ]
    dashboard["__requires"] = [
        {"type": "grafana", "id": "grafana", "name": "Grafana", "version": OLDEST_GRAFANA},
        {"type": "datasource", "id": "prometheus", "name": "Prometheus", "version": "1.0.0"},
        *({"type": "panel", "id": kind, "name": kind, "version": ""} for kind in kinds),
    ]
    asked = f"${{{INPUT}}}"
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "datasource":
            variable["current"] = {"selected": True, "text": asked, "value": asked}
    return json.dumps(dashboard, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _panels(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            yield panel
        yield from panel.get("panels", ())
