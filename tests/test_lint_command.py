"""`sidewatch lint` as a user meets it: what it prints, how it ends, what its options change."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter.__main__ import main

RULES = """\
groups:
  - name: shop
    rules:
      - alert: OrdersFail
        expr: sum by (job) (rate(shop_orders_failed[5m])) > 1
        labels: {severity: warning}
        annotations:
          summary: Orders fail.
          runbook_url: https://example.org/orders
          description: Orders fail at {{ $labels.instance }}.
      - alert: OrdersSlow
        expr: histogram_quantile(0.9, sum by (le) (rate(shop_seconds_bucket{shop="a"}[2m]))) > 2
        labels: {severity: warning}
        annotations: {summary: Orders are slow., runbook_url: https://example.org/orders}
"""
EXPOSITION = """\
# HELP shop_orders_failed Orders that failed today.
# TYPE shop_orders_failed gauge
shop_orders_failed{kind="card"} 3
# TYPE shop_seconds histogram
shop_seconds_bucket{le="+Inf"} 4
shop_seconds_sum 4
shop_seconds_count 4
"""


@dataclass(frozen=True, slots=True)
class Done:
    """How a run ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


Lint = Callable[..., Done]


@pytest.fixture
def lint(capsys: pytest.CaptureFixture[str]) -> Lint:
    """Runs the command in this process: a start takes longer than all that it does."""

    def run(*arguments: str | Path) -> Done:
        try:
            code = main(["lint", *map(str, arguments)])
        except SystemExit as ended:
            code = int(str(ended.code))
        return Done(code, *capsys.readouterr())

    return run


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


def test_a_finding_says_where_what_and_by_which_check(lint: Lint, rules: Path) -> None:
    done = lint(rules)
    lost, short, summary = done.stdout.splitlines()
    column = RULES.splitlines()[9].index("instance") + 1
    assert lost.startswith(f"{rules}:10:{column}: error: OrdersFail: ")
    assert "{{ $labels.instance }} prints nothing" in lost
    assert lost.endswith("[label-lost]")
    column = RULES.splitlines()[11].index("[2m]") + 1
    assert short.startswith(f"{rules}:12:{column}: warning: OrdersSlow: [2m] holds too few")
    assert summary == "2 rules in 1 file: 1 error, 1 warning"
    assert (done.returncode, done.stderr) == (1, "")


def test_warnings_alone_fail_only_if_they_shall(lint: Lint, rules: Path) -> None:
    assert lint("--disable", "label-lost", rules).returncode == 0
    assert lint("--disable", "label-lost", "--strict", rules).returncode == 1
    assert lint("--disable", "label-lost,range-short", "--strict", rules).returncode == 0


def test_findings_come_as_json_too(lint: Lint, rules: Path) -> None:
    first, second = map(json.loads, lint("--json", rules).stdout.splitlines())
    assert (first["check"], first["line"]) == ("label-lost", 10)
    assert (first["rule"], first["key"]) == ("OrdersFail", "annotations.description")
    assert (second["check"], second["severity"]) == ("range-short", "warning")


def test_an_exposition_tells_of_types_and_labels(lint: Lint, rules: Path, tmp_path: Path) -> None:
    metrics = tmp_path / "metrics.txt"
    metrics.write_text(EXPOSITION)
    done = lint("--metrics", metrics, "--disable", "label-lost,range-short", rules)
    gauge, label, _ = done.stdout.splitlines()
    assert gauge.endswith("[rate-of-gauge]")
    assert "shop_seconds_bucket has no label shop" in label
    assert done.returncode == 1
    more = lint("--metrics", metrics, "--labels", "shop", "--disable", "rate-of-gauge", rules)
    assert "label-unknown" not in more.stdout


def test_a_list_of_names_says_which_metrics_there_are(
    lint: Lint, rules: Path, tmp_path: Path
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("shop_orders_failed\nshop_second_bucket\n")
    done = lint("--metrics", names, "--disable", "label-lost,range-short", rules)
    told, _ = done.stdout.splitlines()
    assert "shop_seconds_bucket: there is no such metric; did you mean shop_second_bucket?" in told


def test_a_folder_is_searched_for_rules_and_only_those(lint: Lint, rules: Path) -> None:
    (rules.parent / "routes.yaml").write_text("route: {receiver: none}\n")
    (rules.parent / "deep").mkdir()
    (rules.parent / "deep/more.yml").write_text("groups: []\n")
    assert lint(rules.parent).stdout.endswith("2 rules in 2 files: 1 error, 1 warning\n")


def test_the_namespace_of_mimirtool_is_no_mistake(lint: Lint, rules: Path) -> None:
    found = lint(rules).stdout.count(": error: ")
    rules.write_text(rules.read_text() + "\nnamespace: shop\n")
    assert lint(rules).stdout.count(": error: ") == found


def test_a_file_that_is_named_twice_is_read_once(lint: Lint, rules: Path) -> None:
    assert lint(rules, rules.parent, rules).stdout == lint(rules).stdout


def test_what_an_operator_of_kubernetes_has_is_read_as_well(lint: Lint, rules: Path) -> None:
    indented = "".join(f"  {line}\n" for line in RULES.splitlines())
    rules.write_text(f"kind: PrometheusRule\nspec:\n{indented}")
    assert "2 rules in 1 file: 1 error, 1 warning" in lint(rules).stdout


def test_a_comment_with_a_reason_switches_a_check_off(lint: Lint, rules: Path) -> None:
    comment = "      # sidewatch-lint: disable=range-short because it is scraped every 5 s\n"
    rules.write_text(
        RULES.replace("      - alert: OrdersSlow", f"{comment}      - alert: OrdersSlow")
    )
    done = lint(rules)
    assert "range-short" not in done.stdout
    assert "label-lost" in done.stdout


@pytest.mark.parametrize(
    ("comment", "answer"),
    [
        ("disable=range-short", "write # sidewatch-lint: disable=<check> because <reason>"),
        ("disable=range because so", "there is no check range; see --list"),
        ("disable=join-empty because so", "join-empty finds nothing here; take the comment out"),
    ],
)
def test_a_comment_that_does_nothing_is_told(
    lint: Lint, rules: Path, comment: str, answer: str
) -> None:
    rules.write_text(f"# sidewatch-lint: {comment}\n\n{RULES}")
    assert f"{rules}:1:1: error: -: {answer} [comment]" in lint(rules).stdout


def test_rules_may_read_what_the_shipped_ones_record(lint: Lint, rules: Path) -> None:
    rules.write_text(
        "groups: [{name: ours, rules: [{alert: Late, labels: {severity: info}, annotations: "
        "{summary: Late., runbook_url: x}, expr: 'app_queue:watched_queue_late:ratio > 9'}]}]\n"
    )
    assert lint(rules).stdout == "1 rule in 1 file: 0 errors, 0 warnings\n"
    rules.write_text(rules.read_text().replace("late", "lates"))
    assert "did you mean app_queue:watched_queue_late:ratio?" in lint(rules).stdout


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("groups: [\n", ":1:"),
        ("rules: []\n", "a rule file has a list of groups"),
        ("groups: [{name: a, rules: [{alert: A, expr: 'up =='}]}]\n", "not PromQL"),
        (
            "groups: [{name: a, rules: [{alert: A, expr: 'up[5m]'}]}]\n",
            "neither series nor a number",
        ),
        ("groups: [{name: a, rules: [{record: a b, expr: up}]}]\n", "'a b' is no name of a metric"),
        ("groups: [{name: a, rules: [{alert: A, expr: up, fro: 5m}]}]\n", "a rule has no such key"),
        ("groups: [{name: a, rules: [{alert: A, expr: up, for: 5}]}]\n", "'5' is no duration"),
        ("groups: []\ntests: []\n", "a rule file has no such key"),
        ("groups: [{name: a, rules: {alert: A, expr: up}}]\n", "a group has a list of rules"),
        ("groups: [{name: a, limit: x, rules: []}]\n", "'x' is no number of series"),
        (
            "groups: [{name: a, rules: [{alert: A, expr: up, labels: [a]}]}]\n",
            "names with their values belong here",
        ),
        (
            "groups: [{name: a, rules: [{alert: A, expr: up, labels: {a-b: c}}]}]\n",
            "'a-b' cannot be the name of one of the labels",
        ),
        (
            "groups: [{name: a, rules: [{record: a, expr: up, labels: {__name__: c}}]}]\n",
            "'__name__' cannot be the name",
        ),
        (
            "groups: [{name: a, rules: [{alert: A, expr: up, annotations: {a b: c}}]}]\n",
            "'a b' cannot be the name of one of the annotations",
        ),
    ],
)
def test_what_prometheus_would_refuse_is_told(
    lint: Lint, rules: Path, text: str, answer: str
) -> None:
    rules.write_text(text)
    done = lint(rules)
    assert answer in done.stdout
    assert done.returncode == 1


