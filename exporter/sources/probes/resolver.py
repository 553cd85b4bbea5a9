"""Names to addresses, each in a thread of its own: a name whose server is silent blocks no other.

The system's own resolver is asked (hosts file, Docker's DNS, search domains). It cannot be told to
stop, so there is one thread at most for a name that is configured; who asks again meanwhile waits
for the same answer.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Callable
from functools import partial

from msgspec import Struct, field

from exporter.sources.probes.settings import Family
from exporter.sources.probes.verdict import ProbeError
from exporter.sources.worker import Worker

FAMILIES: dict[Family, socket.AddressFamily] = {
    "any": socket.AF_UNSPEC,
    "ipv4": socket.AF_INET,
    "ipv6": socket.AF_INET6,
}
Lookup = Callable[[str, socket.AddressFamily], list[str]]
Key = tuple[str, Family]


class Resolver(Struct):
    """Lookups under way, by name and family. `lookup` may block for as long as it likes."""

    lookup: Lookup
    _pending: dict[Key, asyncio.Task[list[str]]] = field(default_factory=dict)

    async def find(self, host: str, family: Family = "any") -> list[str]:
        """The addresses of a host, the preferred first. Raises ProbeError."""
        if is_address(host, family):
            return [host]
        key = host, family
        if key not in self._pending:
            self._pending[key] = asyncio.create_task(self._look_up(host, family))
            self._pending[key].add_done_callback(partial(self._ended, key))
        try:
            addresses = await asyncio.shield(self._pending[key])
        except OSError as error:
            why = error.strerror or "no reason given"
            raise ProbeError("dns", f"the name has no address: {why}") from None
        except UnicodeError:
            raise ProbeError("dns", "it is no name of a host") from None
        if not addresses:
            raise ProbeError("dns", "the name has no address")
        return addresses

    async def _look_up(self, host: str, family: Family) -> list[str]:
        worker = Worker(f"resolve {host}")
        try:
            return await worker.do(partial(self.lookup, host, FAMILIES[family]))
        finally:
            worker.close()

    def _ended(self, key: Key, task: asyncio.Task[list[str]]) -> None:
        del self._pending[key]
        if not task.cancelled():
            task.exception()  # it may be that everyone who asked has given up


def system_lookup(host: str, family: socket.AddressFamily) -> list[str]:
    """The addresses that the system gives. Raises OSError, or UnicodeError for an odd name."""
    found = socket.getaddrinfo(host, None, family, socket.SOCK_STREAM)
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def is_address(host: str, family: Family) -> bool:
    """Whether a host is no name but an address. Raises ProbeError where it is of another family."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    if family not in {"any", f"ipv{address.version}"}:
        raise ProbeError("dns", f"the address is none of {family}")
    return True
