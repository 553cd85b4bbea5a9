"""Certificates in files of PEM, which no probe may ever be shown: a source of their own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

from msgspec import Struct, field

from exporter.clock import Clock
from exporter.errors import SourceError
from exporter.model import Board, Duration
from exporter.sources.files.discover import Finder
from exporter.sources.probes.credentials import Aside
from exporter.sources.worker import Worker

NOT_AFTER = "watched_tls_not_after_timestamp_seconds"
MOST_FILES = 200
LARGEST_FILE = 1 << 20
LOOK_SECONDS = 30.0  # how long a look may take; a mount that hangs is waited for no longer
FRESH_INTERVALS = 3
BEGIN = b"-----BEGIN CERTIFICATE-----"

log = logging.getLogger(__name__)


class Certificates(Struct, frozen=True):
    """Files of certificates: `"/certs/**/fullchain.pem"`, or a list of globs."""

    files: tuple[str, ...]
    interval: Duration = 300.0

    def __post_init__(self) -> None:
        if self.interval < 1:
            raise ValueError("interval: 1s at the least")
        if not self.files:
            raise ValueError("names no files; give a glob, like /certs/*.pem")

    @property
    def name(self) -> str:
        """The label `source`."""
        return "certificates"

    @property
    def finite(self) -> bool:
        """There is always more to look at."""
        return False

    async def run(self, board: Board, clock: Clock) -> None:
        """Look until cancelled, whatever becomes of the files."""
        _ = clock  # when a certificate ends is no matter of ours
        worker = Worker(self.name)
        try:
            await Looker(self, board, Aside(worker, self.look)).run()
        finally:
            worker.close()

    def look(self) -> Seen:
        """What the files hold now. Reads them."""
        seen = Seen()
        found = Finder(self.files).find()
        for path, reason in found.refused.items():
            seen.trouble = SourceError("unreadable", f"{path} cannot be looked at: {reason}")
        paths = [one.path for one in found.files.values() if self._fits(one.path)]
        if len(paths) > MOST_FILES:
            seen.trouble = SourceError("too_many", f"more than {MOST_FILES} files fit")
        for path in paths[:MOST_FILES]:
            try:
                end = not_after(path)
            except SourceError as error:
                seen.trouble = error
            else:
                seen.ends |= {} if end is None else {path: end}
        if not seen.ends and seen.trouble is None:
            seen.trouble = SourceError("missing", "no file that fits has a certificate")
        return seen

    def _fits(self, path: str) -> bool:
        """Not so those that were rotated, which the finder gives too: it is one for logs."""
        return any(fnmatchcase(Path(path).name, Path(glob).name) for glob in self.files)


class Seen(Struct):
    """When the first certificate of each file ends that ends, by path; and what was in the way."""

    ends: dict[str, float] = field(default_factory=dict)
    trouble: SourceError | None = None


class Looker(Struct):
    """The state of the source at work. `now` is a clock that never goes back."""

    settings: Certificates
    board: Board
    files: Aside[Seen]
    now: Callable[[], float] = field(default_factory=lambda: asyncio.get_running_loop().time)
    _told: dict[str, float] = field(default_factory=dict)
    _trouble: str | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        source = {"source": self.settings.name}
        self.board.put("sidewatch_source_interval_seconds", source, self.settings.interval)
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    seen = await self.files.result()
            except TimeoutError:
                text = f"the files did not answer within {LOOK_SECONDS:g} s"
                seen = Seen(trouble=SourceError("timeout", text))
            self.tell(seen)
            await asyncio.sleep(self.settings.interval)

    def tell(self, seen: Seen) -> None:
        """Show what was seen. A file that may be there, but cannot be read, ends by its age."""
        for path, end in seen.ends.items():
            self.board.put(NOT_AFTER, _labels(path), end)
            self._told[path] = self.now()
        old = self.now() - FRESH_INTERVALS * self.settings.interval
        for path, at in list(self._told.items()):
            if path not in seen.ends and (seen.trouble is None or at <= old):
                del self._told[path]
                self.board.drop(NOT_AFTER, _labels(path))
        trouble = seen.trouble
        failure = None if trouble is None else trouble.reason
        self.board.source_state(self.settings.name, up=trouble is None, failure=failure)
        if trouble is None:
            self.board.looked(self.settings.name)
        elif str(trouble) != self._trouble:
            log.warning("%s: %s", self.settings.name, trouble)
        self._trouble = None if trouble is None else str(trouble)


def _labels(path: str) -> dict[str, str]:
    return {"probe": "", "file": path, "vhost": ""}


def not_after(path: str) -> float | None:
    """When the first certificate of a file ends that ends; None where it has none.

    Raises SourceError.
    """
    from cryptography.x509 import InvalidVersion, load_pem_x509_certificates

    try:
        with Path(path).open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise SourceError("unreadable", f"{path} cannot be read: {error.strerror}") from None
    if len(data) > LARGEST_FILE:
        raise SourceError("unreadable", f"{path} is longer than 1 MiB")
    if BEGIN not in data:
        return None  # a key, by a name that ends alike
    try:
        ends = [one.not_valid_after_utc.timestamp() for one in load_pem_x509_certificates(data)]
    except (ValueError, InvalidVersion):
        raise SourceError("unreadable", f"{path} has a certificate that is none") from None
    return min(ends)
