"""sidewatch check: what the operator reads; and the documentation's examples, held to it."""

from __future__ import annotations

import argparse
import json
import os
import re
from pathlib import Path

import pytest

from exporter.commands import check
from exporter.config import load_profile, parse
from exporter.engine import choice

ROOT = Path(__file__).parents[1]
NAME = "a name of letters, digits, '_', '-' and '.' (63 at most)"
BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
EXAMPLES = [
    (name, text)
    for name in (
        "README.md",
        "docs/configuration.md",
        "docs/probes.md",
        "docs/brokers.md",
        "docs/docker.md",
    )
    for text in BLOCK.findall((ROOT / name).read_text())
    if text.startswith(("# sidewatch.yaml", "# profile"))
]


@pytest.fixture(autouse=True)
def _watched_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody notices when all of this is dead, so there is nothing to say of that."""
    monkeypatch.setenv("SIDEWATCH_DEADMAN_URL", "elsewhere")


def run(path: Path) -> int:
    parser = argparse.ArgumentParser()
    check.add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["check", "--config", str(path)])
    code: int = arguments.run(arguments)
    return code


def write(folder: Path, text: str) -> Path:
    path = folder / "sidewatch.yaml"
    path.write_text(text)
    return path


def test_a_right_configuration_is_summed_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.log").write_text("hello\n")
    path = write(tmp_path, "apps: [{name: shop, profile: kodiai, logs: [{files: a.log}]}]")
    kodiai = load_profile("kodiai")
    rules, objectives = len(kodiai.rules.rules), len(kodiai.objectives)
    assert run(path) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"configuration ok: {path}",
        f"  listens at 127.0.0.1:9877, keeps its state in {tmp_path}/state",
        f"  counts lines with {choice.described()}",
        f"  shop: profile kodiai, 1 source, {rules} log rules, {objectives} objectives",
    ]


def test_a_dead_mans_switch_is_asked_for_until_there_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.log").write_text("hello\n")
    path = write(tmp_path, "apps: [{name: shop, profile: kodiai, logs: [{files: a.log}]}]")
    for url in ("elsewhere", "https://hc-ping.example/1234"):
        monkeypatch.setenv("SIDEWATCH_DEADMAN_URL", url)
        assert run(path) == 0
        assert "note" not in capsys.readouterr().out
    monkeypatch.delenv("SIDEWATCH_DEADMAN_URL")
    assert run(path) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("note: nobody notices when all of this is dead: set SIDEWATCH_DEADMAN")


def test_every_mistake_is_listed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(tmp_path, "lisen: x\napps:\n  - nam: shop\n")
    assert run(path) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{path}:1: lisen: no such key; did you mean listen?",
        f"{path}:3: apps[0].nam: no such key; did you mean name?",
        f"{path}:3: apps[0].name: is missing; give {NAME}",
        "3 mistakes in the configuration",
    ]


def test_what_the_globs_find_is_noted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.log").write_text("hello\n")
    path = write(
        tmp_path,
        """\
apps:
  - name: shop
    logs: [{files: "*.log"}]
  - name: store
    logs:
      - {files: a.log}
      - {files: none.log}
""",
    )
    assert run(path) == 0
    shared = "is read for shop too; its lines count for both"
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note: ")]
    assert notes == [
        f"note: {path}:6: apps[1].logs[0]: {tmp_path}/a.log {shared}",
        f"note: {path}:7: apps[1].logs[1]: no file fits {tmp_path}/none.log now",
    ]


def test_a_containers_log_read_as_a_file_and_through_docker_is_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As Docker lays it out: the log, and the container's configuration beside it."""
    logs = {}
    for number, service in enumerate(("web", "db")):
        identity = str(number) * 64
        folder = tmp_path / "containers" / identity
        folder.mkdir(parents=True)
        logs[service] = folder / f"{identity}-json.log"
        logs[service].touch()
        labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": service}
        config = {"Name": f"/shop_{service}_1", "Config": {"Labels": labels}}
        (folder / "config.v2.json").write_text(json.dumps(config))
    path = write(
        tmp_path,
        """
apps:
  - name: shop
    logs:
      - files: containers/*/*-json.log
      - docker: {project: shop, service: web}
  - name: blog
    logs:
      - docker: {project: shop}
""",
    )
    assert run(path) == 1
    same = "is read through Docker by apps[0].logs[1]; its lines would count twice"
    other = "is read through Docker by apps[1].logs[0] for blog; a log is read one way"
    place = f"{path}:5: apps[0].logs[0]:"
    assert sorted(capsys.readouterr().out.splitlines()) == [
        f"{place} {logs['web']} {same}",
        f"{place} {logs['web']} {other}",
        f"{place} {logs['db']} {other}",
        "3 mistakes in the configuration",
    ]


def test_the_exact_way_to_containers_logs_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "apps: [{name: shop, logs: [{docker: {project: shop}}]}]")
    assert run(path) == 0
    assert "mounted read-only and read as files, count exactly" in capsys.readouterr().out


def test_a_file_that_one_application_reads_twice_is_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "server.log").write_text("hello\n")
    (tmp_path / "worker.log").write_text("hello\n")
    (tmp_path / "link").symlink_to(tmp_path / "worker.log")
    path = write(
        tmp_path,
        """\
apps:
  - name: shop
    logs:
      - {files: "server*.log"}
      - {files: "*.log"}
      - {files: link}
""",
    )
    assert run(path) == 1
    twice = "already; its lines would count twice"
    first, second = (f"{path}:{line}: apps[0].logs[{line - 4}]" for line in (5, 6))
    assert capsys.readouterr().out.splitlines() == [
        f"{first}: {tmp_path}/server.log is read by apps[0].logs[0] {twice}",
        f"{second}: {tmp_path}/link is read by apps[0].logs[1] {twice}",
        "2 mistakes in the configuration",
    ]


def test_what_this_user_may_not_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's answer is replaced, because root (in a container) may do everything."""
    forbidden = {str(tmp_path / "state"), str(tmp_path / "a.log")}
    monkeypatch.setattr(os, "access", lambda path, _: str(path) not in forbidden)
    (tmp_path / "a.log").touch()
    (tmp_path / "state").mkdir()
    path = write(tmp_path, "apps: [{name: shop, logs: [{files: a.log}]}]")
    assert run(path) == 1
    assert f"this user may not write in the folder {tmp_path}/state" in capsys.readouterr().out
    forbidden.remove(str(tmp_path / "state"))
    assert run(path) == 0
    assert f"this user may not read {tmp_path}/a.log" in capsys.readouterr().out


def test_a_state_that_is_a_file_is_a_mistake(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "state").write_text("")
    path = write(tmp_path, "apps: [{name: shop}]\nstate: ./state")
    assert run(path) == 1
    assert f"{path}: state: {tmp_path}/state is no folder" in capsys.readouterr().out


def test_the_documentation_has_examples() -> None:
    assert {name for name, _ in EXAMPLES} == {
        "README.md",
        "docs/configuration.md",
        "docs/probes.md",
        "docs/brokers.md",
        "docs/docker.md",
    }


@pytest.mark.parametrize(("name", "text"), EXAMPLES)
def test_an_example_of_the_documentation_loads(name: str, text: str, tmp_path: Path) -> None:
    assert name
    if text.startswith("# profile"):
        (tmp_path / "example.yaml").write_text(text)
        assert load_profile("example.yaml", base=tmp_path).rules.rules
    else:
        plan = parse(text, tmp_path / "sidewatch.yaml", {})
        assert plan.apps or plan.discovery
