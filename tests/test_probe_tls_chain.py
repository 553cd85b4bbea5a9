"""Chains of certificates: the first to end ends them all; expected ends come from OpenSSL."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from exporter.sources.probes.certificates import Trusts, WatchedContext, trusting
from exporter.sources.probes.pem import Certificates
from exporter.sources.probes.settings import Tls
from exporter.sources.probes.verdict import Result
from tests.support.asking import until
from tests.support.authority import Authority, Pair
from tests.support.parts import Parts
from tests.support.probing import head, http, once, probed, serving

DAY = timedelta(days=1)
WAYS = {
    "http": "base: {url: 'https://localhost:PORT', tls: TLS}\nhttp: {x: {}}",
    "tcp": "tcp: {x: {address: 'localhost:PORT', tls: TLS}}",
}


async def shown(pair: Pair, tls: str, way: str = "http") -> Result:
    """What a probe finds where a server shows this chain."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ssl.SSLError, asyncio.IncompleteReadError):
            await writer.start_tls(context)
            await head(reader)
            writer.write(http("ok"))
            await writer.drain()

    async with serving(server) as port:
        probes = WAYS[way].replace("PORT", str(port)).replace("TLS", tls)
        return (await once(probes))["x"]


def end(folder: Path, pem: bytes) -> float:
    """When a certificate ends."""
    path = folder / "one.pem"
    path.write_bytes(pem)
    return Pair(path, path).end()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("left", "wanted"), [(5 * DAY, None), (-DAY, "tls")])
async def test_a_chain_ends_with_the_first_of_its_links(
    parts: Parts, tmp_path: Path, way: str, left: timedelta, wanted: str | None
) -> None:
    """The server's own certificate is good for 90 days in either case."""
    parts.need("openssl")
    root = Authority(tmp_path / "root")
    between = root.below("between", left)
    result = await shown(between.issue("leaf"), f"{{ca: '{root.root}'}}", way)
    assert (result.failure and result.failure.reason) == wanted
    assert wanted is None or "expired" in str(result.failure)
    assert result.not_after == end(tmp_path, between.chain[0])


@pytest.mark.parametrize(("verify", "beside"), [("true", False), ("false", True)])
async def test_what_is_sent_beside_ends_nothing(
    tmp_path: Path, verify: str, *, beside: bool
) -> None:
    """As servers went on to send an old root that had expired, and all were content with the new.

    Where nothing is checked, nobody knows what is needed: then it is the first to end of all.
    """
    root = Authority(tmp_path / "root")
    between = root.below("between", 60 * DAY)
    leaf = between.issue("leaf")
    old = Authority(tmp_path / "foreign").below("old", -DAY)
    leaf.certificate.write_bytes(leaf.certificate.read_bytes() + old.chain[0])
    result = await shown(leaf, f"{{ca: '{root.root}', verify: {verify}}}")
    assert result.failure is None
    assert result.not_after == end(tmp_path, old.chain[0] if beside else between.chain[0])


async def test_a_certificate_of_no_known_version_is_no_accident(tmp_path: Path) -> None:
    """Version 2 of X.509 has no extensions; whoever writes one has other things in mind."""
    root = Authority(tmp_path / "root")
    leaf = root.issue("leaf")
    der = x509.load_pem_x509_certificate(leaf.certificate.read_bytes()).public_bytes(Encoding.DER)
    odd = der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x03", 1)
    leaf.certificate.write_text(ssl.DER_cert_to_PEM_cert(odd))
    seen = Certificates((str(leaf.certificate), str(root.root))).look()
    assert seen.ends.keys() == {str(root.root)}
    assert seen.trouble is not None
    assert seen.trouble.reason == "unreadable"
    result = await shown(leaf, "{verify: false}")
    assert result.failure is None or result.failure.reason == "tls"
    assert result.not_after is None


def test_probes_that_trust_alike_share_what_they_trust(tmp_path: Path) -> None:
    """One that is lent is nobody else's, and one of files that have changed is lent no more."""
    ca = Authority(tmp_path / "one").root
    trusts = Trusts()
    ours, theirs = trusts.of(Tls(ca=ca)), trusts.of(Tls())
    assert trusts.of(Tls(ca=ca)) is ours
    assert theirs is not ours
    first, second = ours.context(), ours.context()
    assert first is not second
    first.rest()
    assert ours.context() is first
    first.rest()
    second.rest()
    ca.write_bytes(Authority(tmp_path / "two").root.read_bytes() + b"\n")
    third = ours.context()
    assert third not in (first, second)
    second.rest()
    third.rest()
    assert {ours.context(), ours.context()}.isdisjoint({first, second})


async def test_many_probes_need_few_contexts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has all authorities of the system in it: hundreds would be hundreds of megabytes."""
    made = list[Tls]()

    def making(tls: Tls) -> WatchedContext:
        made.append(tls)
        return trusting(tls)

    monkeypatch.setattr("exporter.sources.probes.certificates.trusting", making)
    root = Authority(tmp_path / "root")
    leaf = root.issue("leaf")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(leaf.certificate, leaf.key)

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await writer.start_tls(context)
        await head(reader)
        writer.write(http("ok"))
        await writer.drain()

    async with serving(server) as port:
        probes = ", ".join(f"p{number}: {{}}" for number in range(60))
        tls = f"{{ca: '{root.root}'}}"
        plan = f"base: {{url: 'https://localhost:{port}', tls: {tls}}}\nhttp: {{{probes}}}"
        async with probed(f"interval: 10s\ntimeout: 1s\n{plan}") as asked:
            success = "watched_probe_success"
            await until(lambda: sum(asked.series(success).values()) == 60, "all of them")
            end = ("watched_tls_not_after_timestamp_seconds", "p7", "", "")
            assert asked.value(*end) == leaf.end()
            assert len(made) <= 8, "places, and not probes, bound them"
