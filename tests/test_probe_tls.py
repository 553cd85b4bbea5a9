"""Certificates, as servers show them and as files hold them; expected ends come from OpenSSL."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from exporter.clock import SetClock
from exporter.errors import SourceError
from exporter.sources.probes.certificates import trusting
from exporter.sources.probes.pem import Certificates, Looker, Seen
from exporter.sources.probes.settings import Tls
from tests.support.asking import until
from tests.support.authority import Authority, Pair
from tests.support.nginx import nginx
from tests.support.parts import Parts
from tests.support.pg import Server as Postgres
from tests.support.pg import unprivileged
from tests.support.probing import head, once, plan_of, probed, reason, saying, serving, silence
from tests.support.waiting import free_port

SERVER = """\
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {pair.certificate};
        ssl_certificate_key {pair.key};
        {more}
        location / {{ return 200 "ok"; }}
    }}
"""


@dataclass
class Site:
    """A real nginx whose servers show certificates of each kind."""

    authority: Authority
    pairs: dict[str, Pair]
    ports: dict[str, int]
    client: Pair

    def base(self, name: str, more: str = "", host: str = "localhost") -> str:
        tls = f"tls: {{ca: {self.authority.root}{more}}}"
        return f'base: {{url: "https://{host}:{self.ports[name]}", {tls}}}\nhttp: {{x: {{}}}}'


@pytest.fixture(scope="module")
def site(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    parts.need("openssl")
    folder = tmp_path_factory.mktemp("tls")
    authority, foreign = (
        Authority(folder / "ours"),
        Authority(folder / "foreign", "Another Authority"),
    )
    pairs = {
        "good": authority.issue("good"),
        "expired": authority.issue("expired", left=timedelta(days=-3)),
        "soon": authority.issue("soon", left=timedelta(days=2)),
        "elsewhere": authority.issue("elsewhere", ["elsewhere.test"]),
        "foreign": foreign.issue("foreign"),
        "choosy": authority.issue("choosy"),
    }
    ports = {name: free_port() for name in pairs}
    wants = f"ssl_client_certificate {authority.root}; ssl_verify_client on;"
    servers = "".join(
        SERVER.format(port=ports[name], pair=pair, more=wants if name == "choosy" else "")
        for name, pair in pairs.items()
    )
    with nginx(parts.need("nginx"), folder / "nginx", servers, ports["choosy"]):
        yield Site(authority, pairs, ports, authority.issue("client"))


@pytest.mark.parametrize(
    ("name", "wanted", "why"),
    [
        ("good", None, ""),
        ("soon", None, ""),
        ("expired", "tls", "certificate has expired"),
        ("elsewhere", "tls", "Hostname mismatch"),
        ("foreign", "tls", "unable to get local issuer certificate"),
    ],
)
async def test_a_certificate_is_checked_and_its_end_is_told_in_any_case(
    site: Site, name: str, wanted: str | None, why: str
) -> None:
    result = (await once(site.base(name)))["x"]
    assert (result.failure and result.failure.reason) == wanted
    assert why in str(result.failure)
    assert result.not_after == site.pairs[name].end()
    assert result.phases.took["tls"] > 0


async def test_a_scheme_in_capitals_is_a_scheme(site: Site) -> None:
    """Our own authority, and when its certificate ends, count for `HTTPS://` as well."""
    result = (await once(site.base("good").replace("https:", "HTTPS:")))["x"]
    assert (result.failure, result.not_after) == (None, site.pairs["good"].end())


async def test_a_server_may_be_known_by_another_name(site: Site) -> None:
    assert await reason(site.base("elsewhere", ", server_name: elsewhere.test")) is None
    assert await reason(site.base("good", ", server_name: elsewhere.test")) == "tls"
    assert await reason(site.base("good", host="127.0.0.1")) is None


async def test_what_is_not_to_be_verified_is_not(site: Site) -> None:
    for name in ("expired", "elsewhere", "foreign"):
        result = (await once(site.base(name, ", verify: false")))["x"]
        assert result.failure is None
        assert result.not_after == site.pairs[name].end()


async def test_authorities_of_the_system_do_not_know_ours(site: Site) -> None:
    probes = f"base: https://localhost:{site.ports['good']}\nhttp: {{x: {{}}}}"
    assert await reason(probes) == "tls"


async def test_a_server_that_wants_to_know_us(site: Site) -> None:
    ours = f", certificate: {site.client.certificate}, key: {site.client.key}"
    assert await reason(site.base("choosy", ours)) is None
    assert await reason(site.base("choosy")) == "status", "nginx answers 400 in HTTP"


async def test_files_of_tls_that_are_not_right(site: Site, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("")
    for more in (", certificate: empty.pem", ", certificate: none.pem"):
        result = (await once(site.base("good", more), tmp_path))["x"]
        assert result.failure is not None
        assert result.failure.reason == "other"
        assert "a file of tls" in str(result.failure)


async def test_a_renewed_authority_is_found_without_a_restart(site: Site, tmp_path: Path) -> None:
    """The same probe goes on; its file is the wrong authority's first."""
    trusted = tmp_path / "ca.pem"
    trusted.write_bytes(Authority(tmp_path / "other").root.read_bytes())
    base = f"{{url: 'https://localhost:{site.ports['good']}', tls: {{ca: ca.pem}}}}"
    probes = f"interval: 1s\nbase: {base}\nhttp: {{x: {{}}}}"
    async with probed(probes, tmp_path) as asked:
        await until(lambda: asked.value(SUCCESS, "x", "liveness") == 0, "a refusal")
        assert asked.value(NOT_AFTER, "x", "", "") == site.pairs["good"].end()
        trusted.write_bytes(site.authority.root.read_bytes())
        await until(lambda: asked.value(SUCCESS, "x", "liveness") == 1, "the new file")


