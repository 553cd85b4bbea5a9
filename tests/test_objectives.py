"""Objectives: each subject has its own, and it names the bucket at its bound as that is spelled."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exporter.app.assembly import assemble, declare
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
    text = _shown(profile)
    wanted = r'watched_job_duration_objective_seconds\{app="x",job_class="mail",le="([^"]+)"\}'
    bound = re.search(wanted, text)
    assert bound is not None
    bucket = f'watched_job_duration_seconds_bucket{{app="x",job_class="mail",le="{bound[1]}"}} 1'
    assert bucket in text


def test_a_share_that_may_be_late_is_no_bucket_and_stands_beside_its_subject(
    tmp_path: Path,
) -> None:
    profile = tmp_path / "x.yaml"
    profile.write_text(
        """
profile: x
objectives:
  job_duration: 10m
  job_late: {job_classes: {mail: 0.3}}
  job_timeouts: 7
  installs: 2
  native: {http_errors: 0.02, verification_seconds: 3}
logs:
  rules:
    - message: done
      observe:
        watched_job_duration_seconds: {value: ms, unit: ms, labels: {job_class: type}}
"""
    )
    text = _shown(profile)
    assert 'watched_job_late_objective_ratio{app="x",job_class="mail"} 0.3\n' in text
    assert 'le="0.3"' not in text
    assert 'sidewatch_installs_objective{app="x"} 2.0\n' in text
    assert 'watched_native_objective{app="x",signal="http_errors"} 0.02\n' in text
    assert 'watched_native_objective{app="x",signal="verification_seconds"} 3.0\n' in text
    assert "watched_job_timeouts_objective" not in text, "no job has finished"


def _shown(profile: Path) -> str:
    """What is shown of an application with this profile after one line."""
    plan = load_profile(str(profile))
    shard = assemble(plan, SetClock(1795219172.456))
    declare(shard, plan)
    cursor = Cursor("x", "svc", "file")
    shard.open("test", cursor)
    shard.feed(cursor, LINE)
    return render([shard.snapshot(final=True)]).decode()
