"""Where records or metrics go, by what the configuration says, then `OTEL_EXPORTER_OTLP_*`.

https://opentelemetry.io/docs/specs/otel/protocol/exporter/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from msgspec import Struct

from exporter.sources.probes.settings import check_headers

Speaks = Literal["http/protobuf", "grpc"]

Signal = Literal["logs", "metrics"]

PREFIX = "OTEL_EXPORTER_OTLP_"
TIMEOUT_SECONDS = 10.0
OURS = frozenset({"content-type", "content-encoding", "content-length", "transfer-encoding", "te"})
LONGEST_TIMEOUT = 300.0
DEFAULT_ENDPOINTS: Mapping[Speaks, str] = {
    "http/protobuf": "http://localhost:4318",
    "grpc": "http://localhost:4317",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a destination of the configuration says of the wire; None is not said."""

    endpoint: str | None = None
    protocol: Literal["http/protobuf", "http/json", "grpc"] | None = None
    headers: Mapping[str, str] | None = field(default=None, repr=False)
    headers_file: Path | None = None
    compression: Literal["gzip", "none"] | None = None
    timeout: float | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """One receiver, all decided. `url` is complete; of gRPC only its scheme and host count.

    `headers_file` has more headers, one `Name: value` a line. `timeout` is in seconds.
    """

    protocol: Speaks
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers_file: Path | None = None
    gzip: bool = True
    timeout: float = TIMEOUT_SECONDS
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def secure(self) -> bool:
        """Whether it is reached by TLS."""
        return self.url.startswith("https:")

    @property
    def place(self) -> str:
        """Host and port, fit to be shown."""
        return urlsplit(self.url).netloc


def target(wish: Wish, environ: Mapping[str, str], signal: Signal = "logs") -> Target:
    """What the destination says, then the environment, then the defaults of OpenTelemetry.

    The headers and keys of the environment belong to the endpoint of the environment: they go to
    no other one. Raises ValueError in a sentence that holds no header's value.
    """
    told = Environment(environ, signal)
    protocol = _protocol(wish.protocol or told.get("PROTOCOL"))
    url = _own(wish.endpoint, protocol, signal) if wish.endpoint else told.url(protocol)
    if told.names_endpoint and _origin(urlsplit(url)) != _origin(urlsplit(told.url(protocol))):
        told = Environment({}, signal)
    found = Target(
        protocol,
        url,
        told.headers() if wish.headers is None else dict(wish.headers),
        wish.headers_file,
        gzip=(wish.compression or told.compression()) == "gzip",
        timeout=wish.timeout or told.timeout(),
        ca=wish.ca or told.path("CERTIFICATE"),
        certificate=wish.certificate or told.path("CLIENT_CERTIFICATE"),
        key=wish.key or told.path("CLIENT_KEY"),
    )
    check(found.headers)
    if not found.secure and (wish.ca or wish.certificate or wish.key):
        raise ValueError("tls: is of no use, for the endpoint is not https://")
    return found


def check(headers: Mapping[str, str]) -> None:
    """Raises ValueError, in words that hold no value."""
    check_headers(headers, {}, None)
    for name in headers:
        if name.lower() in OURS:
            raise ValueError(f"headers: {name} is set by what is sent; leave it out")


