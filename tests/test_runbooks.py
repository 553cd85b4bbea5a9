"""The runbooks: a page an alert, its sections in order, and no command that escapes a proof."""

from __future__ import annotations

import re

import pytest
import yaml

from tests.support.compose import alike
from tests.support.runbooks import INDEX, README, blocks, index, pages
from tests.support.shipped_alerts import shipped_alerts

PAGES = pages()
ALERTS = shipped_alerts()
HEADINGS = (
    "What it means",
    "What users feel",
    "First command",
    "Telling causes apart",
    "How to mend",
    "How to know it is over",
    "How to silence",
)
PROGRAMS = (
    "docker|psql|pg_dump|pg_restore|amtool|promtool|sidewatch|curl|systemctl|df|du|az|gzip|openssl"
    "|date|lsof|rabbitmqctl|rabbitmq-diagnostics|timedatectl|celery|redis-cli|nginx|ls|kill|rm|certbot"
)
COMMAND = re.compile(
    rf"`(?:(?:{PROGRAMS}|\./\S+) [^`]+|(?:SELECT|UPDATE|DELETE|INSERT|GRANT) [^`]+)`"
)
# A deploy may well cause these; what they read says so.
QUIET = "watched_quiet_window"
LONGEST = 80


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_has_a_page_that_answers_the_seven_questions(alert: str) -> None:
    page = PAGES[alert]
    assert page.text.startswith(f"# {alert}\n")
    assert tuple(page.sections) == HEADINGS
    assert all(section.strip() for section in page.sections.values())
    assert len(page.text.splitlines()) <= LONGEST


def test_no_page_is_about_an_alert_that_is_gone() -> None:
    assert set(PAGES) == {*ALERTS, README.stem}


def test_the_index_names_every_alert() -> None:
    assert README.read_text().partition(INDEX)[2] == index(), "run python -m tests.support.runbooks"


@pytest.mark.parametrize("name", PAGES)
def test_a_command_stands_in_a_block_that_says_how_it_is_proved(name: str) -> None:
    page = PAGES[name]
    assert all(block.text for block in page.blocks())
    assert not COMMAND.findall(page.prose)
    assert "```" not in page.prose


@pytest.mark.parametrize(
    "info", ["", "bash", "sql", "sh manual", "sh manual: ", "sql Tripl", "sh\tmanual"]
)
def test_a_block_that_does_not_say_how_it_is_proved_is_no_block(info: str) -> None:
    with pytest.raises(ValueError, match=r"line 2: .* does not say how"):
        list(blocks(f"A command:\n```{info}\ntrue\n```\n"))


@pytest.mark.parametrize(
    ("command", "done"),
    [
        ("docker compose restart celery-beat celery-worker", "docker compose restart server"),
        ("docker compose up -d --scale worker=2", "docker compose up -d --scale server=2"),
        ("docker compose restart celery-wrker", "docker compose restart celery-wrker"),
        ("docker compose restart workers", "docker compose restart workers"),
        ("docker compose exec postgres psql", "docker compose exec postgres psql"),
        ("psql app", "psql app"),
    ],
)
def test_only_names_of_services_make_commands_alike(command: str, done: str) -> None:
    assert alike(command) == done


@pytest.mark.parametrize("alert", ALERTS)
def test_the_first_command_is_the_one_that_the_message_names(alert: str) -> None:
    said = ALERTS[alert].rule["annotations"]["first_command"]
    said = re.sub(r"\{\{ \$labels\.vhost \}\}", "HOST", said)
    said = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda label: label[1].upper(), said)
    first = next(blocks(PAGES[alert].sections["First command"]))
    assert first.text == said


@pytest.mark.parametrize("alert", ALERTS)
def test_a_silence_names_the_alert_by_labels_that_it_carries(alert: str) -> None:
    silence = PAGES[alert].sections["How to silence"]
    rule = ALERTS[alert].rule
    shown = list(blocks(silence))
    if rule["labels"]["severity"] == "none":
        assert not shown
        return
    matchers = dict(re.findall(r"(\w+)=(\S+)", shown[0].text))
    assert matchers.pop("alertname") == alert
    carried = set.intersection(*(set(labels) for labels in ALERTS[alert].labels))
    assert matchers.keys() <= carried
    assert "app" in matchers or "app" not in carried
    assert ("sidewatch maintenance open" in silence) == (QUIET in rule["expr"])


@pytest.mark.parametrize("name", PAGES)
def test_what_a_page_points_to_is_there(name: str) -> None:
    text = PAGES[name].text
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        assert (README.parent / target).exists(), target
    headings = re.findall(r"^#+ (.+)$", README.read_text(), re.MULTILINE)
    places = {heading.lower().replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\((?:README\.md)?#([^)]*)\)", text)) <= places
    named = re.findall(r"\b(?:Watched|Sidewatch|Agledger|Tripl|Pipeline)[A-Z]\w+", text)
    assert set(named) <= set(ALERTS)
    for block in PAGES[name].blocks():
        if block.kind == "yaml":
            assert isinstance(yaml.safe_load(block.text), dict)
