"""The variables that say who is told: names, values, and what is wrong with them.

`SIDEWATCH_SLACK_URL_FILE` in the environment is `slack_url_file` here. Secrets are paths of files,
as Alertmanager sees them; nothing reads or prints what is in them.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from exporter.errors import ExportError

Variables = Mapping[str, str]
PREFIX = "SIDEWATCH_"
VARIABLES: Mapping[str, str] = {
    "deadman_url": "what the Watchdog calls each minute; who runs it notices when no call comes",
    "deadman_url_file": "the same, in a file",
    "page_by": "who is told of critical alerts, like pagerduty,telegram (all that are set)",
    "ticket_by": "who is told of warnings (all that are set but pagerduty)",
    "quiet_hours": "when warnings wait, like 22:00-07:00",
    "quiet_zone": "the time zone of these hours, like Europe/Berlin (UTC)",
    "grafana_url": "where Grafana is, for links to dashboards",
    "slack_url_file": "the incoming webhook, in a file",
    "slack_channel": "another channel than the webhook's own",
    "email_to": "addresses, with commas between them",
    "email_from": "the sender",
    "smtp_host": "the mail server, HOST:PORT",
    "smtp_user": "the name there, where it wants one",
    "smtp_password_file": "its password, in a file",
    "smtp_tls": "off, where the server offers no STARTTLS",
    "pagerduty_key_file": "the integration key (Events API v2), in a file",
    "pagerduty_url": "another region's, like https://events.eu.pagerduty.com/v2/enqueue",
    "telegram_token_file": "the bot's token, in a file",
    "telegram_chat": "the chat's number",
    "telegram_url": "another server than https://api.telegram.org",
    "ntfy_url": "server and topic, like https://ntfy.sh/TOPIC",
    "ntfy_token_file": "an access token, in a file",
    "discord_url_file": "the webhook, in a file",
    "webhook_url": "any web server that takes Alertmanager's JSON",
    "webhook_url_file": "the same, in a file",
    "webhook_token_file": "a token that is sent along as a bearer's, in a file",
}
# What somebody might take for a variable: the secret itself, which must not stand in the open.
SECRETS = frozenset(
    name.removesuffix("_file")
    for name in VARIABLES
    if name.endswith("_file") and name.removesuffix("_file") not in VARIABLES
)
# Whose variables these are; what else begins with the prefix is not for us.
OURS = tuple({name.partition("_")[0] + "_" for name in VARIABLES})


def variables(environ: Mapping[str, str], options: Iterable[str] = ()) -> dict[str, str]:
    """What is set in the environment, and by NAME=VALUE options, which go first.

    Raises ExportError.
    """
    given = {
        name.removeprefix(PREFIX).lower(): value.strip()
        for name, value in environ.items()
        if name.startswith(PREFIX) and name.removeprefix(PREFIX).lower().startswith(OURS)
    }
    for option in options:
        name, equals, value = option.partition("=")
        if not equals:
            raise ExportError(f"{option} is no variable with a value, like slack_url_file=PATH")
        given[name.lower().removeprefix(PREFIX.lower())] = value.strip()
    for name, value in given.items():
        if name in SECRETS:
            raise ExportError(
                f"{spelled(name)} is a secret, so it stands in a file: give {spelled(name)}_FILE,"
                " the file's path as Alertmanager sees it"
            )
        if name not in VARIABLES:
            near = difflib.get_close_matches(name, VARIABLES, 1)
            meant = f"; did you mean {spelled(near[0])}?" if near else ""
            raise ExportError(f"there is no variable {spelled(name)}{meant}")
        if name.endswith("_file") and value and not _is_path(value):
            raise ExportError(
                f"{spelled(name)} is no path like /run/secrets/slack; what is in the file does not"
                " belong here"
            )
    return {name: value for name, value in given.items() if value}


def _is_path(value: str) -> bool:
    """Not the secret itself: a URL, or a key or token, which are one word."""
    return "/" in value and "://" not in value and value.isprintable()


def spelled(name: str) -> str:
    """A variable as it stands in the environment."""
    return PREFIX + name.upper()