async def test_plain_text_where_tls_is_expected() -> None:
    async with serving(saying(b"220 hello\r\n")) as port:
        assert await reason(f"base: https://127.0.0.1:{port}\nhttp: {{x: {{timeout: 1s}}}}") in {
            "timeout",  # it waits for a line that we never send
            "tls",
        }


async def test_one_of_several_kinds_tells_the_date(site: Site) -> None:
    probes = site.base("good").replace("{x: {}}", "{x: {}, y: {probe: x, kind: readiness}}")
    checks = plan_of(probes).probing.probes
    assert checks is not None
    assert [(one.name, one.kind, one.dates) for one in checks.checks] == [
        ("x", "liveness", True),
        ("x", "readiness", False),
    ]


async def test_http_redirects_into_tls(site: Site) -> None:
    target = f"https://localhost:{site.ports['good']}/"
    moved = f"HTTP/1.1 301 Moved\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"
    async with serving(saying(moved.encode())) as port:
        probes = f"base: http://localhost:{port}\nhttp: {{x: {{}}}}"
        result = (await once(probes))["x"]
        assert result.failure is not None
        assert result.failure.reason == "redirect"
        assert "https" in str(result.failure)
        # Elsewhere our own authority does not count.
        followed = probes.replace("{x: {}}", "{x: {redirects: 1}}")
        assert await reason(followed) == "tls"


