"""HOST:PORT -> listening sockets, and the URL that leads to them."""

from __future__ import annotations

import asyncio
import errno
import re
import socket
from ipaddress import ip_address
from typing import Any

from msgspec import Struct

from exporter.errors import SidewatchError

LISTEN = re.compile(r"(?:\[(?P<six>[^][]+)\]|(?P<host>[^][:]*)):(?P<port>[0-9]{1,5})")
ADVICE = {
    errno.EADDRINUSE: "Another program listens there: stop it, or choose another port.",
    errno.EACCES: "This user may not: choose a port above 1023.",
    errno.EADDRNOTAVAIL: "This host has no such address: choose 127.0.0.1, or :PORT for all.",
}
ADVICE_ELSE = "Write HOST:PORT, like 127.0.0.1:9877, [::1]:9877, or :9877 for all addresses."
# An address of a family that this host lacks is passed over where a name has others.
LACKING = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


class Server(Struct, frozen=True):
    """A listening server: its true port, and the URL at which a browser on this host finds it."""

    port: int
    url: str


async def bind(listen: str) -> list[socket.socket]:
    """A listening socket for each address that the host's name has, all at one port."""
    found = LISTEN.fullmatch(listen)
    if found is None or int(found["port"]) > 65535:
        raise SidewatchError(f"cannot listen on {listen!r}. {ADVICE_ELSE}")
    port = int(found["port"])
    sockets: list[socket.socket] = []
    failures: list[OSError] = []
    for family, address in await _addresses(found["six"] or found["host"], listen):
        try:
            sockets.append(socket.create_server((address[0], port, *address[2:]), family=family))
        except OSError as error:
            failures.append(error)
        else:
            port = sockets[-1].getsockname()[1]
    for failure in failures:
        if not sockets or failure.errno not in LACKING:
            for one in sockets:
                one.close()
            raise _unbound(listen, failure) from failure
    return sockets


async def _addresses(host: str, listen: str) -> list[tuple[int, tuple[Any, ...]]]:
    """What the name resolves to, all addresses of this host for none; each once."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(
            host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError) as error:
        raise _unbound(listen, error) from error
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _unbound(listen: str, error: OSError | UnicodeError) -> SidewatchError:
    reason = getattr(error, "strerror", None) or str(error)
    advice = ADVICE.get(getattr(error, "errno", None) or 0, ADVICE_ELSE)
    return SidewatchError(f"cannot listen on {listen}: {reason}. {advice}")


def found_at(listening: socket.socket, *, secure: bool = False) -> Server:
    """What to tell of a listening socket."""
    host, port = listening.getsockname()[:2]
    address = ip_address(host.partition("%")[0])
    if address.is_unspecified:
        host = "127.0.0.1" if address.version == 4 else "::1"
    scheme = "https" if secure else "http"
    return Server(
        port, f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
    )
