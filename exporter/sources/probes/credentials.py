"""What a probe reads from files before it asks: secrets and certificates, in a thread of its own.

They are read anew each time, so that a rotated one is found. A mount that hangs delays the one
probe that needs it, and is waited for by one thread only.
"""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from exporter.sources.probes.certificates import Trust, WatchedContext
from exporter.sources.probes.settings import Auth, HttpCheck
from exporter.sources.probes.verdict import ProbeError, Result
from exporter.sources.worker import Worker

T = TypeVar("T")
LONGEST_SECRET = 16384
HEADERS = {"Accept-Encoding": "identity", "User-Agent": "sidewatch"}


@dataclass(slots=True)
class Aside(Generic[T]):
    """One job that a worker does when asked; who asks while it is at work waits for the same.

    Without a worker it is one that reads no file, and is done at once.
    """

    worker: Worker | None
    job: Callable[[], T]
    _pending: asyncio.Future[T] | None = None

    async def result(self) -> T:
        """What the job gives, or raises."""
        if self.worker is None:
            return self.job()
        if self._pending is None or self._pending.done():
            self._pending = asyncio.ensure_future(self.worker.do(self.job))
            self._pending.add_done_callback(_seen)
        return await asyncio.shield(self._pending)


async def in_time(aside: Aside[T], result: Result) -> T:
    """What the job gives; the time that it takes is not the server's."""
    result.late = ProbeError("other", "the files that it needs could not be read in time")
    done = await aside.result()
    result.late = None
    result.phases.begin()
    return done


def _seen(future: asyncio.Future[T]) -> None:
    """Nobody may wait for it any more, and then its error is nobody's."""
    if not future.cancelled():
        future.exception()


@dataclass(frozen=True, slots=True)
class Ready:
    """What a request carries: headers with secrets among them, and how TLS is checked."""

    headers: Mapping[str, str] = field(repr=False)
    context: WatchedContext | None = None


def prepare(check: HttpCheck, trust: Trust) -> Ready:
    """Read all that this probe needs. Raises ProbeError."""
    http, base = check.http, check.base
    return Ready(
        merged(
            HEADERS,
            base.headers,
            _read_all(base.header_files),
            _authorization(base.auth),
            http.headers,
            _read_all(http.header_files),
            _authorization(http.auth),
        ),
        trust.context() if _secured(check) else None,
    )


def reads(check: HttpCheck) -> bool:
    """Whether `prepare` has a file to read for it. Most have none: handing over would cost more."""
    http, base = check.http, check.base
    return (
        _secured(check)
        or bool(base.header_files or http.header_files)
        or any(auth.password_file or auth.bearer_file for auth in (base.auth, http.auth) if auth)
    )


def _secured(check: HttpCheck) -> bool:
    """Whether it may come to TLS."""
    return check.base.url.startswith("https:") or check.http.redirects > 0


def merged(*parts: Mapping[str, str]) -> dict[str, str]:
    """Headers of several origins, the last of each name, however that is spelled."""
    found = {name.lower(): (name, value) for part in parts for name, value in part.items()}
    return dict(found.values())


def _authorization(auth: Auth | None) -> dict[str, str]:
    if auth is None:
        return {}
    if auth.user is None:
        bearer = auth.bearer if auth.bearer_file is None else read_secret(auth.bearer_file)
        return {"Authorization": f"Bearer {bearer}"}
    password = auth.password if auth.password_file is None else read_secret(auth.password_file)
    pair = f"{auth.user}:{password}".encode()
    return {"Authorization": f"Basic {b64encode(pair).decode()}"}


def _read_all(files: Mapping[str, Path]) -> dict[str, str]:
    return {name: read_secret(path) for name, path in files.items()}


def read_secret(path: Path) -> str:
    """The one line that a file holds. Raises ProbeError, in words that hold nothing of it."""
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST_SECRET + 1)
        text = data.decode().strip()
    except OSError as error:
        raise ProbeError("other", f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ProbeError("other", f"{path} is not UTF-8") from None
    if not text or len(data) > LONGEST_SECRET:
        raise ProbeError("other", f"{path} is empty, or longer than 16 KiB")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise ProbeError("other", f"{path} has more than one line, or control characters")
    return text
