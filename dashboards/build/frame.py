"""A dashboard around its panels: variables, links, annotations, places; and its JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model

from dashboards.build.drawing import SOURCE, drawn
from dashboards.build.palette import GREY, PURPLE, SKY, TONES
from dashboards.build.shapes import MANY, Board, Panel, Row, filled

TAG = "sidewatch"
# Own metrics of applications come from targets of their own, beside sidewatch's.
NATIVE = "agledger_db_pool_total_connections|tripl_metric_check_interval_seconds"
WATCHED = f'{{__name__=~"sidewatch_build_info|{NATIVE}"}}'
PIPELINE = '{__name__=~"up|sidewatch_build_info"}'
TITLES: Mapping[str, str] = {
    "app": "Application",
    "job_class": "Job class",
    "vhost": "Virtual host",
    "api": "API",
}
# Where the values of a variable are found. The others are labels of one kind of metric.
FOUND_IN: Mapping[str, str] = {
    "app": "sidewatch_app_info",
    "service": '{__name__=~"watched_(log_lines_total|service_running_replicas|draining)", <ours>}',
    "probe": "watched_probe_success{<ours>}",
    "heartbeat": "watched_heartbeat_timestamp_seconds{<ours>}",
    "queue": '{__name__=~"watched_(queue_jobs|jobs_started_total|jobs_enqueued_total)", <ours>}',
    "job_class": "watched_job_duration_seconds_count{<ours>}",
    "entity": "watched_rows{<ours>}",
    "route": "watched_http_requests_total{<ours>}",
    "quota": "watched_quota_remaining{<ours>}",
    "api": "watched_api_responses_total{<ours>}",
    "database": "watched_postgres_up{<ours>}",
    "file": "watched_file_count{<ours>}",
    "mount": "watched_filesystem_size_bytes{<ours>}",
    "certificate": "app_certificate:watched_tls_left:seconds{<app>}",
    "source": "sidewatch_source_up{<ours>}",
}
# What the library writes into every variable, and no Grafana of 10 to 13 has in one of these.
OTHERS = ("allowCustomValue", "auto", "auto_count", "auto_min")
# Name, PromQL, colour, title and text of what is marked in every graph.
MARKS = (
    (
        "Deploys",
        "max by (app, service) (watched_quiet_window{<ours>}) == 1",
        SKY,
        "Quiet window: {{app}}",
        "A deploy of {{service}}: its effects page nobody.",
    ),
    (
        "Drains",
        "max by (app, service) (watched_draining{<ours>}) == 1",
        PURPLE,
        "Drain: {{app}}",
        "{{service}} shuts down and takes no new work.",
    ),
    (
        "Alerts",
        'ALERTS{alertstate="firing", severity=~"critical|warning", <app>}',
        TONES["bad"],
        "{{alertname}}: {{app}}",
        "{{severity}}",
    ),
)


def dashboard(board: Board) -> str:
    """The dashboard as Grafana's JSON, the same text each time."""
    builder = build.Dashboard(board.title).uid(board.uid).description(board.tells).tags([TAG])
    builder.readonly().timezone("browser").refresh("30s").time("now-6h", "now")
    builder.tooltip(model.DashboardCursorSync.CROSSHAIR)
    for variable in _variables(board):
        builder.with_variable(variable)
    builder.link(_siblings())
    places = _Places()
    for row in board.rows:
        places.add(builder, row)
    found: dict[str, Any] = json.loads(JSONEncoder(sort_keys=True).encode(builder.build()))
    found["annotations"] = {"list": list(_annotations())}
    for variable in found["templating"]["list"]:
        for key in OTHERS:
            variable.pop(key, None)
    return json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


class _Places:
    """Where the next panel stands: from left to right, then below the highest of them."""

    def __init__(self) -> None:
        self._x = self._y = self._next = self._number = 0

    def add(self, builder: build.Dashboard, row: Row) -> None:
        """Put a row of panels below what is there."""
        if not row.title:
            for panel in row.panels:
                builder.with_panel(drawn(panel, self._take(panel), self._number))
            return
        heading = build.Row(row.title).grid_pos(self._line()).id(self._number)
        heading.collapsed(row.folded)
        if not row.folded:
            builder.with_row(heading)
        for panel in row.panels:
            made = drawn(panel, self._take(panel), self._number)
            if row.folded:
                heading.with_panel(made)
            else:
                builder.with_panel(made)
        if row.folded:
            builder.with_row(heading)

    def _line(self) -> model.GridPos:
        self._x, self._y = 0, self._next
        self._next += 1
        self._number += 1
        place = model.GridPos(x=0, y=self._y, w=MANY, h=1)
        self._y = self._next
        return place

    def _take(self, panel: Panel) -> model.GridPos:
        if self._x + panel.width > MANY:
            self._x, self._y = 0, self._next
        place = model.GridPos(x=self._x, y=self._y, w=panel.width, h=panel.height)
        self._x += panel.width
        self._next = max(self._next, self._y + panel.height)
        self._number += 1
        return place


def _variables(board: Board) -> Iterator[build.DatasourceVariable | build.QueryVariable]:
    yield build.DatasourceVariable("datasource").label("Data source").type("prometheus")
    targets = PIPELINE if board.uid == "sidewatch-itself" else WATCHED
    yield _labels("job", targets)
    yield _labels("instance", f'{targets[:-1]}, job=~"$job"}}')
    yield _labels("app", "sidewatch_app_info{<targets>}")
    for name in board.variables:
        yield _labels(name, FOUND_IN[name])


def _labels(name: str, series: str) -> build.QueryVariable:
    title = TITLES.get(name, name.replace("_", " ").capitalize())
    variable = build.QueryVariable(name).label(title).datasource(SOURCE)
    variable.query(f"label_values({filled(series)}, {name})")
    variable.multi(True).include_all(True).all_value(".+")
    variable.current(model.VariableOption(selected=True, text=["All"], value=["$__all"]))
    variable.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
    return variable.sort(model.VariableSort.ALPHABETICAL_ASC)


def _siblings() -> build.DashboardLink:
    link = build.DashboardLink("sidewatch").type(model.DashboardLinkType.DASHBOARDS).tags([TAG])
    return link.as_dropdown(True).include_vars(True).keep_time(True)


def _annotations() -> Iterator[dict[str, Any]]:
    """What the library's type has no words for: Grafana's own of Prometheus."""
    yield {
        "name": "Annotations & Alerts",
        "builtIn": 1,
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": False,
        "hide": True,
        "iconColor": GREY,
        "type": "dashboard",
    }
    for name, text, colour, title, told in MARKS:
        yield {
            "name": name,
            "datasource": {"type": "prometheus", "uid": "${datasource}"},
            "enable": True,
            "hide": False,
            "iconColor": colour,
            "expr": filled(text),
            "step": "60s",
            "titleFormat": title,
            "textFormat": told,
        }
