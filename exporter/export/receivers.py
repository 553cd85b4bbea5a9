"""Who is told: a block of Alertmanager's configuration for each way that is set.

Each says which Alertmanager it needs, after Alertmanager's own changelog: a secret can be read
from a file only where that version reads one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from msgspec import Struct

from exporter.errors import ExportError
from exporter.export.variables import Variables, spelled

Version = tuple[int, int]
OLDEST: Version = (0, 25)
# `bot_token_file`: 0.26. `url_file`, `webhook_url_file`: 0.26 and 0.27, which crash or ignore them.
TELEGRAM: Version = (0, 26)
URL_FILE: Version = (0, 28)

TITLE = '{{ template "sidewatch.title" . }}'
SEVERITY = '{{ if eq .CommonLabels.severity "critical" }}critical{{ else }}warning{{ end }}'
RUNBOOK = "{{ .CommonAnnotations.runbook_url }}"
# ntfy (2.10 and newer) words its messages itself, out of Alertmanager's JSON.
NTFY_TITLE = "[{{.status}}:{{len .alerts}}] {{.groupLabels.alertname}} {{.groupLabels.app}}"
NTFY_MESSAGE = (
    "{{.commonAnnotations.summary}}"
    "{{range $i, $one := .alerts}}{{if lt $i 10}}\n- {{$one.annotations.description}}{{end}}{{end}}"
    "\n{{.commonAnnotations.runbook_url}}"
)


class Way(Struct, frozen=True):
    """A way to tell somebody: its key in a receiver, its block, the Alertmanager that it needs."""

    name: str
    key: str
    block: Mapping[str, Any]
    needs: Version = OLDEST


def ways(given: Variables) -> dict[str, Way]:
    """Each way that is set, by name. Raises ExportError where one is set by half."""
    return {name: make(given) for name, (marks, make) in MAKERS.items() if given.keys() & marks}


def deadman(given: Variables) -> Way | None:
    """What the Watchdog calls, if anything."""
    if not given.keys() & {"deadman_url", "deadman_url_file"}:
        return None
    block, needs = _address(given, "deadman_url")
    return Way("deadman", "webhook_configs", block | {"send_resolved": False}, needs)


def _slack(given: Variables) -> Way:
    block = {
        "api_url_file": _needed(given, "slack_url_file"),
        "channel": given.get("slack_channel"),
        "send_resolved": True,
        "color": '{{ template "sidewatch.color" . }}',
        "title": TITLE,
        "title_link": RUNBOOK,
        "text": '{{ template "sidewatch.slack" . }}',
        "fallback": TITLE,
    }
    return Way("slack", "slack_configs", _set(block))


def _email(given: Variables) -> Way:
    block = {
        "to": _addresses(_needed(given, "email_to")),
        "from": _needed(given, "email_from"),
        "smarthost": _host_port("smtp_host", _needed(given, "smtp_host")),
        "auth_username": given.get("smtp_user"),
        "auth_password_file": given.get("smtp_password_file"),
        "require_tls": _on("smtp_tls", given.get("smtp_tls", "on")),
        "send_resolved": True,
        "headers": {"Subject": TITLE},
        "html": '{{ template "sidewatch.html" . }}',
        "text": '{{ template "sidewatch.text" . }}',
    }
    return Way("email", "email_configs", _set(block))


def _pagerduty(given: Variables) -> Way:
    block = {
        "routing_key_file": _needed(given, "pagerduty_key_file"),
        "url": _url_if_set(given, "pagerduty_url"),
        "send_resolved": True,
        "description": TITLE,
        "severity": SEVERITY,
        "client": "sidewatch",
        "client_url": "{{ .ExternalURL }}",
        "class": "{{ .GroupLabels.alertname }}",
        "group": "{{ .GroupLabels.app }}",
        "component": "{{ .CommonLabels.component }}",
        "details": {"message": '{{ template "sidewatch.text" . }}'},
        "links": [{"href": RUNBOOK, "text": "Runbook"}],
    }
    return Way("pagerduty", "pagerduty_configs", _set(block))


def _telegram(given: Variables) -> Way:
    chat = _needed(given, "telegram_chat")
    try:
        number = int(chat)
    except ValueError:
        name = spelled("telegram_chat")
        raise ExportError(f"{name} is the chat's number, like -1001234, not {chat}") from None
    block = {
        "bot_token_file": _needed(given, "telegram_token_file"),
        "chat_id": number,
        "api_url": _url_if_set(given, "telegram_url"),
        "parse_mode": "HTML",
        "send_resolved": True,
        "message": '{{ template "sidewatch.telegram" . }}',
    }
    return Way("telegram", "telegram_configs", _set(block), TELEGRAM)


def _ntfy(given: Variables) -> Way:
    url = checked_url("ntfy_url", _needed(given, "ntfy_url"))
    # Percent-encoded, so that an Alertmanager that fills in URLs (0.31) takes it as it is.
    query = f"tpl=1&t={quote(NTFY_TITLE, safe='')}&m={quote(NTFY_MESSAGE, safe='')}"
    joined = "&" if urlsplit(url).query else "?"
    block = {"url": f"{url}{joined}{query}", "send_resolved": True, "max_alerts": 10}
    return Way("ntfy", "webhook_configs", block | _bearer(given, "ntfy_token_file"))


def _discord(given: Variables) -> Way:
    block = {
        "webhook_url_file": _needed(given, "discord_url_file"),
        "send_resolved": True,
        "title": TITLE,
        "message": '{{ template "sidewatch.markdown" . }}',
    }
    return Way("discord", "discord_configs", block, URL_FILE)


def _webhook(given: Variables) -> Way:
    block, needs = _address(given, "webhook_url")
    block |= {"send_resolved": True} | _bearer(given, "webhook_token_file")
    return Way("webhook", "webhook_configs", block, needs)


# By which variables a way is known to be wanted.
MAKERS: Mapping[str, tuple[frozenset[str], Callable[[Variables], Way]]] = {
    "pagerduty": (frozenset({"pagerduty_key_file", "pagerduty_url"}), _pagerduty),
    "telegram": (frozenset({"telegram_token_file", "telegram_chat"}), _telegram),
    "slack": (frozenset({"slack_url_file", "slack_channel"}), _slack),
    "discord": (frozenset({"discord_url_file"}), _discord),
    "ntfy": (frozenset({"ntfy_url", "ntfy_token_file"}), _ntfy),
    "email": (frozenset({"email_to", "email_from", "smtp_host"}), _email),
    "webhook": (frozenset({"webhook_url", "webhook_url_file", "webhook_token_file"}), _webhook),
}


def _address(given: Variables, name: str) -> tuple[dict[str, Any], Version]:
    """A webhook's URL, given or in a file, and the Alertmanager that reads it."""
    file = f"{name}_file"
    if name in given and file in given:
        raise ExportError(f"{spelled(name)} and {spelled(file)} say the same thing; give one")
    if name in given:
        return {"url": checked_url(name, given[name])}, OLDEST
    return {"url_file": _needed(given, file)}, URL_FILE


