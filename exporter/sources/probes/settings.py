"""The settings of an application's probes: where it answers, and what a good answer is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, urlsplit

from msgspec import Struct

from exporter.model import Duration, Size
from exporter.sources.probes.assertions import Expectation, Statuses, Text
from exporter.sources.probes.jsonpath import JsonPath
from exporter.sources.probes.readings import Number, Readings, Rows

Kind = Literal["liveness", "readiness", "status", "startup", "dependency"]
Family = Literal["any", "ipv4", "ipv6"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
METHOD = re.compile(r"[A-Z]{1,20}")
HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
ADDRESS = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^][:\s/@]+)):(?P<port>\d{1,5})")
UNFIT = re.compile(r"[\x00-\x20\x7f]")  # in a header or URL they would begin another line
LONGEST_TIMEOUT = 60.0
LARGEST_BODY = 16 << 20


class Tls(Struct, frozen=True):
    """How a server proves who it is, and how we do; files of PEM, read again when they change."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    server_name: str | None = None
    verify: bool = True

    def __post_init__(self) -> None:
        if self.key is not None and self.certificate is None:
            raise ValueError("key: belongs to a certificate; give that, too")


@dataclass(frozen=True, slots=True)
class Auth:
    """`{user: NAME, password_file: FILE}` (basic), or `{bearer_file: FILE}`."""

    user: str | None = None
    password: str | None = field(default=None, repr=False)
    password_file: Path | None = None
    bearer: str | None = field(default=None, repr=False)
    bearer_file: Path | None = None

    def __post_init__(self) -> None:
        secrets = (self.password, self.password_file, self.bearer, self.bearer_file)
        if sum(one is not None for one in secrets) != 1:
            raise ValueError("needs one of password, password_file, bearer and bearer_file")
        basic = self.password is not None or self.password_file is not None
        if basic != (self.user is not None):
            raise ValueError("a user and a password belong together, and a bearer has neither")
        if self.user is not None and ":" in self.user:
            raise ValueError("user: may not have a ':' in it")