class Environment(Struct, frozen=True):
    """The variables; those for the signal go before those for everything."""

    variables: Mapping[str, str]
    signal: Signal

    @property
    def specific(self) -> str:
        """How the variables for the signal begin."""
        return f"{PREFIX}{self.signal.upper()}_"

    def get(self, name: str) -> str | None:
        """A variable's value; an empty one is not set."""
        value = self.variables.get(self.specific + name, "").strip()
        return value or self.variables.get(PREFIX + name, "").strip() or None

    @property
    def names_endpoint(self) -> bool:
        """Whether it says where to send."""
        return self.get("ENDPOINT") is not None

    def url(self, protocol: Speaks) -> str:
        """The endpoint: the signal's own as it stands, the general one with a path behind."""
        own = self.variables.get(self.specific + "ENDPOINT", "").strip()
        general = self.variables.get(PREFIX + "ENDPOINT", "").strip()
        if protocol == "grpc":
            return self._grpc(own or general or DEFAULT_ENDPOINTS["grpc"])
        if own:
            parts = _http(own, self.specific + "ENDPOINT")
            return urlunsplit(parts._replace(path=parts.path or "/"))
        parts = _http(general or DEFAULT_ENDPOINTS[protocol], PREFIX + "ENDPOINT")
        return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/v1/{self.signal}"))

    def headers(self) -> dict[str, str]:
        """`name=value,name=value`, the values percent-encoded, as W3C Baggage has them."""
        found = {}
        for pair in (self.get("HEADERS") or "").split(","):
            if pair.strip():
                name, equals, value = pair.partition("=")
                if not equals or not name.strip():
                    raise ValueError(f"{PREFIX}HEADERS: name=value pairs between commas")
                found[unquote(name.strip())] = unquote(value.strip())
        return found

    def compression(self) -> str:
        """`gzip` or `none`; what is sent over a network is packed unless it is said otherwise."""
        found = self.get("COMPRESSION") or "gzip"
        if found not in ("gzip", "none"):
            raise ValueError(f"{PREFIX}COMPRESSION: {found!r} is not known; gzip or none")
        return found

    def timeout(self) -> float:
        """In seconds; the variable counts milliseconds."""
        spelled = self.get("TIMEOUT")
        if spelled is None:
            return TIMEOUT_SECONDS
        if not spelled.isdecimal() or not 0 < int(spelled) <= LONGEST_TIMEOUT * 1000:
            raise ValueError(f"{PREFIX}TIMEOUT: whole milliseconds, like 10000, up to 300000")
        return int(spelled) / 1000

    def path(self, name: str) -> Path | None:
        """A file that a variable names."""
        found = self.get(name)
        return Path(found) if found is not None else None

    def _grpc(self, endpoint: str) -> str:
        """Without a scheme, `INSECURE` says whether it is TLS; by default it is."""
        if "://" in endpoint:
            return _origin(_http(endpoint, PREFIX + "ENDPOINT"))
        insecure = (self.get("INSECURE") or "false").lower() == "true"
        return _origin(_http(f"http{'' if insecure else 's'}://{endpoint}", PREFIX + "ENDPOINT"))


def _protocol(spelled: str | None) -> Speaks:
    if spelled is None or spelled == "http/protobuf":
        return "http/protobuf"
    if spelled == "grpc":
        return "grpc"
    raise ValueError(f"protocol: {spelled!r} is not spoken here; http/protobuf or grpc")


def _own(endpoint: str, protocol: Speaks, signal: Signal) -> str:
    """The endpoint of a configuration: a path is taken as it stands, none is the signal's."""
    parts = _http(endpoint, "endpoint")
    if protocol == "grpc":
        if parts.path.strip("/") or parts.query:
            raise ValueError("endpoint: gRPC takes host and port alone, no path")
        return _origin(parts)
    path = parts.path if parts.path.strip("/") else f"/v1/{signal}"
    return urlunsplit(parts._replace(path=path))


def _origin(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc}"


def _http(url: str, name: str) -> SplitResult:
    """The parts of a URL. Complains in words that hold nothing of it: it may hold a password."""
    wrong = f"{name}: begins with http:// or https://, like http://collector:4318"
    try:
        parts = urlsplit(url)
        right = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or 1)
    except ValueError:
        raise ValueError(wrong) from None
    if not right or parts.fragment or any(letter <= " " for letter in url):
        raise ValueError(wrong)
    if "@" in parts.netloc:
        raise ValueError(f"{name}: holds no user or password; send an Authorization header")
    return parts
