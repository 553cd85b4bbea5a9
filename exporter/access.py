"""What the endpoint asks of its clients: TLS, certificates, passwords; and headers that it adds.

The shapes are those of the Prometheus exporter toolkit's web.config.yml.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from msgspec import Struct, field

ClientAuth = Literal[
    "NoClientCert",
    "RequestClientCert",
    "RequireAnyClientCert",
    "RequireClientCert",
    "VerifyClientCertIfGiven",
    "RequireAndVerifyClientCert",
]
Version = Literal["TLS10", "TLS11", "TLS12", "TLS13"]
VERSIONS: Mapping[str, ssl.TLSVersion] = {
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS13": ssl.TLSVersion.TLSv1_3,
}
VERIFIES: Mapping[str, ssl.VerifyMode] = {
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
# Go's names of the suites up to TLS 1.2, and OpenSSL's.
SUITES: Mapping[str, str] = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_RSA_WITH_AES_128_GCM_SHA256": "AES128-GCM-SHA256",
    "TLS_RSA_WITH_AES_256_GCM_SHA384": "AES256-GCM-SHA384",
    "TLS_RSA_WITH_AES_128_CBC_SHA": "AES128-SHA",
    "TLS_RSA_WITH_AES_256_CBC_SHA": "AES256-SHA",
}
# Neither Go nor Python (before 3.15) lets these be chosen: TLS 1.3 always has all three.
SUITES_OF_13 = (
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
)
Curve = Literal["CurveP256", "CurveP384", "CurveP521", "X25519"]
CURVES: Mapping[str, str] = {
    "CurveP256": "prime256v1",
    "CurveP384": "secp384r1",
    "CurveP521": "secp521r1",
}


class Tls(Struct, frozen=True):
    """`tls_server_config`."""

    cert_file: Path
    key_file: Path
    client_auth_type: ClientAuth = "NoClientCert"
    client_ca_file: Path | None = None
    client_allowed_sans: tuple[str, ...] = ()
    min_version: Version = "TLS12"
    max_version: Version = "TLS13"
    cipher_suites: tuple[str, ...] = ()
    prefer_server_cipher_suites: bool = True
    curve_preferences: tuple[Curve, ...] = ()

    def __post_init__(self) -> None:
        self._check_clients()
        if self.max_version not in VERSIONS:
            raise ValueError(
                "max_version: TLS 1.2 is the lowest that is served; give TLS12 or TLS13"
            )
        if self.min_version == "TLS13" and self.max_version == "TLS12":
            raise ValueError("min_version: is above max_version")
        for suite in self.cipher_suites:
            if suite not in SUITES and suite not in SUITES_OF_13:
                known = ", ".join(SUITES)
                raise ValueError(f"cipher_suites: {suite!r} is none that is served: {known}")
        if self.max_version == "TLS12" and self._only_13:
            raise ValueError("cipher_suites: has none of TLS 1.2, the highest version allowed")
        if self.curve_preferences and not any(one in CURVES for one in self.curve_preferences):
            raise ValueError("curve_preferences: X25519 cannot be set alone; add CurveP256")

    def _check_clients(self) -> None:
        kind, verified = self.client_auth_type, self.client_auth_type in VERIFIES
        if kind in ("RequireAnyClientCert", "RequireClientCert"):
            raise ValueError(
                f"client_auth_type: {kind} lets in whoever makes a certificate; Python's ssl"
                " verifies what it requires, so write RequireAndVerifyClientCert"
            )
        if verified and self.client_ca_file is None:
            raise ValueError("client_ca_file: is missing; it says whose certificates are let in")
        if self.client_ca_file is not None and kind == "NoClientCert":
            raise ValueError("client_ca_file: is of no use while client_auth_type is NoClientCert")
        if self.client_allowed_sans and kind != "RequireAndVerifyClientCert":
            raise ValueError(
                "client_allowed_sans: needs client_auth_type RequireAndVerifyClientCert"
            )

    @property
    def _only_13(self) -> bool:
        return bool(self.cipher_suites) and not any(one in SUITES for one in self.cipher_suites)

    @property
    def files(self) -> tuple[Path, ...]:
        """What has to be read again when it changes."""
        ca = () if self.client_ca_file is None else (self.client_ca_file,)
        return (self.cert_file, self.key_file, *ca)

    def context(self) -> ssl.SSLContext:
        """Reads the files. Raises ValueError, in a sentence."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        only_13 = self._only_13 or self.min_version == "TLS13"
        made.minimum_version = VERSIONS["TLS13" if only_13 else "TLS12"]
        made.maximum_version = VERSIONS[self.max_version]
        made.set_alpn_protocols(["http/1.1"])
        if not self.prefer_server_cipher_suites:
            made.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
        self._choose(made)
        made.verify_mode = VERIFIES.get(self.client_auth_type, ssl.CERT_NONE)
        for name, file in zip(
            ("cert_file", "key_file", "client_ca_file"), self.files, strict=False
        ):
            _readable(name, file)
        self._load(made)
        return made

    def _choose(self, made: ssl.SSLContext) -> None:
        """Suites and curve, as far as this host's OpenSSL has them."""
        suites = [SUITES[one] for one in self.cipher_suites if one in SUITES]
        curve = next((CURVES[one] for one in self.curve_preferences if one in CURVES), None)
        try:
            if suites:
                made.set_ciphers(":".join(suites))
            if curve is not None:
                made.set_ecdh_curve(curve)
        except (ssl.SSLError, ValueError) as error:
            text = f"cipher_suites, curve_preferences: OpenSSL here has none of them ({error})"
            raise ValueError(text) from None

    def _load(self, made: ssl.SSLContext) -> None:
        try:
            made.load_cert_chain(self.cert_file, self.key_file, password=_nobody_to_ask)
        except OSError as error:
            raise ValueError(
                f"cert_file, key_file: {self.cert_file} and {self.key_file} are not a certificate"
                f" in PEM and its key ({_reason(error)})"
            ) from None
        if self.client_ca_file is not None:
            try:
                made.load_verify_locations(self.client_ca_file)
            except OSError as error:
                text = f"client_ca_file: {self.client_ca_file} has no certificate in PEM"
                raise ValueError(f"{text} ({_reason(error)})") from None


