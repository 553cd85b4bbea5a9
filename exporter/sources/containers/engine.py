"""The way to a daemon: list, inspect and events, through Docker's own package. Every call blocks.

Only these and its version are asked for, each by GET, so that a proxy may refuse everything else.
"""

from __future__ import annotations

import socket
import ssl
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from exporter.errors import SourceError
from exporter.sources.containers.facts import Happened, Seen, happened, seen
from exporter.sources.containers.settings import Containers

if TYPE_CHECKING:
    from docker import APIClient
    from docker.types import CancellableStream

ANSWER_SECONDS = 5.0  # how long the daemon may be silent within an answer
PRECISION = 10**9  # nanoseconds; Podman takes `since` by the second
MOST_CONTAINERS = 1000
MOST_WORDS = 200
# What a daemon is asked for; Podman's own words stand last.
WANTED = (
    *("create", "start", "die", "kill", "oom", "destroy", "pause", "unpause", "health_status"),
    *("died", "remove"),
)
REFUSALS = {401: "forbidden", 403: "forbidden", 404: "answer"}
# The first that is found among an error's causes names it.
REASONS: tuple[tuple[type[BaseException], str], ...] = (
    (PermissionError, "permission"),
    (FileNotFoundError, "refused"),
    (ConnectionRefusedError, "refused"),
    (socket.gaierror, "dns"),
    (ssl.SSLError, "tls"),
    (TimeoutError, "timeout"),
    (OSError, "lost"),
)


@dataclass(slots=True)
class Engine:
    """A daemon that is asked by one thread."""

    settings: Containers
    _client: APIClient | None = field(default=None, init=False, repr=False)

    def look(self) -> list[Seen]:
        """All containers that are meant, as inspect shows them. Raises SourceError."""
        try:
            with _explained():
                if self._client is None:
                    self._client = _connect(self.settings)
                return list(self._inspected(self._client))
        except SourceError:
            self.close()
            raise

    def _inspected(self, client: APIClient) -> Iterator[Seen]:
        from docker.errors import NotFound

        rows = client.containers(all=True, filters=self.settings.filters)
        found = [str(row["Id"]) for row in rows if self._meant(row)]
        if len(found) > MOST_CONTAINERS:
            text = f"more than {MOST_CONTAINERS} containers are meant; select fewer"
            raise SourceError("too_many", text)
        for identity in found:
            try:
                one = seen(self.settings, client.inspect_container(identity))
            except NotFound:
                continue  # removed since it was listed
            if one is not None:
                yield one

    def _meant(self, row: Mapping[str, Any]) -> bool:
        names = [str(name).lstrip("/") for name in row.get("Names") or ()]
        networks = ((row.get("NetworkSettings") or {}).get("Networks") or {}).keys()
        labels = row.get("Labels") or {}
        return any(self.settings.place(name, labels, networks) for name in names or [""])

    def close(self) -> None:
        """Ask by a new connection next time."""
        client, self._client = self._client, None
        if client is not None:
            client.close()


@dataclass(slots=True)
class Follower:
    """Events from `since` on, in nanoseconds since 1970; `follow` is for a thread of its own."""

    settings: Containers
    since: int
    connected: Callable[[], object]
    tell: Callable[[Happened], object]
    _stream: CancellableStream | None = field(default=None, init=False, repr=False)
    _stopped: bool = field(default=False, init=False)

    def follow(self) -> None:
        """Tell of each event until the stream ends. Raises SourceError."""
        with _explained():
            client = _connect(self.settings)
            client.hooks["response"].append(_refuse)
            try:
                seconds, nanos = divmod(self.since, 10**9)
                wanted = {"type": ["container"], "event": list(WANTED)}
                self._stream = client.events(
                    since=f"{seconds}.{nanos:09d}",
                    filters={**wanted, **self.settings.filters},
                    decode=True,
                )
                if not self._stopped:
                    self.connected()
                    self._tell_all(self._stream)
            finally:
                self._close()
                client.close()

    def _tell_all(self, stream: CancellableStream) -> None:
        for whole in stream:
            event = happened(self.settings, whole)
            # One that is older by more was not asked for: the daemon's clock was set back.
            if event is not None and not self.since - PRECISION < event.nanos <= self.since:
                self.tell(event)

    def stop(self) -> None:
        """End it from another thread, at once or as soon as the daemon answers."""
        self._stopped = True
        self._close()

    def _close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            with suppress(Exception):  # it may have ended by itself just now
                stream.close()


