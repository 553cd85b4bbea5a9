"""What a request carries: packed records, headers with secrets among them, and how TLS is checked.

All of it is made in a thread of its own, since it reads files and packs. Files are looked at each
time, so that a rotated secret is found.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from errno import ECONNABORTED, ECONNREFUSED, ECONNRESET, EPIPE
from functools import partial
from pathlib import Path
from typing import Generic, TypeVar

from exporter.forward.otlp import Requests
from exporter.forward.shapes import Made, Outcome
from exporter.forward.target import Target, check
from exporter.sources.probes.verdict import ProbeError
from exporter.sources.worker import Worker

T = TypeVar("T")
LONGEST_SECRETS = 1 << 16
_LEVEL = 3  # of gzip: logs become hardly smaller above it, and it takes twice as long
_TORN = frozenset({ECONNRESET, ECONNABORTED, EPIPE})


@dataclass(frozen=True, slots=True)
class Carried(Generic[T]):
    """One request, ready to be sent. `trust` is None where the way is in the clear."""

    data: bytes
    headers: Mapping[str, str] = field(repr=False)
    trust: T | None = None


class Carrier(Generic[T]):
    """Makes requests for one receiver. `trusting` makes of certificates what its library wants.

    It is asked anew when their files have changed, and may raise ProbeError.
    """

    def __init__(
        self,
        target: Target,
        constant: Mapping[str, str],
        trusting: Callable[[Target], T],
        *,
        packs: bool,
    ) -> None:
        self._target = target
        self._requests = Requests(constant)
        self._trusting = trusting
        self._packs = packs
        self._worker = Worker(f"forward {target.place}")
        self._trust: T | None = None
        self._stamp: tuple[object, ...] = ()

    async def load(self, batch: Sequence[Made]) -> Carried[T]:
        """A request with these records. Raises ProbeError, in words that hold no secret."""
        return await self._worker.do(partial(self._load, batch))

    def close(self) -> None:
        """End the thread."""
        self._worker.close()

    def _load(self, batch: Sequence[Made]) -> Carried[T]:
        data = self._requests.of(batch)
        if self._packs:
            data = gzip.compress(data, _LEVEL, mtime=0)
        return Carried(data, headers(self._target), self._trusted())

    def _trusted(self) -> T | None:
        if not self._target.secure:
            return None
        stamp = _stamps(self._target)
        if self._trust is None or stamp != self._stamp:
            self._trust, self._stamp = self._trusting(self._target), stamp
        return self._trust


def headers(target: Target) -> dict[str, str]:
    """The headers of the settings and of the file that they name. Raises ProbeError."""
    if target.headers_file is None:
        return dict(target.headers)
    found = dict(target.headers)
    for line in read(target.headers_file, LONGEST_SECRETS).decode("utf-8", "replace").splitlines():
        if line.strip() and not line.startswith("#"):
            name, colon, value = line.partition(":")
            if not colon:
                raise ProbeError("other", f"{target.headers_file}: needs lines like `Name: value`")
            found[name.strip()] = value.strip()
    try:
        check(found)
    except ValueError as error:
        raise ProbeError("other", f"{target.headers_file}: {error}") from None
    return found


def read(path: Path, longest: int) -> bytes:
    """A file of secrets or certificates. Raises ProbeError, in words that hold nothing of it."""
    try:
        with path.open("rb") as file:
            data = file.read(longest + 1)
    except OSError as error:
        raise ProbeError("other", f"{path} cannot be read: {error.strerror}") from None
    if len(data) > longest:
        raise ProbeError("other", f"{path} is longer than {longest} bytes")
    return data


def _stamps(target: Target) -> tuple[object, ...]:
    """What changes when one of the certificates does."""
    return tuple(_stamp(path) for path in (target.ca, target.certificate, target.key) if path)


def unready(error: ProbeError) -> Outcome:
    """A request that could not even be made, or has no address to go to."""
    return Outcome("failed", "dns" if error.reason == "dns" else "files", str(error))


def torn(error: OSError) -> Outcome:
    """A connection that did not come about, or broke."""
    if error.errno == ECONNREFUSED:
        return Outcome("failed", "refused", "nobody listens there")
    if error.errno in _TORN:
        return Outcome("failed", "reset", "the connection was reset")
    return Outcome("failed", "other", f"the connection failed: {error.strerror or error}")


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
