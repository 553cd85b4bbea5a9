"""Objectives: each subject has its own, and it names the bucket at its bound as that is spelled."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exporter.app import assemble
from exporter.clock import SetClock
from exporter.config import load_profile
from exporter.exposition import render
from exporter.model import Cursor

LINE = b'{"level":30,"time":1795219172456,"msg":"done","type":"mail","ms":10}\n'


@pytest.mark.parametrize("objective", ["250ms", "7m", "90m", "14d", "400d"])
def test_an_objective_names_a_bucket_that_exists(tmp_path: Path, objective: str) -> None:
    profile = tmp_path / "x.yaml"
    profile.write_text(
        f"""
profile: x
objectives: {{job_duration: {{default: {objective}}}}}
logs:
  rules:
    - message: done
      observe:
        watched_job_duration_seconds: {{value: ms, unit: ms, labels: {{job_class: type}}}}
"""
    )
    clock = SetClock(1795219172.456)
    shard = assemble(load_profile(str(profile)), clock)
    cursor = Cursor("x", "svc", "file")
    shard.open("test", cursor)
    shard.feed(cursor, LINE)
    text = render([shard.snapshot(final=True)]).decode()
    wanted = r'watched_job_duration_objective_seconds\{app="x",job_class="mail",le="([^"]+)"\}'
    bound = re.search(wanted, text)
    assert bound is not None
    bucket = f'watched_job_duration_seconds_bucket{{app="x",job_class="mail",le="{bound[1]}"}} 1'
    assert bucket in text
