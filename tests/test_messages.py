"""What people read: each receiver's message as a sink gets it from a real Alertmanager."""

from __future__ import annotations

import html
import json
import re
import subprocess
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from exporter.export.receivers import NTFY_MESSAGE, NTFY_TITLE
from tests.support.exporting import alertmanager_yml
from tests.support.mail import Mailbox, mailbox, part
from tests.support.parts import Parts
from tests.support.routing import FOLDER
from tests.support.servers import Alertmanager
from tests.support.waiting import wait_for
from tests.support.webhook import Webhook

GOLDEN = Path(__file__).parent / "messages"
RUNBOOK = "https://github.com/sidewatch/sidewatch/blob/main/docs/runbooks/WatchedQueueOld.md"
ODD = 'a "b" \\ c&d+e#f%g,h{i}=j<k>'
FIRING_PATHS = {"/slack", "/pagerduty", "/webhook", "/ntfy"}

Start = Callable[[Mapping[str, Any]], Alertmanager]


@pytest.fixture
def box() -> Iterator[Mailbox]:
    with mailbox() as made:
        yield made


def _alert(queue: str, *, ended: bool = False, description: str = "") -> dict[str, Any]:
    waited = description or (
        f"The oldest due job in queue {queue} of tripl has waited for 12m 0s, longer than the"
        " queue's objective. Jobs scheduled for later do not count. Users see results late."
    )
    return {
        "labels": {
            "alertname": "WatchedQueueOld",
            "app": "tripl",
            "queue": queue,
            "severity": "warning",
            "component": "queue",
            "kind": "symptom",
        },
        "annotations": {
            "summary": "The oldest job that is due waits longer than its queue's objective.",
            "description": waited,
            "first_command": "docker compose logs --timestamps --tail 50",
            "runbook_url": RUNBOOK,
            "dashboard_url": f"/d/sidewatch-queues?var-app=tripl&var-queue={queue}",
        },
        "startsAt": "2026-11-20T09:12:00.4Z",
        "endsAt": "2026-11-20T09:26:03.9Z" if ended else "2096-11-20T00:00:00Z",
    }


def _post(manager: Alertmanager, *alerts: Mapping[str, Any]) -> None:
    _ask(manager, "alerts", alerts)


def _ask(manager: Alertmanager, path: str, body: Any = None, method: str | None = None) -> Any:
    request = urllib.request.Request(
        f"{manager.url}/api/v2/{path}",
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
        method=method,
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read() or "null")


@contextmanager
def _silence(manager: Alertmanager) -> Iterator[None]:
    """While it lasts nobody is told of anything."""
    silence = {
        "matchers": [{"name": "app", "value": ".+", "isRegex": True, "isEqual": True}],
        "startsAt": "2026-11-20T00:00:00Z",
        "endsAt": "2096-11-20T00:00:00Z",
        "createdBy": "tests",
        "comment": "until both alerts are there",
    }
    name = _ask(manager, "silences", silence)["silenceID"]
    yield
    _ask(manager, f"silence/{name}", method="DELETE")


def _grouped(manager: Alertmanager) -> int:
    """How many alerts are in groups, about to be told of."""
    return sum(len(group["alerts"]) for group in _ask(manager, "alerts/groups"))


