"""sidewatch export dashboards: as they are shipped, or for Grafana's import by hand."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.exporting import exported
from tests.support.panels import FOLDER, dashboards, panels

INPUT = re.compile(r"\$\{(\w+)\}")


def test_they_are_written_word_for_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exported("dashboards", tmp_path) == 0
    shipped = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == shipped
    assert capsys.readouterr().out.split() == [str(tmp_path / name) for name in sorted(shipped)]


def test_an_import_by_hand_asks_which_prometheus_is_meant(tmp_path: Path) -> None:
    """What Grafana's import does: the answer stands wherever the input's name is."""
    assert exported("dashboards", "--import", tmp_path) == 0
    for path in tmp_path.iterdir():
        text = path.read_text()
        one = json.loads(text)
        (asked,) = one["__inputs"]
        assert (asked["type"], asked["pluginId"]) == ("datasource", "prometheus")
        kinds = {need["id"] for need in one["__requires"] if need["type"] == "panel"}
        assert kinds == {panel["type"] for panel in panels(one)}
        assert asked["name"] in INPUT.findall(text)
        answered = json.loads(text.replace(f"${{{asked['name']}}}", "prometheus-uid"))
        source = answered["templating"]["list"][0]
        assert (source["name"], source["current"]["value"]) == ("datasource", "prometheus-uid")
        del answered["__inputs"], answered["__requires"], source["current"]
        shipped = json.loads(json.dumps(dashboards()[one["uid"]]))
        shipped["templating"]["list"][0].pop("current", None)
        assert answered == shipped
