"""`export operator`: resources that fit the operator's own schemas, and say what the files say."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.__main__ import main
from exporter.export.shipped import subjects
from tests.support.crd import SCHEMAS, faults
from tests.support.parts import Parts

EVERYBODY = {
    "slack_url_file": "/run/secrets/slack",
    "slack_channel": "#alerts",
    "email_to": "ops@example.org",
    "email_from": "watch@example.org",
    "smtp_host": "mail.example.org:587",
    "smtp_user": "watch",
    "smtp_password_file": "/run/secrets/smtp",
    "pagerduty_key_file": "/run/secrets/pagerduty",
    "telegram_token_file": "/run/secrets/telegram",
    "telegram_chat": "-1001234",
    "ntfy_url": "https://ntfy.example/alerts",
    "ntfy_token_file": "/run/secrets/ntfy",
    "discord_url_file": "/run/secrets/discord",
    "webhook_url_file": "/run/secrets/webhook",
    "webhook_token_file": "/run/secrets/token",
    "deadman_url": "https://dead.example/ping",
    "quiet_hours": "22:00-07:00",
}


def exported(capsys: pytest.CaptureFixture[str], *options: str) -> list[dict[str, Any]]:
    assert main(["export", "operator", *options]) == 0
    return list(yaml.safe_load_all(capsys.readouterr().out))


def of_kind(resources: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (one,) = (one for one in resources if one["kind"] == kind)
    return one


def everybody() -> list[str]:
    return [word for name, value in EVERYBODY.items() for word in ("--set", f"{name}={value}")]


@pytest.mark.parametrize("how", ["service", "pod", "watched.example:9877"])
def test_every_resource_fits_the_schema_of_its_kind(
    capsys: pytest.CaptureFixture[str], how: str
) -> None:
    options = ("--namespace=monitoring", "--label=release=prometheus", f"--monitor={how}")
    resources = exported(capsys, *options, *everybody())
    for one in resources:
        assert one["metadata"]["namespace"] == "monitoring"
        assert one["metadata"]["labels"]["release"] == "prometheus"
        if one["kind"] != "ConfigMap":
            assert faults(one) == [], one["metadata"]["name"]
    kinds = [one["kind"] for one in resources if one["kind"] != "PrometheusRule"]
    monitors = {"service": "ServiceMonitor", "pod": "PodMonitor"}
    assert kinds == [monitors.get(how, "ScrapeConfig"), "AlertmanagerConfig", "ConfigMap"]


def test_the_schemas_would_find_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    resources = exported(capsys)
    spoilt = json.loads(json.dumps(of_kind(resources, "ServiceMonitor")))
    spoilt["spec"]["endpoints"][0]["honor_labels"] = True
    spoilt["spec"]["endpoints"][0]["interval"] = "soon"
    del spoilt["spec"]["selector"]
    assert len(faults(spoilt)) == 3
    assert json.loads(SCHEMAS.read_text())["licence"] == "Apache-2.0"


def test_the_rules_are_the_shipped_ones_and_prometheus_takes_them(
    capsys: pytest.CaptureFixture[str], parts: Parts, tmp_path: Path
) -> None:
    made = [one for one in exported(capsys) if one["kind"] == "PrometheusRule"]
    shipped = subjects()
    assert [one["metadata"]["name"] for one in made] == [f"sidewatch-{s.name}" for s in shipped]
    for one, subject in zip(made, shipped, strict=True):
        assert one["spec"] == yaml.safe_load(subject.text)
        (tmp_path / f"{subject.name}.yaml").write_text(yaml.safe_dump(one["spec"]))
    files = map(str, tmp_path.glob("*.yaml"))
    command = [str(parts.need("promtool")), "check", "rules", "--lint=none", *files]
    subprocess.run(command, check=True, capture_output=True)


def test_names_are_kept_by_whatever_scrapes(capsys: pytest.CaptureFixture[str]) -> None:
    service = of_kind(exported(capsys, "--subject=tls"), "ServiceMonitor")["spec"]
    assert service["endpoints"] == [{"port": "metrics", "interval": "15s", "honorLabels": True}]
    outside = of_kind(exported(capsys, "--subject=tls", "--monitor=[::1]:9877"), "ScrapeConfig")
    assert outside["spec"]["honorLabels"] is True
    assert outside["spec"]["staticConfigs"][0]["targets"] == ["[::1]:9877"]


def test_secrets_are_references_and_no_path_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    made = of_kind(exported(capsys, *everybody()), "AlertmanagerConfig")
    assert "/run/secrets" not in json.dumps(made)
    (page,) = (one for one in made["spec"]["receivers"] if one["name"] == "page")
    secret = "sidewatch-alertmanager"
    assert page["slackConfigs"][0]["apiURL"] == {"name": secret, "key": "slack"}
    assert page["emailConfigs"][0]["authPassword"] == {"name": secret, "key": "smtp"}
    assert page["emailConfigs"][0]["headers"][0]["key"] == "Subject"
    assert page["telegramConfigs"][0]["botToken"] == {"name": secret, "key": "telegram"}
    ntfy, webhook = page["webhookConfigs"]
    assert ntfy["httpConfig"]["authorization"]["credentials"] == {"name": secret, "key": "ntfy"}
    assert webhook["urlSecret"] == {"name": secret, "key": "webhook"}


def test_the_routing_is_the_shipped_one(capsys: pytest.CaptureFixture[str]) -> None:
    made = of_kind(exported(capsys, *everybody()), "AlertmanagerConfig")["spec"]
    text = (Path(__file__).parents[1] / "rules/alertmanager/alertmanager.yaml").read_text()
    shipped = yaml.safe_load(text)
    assert made["route"]["groupBy"] == shipped["route"]["group_by"]
    for ours, theirs in zip(made["route"]["routes"], shipped["route"]["routes"], strict=True):
        assert ours["receiver"] == theirs["receiver"]
        spelt = [f'{one["name"]}{one["matchType"]}"{one["value"]}"' for one in ours["matchers"]]
        assert spelt == theirs["matchers"]
    for ours, theirs in zip(made["inhibitRules"], shipped["inhibit_rules"], strict=True):
        assert ours["equal"] == theirs["equal"]
        for side, name in (("sourceMatch", "source_matchers"), ("targetMatch", "target_matchers")):
            spelt = [f'{one["name"]}{one["matchType"]}"{one["value"]}"' for one in ours[side]]
            assert spelt == theirs[name]
    night = [{"startTime": "22:00", "endTime": "24:00"}, {"startTime": "00:00", "endTime": "07:00"}]
    hours = {"name": "quiet-hours", "timeIntervals": [{"times": night}]}
    assert made["muteTimeIntervals"] == [hours]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--monitor=somewhere"], "somewhere is nothing to scrape"),
        (["--label=release"], "release is no label"),
        (
            ["--set=quiet_hours=22:00-07:00", "--set=quiet_zone=Europe/Berlin"],
            "no time zone of quiet hours but UTC",
        ),
    ],
)
def test_what_cannot_be_said_there_is_refused(
    capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert main(["export", "operator", *options]) != 0
    assert said in capsys.readouterr().err


def test_a_folder_gets_three_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["export", "operator", str(tmp_path)]) == 0
    capsys.readouterr()
    names = {"rules.yaml", "monitor.yaml", "alertmanager.yaml"}
    assert {path.name for path in tmp_path.iterdir()} == names
