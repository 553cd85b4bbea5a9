"""sidewatch replay: what it makes of files that are not plain logs."""

from __future__ import annotations

import argparse
import bz2
import gzip
import io
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
        arguments = parser.parse_args(["replay", "--profile", "pullapprove", *words])
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