def _reason(error: OSError) -> str:
    """OpenSSL's word; a file may also have gone since it was looked at."""
    return getattr(error, "reason", None) or error.strerror or "not PEM"


def _readable(name: str, file: Path) -> None:
    try:
        with file.open("rb") as opened:
            opened.read(1)
    except OSError as error:
        raise ValueError(f"{name}: {file} cannot be read: {error.strerror}") from None


def _nobody_to_ask() -> str:
    """OpenSSL would ask on the terminal."""
    raise ValueError("key_file: the key is encrypted; give one that is not")


class Access(Struct, frozen=True):
    """What is asked of a client, ready to be used. `users` have bcrypt hashes of their passwords.

    `sans`: one of these names is in the client's certificate; any where there are none.
    """

    context: ssl.SSLContext | None = None
    sans: frozenset[str] = frozenset()
    users: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def guarded(self) -> bool:
        """Whether everybody needs a password or a certificate."""
        required = self.context is not None and self.context.verify_mode is ssl.CERT_REQUIRED
        return bool(self.users) or required

    def admits(self, certificate: Mapping[str, Any] | None) -> bool:
        """Whether a client with this certificate, as `getpeercert` gives it, may come in."""
        if not self.sans:
            return True
        names = (certificate or {}).get("subjectAltName", ())
        return not self.sans.isdisjoint(_spelled(kind, name) for kind, name in names)


def _spelled(kind: str, name: str) -> str:
    """A subject alternative name as Go writes it: OpenSSL spells IPv6 its own way."""
    if kind != "IP Address":
        return name
    try:
        return str(ip_address(name.strip()))
    except ValueError:
        return name


OPEN = Access()