def _secret(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def _held(name: str, found: str) -> None:
    """Compare with what is kept; renew a file by removing it."""
    path = GOLDEN / name
    if not path.exists():
        path.write_text(found)
        pytest.fail(f"{path} was written anew: read it, then run this again")
    assert found == path.read_text()


def _shown(body: Any) -> str:
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


@pytest.mark.real
def test_each_receiver_gets_the_message_that_is_kept(
    alertmanager: Start, webhook: Webhook, box: Mailbox, tmp_path: Path
) -> None:
    config = alertmanager_yml(
        tmp_path,
        {
            "slack_url_file": _secret(tmp_path, "slack", f"{webhook.url}/slack"),
            "pagerduty_key_file": _secret(tmp_path, "pagerduty", "the-key"),
            "pagerduty_url": f"{webhook.url}/pagerduty",
            "webhook_url": f"{webhook.url}/webhook",
            "webhook_token_file": _secret(tmp_path, "token", "the-token"),
            "ntfy_url": f"{webhook.url}/ntfy",
            "email_to": "night@example.org",
            "email_from": "sidewatch@example.org",
            "smtp_host": box.address,
            "smtp_user": "sidewatch",
            "smtp_password_file": _secret(tmp_path, "mail", "the-password"),
            "smtp_tls": "off",
            "ticket_by": "slack,pagerduty,webhook,ntfy,email",
            "grafana_url": "https://grafana.example",
        },
    )
    manager = alertmanager(config)
    with _silence(manager):  # a group of alerts this old is told of at once, be it whole or not
        _post(manager, _alert("mail"), _alert("reports"))
        wait_for(lambda: _grouped(manager) == 2, "both alerts in their group")
    _keep("firing", webhook, box)
    _post(manager, _alert("reports", ended=True))
    _keep("both", webhook, box)
    _post(manager, _alert("mail", ended=True))
    _keep("resolved", webhook, box)
    assert set(box.logins) == {(b"sidewatch", b"the-password")}


def _keep(state: str, webhook: Webhook, box: Mailbox) -> None:
    posts = [webhook.next(within=15) for _ in FIRING_PATHS]
    bodies = {urlsplit(post.path).path: post.body for post in posts}
    assert set(bodies) == FIRING_PATHS
    assert bodies["/pagerduty"].pop("routing_key") == "the-key"
    del bodies["/pagerduty"]["dedup_key"]
    for name in ("slack", "pagerduty"):
        _held(f"{name}.{state}.json", _shown(bodies[f"/{name}"]))
    (query,) = {post.path for post in posts if post.path.startswith("/ntfy")}
    asked = parse_qs(urlsplit(query).query)
    assert (asked["t"], asked["m"], asked["tpl"]) == ([NTFY_TITLE], [NTFY_MESSAGE], ["1"])
    mail = box.next(within=15)
    subject = str(make_header(decode_header(mail["Subject"])))
    text = part(mail, "plain").replace("\r\n", "\n")
    _held(f"email.{state}.txt", f"Subject: {subject}\n\n{text}\n")
    _held(f"email.{state}.html", part(mail, "html").replace("\r\n", "\n") + "\n")


def _rendered(parts: Parts, folder: Path, template: str, alerts: list[dict[str, Any]]) -> str:
    """What Alertmanager's own engine makes of a template, for a receiver that it lacks."""
    for one in alerts:
        one |= {"status": "resolved" if one["endsAt"] < "2030" else "firing"}
    common = dict(alerts[0]["labels"])
    if len(alerts) > 1:
        del common["queue"]
    data = {
        "receiver": "page",
        "status": "firing",
        "alerts": alerts,
        "groupLabels": {name: common[name] for name in ("alertname", "app")},
        "commonLabels": common,
        "commonAnnotations": {
            name: alerts[0]["annotations"][name]
            for name in ("summary", "runbook_url", "first_command")
        },
        "externalURL": "http://alertmanager.example",
    }
    (folder / "data.json").write_text(json.dumps(data))
    done = subprocess.run(
        [
            str(parts.need("amtool")),
            "template",
            "render",
            f"--template.glob={FOLDER / 'sidewatch.tmpl'}",
            f"--template.data={folder / 'data.json'}",
            f"--template.type={'html' if template in {'telegram', 'html'} else 'text'}",
            "--template.text",
            f'{{{{ template "sidewatch.{template}" . }}}}' if template.isalpha() else template,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.real
@pytest.mark.parametrize("template", ["telegram", "markdown"])
def test_what_a_newer_alertmanager_sends(template: str, parts: Parts, tmp_path: Path) -> None:
    alerts = [_alert("mail"), _alert("a <b> & c"), _alert("reports", ended=True)]
    _held(f"{template}.txt", _rendered(parts, tmp_path, template, alerts) + "\n")


@pytest.mark.real
def test_ntfy_words_it_by_templates_that_work(parts: Parts, tmp_path: Path) -> None:
    """ntfy fills in the JSON's own names; Go's engine is the same."""
    alerts = [_alert("mail"), _alert("reports")]
    fields = re.compile(r"\.(status|alerts|groupLabels|commonAnnotations|annotations)\b")
    said = [
        _rendered(parts, tmp_path, fields.sub(_as_go_spells, text), alerts)
        for text in (NTFY_TITLE, NTFY_MESSAGE)
    ]
    _held("ntfy.txt", "\n\n".join(said) + "\n")


def _as_go_spells(field: re.Match[str]) -> str:
    return f".{field[1][0].upper()}{field[1][1:]}"


@pytest.mark.real
@pytest.mark.parametrize("template", ["text", "slack", "markdown", "telegram"])
def test_a_message_about_many_alerts_stays_short(
    template: str, parts: Parts, tmp_path: Path
) -> None:
    firing = [_alert(f"queue-{number}", description="x" * 5000) for number in range(40)]
    ended = [_alert(f"{'queue-' * 30}{number}", ended=True) for number in range(40)]
    found = _rendered(parts, tmp_path, template, [*firing, *ended])
    assert len(found) < 3500
    assert found.count("x" * 100) == 10
    assert "and 30 more\n" in found
    assert "and 30 more resolved\n" in found
    assert len(_rendered(parts, tmp_path, template, firing[:1])) < 1500


@pytest.mark.real
@pytest.mark.parametrize("template", ["text", "slack", "markdown", "telegram", "html"])
def test_a_link_to_a_silence_carries_every_character(
    template: str, parts: Parts, tmp_path: Path
) -> None:
    found = html.unescape(_rendered(parts, tmp_path, template, [_alert(ODD)]))
    link = re.search(r"http://alertmanager\.example/#/silences/new\?filter=([^\s|)\">]+)", found)
    assert link
    value = json.dumps(ODD, ensure_ascii=False)
    wanted = f'{{alertname="WatchedQueueOld",app="tripl",queue={value}}}'
    assert unquote(link[1]) == wanted
    assert not set(link[1]) & set('"\\ {}<>,')


def test_no_dashboard_is_linked_where_nobody_knows_where_grafana_is() -> None:
    assert (FOLDER / "sidewatch.tmpl").read_text().count('$grafana := ""') == 5