async def _tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A proxy that connects two ends, as CONNECT asks."""
    text = await head(reader)
    port = int(text.partition("CONNECT localhost:")[2].partition(" ")[0])
    up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            target.write(data)
            await target.drain()
        target.close()

    await asyncio.gather(copy(reader, up_writer), copy(up_reader, writer))


@pytest.mark.parametrize(("name", "wanted"), [("good", None), ("expired", "tls")])
async def test_tls_goes_through_a_proxy(site: Site, name: str, wanted: str | None) -> None:
    async with serving(_tunnel) as proxy:
        probes = site.base(name).replace("tls:", f"proxy: 'http://127.0.0.1:{proxy}', tls:")
        result = (await once(probes))["x"]
    assert (result.failure and result.failure.reason) == wanted
    assert result.not_after == (site.pairs[name].end() if wanted is None else None)


@pytest.mark.parametrize("way", ["http: {x: {}}", "tcp: {x: {address: 'localhost:PORT', tls: {}}}"])
async def test_a_server_that_shows_a_bad_certificate_once_only(site: Site, way: str) -> None:
    """The second look, for when it ends, meets silence: the reason stays the first one."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(site.pairs["expired"].certificate, site.pairs["expired"].key)
    met = list[int]()

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(1)
        if len(met) > 1:
            await silence(reader, writer)
        with suppress(ssl.SSLError):
            await writer.start_tls(context)

    async with serving(server) as port:
        probes = f"base: https://localhost:{port}\ntimeout: 2s\n{way.replace('PORT', str(port))}"
        result = (await once(probes))["x"]
    assert len(met) == 2
    assert result.failure is not None
    assert result.failure.reason == "tls"


# -- PostgreSQL's own way -------------------------------------------------------------------------


async def test_postgres_is_asked_for_tls(postgres: Postgres, site: Site) -> None:
    tls = f"starttls: postgres, tls: {{ca: {site.authority.root}}}"
    probes = f"tcp: {{db: {{address: 'localhost:{postgres.port}', {tls}}}}}"
    result = (await once(probes))["db"]
    assert result.failure is not None
    assert result.failure.reason == "tls"
    assert "offers no TLS" in str(result.failure)
    with _secured(postgres, site.pairs["soon"]):
        result = (await once(probes))["db"]
        assert result.failure is None
        assert result.not_after == site.pairs["soon"].end()
        assert set(result.phases.took) == {"resolve", "connect", "wait", "tls"}
    with _secured(postgres, site.pairs["expired"]):
        result = (await once(probes))["db"]
        assert result.failure is not None
        assert "expired" in str(result.failure)
        assert result.not_after == site.pairs["expired"].end()


class _secured:  # noqa: N801 - used like a function
    """The server speaks TLS, until the block is left."""

    def __init__(self, postgres: Postgres, pair: Pair) -> None:
        self._postgres, self._pair = postgres, pair

    def __enter__(self) -> None:
        for source, name in ((self._pair.certificate, "tls.crt"), (self._pair.key, "tls.key")):
            target = self._postgres.data / name
            shutil.copyfile(source, target)
            target.chmod(0o600)
            if user := unprivileged():
                shutil.chown(target, user)
        for name, value in (
            ("ssl_cert_file", "tls.crt"),
            ("ssl_key_file", "tls.key"),
            ("ssl", "on"),
        ):
            self._postgres.psql(f"ALTER SYSTEM SET {name} = '{value}'")
        self._postgres.psql("SELECT pg_reload_conf()")

    def __exit__(self, *_: object) -> None:
        self._postgres.psql("ALTER SYSTEM RESET ALL")
        self._postgres.psql("SELECT pg_reload_conf()")


# -- files ----------------------------------------------------------------------------------------

SUCCESS = "watched_probe_success"
NOT_AFTER = "watched_tls_not_after_timestamp_seconds"


