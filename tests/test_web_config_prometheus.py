"""A sidewatch behind TLS, client certificates and a password, scraped by a real Prometheus."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.doors import Door, curl, door, hashed
from tests.support.parts import Parts
from tests.support.process import Running, running
from tests.support.servers import prometheus
from tests.support.waiting import free_port, wait_for

CONFIG = "apps:\n  - name: shop\n    logs: [{files: ['*.log'], service: web}]\n"
UP, RELOADED = 'up{job="sidewatch"}', "sidewatch_config_reload_success"
pytestmark = pytest.mark.real


def lock(shut: Door, password: str, **more: Any) -> Path:
    """The file that asks for everything, with this password."""
    return shut.write(
        client_auth_type="RequireAndVerifyClientCert",
        client_ca_file="root.pem",
        client_allowed_sans=["prometheus.example"],
        min_version="TLS12",
        users={"prometheus": hashed(password, 10)},
        http={"headers": {"X-Frame-Options": "deny"}},
        **more,
    )


def test_prometheus_scrapes_through_all_locks_also_when_they_change(
    tmp_path: Path, parts: Parts, sidewatch: Path
) -> None:
    shut = door(tmp_path)
    mine = shut.authority.issue("scraper", ["prometheus.example"])
    secret = tmp_path / "password"
    secret.write_text("first")
    config = tmp_path / "sidewatch.yaml"
    config.write_text(CONFIG)
    (tmp_path / "web.log").write_text("a line\n")
    address = f"127.0.0.1:{free_port()}"
    scrape = {
        "scheme": "https",
        "basic_auth": {"username": "prometheus", "password_file": str(secret)},
        "tls_config": {
            "ca_file": str(shut.authority.root),
            "cert_file": str(mine.certificate),
            "key_file": str(mine.key),
        },
    }
    known = ("--cacert", shut.authority.root, "--cert", mine.certificate, "--key", mine.key)
    command = (sidewatch, "run", "--config", config, "--web.config.file", lock(shut, "first"))
    told = subprocess.run(
        [sidewatch, "check", *command[2:]], capture_output=True, text=True, check=True
    )
    locks = "with TLS, client certificates, passwords of 1 user, keeps"
    assert locks in told.stdout
    with running(
        command,
        tmp_path / "sidewatch.log",
        lambda: curl(f"https://{address}/healthz", *known) == (200, "ok\n"),
        env={"SIDEWATCH_LISTEN": address},
    ) as child:
        binary = parts.need("prometheus")
        with prometheus(binary, tmp_path / "prometheus", [address], scrape=scrape) as prom:

            def up(value: float) -> bool:
                return [one for _, one in prom.query(UP)] == [value]

            wait_for(lambda: up(1.0), "a scrape through all locks")
            assert curl(f"https://{address}/metrics", *known)[0] == 401
            assert curl(f"https://{address}/metrics", *known[:2], "-u", "prometheus:first")[0] == 0
            lock(shut, "second")
            wait_for(lambda: up(0.0), "the old password to be refused")
            secret.write_text("second")
            wait_for(lambda: up(1.0), "the new password to be taken")
            _renew(shut, known, address)
            _break(shut, known, address, child)
            wait_for(lambda: up(1.0), "what was there before to stay in use")
            wait_for(
                lambda: [one for _, one in prom.query(RELOADED)] == [0.0],
                "Prometheus to be told of the broken file",
            )
            assert not [one for one in prom.unhealthy() if one]
    assert "second" not in child.output()


def _renew(shut: Door, known: tuple[str | Path, ...], address: str) -> None:
    """Other files at the same place: the next handshake shows them."""

    def shown() -> str:
        return curl(f"https://{address}/healthz", *known, "-v", "--stderr", "-")[1]

    renewed = shut.authority.issue("renewed")
    assert "CN=renewed" not in shown()
    shutil.copy(renewed.key, shut.pair.key)
    shutil.copy(renewed.certificate, shut.pair.certificate)
    wait_for(lambda: "CN=renewed" in shown(), "the renewed certificate to be shown")


def _break(shut: Door, known: tuple[str | Path, ...], address: str, child: Running) -> None:
    """A file that nobody can use: it is said once, and all stays as it was."""
    (shut.folder / "web.config.yml").write_text("basic_auth_users: {prometheus: second}\n")
    told = f"{RELOADED} 0"
    user = ("-u", "prometheus:second")
    wait_for(
        lambda: told in curl(f"https://{address}/metrics", *known, *user)[1],
        "the file to be told of",
    )
    assert child.output().count("is not the bcrypt hash of a password") == 1
