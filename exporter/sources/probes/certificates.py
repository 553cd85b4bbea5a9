"""Certificates: how TLS is checked, and when what a server shows ends."""

from __future__ import annotations

import ssl
import sys
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from exporter.sources.probes.settings import Tls
from exporter.sources.probes.verdict import Phases, ProbeError

Stamp = tuple[tuple[int, int, int] | None, ...]


class WatchedContext(ssl.SSLContext):
    """Tells when a handshake begins, and keeps it for its certificate to be read.

    Neither asyncio nor aiohttp tells the end of connecting apart from that of the handshake, so the
    library's own extension point is used: a context is asked for each new TLS connection.
    """

    phases: Phases | None = None
    last: ssl.SSLObject | None = None
    stamp: Stamp = ()
    idle: list[WatchedContext] | None = None

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,  # noqa: FBT001, FBT002 - the library's signature
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """Begin a TLS connection."""
        if self.phases is not None:
            self.phases.enter("tls")
        self.last = super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        return self.last

    def watch(self, phases: Phases) -> None:
        """Tell these phases from now on."""
        self.phases, self.last = phases, None

    def shown(self) -> float | None:
        """When the first certificate ends that the server's word rests on, by the last handshake.

        None where it did not come to that. Lets go of the handshake: it refers to this context, and
        no collector of garbage sees through it.
        """
        last, self.phases, self.last = self.last, None, None
        if last is None or not _has_ended(last):
            return None
        sent, trusted = _chains(last)
        checked = self.verify_mode != ssl.CERT_NONE
        # What it sends beside, as an old root for old clients, may end and nobody will notice.
        needed = [der for der in sent if der in trusted] if checked else sent
        return min(filter(None, map(_not_after, needed)), default=None)

    def rest(self) -> None:
        """Its exchange is over; it may be lent again. It does not wait for anybody."""
        self.phases, self.last = None, None
        if self.idle is not None:
            self.idle.append(self)


def _has_ended(handshake: ssl.SSLObject) -> bool:
    try:
        return handshake.getpeercert(binary_form=True) is not None
    except ValueError:
        return False


def _chains(handshake: ssl.SSLObject) -> tuple[list[bytes], list[bytes]]:
    """The certificates that were sent, and those that the trust goes through, as DER."""
    if sys.version_info >= (3, 13):
        return handshake.get_unverified_chain(), handshake.get_verified_chain()
    inside: Any = handshake._sslobj  # type: ignore[attr-defined]  # noqa: SLF001 - public since 3.13
    return _plain(inside.get_unverified_chain()), _plain(inside.get_verified_chain())


def _plain(chain: Iterable[Any] | None) -> list[bytes]:
    return [ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in chain or ()]


def trusting(tls: Tls) -> WatchedContext:
    """A context that checks as the settings say. Reads files. Raises ProbeError."""
    context = WatchedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # Debian's Python leaves it to OpenSSL's file
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        if tls.ca is not None:
            context.load_verify_locations(tls.ca)
        elif tls.verify:
            context.load_default_certs()
        if tls.certificate is not None:
            # A key with a passphrase would be asked for at the terminal; "" is never right.
            context.load_cert_chain(tls.certificate, tls.key, password="")
    except ssl.SSLError as error:
        raise ProbeError("other", f"a file of tls is not right: {error.reason}") from None
    except OSError as error:
        raise ProbeError("other", f"a file of tls cannot be read: {error.strerror}") from None
    return context


def looking() -> WatchedContext:
    """A context that accepts all, to see what was refused. Nothing is sent by it."""
    return trusting(Tls(verify=False))


class Trust(Struct):
    """The contexts of probes that trust alike, made anew when the files have changed.

    A context holds all authorities, most of a megabyte, and serves one exchange at a time. So it is
    lent: there are as many as exchanges are under way at once, however many probes there are.
    """

    tls: Tls
    _idle: list[WatchedContext] = field(default_factory=list)
    _making: threading.Lock = field(default_factory=threading.Lock)

    def context(self) -> WatchedContext:
        """One as the files are now, for the time of an exchange. Reads them. Raises ProbeError."""
        with self._making:
            stamp = tuple(map(_stamp, (self.tls.ca, self.tls.certificate, self.tls.key)))
            while self._idle:
                context = self._idle.pop()
                if context.stamp == stamp:
                    return context
            context = trusting(self.tls)
            context.stamp, context.idle = stamp, self._idle
            return context


class Trusts(Struct):
    """Who is trusted, by the settings that say so."""

    _known: dict[Tls, Trust] = field(default_factory=dict)

    def of(self, tls: Tls) -> Trust:
        """The same for the same settings."""
        return self._known.setdefault(tls, Trust(tls))


def _stamp(path: Path | None) -> tuple[int, int, int] | None:
    try:
        status = path.stat() if path is not None else None
    except OSError:
        return None
    return status and (status.st_ino, status.st_size, status.st_mtime_ns)


def _not_after(der: bytes) -> float | None:
    """When a certificate ends; None where it is nothing that can be read."""
    from cryptography.x509 import InvalidVersion, load_der_x509_certificate

    try:
        return load_der_x509_certificate(der).not_valid_after_utc.timestamp()
    except (ValueError, InvalidVersion):
        return None