def test_certificates_in_files_are_found_by_globs(site: Site, tmp_path: Path) -> None:
    """As certbot leaves them: links into an archive, keys beside them, chains in one file."""
    good, soon, root = site.pairs["good"], site.pairs["soon"], site.authority.root
    archive = tmp_path / "archive"
    live = tmp_path / "live/shop.test"
    archive.mkdir()
    live.mkdir(parents=True)
    (archive / "fullchain1.pem").write_bytes(soon.certificate.read_bytes() + root.read_bytes())
    (live / "fullchain.pem").symlink_to(archive / "fullchain1.pem")
    (live / "privkey.pem").write_bytes(soon.key.read_bytes())
    (live / "other.pem").write_text("# a comment\n" + good.certificate.read_text())
    (live / "other.pem.1").write_bytes(site.pairs["expired"].certificate.read_bytes())
    seen = Certificates((str(tmp_path / "live/**/*.pem"),)).look()
    assert seen.trouble is None
    assert seen.ends == {
        str(live / "fullchain.pem"): soon.end(),
        str(live / "other.pem"): good.end(),
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n", "unreadable"),
        (b"-----BEGIN CERTIFICATE-----\nMIIB", "unreadable"),
        (b"-----BEGIN CERTIFICATE-----" * 50_000, "unreadable"),
    ],
)
def test_a_file_that_is_broken_hides_no_other(
    site: Site, tmp_path: Path, content: bytes, reason: str
) -> None:
    (tmp_path / "broken.pem").write_bytes(content)
    (tmp_path / "good.pem").write_bytes(site.pairs["good"].certificate.read_bytes())
    seen = Certificates((str(tmp_path / "*.pem"),)).look()
    assert seen.ends == {str(tmp_path / "good.pem"): site.pairs["good"].end()}
    assert seen.trouble is not None
    assert seen.trouble.reason == reason
    assert "broken.pem" in str(seen.trouble)


def test_no_certificate_at_all_is_a_trouble(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    seen = Certificates((str(tmp_path / "*.pem"),)).look()
    assert seen.trouble is not None
    assert seen.trouble.reason == "missing"


async def test_files_are_shown_on_the_board(site: Site, tmp_path: Path) -> None:
    target = tmp_path / "cert.pem"
    target.write_bytes(site.pairs["soon"].certificate.read_bytes())
    async with probed("certificates: {files: '*.pem', interval: 1s}", tmp_path) as asked:
        key = (NOT_AFTER, "", str(target), "")
        await until(lambda: asked.value(*key) == site.pairs["soon"].end(), "the file")
        target.write_bytes(site.pairs["good"].certificate.read_bytes())
        await until(lambda: asked.value(*key) == site.pairs["good"].end(), "the renewed file")
        assert asked.value("sidewatch_source_up", "certificates") == 1
        target.rename(tmp_path / "gone")
        await until(lambda: asked.value("sidewatch_source_up", "certificates") == 0, "its loss")
        assert asked.failures()["missing"] >= 1


class _Desk:
    """A board that keeps what is shown."""

    def __init__(self) -> None:
        self.shown: dict[str, float] = {}

    def put(self, metric: str, labels: dict[str, str], value: float) -> None:
        if metric == NOT_AFTER:
            self.shown[labels["file"]] = value

    def drop(self, metric: str, labels: dict[str, str]) -> None:
        assert metric == NOT_AFTER
        del self.shown[labels["file"]]

    def looked(self, source: str) -> None:
        assert source == "certificates"

    def source_state(self, source: str, *, up: bool, failure: str | None = None) -> None:
        assert source == "certificates"
        assert up == (failure is None)


def test_what_cannot_be_read_is_dropped_after_three_intervals() -> None:
    clock = SetClock()

    desk = _Desk()
    looker = Looker(Certificates(("x",), 100.0), desk, None, clock.now)  # type: ignore[arg-type]  # it is only told
    bad = SourceError("unreadable", "a.pem cannot be read")
    told = []
    for at, ends in ((0, {"a": 1.0, "b": 2.0}), *((at, {"b": 2.0}) for at in (100, 200, 299, 300))):
        clock.reach(at)
        looker.tell(Seen(ends, bad if at else None))
        told.append(sorted(desk.shown))
    assert told == [["a", "b"]] * 4 + [["b"]]
    looker.tell(Seen({"c": 3.0}))
    assert sorted(desk.shown) == ["c"], "a file that is gone is gone at once"


def test_the_context_is_strict() -> None:
    context = trusting(Tls())
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
