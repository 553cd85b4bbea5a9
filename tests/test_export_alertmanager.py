"""sidewatch export alertmanager: receivers out of variables, and what is refused."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.errors import ExportError
from exporter.export.receivers import MAKERS
from exporter.export.routing import routing
from exporter.export.variables import VARIABLES, variables
from tests.support.exporting import alertmanager_yml, exported
from tests.support.parts import Parts
from tests.support.routing import FOLDER, SHIPPED
from tests.support.servers import Alertmanager
from tests.support.shipped_alerts import shipped_alerts
from tests.support.webhook import Webhook
from tests.test_routing import post

# What each way needs to be told of at the least.
WAYS: Mapping[str, Mapping[str, str]] = {
    "slack": {"slack_url_file": "/run/secrets/slack"},
    "email": {
        "email_to": "a@example.org",
        "email_from": "b@example.org",
        "smtp_host": "mail.example.org:587",
    },
    "pagerduty": {"pagerduty_key_file": "/run/secrets/pagerduty"},
    "telegram": {"telegram_token_file": "/run/secrets/telegram", "telegram_chat": "-1001234"},
    "ntfy": {"ntfy_url": "https://ntfy.sh/topic", "ntfy_token_file": "/run/secrets/ntfy"},
    "discord": {"discord_url_file": "/run/secrets/discord"},
    "webhook": {"webhook_url": "http://127.0.0.1:9/hook"},
}
NEWER = {"telegram": "0.26", "discord": "0.28"}  # by Alertmanager's changelog
NIGHT = {"quiet_hours": "22:00-07:00", "quiet_zone": "Europe/Berlin"}
DEADMAN = {"deadman_url": "https://hc-ping.example/1234"}


def _config(**given: str) -> Any:
    return yaml.safe_load(routing(given).configuration)


def _receiver(config: Any, name: str) -> dict[str, Any]:
    (found,) = (one for one in config["receivers"] if one["name"] == name)
    return {key: value for key, value in found.items() if key != "name"}


def _checked(parts: Parts, folder: Path) -> tuple[bool, str]:
    command = [str(parts.need("amtool")), "check-config", str(folder / "alertmanager.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode == 0, done.stdout + done.stderr


def test_nothing_set_is_the_shipped_configuration() -> None:
    made = routing({})
    assert yaml.safe_load(made.configuration) == SHIPPED
    assert made.template == (FOLDER / "sidewatch.tmpl").read_text()
    assert "nobody is told of anything yet" in made.notes[0]


@pytest.mark.real
@pytest.mark.parametrize("way", WAYS)
def test_alertmanager_takes_each_way_that_it_knows(
    way: str, parts: Parts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [f"--set={name}={value}" for name, value in {**WAYS[way], **NIGHT, **DEADMAN}.items()]
    assert exported("alertmanager", tmp_path, *options) == 0
    works, said = _checked(parts, tmp_path)
    assert works == (way not in NEWER), said
    told = capsys.readouterr().err
    assert (f"{way} needs Alertmanager {NEWER.get(way)} or newer" in told) == (way in NEWER)
    first = (tmp_path / "alertmanager.yml").read_text().partition("templates:")[0]
    assert f"Needs Alertmanager {NEWER.get(way, '0.25')} or newer" in first


@pytest.mark.parametrize(
    ("way", "key", "secret"),
    [("telegram", "bot_token_file", "telegram"), ("discord", "webhook_url_file", "discord")],
)
def test_what_only_a_newer_one_knows_is_only_the_secret_in_a_file(
    way: str, key: str, secret: str, parts: Parts, tmp_path: Path
) -> None:
    """With the secret in its place, which older ones want, the rest is right for them too."""
    assert (
        exported("alertmanager", tmp_path, *(f"--set={k}={v}" for k, v in WAYS[way].items())) == 0
    )
    path = tmp_path / "alertmanager.yml"
    older, value = key.removesuffix("_file"), "http://127.0.0.1/1:x"
    path.write_text(path.read_text().replace(f"{key}: /run/secrets/{secret}", f"{older}: {value}"))
    works, said = _checked(parts, tmp_path)
    assert works, said


def test_pages_go_every_way_and_tickets_do_not_call() -> None:
    everything = {name: value for way in WAYS.values() for name, value in way.items()}
    config = _config(**everything)
    keys = {f"{name}_configs" for name in WAYS if name != "ntfy"}
    assert set(_receiver(config, "page")) == keys
    assert len(_receiver(config, "page")["webhook_configs"]) == 2
    assert set(_receiver(config, "ticket")) == keys - {"pagerduty_configs"}
    chosen = _config(**everything, page_by="pagerduty, ntfy", ticket_by="email")
    assert set(_receiver(chosen, "page")) == {"pagerduty_configs", "webhook_configs"}
    assert set(_receiver(chosen, "ticket")) == {"email_configs"}
    # Who has nothing else is called for a warning as well: nobody told is worse.
    assert _receiver(_config(**WAYS["pagerduty"]), "ticket")


def test_nobody_is_told_twice_and_no_mail_goes_to_an_empty_address() -> None:
    told = _receiver(_config(**WAYS["slack"], page_by="slack, slack"), "page")
    assert len(told["slack_configs"]) == 1
    (mail,) = _receiver(_config(**{**WAYS["email"], "email_to": "a@b.c,, d@e.f,"}), "page").values()
    assert mail[0]["to"] == "a@b.c, d@e.f"


def test_the_dead_mans_switch_is_one_variable() -> None:
    assert _receiver(_config(**DEADMAN), "deadman") == {
        "webhook_configs": [{"url": DEADMAN["deadman_url"], "send_resolved": False}]
    }
    in_file = routing({"deadman_url_file": "/run/secrets/deadman"})
    assert "deadman needs Alertmanager 0.28 or newer" in in_file.notes
    assert not [note for note in routing(DEADMAN).notes if "dead" in note]
    assert not _receiver(_config(deadman_url="elsewhere"), "deadman")


def test_quiet_hours_go_over_midnight_in_their_own_zone() -> None:
    assert _config(**NIGHT)["time_intervals"] == [
        {
            "name": "quiet-hours",
            "time_intervals": [
                {
                    "times": [
                        {"start_time": "22:00", "end_time": "24:00"},
                        {"start_time": "00:00", "end_time": "07:00"},
                    ],
                    "location": "Europe/Berlin",
                }
            ],
        }
    ]
    by_day = _config(quiet_hours="09:00-17:00")["time_intervals"][0]["time_intervals"]
    times = [{"start_time": "09:00", "end_time": "17:00"}]
    assert by_day == [{"times": times, "location": "UTC"}]
    (until_midnight,) = _config(quiet_hours="22:00-00:00")["time_intervals"][0]["time_intervals"]
    assert until_midnight["times"] == [{"start_time": "22:00", "end_time": "24:00"}]


def test_labels_that_alerts_keep_part_groups_and_inhibitions() -> None:
    config = yaml.safe_load(routing({}, ["env", "cluster"]).configuration)
    assert config["route"]["group_by"] == ["app", "env", "cluster", "alertname"]
    assert all(rule["equal"][:3] == ["app", "env", "cluster"] for rule in config["inhibit_rules"])
    assert routing({}, ["env", "env"]).configuration == routing({}, ["env"]).configuration
    with pytest.raises(ExportError, match="severity is no label that can be kept"):
        routing({}, ["severity"])


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"slack_url": "x"}, "SIDEWATCH_SLACK_URL is a secret, so it stands in a file"),
        ({"telegram_token": "x"}, "SIDEWATCH_TELEGRAM_TOKEN is a secret"),
        (
            {"slack_urlfile": "x"},
            "no variable SIDEWATCH_SLACK_URLFILE; did you mean SIDEWATCH_SLACK",
        ),
        ({"email_to": "a@b.c"}, "SIDEWATCH_EMAIL_FROM is missing"),
        ({"slack_channel": "#a"}, "SIDEWATCH_SLACK_URL_FILE is missing"),
        (
            {**WAYS["telegram"], "telegram_chat": "@me"},
            "SIDEWATCH_TELEGRAM_CHAT is the chat's number",
        ),
        ({"ntfy_url": "ntfy.sh/x"}, "SIDEWATCH_NTFY_URL is no URL"),
        ({"webhook_url": "http://u:hush@h/"}, "SIDEWATCH_WEBHOOK_URL has a password in it"),
        (DEADMAN | {"deadman_url_file": "/x"}, "say the same thing; give one"),
        ({"page_by": "slack"}, "SIDEWATCH_PAGE_BY names slack, which is not set; set are: none"),
        ({"quiet_hours": "10pm-7am"}, "SIDEWATCH_QUIET_HOURS is no span like 22:00-07:00"),
        ({"quiet_hours": "22:00-24:30"}, "SIDEWATCH_QUIET_HOURS is no span"),
        ({"quiet_hours": "22:00-22:00"}, "SIDEWATCH_QUIET_HOURS is no span"),
        ({"quiet_hours": "22:00-07:00", "quiet_zone": "Berlin"}, "is no time zone like UTC"),
        ({"quiet_zone": "UTC"}, "SIDEWATCH_QUIET_HOURS is missing"),
        ({"slack_url_file": "https://h/hush"}, "SIDEWATCH_SLACK_URL_FILE is no path like"),
        ({"pagerduty_key_file": "hush"}, "SIDEWATCH_PAGERDUTY_KEY_FILE is no path like"),
        ({"telegram_token_file": "123:hush"}, "SIDEWATCH_TELEGRAM_TOKEN_FILE is no path like"),
        ({"webhook_url": "http://[::1/hush"}, "SIDEWATCH_WEBHOOK_URL is no URL"),
        ({"webhook_url": "http://h:99999/hush"}, "SIDEWATCH_WEBHOOK_URL is no URL"),
        ({"webhook_url": "http://h /hush"}, "SIDEWATCH_WEBHOOK_URL is no URL"),
        ({**WAYS["pagerduty"], "pagerduty_url": "eu"}, "SIDEWATCH_PAGERDUTY_URL is no URL"),
        ({**WAYS["telegram"], "telegram_url": "bots"}, "SIDEWATCH_TELEGRAM_URL is no URL"),
        ({"grafana_url": "grafana:3000"}, "SIDEWATCH_GRAFANA_URL is no URL"),
        ({**WAYS["email"], "smtp_host": "mail"}, "SIDEWATCH_SMTP_HOST is no server and port"),
        ({**WAYS["email"], "smtp_tls": "starttls"}, "SIDEWATCH_SMTP_TLS is on or off"),
        ({**WAYS["email"], "email_to": "a@b.c, ops"}, "SIDEWATCH_EMAIL_TO is no list of addresses"),
    ],
    ids=str,
)
def test_a_mistake_is_told_and_no_secret_with_it(given: Mapping[str, str], wrong: str) -> None:
    options = [f"{name}={value}" for name, value in given.items()]
    with pytest.raises(ExportError, match=re.escape(wrong)) as told:
        routing(variables({}, options))
    assert "hush" not in str(told.value)


def test_the_environment_says_it_too_and_an_option_goes_first() -> None:
    environ = {
        "SIDEWATCH_SLACK_URL_FILE": "/a",
        "SIDEWATCH_LISTEN": ":9877",  # sidewatch's own
        "SIDEWATCH_EMAIL_TO": "",  # as a compose file leaves what is not set
        "PATH": "/bin",
    }
    assert variables(environ) == {"slack_url_file": "/a"}
    assert variables(environ, ["slack_url_file=/b"]) == {"slack_url_file": "/b"}
    with pytest.raises(ExportError, match="slack is no variable with a value"):
        variables({}, ["slack"])


def test_what_is_in_a_secret_is_never_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("https://hooks.example/hush")
    assert exported("alertmanager", f"--set=slack_url_file={secret}") == 0
    told = capsys.readouterr()
    assert str(secret) in told.out
    assert "hush" not in told.out + told.err


def test_every_way_and_variable_stands_in_the_document() -> None:
    page = (Path(__file__).parents[1] / "docs/alerting.md").read_text()
    assert set(WAYS) == set(MAKERS)
    told = set(re.findall(r"`SIDEWATCH_([A-Z_]+)\b", page))
    assert {name.upper() for name in VARIABLES} <= told


@pytest.mark.real
def test_a_warning_waits_for_the_morning_and_a_page_does_not(
    alertmanager: Callable[[Mapping[str, Any]], Alertmanager], webhook: Webhook, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    hours = f"{now - timedelta(hours=2):%H}:00-{now + timedelta(hours=2):%H}:00"
    config = alertmanager_yml(tmp_path, {"webhook_url": f"{webhook.url}/x", "quiet_hours": hours})
    manager = alertmanager(config)
    full, filling = (
        shipped_alerts()[name].labels[0] for name in ("WatchedDiskFull", "WatchedDiskFilling")
    )
    post(manager, [full, filling])
    first = webhook.next(within=15)
    # The warning's wait is over when a page has come that was asked for later.
    post(manager, [{**full, "app": "another"}])
    second = webhook.next(within=15)
    told = [one.body["commonLabels"]["alertname"] for one in (first, second)]
    assert told == ["WatchedDiskFull"] * 2
    assert webhook.posts == [first, second]
    assert len(manager.alerts()) == 3