@dataclass(frozen=True, slots=True)
class Base:
    """Where an application answers: `"http://server:8000"`, or a mapping with how to ask there.

    What it carries is sent to its own address only, not to where a redirect leads.
    """

    url: str
    socket: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    header_files: Mapping[str, Path] = field(default_factory=dict)
    auth: Auth | None = None
    tls: Tls = field(default_factory=Tls)
    proxy: str | None = field(default=None, repr=False)
    family: Family = "any"

    def __post_init__(self) -> None:
        parts = _http_url("url", self.url)
        object.__setattr__(self, "url", with_plain_scheme(self.url))
        if parts.username is not None or parts.password is not None:
            raise ValueError("url: holds no user or password; write them under auth")
        if parts.query or parts.fragment:
            raise ValueError("url: ends with its path; a query belongs to a probe's path")
        check_headers(self.headers, self.header_files, self.auth)
        if self.proxy is not None:
            _http_url("proxy", self.proxy)
            if self.socket is not None:
                raise ValueError("a socket and a proxy do not go together")

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port."""
        return origin(self.url)


@dataclass(frozen=True, slots=True)
class Http:
    """One question by HTTP, and what a good answer is.

    `probe` is whom it asks, and the label; its own name where it is not given. `path` is of the
    base of this name; "" is the application's own. `redirects` is how many are followed. `interval`
    and `timeout` are the source's where they are not given.
    """

    use: bool = True
    probe: str = ""
    kind: Kind = "liveness"
    base: str = ""
    path: str = ""
    needs_auth: bool = False
    method: str = "GET"
    send: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    header_files: Mapping[str, Path] = field(default_factory=dict)
    auth: Auth | None = None
    redirects: int = 0
    status: Statuses = field(default_factory=Statuses)
    body: Text | None = None
    json: tuple[Expectation, ...] = ()
    fields: Mapping[str, Number] = field(default_factory=dict)
    components: Mapping[str, Expectation] = field(default_factory=dict)
    rows: tuple[Rows, ...] = ()
    version: JsonPath | None = None
    interval: Duration | None = None
    timeout: Duration | None = None
    limit: Size = 1 << 20

    def __post_init__(self) -> None:
        if self.path and (not self.path.startswith("/") or UNFIT.search(self.path)):
            raise ValueError("path: begins with a '/', and has neither blanks nor line ends")
        if not METHOD.fullmatch(self.method):
            raise ValueError("method: a word of capital letters, like GET or POST")
        if not 0 <= self.redirects <= 10:
            raise ValueError("redirects: 0 to 10")
        if not 0 < self.limit <= LARGEST_BODY:
            raise ValueError("limit: above 0 and not above 16MiB")
        check_headers(self.headers, self.header_files, self.auth)
        check_times(self.interval, self.timeout)

    @property
    def readings(self) -> Readings:
        """What is read out of the body beside the verdict."""
        return Readings(self.fields, self.components, self.rows, self.version)


@dataclass(frozen=True, slots=True)
class Step:
    """One turn of a conversation: what is sent, then what must come before the next turn.

    `refuse` is what ends the waiting at once. With `starttls` the connection goes on in TLS
    afterwards.
    """

    send: str = field(default="", repr=False)
    expect: str = ""
    refuse: str = ""
    starttls: bool = False

    def __post_init__(self) -> None:
        if not self.send and not self.expect and not self.starttls:
            raise ValueError("does nothing; give send, expect or starttls")
        if self.refuse and not self.expect:
            raise ValueError("refuse: only where something is expected")


class Tcp(Struct, frozen=True):
    """One conversation over TCP, or over a socket: `{address: "redis:6379", steps: [...]}`.

    With `tls` it is encrypted: from the start, after `starttls: postgres`, or after the step that
    says so.
    """

    use: bool = True
    probe: str = ""
    kind: Kind = "dependency"
    address: str = ""
    socket: Path | None = None
    family: Family = "any"
    tls: Tls | None = None
    starttls: Literal["postgres"] | None = None
    steps: tuple[Step, ...] = ()
    interval: Duration | None = None
    timeout: Duration | None = None

    def __post_init__(self) -> None:
        if self.address and self.socket is not None:
            raise ValueError("an address and a socket do not go together")
        if self.address:
            host_and_port(self.address)
        if sum(one.starttls for one in self.steps) > (self.starttls is None):
            raise ValueError("starttls: once in a conversation")
        check_times(self.interval, self.timeout)

    @property
    def secured(self) -> Tls | None:
        """How the encryption is checked, where there is any."""
        asked = self.starttls is not None or any(one.starttls for one in self.steps)
        return self.tls or (Tls() if asked else None)


class HttpCheck(Struct, frozen=True):
    """A question by HTTP that is asked, and the base that it is asked at.

    `name` is the label `probe`, which several kinds may share; `dates` tells that this one shows
    when the certificate ends.
    """

    name: str
    http: Http
    base: Base
    interval: float
    timeout: float
    dates: bool = True

    @property
    def kind(self) -> Kind:
        """The label `kind`."""
        return self.http.kind

    @property
    def target(self) -> str:
        """Where it is asked, for the log."""
        return str(self.base.socket or "{1}:{2}".format(*self.base.origin))

    @property
    def url(self) -> str:
        """What is asked for."""
        return self.base.url.rstrip("/") + self.http.path if self.http.path else self.base.url


class TcpCheck(Struct, frozen=True):
    """A conversation that is held."""

    name: str
    tcp: Tcp
    interval: float
    timeout: float
    dates: bool = True

    @property
    def kind(self) -> Kind:
        """The label `kind`."""
        return self.tcp.kind

    @property
    def target(self) -> str:
        """Where it is held, for the log."""
        return str(self.tcp.socket or self.tcp.address)


def host_and_port(address: str) -> tuple[str, int]:
    """The two halves of `redis:6379` or `[::1]:6379`. Raises ValueError."""
    found = ADDRESS.fullmatch(address)
    if found is None or not 0 < int(found["port"]) <= 65535:
        raise ValueError("address: a host and a port, like redis:6379 or [::1]:6379")
    return found["six"] or found["host"], int(found["port"])


def origin(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of a URL. Raises ValueError."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, (parts.hostname or "").rstrip("."), port


def with_plain_scheme(url: str) -> str:
    """The same with its scheme in small letters: RFC 3986 takes `HTTPS://` for `https://`."""
    scheme, colon, rest = url.partition(":")
    return f"{scheme.lower()}{colon}{rest}"


def probe_name(name: str) -> str:
    """The name, if it is a right one for a probe. Raises ValueError."""
    if not NAME.fullmatch(name):
        raise ValueError("a probe's name has letters, digits, '_', '-' and '.' (63 at most)")
    return name


def check_times(interval: float | None, timeout: float | None) -> None:
    """Raises ValueError."""
    if interval is not None and interval < 1:
        raise ValueError("interval: 1s at the least")
    if timeout is not None and not 0 < timeout <= LONGEST_TIMEOUT:
        raise ValueError("timeout: above 0 and not above 60s")


def check_headers(
    headers: Mapping[str, str], header_files: Mapping[str, Path], auth: Auth | None
) -> None:
    """Raises ValueError, in words that hold no value."""
    names = [name.lower() for name in (*headers, *header_files)]
    for name, value in headers.items():
        if any(ord(letter) < 32 or ord(letter) == 127 for letter in value):
            raise ValueError(f"headers: the value of {name} has line ends or control characters")
    for name in (*headers, *header_files):
        if not HEADER.fullmatch(name):
            raise ValueError(f"headers: {name!r} is no header's name")
    if len(set(names)) < len(names):
        raise ValueError("headers: one stands here twice")
    if auth is not None and "authorization" in names:
        raise ValueError("headers: auth gives the Authorization already")


def _http_url(key: str, url: str) -> SplitResult:
    """The parts of a URL. Complains in words that hold nothing of it: it may hold a password."""
    try:
        parts = urlsplit(url)
        right = parts.scheme in {"http", "https"} and parts.hostname and (parts.port or 1)
    except ValueError:
        right = False
    if not right or UNFIT.search(url):
        raise ValueError(f"{key}: begins with http:// or https://, like http://server:8000")
    return parts
