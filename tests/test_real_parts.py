"""The tests' own servers: what a failing run must say of them."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.support.parts import Parts
from tests.support.process import running
from tests.support.webhook import Webhook

ROOT = Path(__file__).parents[1]


def test_a_missing_tool_fails_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(pytest.fail.Exception, match="apt-get install prometheus-alertmanager"):
        Parts().need("amtool")


def test_a_tool_that_the_kernel_forbids_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An interpreter that may not be executed is refused by the kernel itself, for root too.
    interpreter = tmp_path / "interpreter"
    interpreter.write_text("")
    tool = tmp_path / "jq"
    tool.write_text(f"#!{interpreter}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match="the kernel does not let jq start"):
        Parts().need("jq")


def test_the_last_lines_name_each_part_with_its_version() -> None:
    parts = Parts(used={"promtool": {"2.42.0"}, "jq": {"1.6"}})
    assert list(parts.lines()) == ["real parts used: jq 1.6, promtool 2.42.0", "unproven: nothing"]


def test_the_last_lines_name_what_stayed_unproven() -> None:
    parts = Parts(used={"jq": {"1.6"}})
    for test in ("tests/test_a.py::one", "tests/test_a.py::two"):
        parts.pytest_runtest_logreport(
            pytest.TestReport(
                nodeid=test,
                location=(test, 1, test),
                keywords={},
                outcome="skipped",
                longrepr=("tests/test_a.py", 1, "Skipped: no IPv6 loopback"),
                when="setup",
            )
        )
    *_, last = parts.lines()
    assert last == "UNPROVEN: no IPv6 loopback: tests/test_a.py::one and 1 more"


def test_runs_that_follow_each_other_are_told_of_together(tmp_path: Path) -> None:
    file = tmp_path / "parts"
    file.touch()
    one = Parts(used={"jq": {"1.6"}, "plain.jobs": {"0.57.5"}}, unproven={"no IPv6": {"a"}})
    for run in (one, Parts(used={"plain.jobs": {"0.50.1"}}, unproven={"no IPv6": {"b"}})):
        run.keep(file)
    tell = [sys.executable, "-m", "tests.support.parts", str(file)]
    told = subprocess.run(tell, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert told.splitlines() == [
        "real parts used: jq 1.6, plain.jobs 0.50.1 and 0.57.5",
        "UNPROVEN: no IPv6: a and 1 more",
    ]


@pytest.mark.real
def test_what_several_processes_used_is_told_once_in_the_last_lines() -> None:
    tests = (
        "tests/test_slice.py::test_the_shipped_routing_is_valid",
        "tests/test_rules.py::test_promtool_accepts_the_rules[tls]",
    )
    run = [sys.executable, "-m", "pytest", "-q", "-n", "2", *tests]
    told = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    both = Parts()
    both.need("amtool")
    both.need("promtool")
    assert told.splitlines()[-2:] == list(both.lines())


def test_a_program_that_dies_shows_what_it_said(tmp_path: Path) -> None:
    dying = [sys.executable, "-c", "print('the port is taken'); raise SystemExit(3)"]
    with (
        pytest.raises(AssertionError, match="ended with 3") as caught,
        running(dying, tmp_path / "log", lambda: False),
    ):
        pytest.fail("it never became ready")
    assert "the port is taken" in "".join(caught.value.__notes__)


def test_the_receiver_hands_over_what_was_posted(webhook: Webhook) -> None:
    request = urllib.request.Request(f"{webhook.url}/page", data=b'{"status": "firing"}')
    urllib.request.urlopen(request, timeout=5).close()
    post = webhook.next(within=5)
    assert (post.path, post.body) == ("/page", {"status": "firing"})
