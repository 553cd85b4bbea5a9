"""A whole sidewatch that real senders push logs to."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import pytest

from exporter.app.assembly import assemble
from exporter.clock import WallClock
from exporter.config import load
from exporter.errors import ConfigError
from exporter.exposition import Form, render
from exporter.saving import take_up
from exporter.state import StateFile
from tests.support.doors import hashed
from tests.support.node import Node
from tests.support.otlp_sender import INFOS
from tests.support.parts import Parts
from tests.support.process import running
from tests.support.scrape import Samples, metrics, one, samples
from tests.support.waiting import free_port
from tests.support.web import answers, get

CONFIG = """\
apps:
  - name: shop
    logs: [{otlp: {shop-api: web}}]
  - name: blog
    logs: [{otlp: {blog-api: web}}, {files: ["*.log"], service: file}]
"""
SENDER = "opentelemetry-exporter-otlp-proto-http"


@contextmanager
def started(folder: Path, sidewatch: Path) -> Iterator[str]:
    """It runs until the block is left, and saves what it has counted."""
    (folder / "sidewatch.yaml").write_text(CONFIG)
    address = f"127.0.0.1:{free_port()}"
    with running(
        [sidewatch, "run"],
        folder / "sidewatch.log",
        lambda: answers(f"http://{address}/readyz"),
        cwd=folder,
        env={"SIDEWATCH_LISTEN": address},
    ):
        yield f"http://{address}"


def saved(folder: Path, app: str) -> Samples:
    """What an application has counted in the end: new series are shown at 0 for half a minute."""
    plan = next(one for one in load(folder / "sidewatch.yaml", {}).apps if one.name == app)
    shard, complaints = take_up(
        lambda: assemble(plan, WallClock()), StateFile(folder / "state", app)
    )
    assert complaints == []
    body = render([shard.snapshot(final=True)])
    return samples(metrics(body, Form.TEXT))


def send(url: str, sender: str, compression: str) -> str:
    """What the SDK complains of."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.otlp_sender", f"{url}/v1/logs", sender, compression],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stderr


@pytest.mark.real
def test_what_pythons_sdk_sends_is_counted_where_it_belongs(
    tmp_path: Path, parts: Parts, sidewatch: Path
) -> None:
    parts.note(SENDER, version(SENDER))
    with started(tmp_path, sidewatch) as url:
        assert send(url, "shop-api", "gzip") == ""
        assert send(url, "blog-api", "none") == ""
        send(url, "stranger", "gzip")

        found = samples(metrics(get(f"{url}/metrics"), Form.TEXT))
    assert found[one("sidewatch_receiver_records_total", outcome="counted")] == 2 * INFOS + 4
    assert found[one("sidewatch_receiver_records_total", outcome="rejected")] == INFOS + 2
    for app in ("shop", "blog"):
        counted = saved(tmp_path, app)
        for level, count in (("info", INFOS), ("warning", 1), ("error", 1), ("unknown", 0)):
            labels = {"app": app, "service": "web", "level": level}
            assert counted[one("watched_log_records_total", **labels)] == count
        lines = one("watched_log_lines_total", app=app, service="web", stream="otlp")
        assert counted[lines] == INFOS + 2
        failed = {"app": app, "service": "web", "type": "ZeroDivisionError"}
        assert counted[one("watched_exceptions_total", **failed)] == 1


@pytest.mark.real
@pytest.mark.parametrize("kind", ["http", "proto"])  # the first sends JSON
def test_what_the_sdk_for_node_sends_is_counted(
    tmp_path: Path, node: Node, sidewatch: Path, kind: str
) -> None:
    with started(tmp_path, sidewatch) as url:
        library = f"@opentelemetry/exporter-logs-otlp-{kind}"
        node.drive("pushlogs.js", library, f"{url}/v1/logs", "shop-api")
    counted = saved(tmp_path, "shop")
    for level, count in (("info", INFOS), ("error", 1), ("unknown", 0)):
        labels = {"app": "shop", "service": "web", "level": level}
        assert counted[one("watched_log_records_total", **labels)] == count


def test_for_all_to_reach_it_needs_a_lock(tmp_path: Path) -> None:
    path = tmp_path / "sidewatch.yaml"
    path.write_text(f"listen: 0.0.0.0:9877\n{CONFIG}")
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    told = [(one.key, one.line) for one in caught.value.complaints]
    assert told == [("apps[0].logs[0]", 4), ("apps[1].logs[0]", 6)]
    assert "everybody who reaches the address could push logs" in str(caught.value)
    users = {"basic_auth_users": {"app": hashed("x")}}
    (tmp_path / "web.config.yml").write_text(json.dumps(users))
    path.write_text(f"listen: 0.0.0.0:9877\nweb: {{config_file: web.config.yml}}\n{CONFIG}")
    load(path, {})
    path.write_text(CONFIG)
    with pytest.raises(ConfigError, match="could push logs"):
        load(path, {"SIDEWATCH_LISTEN": ":9877"})


def test_a_sender_belongs_to_one_application(tmp_path: Path) -> None:
    path = tmp_path / "sidewatch.yaml"
    path.write_text(CONFIG.replace("blog-api", "shop-api"))
    with pytest.raises(ConfigError, match=r"what shop-api sends is received by apps\[0\]"):
        load(path, {})
