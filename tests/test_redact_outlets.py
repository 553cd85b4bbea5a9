"""Redaction where sidewatch itself speaks: its log, explain, check, and what it complains of."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path

import pytest

from exporter.__main__ import main
from exporter.redact import Redaction, hide, redactor

SECRET = "hunter2-in-the-open"


@pytest.fixture
def logged() -> tuple[logging.Logger, io.StringIO]:
    """A logger whose one handler hides secrets, and what it writes."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logger = logging.Logger("of the test")  # noqa: LOG001 - of no other test's tree
    logger.addHandler(handler)
    hiding = redactor(Redaction(patterns={"ticket": r"T-\d+"}))
    hide(logger.handlers, lambda: hiding)
    return logger, written


def test_the_log_hides_what_messages_are_filled_with(
    logged: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, written = logged
    logger.warning("cannot connect to %s for T-42", f"postgresql://watcher:{SECRET}@db/shop")
    assert written.getvalue() == (
        "WARNING cannot connect to postgresql://watcher:[redacted-url]@db/shop"
        " for [redacted-ticket]\n"
    )


def test_the_log_hides_in_tracebacks(logged: tuple[logging.Logger, io.StringIO]) -> None:
    logger, written = logged
    try:
        raise ValueError(f"password={SECRET}")  # noqa: TRY301 - it is the test
    except ValueError:
        logger.exception("failed", stack_info=True)
    assert SECRET not in written.getvalue()
    assert "ValueError: password=[redacted-key]" in written.getvalue()
    assert written.getvalue().count("Traceback") == 1


def test_a_message_that_cannot_be_filled_in_shows_no_values(
    logged: tuple[logging.Logger, io.StringIO], capsys: pytest.CaptureFixture[str]
) -> None:
    logger, written = logged
    logger.error("%d tokens", f"password={SECRET}")
    assert written.getvalue() == "ERROR '%d tokens' cannot be filled in: TypeError\n"
    assert capsys.readouterr().err == ""


def explained(
    lines: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> str:
    class Input:
        buffer = io.BytesIO(lines.encode())

    monkeypatch.setattr("sys.stdin", Input)
    assert main(["explain", "--profile", "kodiai", *words]) == 0
    return capsys.readouterr().out


def test_explain_hides_secrets_in_both_forms(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = json.dumps({"level": 30, "msg": f"password={SECRET}", "req": {"token": SECRET}, "n": 1})
    (found,) = map(json.loads, explained(line, monkeypatch, capsys, "--json").splitlines())
    assert found["message"] == "password=[redacted-key]"
    assert (found["fields"]["req.token"], found["fields"]["n"]) == ("[redacted-key]", 1)
    assert SECRET not in explained(line, monkeypatch, capsys)
    header = f"      Cookie: theme=dark; sid={SECRET}"  # whose parts are read as fields
    assert SECRET not in explained(header, monkeypatch, capsys)


def test_explain_takes_the_patterns_of_a_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "sidewatch.yaml"
    path.write_text(
        "apps: [{name: shop, logs: [{files: a.log}]}]\n"
        "redact: {emails: false, keys: [iban], patterns: {ticket: 'T-[0-9]+'}}\n"
    )
    told = explained(
        "T-42 of ann@example.com, iban=DE1", monkeypatch, capsys, "--config", str(path)
    )
    assert "'[redacted-ticket] of ann@example.com,'\n    iban = '[redacted-key]'" in told


def test_check_hides_what_a_complaint_quotes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "sidewatch.yaml"
    path.write_text(
        f"listen: postgresql://watcher:{SECRET}@db/shop\n"
        "apps:\n"
        "  - name: shop\n"
        f"    postgres: {{url: 'postgresql://w@db/shop', password: [{SECRET}]}}\n"
        f"    labels: {{api_key: {SECRET}, 'a b': x}}\n"
    )
    assert main(["check", "--config", str(path)]) == 1
    told = capsys.readouterr().out
    assert "listen: 'postgresql://watcher:[redacted-url]@db/shop' is not an address" in told
    assert SECRET not in told


MANY = ", ".join(f"p{i}: T-{i}" for i in range(50))


@pytest.mark.parametrize(
    ("part", "complaint"),
    [
        ("{patterns: {ticket: '(?=x)'}}", "redact.patterns.ticket: RE2 does not read it"),
        ("{patterns: {Ticket: x}}", "redact.patterns.Ticket: a name has small letters"),
        ("{keys: ['--']}", "redact: keys: neither a letter nor a digit is in '--'"),
        (f"{{patterns: {{{MANY}, token: '(?=x)'}}}}", "redact.patterns.token: RE2 does not"),
        (f"{{patterns: {{{MANY}, token: '(?=x)'}}}}", "redact.patterns: 50 at the most"),
        ("{email: true}", "redact.email: no such key; did you mean emails?"),
        ("off", "redact: must be a mapping"),
    ],
)
def test_a_wrong_choice_is_complained_of(
    part: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "sidewatch.yaml"
    path.write_text(f"apps: [{{name: shop, logs: [{{files: a.log}}]}}]\nredact: {part}\n")
    assert main(["check", "--config", str(path)]) == 1
    assert f"sidewatch.yaml:2: {complaint}" in capsys.readouterr().out