def test_what_cannot_be_read_ends_with_two(lint: Lint, tmp_path: Path) -> None:
    done = lint(tmp_path / "nowhere.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "nowhere.yaml" in done.stderr
    assert lint().returncode == 2
    empty = lint(tmp_path)
    assert empty.returncode == 2
    assert f"{tmp_path} holds no rule file" in empty.stderr
    (tmp_path / "odd.yaml").write_bytes(b"groups: \xff\n")
    for named in (tmp_path, tmp_path / "odd.yaml"):
        assert "odd.yaml is not UTF-8" in lint(named).stderr
    routes = lint("--alertmanager", tmp_path / "odd.yaml", "rules")
    assert (routes.returncode, "odd.yaml is no YAML" in routes.stderr) == (2, True)
    assert lint("--disable", "nothing", tmp_path).returncode == 2


@pytest.mark.parametrize("buffered", [True, False])
def test_a_disk_that_is_full_ends_with_two(rules: Path, *, buffered: bool) -> None:
    """Findings that nobody can read are not none; a buffer is written only at the end."""
    command = [sys.executable, "-m", "exporter", "lint", str(rules)]
    environ = {**os.environ, "PYTHONUNBUFFERED": "" if buffered else "1"}
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, env=environ, check=False
        )
    assert (done.returncode, done.stderr) == (2, "sidewatch: No space left on device\n")


def test_all_checks_are_listed(lint: Lint) -> None:
    lines = lint("--list").stdout.splitlines()
    assert len(lines) >= 40
    assert lines[0].startswith("file ")
    assert any(line.endswith("with --enable only") for line in lines)


def test_the_command_itself_reads_it_so(rules: Path) -> None:
    command = [sys.executable, "-m", "exporter", "lint", "--strict", str(rules)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.endswith("2 rules in 1 file: 1 error, 1 warning\n")