def _refuse(response: Any, **_: object) -> None:
    """Look at the status as soon as it is there: the package does so at the first event only."""
    if response.status_code >= 400:
        response.close()
        raise _refusal(response.status_code, response.reason)


def _connect(settings: Containers) -> APIClient:
    """A client that speaks the daemon's version, and asks through no proxy of the environment."""
    from docker import APIClient
    from docker.constants import DEFAULT_DOCKER_API_VERSION
    from docker.tls import TLSConfig

    tls: TLSConfig | bool = False
    if settings.url.startswith("https:") or settings.tls is not None:
        tls = TLSConfig(verify=True)
        if settings.tls is not None:
            ca, cert, key = settings.tls.ca, settings.tls.cert, settings.tls.key
            pair = (str(cert), str(key)) if cert and key else None
            tls = TLSConfig(client_cert=pair, ca_cert=str(ca) if ca else None, verify=True)
    url = settings.url.replace("https:", "tcp:", 1).replace("http:", "tcp:", 1)

    def client(version: str) -> APIClient:
        made = APIClient(base_url=url, version=version, timeout=ANSWER_SECONDS, tls=tls)
        made.trust_env = False
        return made

    with client(DEFAULT_DOCKER_API_VERSION) as first:
        version = str(first.version(api_version=False)["ApiVersion"])
    return client(version)


# -- what went wrong -------------------------------------------------------------------------------


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what the package raises into a SourceError with a short reason."""
    from docker.errors import APIError, DockerException, TLSParameterError

    try:
        yield
    except APIError as error:
        raise _refusal(int(error.status_code or 0), str(error.explanation or "")) from None
    except TLSParameterError:  # its text is a lecture
        raise SourceError("tls", "a file that `tls` names is not there") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        text = f"it answers, but not as a daemon of containers does: {error!r}"
        raise SourceError("answer", text[:MOST_WORDS]) from None
    except (DockerException, OSError) as error:  # those of requests are OSErrors, too
        failure = SourceError(_reason(error), _words(error))
        for cause in _causes(error):  # a socket that was refused is left to the collector in them
            traceback.clear_frames(cause.__traceback__)
        raise failure from None


def _refusal(status: int, words: str) -> SourceError:
    told = "a page of a proxy" if words.startswith("<") else words[:MOST_WORDS]
    return SourceError(REFUSALS.get(status, "error"), f"it answers {status}: {told}")


def _reason(error: BaseException) -> str:
    causes = list(_causes(error))
    for kind, reason in REASONS:
        if any(isinstance(cause, kind) and not _wraps(cause) for cause in causes):
            return reason
    return "client"


def _wraps(error: BaseException) -> bool:
    """Whether it is one of the package's own, which say nothing of the cause by their class."""
    return type(error).__module__.partition(".")[0] in {"docker", "requests", "urllib3"}


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and everything that it carries."""
    found, ahead = set[int](), [error]
    while ahead:
        one = ahead.pop()
        if id(one) in found:
            continue
        found.add(id(one))
        yield one
        carried = (one.__cause__, one.__context__, getattr(one, "reason", None), *one.args)
        ahead += [each for each in carried if isinstance(each, BaseException)]


def _words(error: BaseException) -> str:
    """What the innermost cause says."""
    inner = [one for one in _causes(error) if not _wraps(one)]
    return str(inner[-1] if inner else error)[:MOST_WORDS] or repr(error)
