"""sidewatch export rules: word for word, in part, with an operator's labels, for Grafana."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from exporter.__main__ import main
from exporter.errors import ExportError
from exporter.export.keep import keep, keepable
from exporter.export.rules import tiers
from exporter.export.shipped import subject
from tests.support import yamls
from tests.support.exporting import exported
from tests.support.parts import Parts
from tests.support.promql import selectors
from tests.support.shipped_alerts import shipped_alerts

ROOT = Path(__file__).parents[1]
RULES = sorted((ROOT / "rules").glob("*.yaml"))
PROOFS = ROOT / "tests/rules"
ALERTS = shipped_alerts()
# Quick proofs that between them hold questions of annotations, group_left and label_join.
QUICK = ("brokers", "containers", "http", "liveness", "rows", "tls")


def _rules(folder: Path) -> dict[str, dict[str, Any]]:
    """Every rule of a folder, by name."""
    return {
        rule.get("alert") or rule["record"]: rule
        for path in sorted(folder.glob("*.yaml"))
        for group in yamls.read(path.read_text())["groups"]
        for rule in group["rules"]
    }


def _promtool(parts: Parts, *words: str | Path) -> None:
    done = subprocess.run(
        [parts.need("promtool"), *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_of_them_are_the_shipped_files_word_for_word(tmp_path: Path) -> None:
    assert exported("rules", tmp_path) == 0
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in RULES}
    for path in RULES:
        assert (tmp_path / path.name).read_text() == path.read_text()


@pytest.mark.real
def test_one_file_holds_all_of_them_too(
    parts: Parts, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exported("rules") == 0
    (tmp_path / "all.yaml").write_text(capsys.readouterr().out)
    _promtool(parts, "check", "rules", tmp_path / "all.yaml")
    assert _rules(tmp_path) == _rules(ROOT / "rules")


@pytest.mark.real
def test_the_first_day_has_about_fifteen_pages_and_all_that_they_read(
    parts: Parts, tmp_path: Path
) -> None:
    assert exported("rules", "--tier", "critical", tmp_path) == 0
    _promtool(parts, "check", "rules", *tmp_path.iterdir())
    found, shipped = _rules(tmp_path), _rules(ROOT / "rules")
    assert all(found[name] == shipped[name] for name in found)
    alerts = {name: rule for name, rule in found.items() if "alert" in rule}
    paging = {name for name in alerts if alerts[name]["labels"]["severity"] == "critical"}
    assert paging == set(tiers()["critical"])
    assert 13 <= len(paging) <= 18
    assert {alerts[name]["labels"]["severity"] for name in alerts.keys() - paging} <= {"none"}
    records = {name for name, rule in shipped.items() if "record" in rule}
    read = {one.metric for rule in found.values() for one in selectors(rule["expr"])} & records
    assert read == found.keys() & records


@pytest.mark.parametrize("tier", tiers())
def test_a_tier_names_alerts_that_there_are(tier: str) -> None:
    assert set(tiers()[tier]) <= set(ALERTS)


def test_subjects_are_chosen_or_left_out_and_what_they_read_comes_along(tmp_path: Path) -> None:
    exported("rules", "--subject", "http", tmp_path / "one")
    names = set(_rules(tmp_path / "one"))
    assert names == set(_rules_of("http")) | {"app:sidewatch_catching_up:recent"}
    exported("rules", "--without", "http,logs", tmp_path / "rest")
    rest = set(_rules(tmp_path / "rest"))
    assert rest == set(_rules(ROOT / "rules")) - set(_rules_of("http")) - set(_rules_of("logs"))
    exported("rules", tmp_path / "two", "--subject", "tls", "--subject=rows")
    assert set(_rules(tmp_path / "two")) >= {*_rules_of("tls"), *_rules_of("rows")}


def _rules_of(subject_name: str) -> list[str]:
    groups = yamls.read((ROOT / f"rules/{subject_name}.yaml").read_text())["groups"]
    return [rule.get("alert") or rule["record"] for group in groups for rule in group["rules"]]


def test_files_of_an_earlier_export_are_told_since_they_are_loaded_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exported("rules", tmp_path, "--subject", "http,tls")
    assert not capsys.readouterr().err
    exported("rules", tmp_path, "--subject", "http")
    assert capsys.readouterr().err.endswith("other rule files, which are loaded too: tls.yaml\n")


def test_a_subject_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="there are no rules about htpp; there are"):
        exported("rules", tmp_path, "--subject", "htpp")


@pytest.mark.parametrize(
    "wanted", [("--subject=slo", "--without=slo"), ("--subject=slo", "--tier=critical")], ids=str
)
def test_an_export_of_nothing_is_refused(tmp_path: Path, wanted: tuple[str, ...]) -> None:
    with pytest.raises(ExportError, match="no rule is left of what is asked for"):
        exported("rules", tmp_path / "out", *wanted)
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["export", "rules", str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err == f"sidewatch: {tmp_path / 'file'}: File exists\n"


def test_files_are_cut_into_pieces_without_a_loss() -> None:
    for path in RULES:
        assert subject(path.stem, path.read_text()).text == path.read_text()


# --- an operator's labels ------------------------------------------------------------------------


def _labelled(test: dict[str, Any]) -> dict[str, Any]:
    """A proof whose series carry a label, as its alerts then must."""
    made = {
        **test,
        "input_series": [
            {**one, "series": _with_label(one["series"])} for one in test["input_series"]
        ],
    }
    # What reads no series, like Watchdog, has no label of theirs.
    for case in made.get("alert_rule_test", ()) if made["input_series"] else ():
        for said in case["exp_alerts"]:
            said["exp_labels"] = {**said["exp_labels"], "env": "prod"}
    # What else is asked would have to spell the label in each answer.
    made.pop("promql_expr_test", None)
    return made


def _with_label(series: str) -> str:
    if series.endswith("}"):
        return f'{series[:-1]},env="prod"}}'
    return f'{series}{{env="prod"}}'


def _proved_with_labels(parts: Parts, folder: Path, names: list[str]) -> None:
    assert exported("rules", folder / "rules", "--keep-labels", "env,cluster") == 0
    for name in names:
        proof = yamls.read((PROOFS / f"{name}.yaml").read_text())
        proof["rule_files"] = [f"rules/{Path(file).name}" for file in proof["rule_files"]]
        tests = [_labelled(test) for test in proof["tests"] if "alert_rule_test" in test]
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({**proof, "tests": tests}))
    _promtool(parts, "test", "rules", *(folder / f"{name}.yaml" for name in names))


@pytest.mark.real
def test_a_label_that_is_kept_arrives_with_the_alert(parts: Parts, tmp_path: Path) -> None:
    _proved_with_labels(parts, tmp_path, list(QUICK))


@pytest.mark.long
@pytest.mark.real
def test_a_label_that_is_kept_arrives_with_every_alert(parts: Parts, tmp_path: Path) -> None:
    _proved_with_labels(parts, tmp_path, [path.stem for path in RULES])


@pytest.mark.real
def test_promtool_takes_every_rule_that_keeps_labels(parts: Parts, tmp_path: Path) -> None:
    exported("rules", tmp_path, "--keep-labels", "env,cluster")
    _promtool(parts, "check", "rules", *tmp_path.iterdir())
    assert set(_rules(tmp_path)) == set(_rules(ROOT / "rules"))


RULE = "      - record: app:x:sum\n        expr: {expression}\n"


@pytest.mark.parametrize(
    ("expression", "after"),
    [
        ("sum by (app) (x)", "sum by (app, env) (x)"),
        ("sum by () (x)", "sum by (env) (x)"),
        ("sum by (app, env) (x)", "sum by (app, env) (x)"),
        ("x / on (app) group_left () y", "x / on (app, env) group_left () y"),
        ('max by (app) (x{a="by (b)"})', 'max by (app, env) (x{a="by (b)"})'),
        ("sum without (instance) (x)", "sum without (instance) (x)"),
        ("x unless ignoring (instance) y", "x unless ignoring (instance) y"),
        ("rate(x[5m]) > 1", "rate(x[5m]) > 1"),
    ],
)
def test_labels_are_kept_by_name(expression: str, after: str) -> None:
    text = RULE.format(expression=expression)
    assert keep(text, ["env"]) == RULE.format(expression=after)


@pytest.mark.parametrize(
    "expression", ["sum(x)", "sum without (env) (x)", "x * ignoring (env) y", "-count(x > 0)"]
)
def test_a_rule_that_would_lose_a_label_is_refused(expression: str) -> None:
    with pytest.raises(ExportError, match=r"app:x:sum would lose the label env"):
        keep(RULE.format(expression=expression), ["env"])


@pytest.mark.parametrize("label", ["app", "1st", "__name__", "severity", ""])
def test_a_label_that_means_something_cannot_be_kept(label: str) -> None:
    with pytest.raises(ExportError, match="is no label that can be kept"):
        keepable(["env", label])


@pytest.mark.parametrize("label", ["queue", "service", "route", "busEvent"])
def test_a_label_of_the_metrics_themselves_cannot_be_kept(label: str) -> None:
    with pytest.raises(ExportError, match=r"has one of its own; name one that all your series"):
        keepable(["env", label])


# --- Grafana ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def provisioned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("grafana")
    options = ("--datasource", "prom-uid", "--grafana-folder", "Night")
    assert exported("rules", folder, "--grafana", *options) == 0
    return folder


@pytest.fixture(scope="module")
def made_by_grafana(provisioned: Path) -> dict[str, dict[str, Any]]:
    """Its alerts, by title."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(provisioned.glob("*.yaml")):
        whole = yamls.read(path.read_text())
        assert whole["apiVersion"] == 1
        for group in whole["groups"]:
            assert (group["orgId"], group["folder"], group["interval"]) == (1, "Night", "30s")
            found |= {rule["title"]: rule for rule in group["rules"]}
    return found


