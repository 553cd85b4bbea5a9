"""A certificate authority of the tests' own, and servers that show what it has signed."""

from __future__ import annotations

import ipaddress
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

HERE = ("localhost", "127.0.0.1", "::1")
YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as files."""

    certificate: Path
    key: Path

    def end(self) -> float:
        """When the certificate ends by what OpenSSL says, in seconds since 1970."""
        answer = subprocess.run(
            ["openssl", "x509", "-noout", "-enddate", "-in", self.certificate],
            capture_output=True,
            text=True,
            check=True,
        )
        text = answer.stdout.strip().removeprefix("notAfter=")
        return datetime.strptime(text, "%b %d %H:%M:%S %Y %Z").replace(tzinfo=UTC).timestamp()


@dataclass
class Authority:
    """Signs certificates into a folder; `root` is what has to be trusted."""

    folder: Path
    name: str = "Test Authority"
    chain: tuple[bytes, ...] = ()
    _key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._certificate = self._sign(self.name, self._key, (), YEAR, authority=True)
        self.root = self.folder / "root.pem"
        self.root.write_bytes(self._certificate.public_bytes(Encoding.PEM))

    def below(self, name: str, left: timedelta = timedelta(days=90)) -> Authority:
        """An authority that this one has signed; what it issues comes with its own certificate."""
        one = Authority(self.folder / name, name)
        signed = self._sign(name, one._key, (), left, authority=True)
        return replace(one, chain=(signed.public_bytes(Encoding.PEM), *self.chain))

    def issue(
        self, name: str, hosts: Sequence[str] = HERE, left: timedelta = timedelta(days=90)
    ) -> Pair:
        """A certificate for these hosts that has so long left to live."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(name, key, hosts, left)
        pair = Pair(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        pair.certificate.write_bytes(
            b"".join([certificate.public_bytes(Encoding.PEM), *self.chain])
        )
        pair.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return pair

    def _sign(
        self,
        name: str,
        key: ec.EllipticCurvePrivateKey,
        hosts: Sequence[str],
        left: timedelta,
        *,
        authority: bool = False,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name(self.name))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - YEAR)
            .not_valid_after(now + left)
            .add_extension(x509.BasicConstraints(authority, None), critical=True)
        )
        if hosts:
            names = x509.SubjectAlternativeName([_host(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, SHA256())


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _host(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
