"""What libpq's URLs and files promise, held to by real servers: TLS modes and passwords.

The modes mean what PostgreSQL's manual says of libpq (34.19, "SSL Support"); so does the rule that
`require` with a root certificate is as strict as `verify-ca`.
"""

from __future__ import annotations

import os
import pwd
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support import pg
from tests.support.asking import asked, until
from tests.support.certificates import Authority, authority
from tests.support.parts import Parts
from tests.support.pg import Server
from tests.support.waiting import wait_for

HBA = """\
local all all trust
hostssl all certified 127.0.0.1/32 cert
hostssl all tls_only 127.0.0.1/32 scram-sha-256
hostnossl all plain_only 127.0.0.1/32 scram-sha-256
host all watcher 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True)
class Secured:
    """A server that does TLS, and a home folder with certificates for its clients."""

    server: Server
    home: Path

    def url(self, user: str, host: str, query: str) -> str:
        """`{home}` in the query is the folder."""
        query = query.format(home=self.home)
        return f"postgresql://{user}@{host}:{self.server.port}/postgres?{query}"

    def encrypted(self) -> str:
        """Whether sidewatch's connection is, as psql says it."""
        return self.server.psql(
            "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
            " WHERE application_name = 'sidewatch'"
        )


@pytest.fixture(scope="module")
def secured(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    openssl = parts.need("openssl")
    home = tmp_path_factory.mktemp("home")
    ours, theirs = (authority(openssl, home, name) for name in ("ours", "theirs"))
    for each in (ours, theirs):
        each.sign("certified")
    with pg.server() as server:
        _secure(server, ours)
        for role in ("certified", "tls_only", "plain_only"):
            server.psql(f"CREATE ROLE {role} LOGIN PASSWORD 'first'")
        yield Secured(server, home)


def _secure(server: Server, ours: Authority) -> None:
    """Give a running server a certificate for `localhost`, and the rules above."""
    made = ours.sign("server", host="localhost")
    for source, name in ((made.certificate, "server.crt"), (made.key, "server.key")):
        shutil.copy(source, server.data / name)
    shutil.copy(ours.own.certificate, server.data / "ours.crt")
    if user := pg.unprivileged():
        for name in ("server.crt", "server.key", "ours.crt"):
            os.chown(server.data / name, pwd.getpwnam(user).pw_uid, -1)
    (server.data / "server.key").chmod(0o600)
    (server.data / "pg_hba.conf").write_text(HBA)
    server.configure({"ssl": "on", "ssl_ca_file": "'ours.crt'"})
    server.psql("SELECT pg_reload_conf()")
    wait_for(lambda: server.psql("SHOW ssl") == "on", "TLS")


OURS, THEIRS = "sslrootcert={home}/ours/ours.crt", "sslrootcert={home}/theirs/theirs.crt"
CERTIFIED = "sslcert={home}/%s/certified.crt&sslkey={home}/%s/certified.key"


def watched(url: str, rest: str = "password: first") -> str:
    return f'interval: 1s\nurl: "{url}"\n{rest}\n'


async def reason(text: str, folder: Path = Path()) -> str:
    """Why the first attempt failed, or `up`."""
    async with asked(text, folder) as app:

        def known() -> list[str]:
            up = app.value("watched_postgres_up", "postgres") == 1
            return ["up"] if up else [*app.failures()]

        await until(lambda: bool(known()), "the first attempt")
        return known()[0]


@pytest.mark.parametrize(
    ("user", "host", "query", "encrypted"),
    [
        ("watcher", "127.0.0.1", "sslmode=disable", "f"),
        ("watcher", "127.0.0.1", "sslmode=allow", "f"),
        ("tls_only", "127.0.0.1", "sslmode=allow", "t"),
        ("watcher", "127.0.0.1", "sslmode=prefer", "t"),
        ("plain_only", "127.0.0.1", "sslmode=prefer", "f"),
        ("watcher", "127.0.0.1", "", "t"),
        ("watcher", "127.0.0.1", "sslmode=require", "t"),
        ("watcher", "127.0.0.1", f"sslmode=require&{OURS}", "t"),
        ("watcher", "127.0.0.1", f"sslmode=verify-ca&{OURS}", "t"),
        ("watcher", "localhost", f"sslmode=verify-full&{OURS}", "t"),
        ("certified", "127.0.0.1", f"sslmode=require&{CERTIFIED % ('ours', 'ours')}", "t"),
    ],
)
async def test_a_mode_that_is_met(
    secured: Secured, user: str, host: str, query: str, encrypted: str
) -> None:
    async with asked(watched(secured.url(user, host, query))) as app:
        await until(lambda: app.value("watched_postgres_up", "postgres") == 1, "it to answer")
        assert secured.encrypted() == encrypted
        assert app.failures() == {}


@pytest.mark.parametrize(
    ("user", "host", "query", "why"),
    [
        ("tls_only", "127.0.0.1", "sslmode=disable", "permission"),
        ("plain_only", "127.0.0.1", "sslmode=require", "permission"),
        ("watcher", "127.0.0.1", f"sslmode=require&{THEIRS}", "tls"),
        ("watcher", "127.0.0.1", f"sslmode=verify-ca&{THEIRS}", "tls"),
        ("watcher", "127.0.0.1", "sslmode=verify-ca", "tls"),
        ("watcher", "127.0.0.1", "sslmode=verify-ca&sslrootcert=/nowhere/ca.crt", "tls"),
        ("watcher", "127.0.0.1", f"sslmode=verify-full&{OURS}", "tls"),
        ("certified", "127.0.0.1", "sslmode=require", "permission"),
    ],
)
async def test_a_mode_that_is_not_met(
    secured: Secured, user: str, host: str, query: str, why: str
) -> None:
    assert await reason(watched(secured.url(user, host, query))) == why


@pytest.mark.parametrize("which", [("theirs", "theirs"), ("ours", "theirs")])
async def test_a_client_certificate_that_is_refused(
    secured: Secured, which: tuple[str, str]
) -> None:
    url = secured.url("certified", "127.0.0.1", f"sslmode=require&{CERTIFIED % which}")
    # It is refused when the client has sent more already: where the server is slow to read that,
    # its connection is reset before it has told why. So it is asked until it tells.
    told = "lost"
    for _ in range(10):
        if told == "lost":
            told = await reason(watched(url))
    assert told == "tls"


async def test_require_with_a_root_certificate_in_the_home_folder_is_verify_ca(
    secured: Secured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    url = secured.url("watcher", "127.0.0.1", "sslmode=require")
    assert await reason(watched(url)) == "up"
    root = tmp_path / ".postgresql" / "root.crt"
    root.parent.mkdir()
    shutil.copy(secured.home / "theirs/theirs.crt", root)
    assert await reason(watched(url)) == "tls"
    shutil.copy(secured.home / "ours/ours.crt", root)
    assert await reason(watched(url)) == "up"


@pytest.mark.parametrize(
    ("mode", "why"),
    [("prefer", "up"), ("allow", "up"), ("require", "tls"), ("verify-full", "tls")],
)
async def test_a_server_without_tls(
    secured: Secured, postgres: Server, mode: str, why: str
) -> None:
    root = secured.home / "ours/ours.crt"
    url = f"postgresql://watcher@localhost:{postgres.port}/postgres?sslmode={mode}"
    assert await reason(watched(f"{url}&sslrootcert={root}")) == why


# -- passwords ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "rest", "why"),
    [
        ("watcher", "passfile: pgpass", "up"),
        ("stranger", "passfile: pgpass", "password"),
        ("watcher", "passfile: nowhere", "password"),
        ("watcher", "password_file: secret", "up"),
        ("watcher", "password_file: nowhere", "password"),
        ("watcher", "password_file: binary", "password"),
        ("watcher", "password: wrong", "password"),
        ("watcher", "", "password"),
        ("watcher:first", "", "up"),
        ("nobody", "password: first", "password"),
    ],
)
async def test_where_a_password_comes_from(
    postgres: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    user: str,
    rest: str,
    why: str,
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PGPASSWORD", raising=False)
    passfile = tmp_path / "pgpass"
    passfile.write_text(
        f"elsewhere:*:*:watcher:wrong\n127.0.0.1:{postgres.port}:postgres:watcher:first\n"
    )
    passfile.chmod(0o600)
    (tmp_path / "secret").write_text("first\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert await reason(watched(postgres.url(user, "postgres"), rest), tmp_path) == why
    assert "first" not in caplog.text
    assert "wrong" not in caplog.text