@pytest.mark.parametrize("option", ["--datasource", "--grafana-folder"])
def test_what_is_of_grafana_needs_grafana(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        exported("rules", tmp_path, option, "prom-uid")
    assert ended.value.code == 2
    assert f"{option} is of Grafana's files, so it needs --grafana" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_grafana_gets_every_alert_and_prometheus_keeps_every_record(
    provisioned: Path, made_by_grafana: dict[str, dict[str, Any]]
) -> None:
    shipped = _rules(ROOT / "rules")
    assert set(made_by_grafana) == set(ALERTS)
    records = {name: rule for name, rule in shipped.items() if "record" in rule}
    assert _rules(provisioned / "recording") == records


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_of_grafana_fires_when_prometheus_answers(
    name: str, made_by_grafana: dict[str, dict[str, Any]]
) -> None:
    rule, made = ALERTS[name].rule, made_by_grafana[name]
    query, answered, fires = made["data"]
    assert query["datasourceUid"] == query["model"]["datasource"]["uid"] == "prom-uid"
    assert query["model"]["instant"]
    same = promql_parser.parse(rule["expr"]).prettify()
    assert promql_parser.parse(query["model"]["expr"]).prettify() == same
    # A 0 is an answer too (max(up) == 0), so whatever is a number becomes a 1.
    assert answered["model"]["type"] == "math"
    assert "is_number($query)" in answered["model"]["expression"]
    assert made["condition"] == fires["refId"]
    assert fires["model"]["expression"] == answered["refId"]
    assert fires["model"]["conditions"][0]["evaluator"] == {"type": "gt", "params": [0]}
    assert [one["datasourceUid"] for one in (answered, fires)] == ["__expr__"] * 2
    assert (made["for"], made["noDataState"]) == (rule.get("for", "0s"), "OK")
    assert made.get("keepFiringFor") == rule.get("keep_firing_for")
    assert made["labels"] == rule["labels"]
    assert re.fullmatch(r"[\w-]{1,40}", made["uid"])  # Grafana's bound
    assert _as_prometheus(made["annotations"]) == rule["annotations"]


def _as_prometheus(said: Mapping[str, str]) -> dict[str, str]:
    assert not any("$value " in text or "$value}" in text for text in said.values())
    return {name: text.replace("$values.query.Value", "$value") for name, text in said.items()}


def test_grafana_needs_a_folder_to_write_to(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        exported("rules", "--grafana")
    assert "it needs a DIR" in capsys.readouterr().err
