"""sidewatch replay: what it makes of files that are not plain logs."""

from __future__ import annotations

import argparse
import bz2
import gzip
import io
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import zstandard

from exporter.commands import replay
from exporter.errors import SidewatchError

LINE = b"[INFO] Executing job job_class=app.Mail job_queue=mail\n"
PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".zst": zstandard.compress,
}
CONFIG = """\
apps:
  - name: shop
    logs:
      - {files: logs/web.log, service: front}
      - {files: logs/jobs.log, service: work}
      - {files: logs/plain*}
  - {name: other, logs: [{stdin: true}]}
"""
LINES = 'watched_log_lines_total{app="pullapprove",service="server",stream="file"}'
STARTED = 'watched_jobs_started_total{app="pullapprove",queue="mail",job_class="app.Mail"}'


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command; what it prints."""

    def run(*words: str) -> str:
        printed = io.BytesIO()
        monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=printed))
        parser = argparse.ArgumentParser()
        replay.add_parser(parser.add_subparsers())
        plan = () if "--config" in words else ("--profile", "pullapprove")
        arguments = parser.parse_args(["replay", *plan, *words])
        assert arguments.run(arguments) == 0
        return printed.getvalue().decode()

    return run


@pytest.mark.parametrize("ending", PACK)
def test_a_compressed_log_is_unpacked(told: Any, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"server.log.1{ending}"
    path.write_bytes(PACK[ending](LINE * 10_000))
    printed = told("--service", "server", str(path))
    assert f"{STARTED} 10000.0\n" in printed
    assert f"{LINES} 10000.0\n" in printed


def test_a_compressed_log_that_is_cut_off_is_refused(told: Any, tmp_path: Path) -> None:
    path = tmp_path / "server.log.gz"
    path.write_bytes(gzip.compress(LINE * 10_000)[:-20])
    with pytest.raises(SidewatchError, match=r"server\.log\.gz: cannot be unpacked to its end: "):
        told(str(path))


def test_the_same_log_gives_the_same_name_to_its_run(told: Any, tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    path.write_bytes(LINE)
    assert 'uid="replay"' in told(str(path))


def test_a_configuration_names_the_services_as_it_does_live(
    told: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sidewatch.yaml").write_text(CONFIG)
    (tmp_path / "logs").mkdir()
    names = ("web.log", "web.log.1", "jobs.log", "plain.log", "elsewhere.log")
    for name in names:
        folder = "" if name == "elsewhere.log" else "logs/"
        (tmp_path / f"{folder}{name}").write_bytes(LINE)
    (tmp_path / "link").symlink_to("logs/jobs.log")
    monkeypatch.chdir(tmp_path)
    files = ("logs/web.log", "logs/web.log.1", "link", "logs/plain.log", "elsewhere.log")
    printed = told("--config", "sidewatch.yaml", "--app", "shop", *files)
    counted = re.findall(r'^watched_log_lines_total.*service="(.*?)".* (\d)', printed, re.MULTILINE)
    assert sorted(counted) == [
        ("elsewhere.log", "1"),
        ("front", "2"),
        ("plain.log", "1"),
        ("work", "1"),
    ]
    assert 'service="mine"' in told(
        "--config", "sidewatch.yaml", "--app", "shop", "--service", "mine", "logs/web.log"
    )


@pytest.mark.parametrize(
    ("apps", "words", "wrong"),
    [
        (CONFIG, ("--app", "shops"), "--app must be one of shop, other"),
        (CONFIG, (), "--app must be one of shop, other"),
        (CONFIG, ("--app", ""), "--app must be one of shop, other"),
        ("apps: []\ndiscover: {}\n", (), "names no application .* use --profile"),
    ],
)
def test_an_application_that_is_not_there_is_refused(
    told: Any, tmp_path: Path, apps: str, words: tuple[str, ...], wrong: str
) -> None:
    path = tmp_path / "sidewatch.yaml"
    path.write_text(apps)
    with pytest.raises(SidewatchError, match=rf"sidewatch\.yaml: {wrong}"):
        told("--config", str(path), *words, "a.log")
