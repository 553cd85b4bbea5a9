"""A connection opened: host by host, each within a time of its own, every failure with its reason.

asyncpg could walk through the hosts of a URL itself, but under one deadline for all of them: a
first host that swallows what it is sent would keep the others from ever being asked.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator
from functools import partial
from ipaddress import ip_address
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from msgspec import Struct

from exporter.errors import SourceError
from exporter.sources.postgres.settings import Postgres
from exporter.sources.worker import Worker

if TYPE_CHECKING:
    from asyncpg import Connection

APPLICATION = "sidewatch"
CONNECT_SECONDS = 5.0
ONE_OF_MANY_SECONDS = 2.0  # where there is another host to ask
MAX_PASSWORD = 4096
# The parameters of a URL that name files.
FILES = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
CHECKED_MODES = ("require", "verify-ca", "verify-full")  # the others do without these files
ABOUT_TLS = ("SSL upgrade", "certificate")
# What a server says when it does not take us: by SQLSTATE, else by its class.
REFUSALS = {
    "08003": "lost",
    "28P01": "password",
    "28": "permission",
    "3D": "no_database",
    "53300": "too_many_connections",
    "57": "starting",
    "42": "permission",
}


class Host(Struct, frozen=True):
    """One server of a URL; nothing of it is given where the URL leaves it to the driver."""

    name: str | None = None
    port: int | None = None

    def __str__(self) -> str:
        name = self.name or "the default host"
        return name if self.port is None else f"{name}, port {self.port}"


def hosts(url: str) -> tuple[Host, ...]:
    """The servers that a URL names, in its order: `a,b:5433`, `[::1]:5432`, `?host=/run/pg`."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    text = parts.netloc.rpartition("@")[2] or ",".join(query.get("host", ())[-1:])
    names = text.split(",")
    ports = [int(port) for one in query.get("port", ())[-1:] for port in one.split(",")]
    if len(ports) != len(names):
        ports = ports[:1] * len(names)
    return tuple(_host(*each) for each in zip_longest(names, ports))


def _host(text: str, port: int | None) -> Host:
    name, colon, own = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        name, own = text, ""
    name = unquote(name).removeprefix("[").removesuffix("]")
    return Host(name or None, int(own) if own else port)


async def connect(settings: Postgres, worker: Worker) -> Connection[Any]:
    """A connection to the first host that is as `target_session_attrs` asks. Raises SourceError.

    The worker reads the files that the settings name, so that a hung mount hangs nothing else.
    """
    found = hosts(settings.url)
    (wanted,) = parse_qs(urlsplit(settings.url).query).get("target_session_attrs", ["any"])[-1:]
    failures = dict[Host, SourceError]()
    for attribute in ("standby", "any") if wanted == "prefer-standby" else (wanted,):
        for host in found:
            seconds = CONNECT_SECONDS if len(found) == 1 else ONE_OF_MANY_SECONDS
            try:
                async with asyncio.timeout(seconds):
                    return await _open(settings, worker, host, attribute)
            except TimeoutError:
                failures[host] = SourceError("timeout", f"no answer within {seconds:g} s")
            except SourceError as error:
                failures[host] = error
    raise _summed(failures)


def _summed(failures: dict[Host, SourceError]) -> SourceError:
    """One error out of one for each host: the first one's reason, and what each of them said."""
    first = next(iter(failures.values()))
    if len(failures) == 1:
        return first
    return SourceError(
        first.reason, "; ".join(f"{host}: {said}" for host, said in failures.items())
    )


async def _open(settings: Postgres, worker: Worker, host: Host, attribute: str) -> Connection[Any]:
    import asyncpg

    try:
        password = await worker.do(partial(_prepare, settings))
        await _resolve(host)
        return await asyncpg.connect(
            settings.url,
            host=host.name,
            port=host.port,
            password=password,
            passfile=settings.passfile,
            statement_cache_size=0,
            server_settings={"application_name": APPLICATION},
            target_session_attrs=attribute,
        )
    except asyncpg.PostgresError as error:
        if isinstance(error.__cause__, ssl.SSLError):  # it did not like our certificate
            raise SourceError("tls", str(error.__cause__)) from None
        raise SourceError(_refusal(error.sqlstate or "", str(error)), str(error)) from None
    except asyncpg.TargetServerAttributeNotMatched:
        raise SourceError(
            "role", f"is not what target_session_attrs={attribute} asks for"
        ) from None
    except TimeoutError:
        raise
    except (OSError, UnicodeError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise SourceError(_reason(error), str(error) or repr(error)) from None
    except ValueError:  # its text may hold a part of the URL, which may hold a password
        raise SourceError("client", "the driver cannot read the URL") from None


def _refusal(state: str, text: str) -> str:
    """A word for why the server, or a pooler before it, does not take us."""
    if "no more connections allowed" in text:  # PgBouncer has one SQLSTATE for all that it says
        return "too_many_connections"
    return REFUSALS.get(state) or REFUSALS.get(state[:2], "refused")


def _reason(error: Exception) -> str:
    """A word for what kept us from the server before it said anything."""
    if isinstance(error, socket.gaierror | UnicodeError):  # no name, or one that can be none
        return "dns"
    # The driver tells only by its words that a server does no TLS, or a file is not there.
    if isinstance(error, ssl.SSLError) or any(word in str(error) for word in ABOUT_TLS):
        return "tls"
    if isinstance(error, ConnectionRefusedError | FileNotFoundError):
        return "refused"
    return "unreachable" if isinstance(error, OSError) else "client"


async def _resolve(host: Host) -> None:
    """See that the name resolves: in a thread that nobody waits for.

    The driver would ask in the loop's few threads, which a dead name server would take from others
    (and a process does not end before them).
    """
    if host.name is None or host.name.startswith("/") or _is_address(host.name):
        return
    worker = Worker(f"resolve {host.name}")
    try:
        await worker.do(partial(socket.getaddrinfo, host.name, host.port))
    finally:
        worker.close()


def _is_address(name: str) -> bool:
    try:
        ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


# -- what is read before -------------------------------------------------------------------------


def _prepare(settings: Postgres) -> str | None:
    """The password, once every file that the driver will read is known to answer."""
    for name, path in _files(settings):
        try:
            with path.open("rb") as file:
                file.read(1)
        except OSError as error:
            reason = "password" if name == "passfile" else "tls"
            raise SourceError(reason, f"{name} cannot be read: {error.strerror}") from None
    return read_password(settings)


def _files(settings: Postgres) -> Iterator[tuple[str, Path]]:
    query = parse_qs(urlsplit(settings.url).query)
    if query.get("sslmode", [""])[-1] in CHECKED_MODES:
        for name in FILES:
            for path in query.get(name, ())[-1:]:
                yield name, Path(path)
    if settings.passfile is not None:
        yield "passfile", settings.passfile


def read_password(settings: Postgres) -> str | None:
    """The password that the settings name, read anew so that a rotated one is found.

    Raises SourceError.
    """
    if settings.password_file is None:
        return settings.password
    try:
        with settings.password_file.open("rb") as file:
            text = file.read(MAX_PASSWORD).decode().strip("\r\n")
    except OSError as error:
        raise SourceError("password", f"password_file cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SourceError("password", "password_file is not UTF-8") from None
    return text
