"""The settings of a watched database; a URL of libpq says where it is, and how it is secured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec
from msgspec import Struct

from exporter.model import Duration, Size
from exporter.sources.postgres.query import Query
from exporter.sources.postgres.rows import StateTable

SHORTEST_INTERVAL = 1.0  # what a message below says
SCHEMES = ("postgresql", "postgres")
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
# Everything else would be sent as a session's setting, which leaks through a pooler.
PARAMETERS = frozenset(
    {
        "dbname",
        "host",
        "password",
        "port",
        "sslcert",
        "sslcrl",
        "sslkey",
        "sslmode",
        "sslpassword",
        "sslrootcert",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "target_session_attrs",
        "user",
    }
)


class Use(Struct, frozen=True):
    """What an installation says of a queue library: `pg-boss: {names: {schema: jobs}}`.

    Where a library is named here, it is missed where its tables are not. `file` describes a
    library that is not among those that are known.
    """

    use: bool = True
    file: Path | None = None
    names: Mapping[str, str] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Postgres:
    """One database: `postgres: {url: "postgresql://watcher@db/shop"}`.

    The password stands in `password_file`, in `passfile` (libpq's .pgpass), in `password` or in
    the URL. `subjects` switches parts of its health off that another exporter has. `pool_limit` and
    `size_limit` are what the application may use; they are shown beside what it uses. `rows` are
    tables of the application's own whose rows have states, by what they are called.
    """

    url: str = field(repr=False)
    password_file: Path | None = None
    password: str | None = field(default=None, repr=False)
    passfile: Path | None = None
    interval: Duration = 15.0
    statement_timeout: Duration = 2.0
    lock_timeout: Duration = 0.25
    pool_limit: int | None = None
    size_limit: Size | None = None
    subjects: Mapping[str, bool] = field(default_factory=dict)
    queues: Mapping[str, Use] = field(default_factory=dict)
    rows: Mapping[str, StateTable] = field(default_factory=dict)
    queries: tuple[Query, ...] = ()

    def __post_init__(self) -> None:
        _check_url(self.url)
        given = [one for one in (self.password_file, self.password, self.passfile) if one]
        if len(given) > 1:
            raise ValueError("password_file, password and passfile: one of them is enough")
        if self.interval < SHORTEST_INTERVAL:
            raise ValueError("interval: 1s at the least")
        if not 0 < self.statement_timeout <= 60:
            raise ValueError("statement_timeout: above 0 and not above 60s")
        if not 0 < self.lock_timeout <= 0.25:
            raise ValueError("lock_timeout: above 0 and not above 250ms; who waits blocks others")

    @property
    def database(self) -> str:
        """The database's name, which is the label `database`."""
        return _database(self.url)

    @property
    def name(self) -> str:
        """The label `source`."""
        return f"postgres:{self.database}"


def _database(url: str) -> str:
    parts = urlsplit(url)
    return unquote(parts.path.strip("/")) or (parse_qs(parts.query).get("dbname") or [""])[0]


def _check_url(url: str) -> None:
    """Complain in words that hold nothing of the URL: it may hold a password."""
    try:
        parts = urlsplit(url)
        hosts = parts.netloc.rpartition("@")[2].split(",")
    except ValueError:
        raise ValueError("url: is no URL; write special characters in it as %XX") from None
    if parts.scheme not in SCHEMES or not url.startswith(f"{parts.scheme}://"):
        raise ValueError("url: begins with postgresql://, like postgresql://watcher@db/shop")
    query = parse_qs(parts.query, keep_blank_values=True)
    ports = [*map(_port, hosts), *",".join(query.get("port", ())).split(",")]
    if not all(map(_is_port, filter(None, ports))):
        raise ValueError("url: a port is a number; write special characters of a password as %XX")
    if "/" in parts.path.strip("/") or not _database(url):
        raise ValueError("url: names no database; write it behind the host: postgresql://db/shop")
    for name in query.keys() - PARAMETERS:
        raise ValueError(f"url: the parameter {name} is not taken; a session's settings stay alone")
    for mode in query.get("sslmode", ()):
        if mode not in SSL_MODES:
            raise ValueError(f"url: sslmode is one of {', '.join(SSL_MODES)}")


def _port(host: str) -> str:
    """What stands behind the colon of `host:port` or `[address]:port`."""
    return host.rpartition("]")[2].rpartition(":")[2] if ":" in host.rpartition("]")[2] else ""


def _is_port(text: str) -> bool:
    return text.isdecimal() and 0 < int(text) < 1 << 16
