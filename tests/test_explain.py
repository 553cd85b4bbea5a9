"""sidewatch explain: what it says of lines that are more than a record each."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from exporter.commands import explain

DEADLINE = "watched_drain_deadline_timestamp_seconds"
MIB = 1 << 20


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command on these bytes; what it prints."""

    def run(given: bytes, *words: str) -> str:
        parser = argparse.ArgumentParser()
        explain.add_parser(parser.add_subparsers())
        plan = () if "--config" in words else ("--profile", "kodiai")
        arguments = parser.parse_args(["explain", *plan, *words])
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(given)))
        assert arguments.run(arguments) == 0
        return capsys.readouterr().out

    return run


def moved(told: Any, line: str) -> dict[str, float | None]:
    """The gauges of a drain that a line moves."""
    (record,) = map(json.loads, told(line.encode(), "--json").splitlines())
    found = {one["metric"]: one["value"] for one in record["updates"]}
    return {name: value for name, value in found.items() if "drain" in name}


def test_a_drain_is_told_by_the_gauges_that_it_moves(told: Any) -> None:
    begin = '{"level":30,"time":1795219172456,"graceMs":300000,"msg":"Shutdown signal received, '
    begin += 'starting graceful drain"}'
    assert moved(told, begin) == {"watched_draining": 1.0, DEADLINE: 1795219472.456}
    extend = '{"level":40,"time":1795219172456,"extendedGraceMs":60000,"msg":"Drain timeout, '
    extend += 'extending grace window once"}'
    assert moved(told, extend) == {DEADLINE: 1795219232.456}
    end = '{"level":30,"time":1795219172456,"msg":"Graceful drain completed successfully"}'
    assert moved(told, end) == {"watched_draining": 0.0}


def test_a_drain_without_a_time_or_a_grace_begins_when_it_is_read(told: Any) -> None:
    line = '{"level":30,"msg":"Shutdown signal received, starting graceful drain"}'
    assert moved(told, line) == {"watched_draining": 1.0, DEADLINE: None}


def test_a_stamp_is_shown_to_the_millisecond(told: Any) -> None:
    line = b'{"level":60,"time":1795219172456,"msg":"uncaughtException"}'
    assert 'event="fatal",impact="page"} 1795219172.456' in told(line)


def test_a_line_is_read_as_far_as_sidewatch_reads_it(told: Any) -> None:
    """1 MiB of it counts; an object that is longer is no whole object any more."""
    line = b'{"level":60,"msg":"%s"}' % (b"a" * MIB)
    (record,) = map(json.loads, told(line, "--json").splitlines())
    assert (record["format"], record["reason"]) == ("text", "malformed json")
    assert len(record["message"]) == MIB


def test_an_application_of_a_configuration_is_explained_by_all_that_it_says(
    told: Any, tmp_path: Path
) -> None:
    path = tmp_path / "sidewatch.yaml"
    path.write_text(
        "redact: {patterns: {ticket: 'T-[0-9]+'}}\napps:\n- name: shop\n  logs: [{files: a.log}]\n"
        "  metrics: {shop_sold_total: {type: counter, help: Sold., labels: [what]}}\n"
        "  rules: [{message: sold, count: {shop_sold_total: {what: what}}}]\n"
    )
    line = b"level=info msg=sold what=bread note=T-1234"
    (record,) = map(json.loads, told(line, "--config", str(path), "--json").splitlines())
    assert record["fields"]["note"] == "[redacted-ticket]"
    assert record["updates"][1]["labels"] == {"app": "shop", "what": "bread"}
    # A profile may be held against it: then only what it hides is the configuration's.
    words = ("--config", str(path), "--profile", "kodiai", "--json")
    (record,) = map(json.loads, told(line, *words).splitlines())
    assert record["fields"]["note"] == "[redacted-ticket]"
    assert [one["labels"]["app"] for one in record["updates"]] == ["kodiai"]


def test_who_names_neither_profile_nor_configuration_is_told(
    capsys: pytest.CaptureFixture[str],
) -> None:
    parser = argparse.ArgumentParser()
    explain.add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["explain"])
    with pytest.raises(SystemExit):
        arguments.run(arguments)
    assert "name --profile NAME, or --config FILE, or both" in capsys.readouterr().err
