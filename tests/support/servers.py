"""Real Prometheus and Alertmanager on loopback, with times shortened for tests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tests.support.process import Running, running
from tests.support.waiting import free_port
from tests.support.web import answers, get_json


@dataclass(frozen=True)
class Prometheus:
    """A running Prometheus that scrapes and evaluates every second."""

    url: str
    process: Running

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """An instant query: the labels and the value of each series."""
        answer = get_json(f"{self.url}/api/v1/query", query=expression)
        rows = answer["data"]["result"]
        return [(row["metric"], float(row["value"][1])) for row in rows]

    def over_time(
        self, expression: str, start: float, end: float, step: float
    ) -> dict[frozenset[tuple[str, str]], dict[float, float]]:
        """A range query: by the labels of each series, its values by their times since `start`."""
        answer = get_json(
            f"{self.url}/api/v1/query_range",
            query=expression,
            start=str(start),
            end=str(end),
            step=str(step),
        )
        return {
            frozenset(row["metric"].items()): {at - start: float(v) for at, v in row["values"]}
            for row in answer["data"]["result"]
        }

    def alerts(self) -> list[dict[str, Any]]:
        """Every pending or firing alert: `labels`, `annotations`, `state`."""
        found: list[dict[str, Any]] = get_json(f"{self.url}/api/v1/alerts")["data"]["alerts"]
        return found

    def unhealthy(self) -> list[str]:
        """The last error of each target and rule that has one."""
        targets = get_json(f"{self.url}/api/v1/targets")["data"]["activeTargets"]
        groups = get_json(f"{self.url}/api/v1/rules")["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return [each["lastError"] for each in [*targets, *rules] if each.get("lastError")]


@contextmanager
def prometheus(
    binary: Path,
    folder: Path,
    targets: Sequence[str],
    *,
    rules: Sequence[Path] = (),
    alertmanager: str | None = None,
    flags: Sequence[str] = (),
    scrape: Mapping[str, Any] = MappingProxyType({}),
) -> Iterator[Prometheus]:
    """Scrapes `targets` (HOST:PORT), evaluates `rules`, sends alerts to `alertmanager`.

    `scrape` is added to the scrape's configuration. Its blocks are those of `folder`/data.
    """
    folder.mkdir(parents=True, exist_ok=True)
    every = "1s"
    config: dict[str, Any] = {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "rule_files": [str(path) for path in rules],
        "scrape_configs": [
            {
                "job_name": "sidewatch",
                "honor_labels": True,
                "static_configs": [{"targets": list(targets)}],
                **scrape,
            }
        ],
    }
    if alertmanager:
        manager = {"static_configs": [{"targets": [alertmanager]}]}
        config["alerting"] = {"alertmanagers": [manager]}
    # JSON is YAML.
    (folder / "prometheus.yml").write_text(json.dumps(config))
    address = f"127.0.0.1:{free_port()}"
    url = f"http://{address}"
    command: tuple[str | Path, ...] = (
        binary,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={address}",
        *flags,
    )
    with running(command, folder / "prometheus.log", lambda: answers(f"{url}/-/ready")) as child:
        yield Prometheus(url, child)


@dataclass(frozen=True)
class Alertmanager:
    """A running Alertmanager, alone (no cluster)."""

    address: str
    process: Running

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://{self.address}"

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts it holds, as its API v2 tells them."""
        found: list[dict[str, Any]] = get_json(f"{self.url}/api/v2/alerts")
        return found


@contextmanager
def alertmanager(binary: Path, folder: Path, config: Mapping[str, Any]) -> Iterator[Alertmanager]:
    """Runs `config`, the content of an alertmanager.yaml."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "alertmanager.yml").write_text(json.dumps(config))
    address = f"127.0.0.1:{free_port()}"
    command = (
        binary,
        f"--config.file={folder / 'alertmanager.yml'}",
        f"--storage.path={folder / 'data'}",
        f"--web.listen-address={address}",
        "--web.external-url=http://alertmanager.example",  # what links in messages begin with
        "--cluster.listen-address=",
    )
    ready = f"http://{address}/-/ready"
    with running(command, folder / "alertmanager.log", lambda: answers(ready)) as child:
        yield Alertmanager(address, child)
