"""What the endpoint asks of its clients, read again as soon as a file of it changes."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from pathlib import Path

from exporter.access import Access
from exporter.app.house import House
from exporter.app.ticks import Ticks
from exporter.config import Web, load_web
from exporter.errors import Complaint, ConfigError
from exporter.sources.worker import Worker

LOOK_INTERVAL = 1.0

log = logging.getLogger(__name__)


class Front:
    """Keeps the access in use; a file that is wrong leaves it as it was, and is said."""

    def __init__(self, web: Web, house: House) -> None:
        self._web = web
        self._house = house
        self._digest = b""  # so that the first look reads again what may have changed meanwhile
        self._wrong = ""

    def access(self) -> Access:
        """What is asked of who comes now."""
        return self._web.access

    def take(self, web: Web) -> None:
        """The configuration was read, and its file with it; an emptied one is as good as unread."""
        if web.files[:1] == self._web.files[:1] and _is_emptied(self._web):
            web = self._web  # the next look says why
        self._web, self._digest, self._wrong = web, b"", ""

    async def watch(self, ticks: Ticks) -> None:
        """Look for ever; in a thread, for the files may be on a file server that is gone."""
        worker = Worker("web")
        try:
            while True:
                await ticks.wait(LOOK_INTERVAL)
                try:
                    await self._look(worker)
                except Exception:
                    log.exception("the endpoint's file could not be looked at; it stays as it was")
        finally:
            worker.close()

    async def _look(self, worker: Worker) -> None:
        before = self._web
        if not before.files:
            return
        digest = await worker.do(lambda: _digest(before.files))
        if digest == self._digest and not self._wrong:
            return
        try:
            web = await worker.do(lambda: _load(before))
        except ConfigError as error:
            if str(error) != self._wrong:
                log.error("the one before stays in use:\n%s", error)  # noqa: TRY400 - it says all
            self._wrong = str(error)
            self._house.web_reloaded(taken=False)
            return
        if self._web is not before:
            return  # the configuration was read meanwhile
        if self._digest:
            log.info("%s was taken", web.files[0])
        # Other files than before are read once more, for they were not held against a digest.
        self._digest = digest if web.files == before.files else b"-"
        self._web, self._wrong = web, ""
        self._house.web_reloaded(taken=True)


def _load(before: Web) -> Web:
    """What the file says now. Raises ConfigError."""
    file = before.files[0]
    if _is_emptied(before):
        text = "is empty; to ask nobody for anything, write `basic_auth_users: {}`"
        raise ConfigError([Complaint(str(file), 0, "", text)])
    return load_web(file)


def _is_emptied(before: Web) -> bool:
    """Whether the file of a lock is empty: being written, or a full disk's. It takes none away."""
    locked = before.access.context is not None or bool(before.access.users)
    if not locked or not before.files or not before.files[0].is_file():
        return False
    return not before.files[0].read_bytes().strip()


def _digest(files: Iterable[Path]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        try:
            content = file.read_bytes()
        except OSError:
            content = b"?"
        digest.update(b"%d:" % len(content) + content)
    return digest.digest()