def checked_url(name: str, text: str) -> str:
    """The URL as it was given. Raises ExportError where it is none, or holds a password."""
    wrong = f"{spelled(name)} is no URL like https://example.org/path"
    try:
        parts = urlsplit(text)
        odd = parts.port == 0 or len(text.split()) > 1
    except ValueError:  # brackets or a port that are none; its own text quotes them
        raise ExportError(wrong) from None
    if odd or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ExportError(wrong)
    if parts.password is not None:
        raise ExportError(f"{spelled(name)} has a password in it, which stands in a file")
    return text


def _url_if_set(given: Variables, name: str) -> str | None:
    return checked_url(name, given[name]) if name in given else None


def _host_port(name: str, text: str) -> str:
    """Alertmanager takes no mail server without a port."""
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()):
        raise ExportError(f"{spelled(name)} is no server and port like mail.example.org:587")
    return text


def _addresses(text: str) -> str:
    """Without empty ones, at which Alertmanager would fail with each mail."""
    found = [one.strip() for one in text.split(",") if one.strip()]
    if not found or not all("@" in one for one in found):
        name = spelled("email_to")
        raise ExportError(f"{name} is no list of addresses like a@example.org, b@example.org")
    return ", ".join(found)


def _on(name: str, text: str) -> bool:
    if text.lower() not in {"on", "off"}:
        raise ExportError(f"{spelled(name)} is on or off")
    return text.lower() == "on"


def _bearer(given: Variables, name: str) -> dict[str, Any]:
    if name not in given:
        return {}
    return {"http_config": {"authorization": {"credentials_file": given[name]}}}


def _needed(given: Variables, name: str) -> str:
    if name not in given:
        raise ExportError(f"{spelled(name)} is missing; without it nobody can be told this way")
    return given[name]


def _set(block: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in block.items() if value is not None}
