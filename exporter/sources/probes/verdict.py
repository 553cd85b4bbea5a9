"""What became of a probe: a reason in one word, how long each phase took, and what was read."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from errno import ECONNABORTED, ECONNREFUSED, ECONNRESET, ENOENT, EPIPE
from typing import Literal, get_args

from msgspec import Struct

from exporter.sources.probes.readings import Point

Reason = Literal[
    "refused",
    "timeout",
    "dns",
    "tls",
    "redirect",
    "status",
    "body",
    "json",
    "size",
    "closed",
    "other",
]
REASONS: tuple[Reason, ...] = get_args(Reason)
Phase = Literal["resolve", "connect", "tls", "wait", "transfer"]

# The reasons of one who answers; and those of nobody being there, with which a start begins.
ANSWERED = frozenset({"tls", "redirect", "status", "body", "json", "size"})
GONE = frozenset({"refused", "dns"})

NOBODY = frozenset({ECONNREFUSED, ENOENT})  # the latter where a socket's file should be
TORN = frozenset({ECONNRESET, ECONNABORTED, EPIPE})


class ProbeError(Exception):
    """A probe failed. Its text is for the log: it never holds a secret or a word of a body."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason: Reason = reason


@dataclass(slots=True)
class Phases:
    """A stopwatch that is always in one phase, and adds up where one comes again."""

    now: Callable[[], float]
    took: dict[Phase, float] = field(default_factory=dict)
    current: Phase = "connect"
    _since: float = field(init=False)

    def __post_init__(self) -> None:
        self._since = self.now()

    def begin(self) -> None:
        """Count from now on."""
        self._since = self.now()

    def enter(self, phase: Phase) -> None:
        """Go on to another phase."""
        self.stop()
        self.current = phase

    def stop(self) -> None:
        """Add the time of the phase that it is in."""
        now = self.now()
        passed = now - self._since
        if passed > 0:
            self.took[self.current] = self.took.get(self.current, 0.0) + passed
        self._since = now


class Result(Struct):
    """What one probe found, filled while it goes on, so that a failure keeps what came before.

    `points` is None until a body was read: what it does not say then is not so any more.
    `not_after` is when the certificate ends that was shown, in seconds since 1970. `late` is what
    a deadline means that passes now, where it is not plain silence.
    """

    phases: Phases
    points: list[Point] | None = None
    not_after: float | None = None
    failure: ProbeError | None = None
    late: ProbeError | None = None


class Latch(Struct):
    """Whether a start has ended: somebody answers, however badly, until nobody is there any more.

    Silence alone says nothing: it may be a start, or an application that hangs.
    """

    started: bool = False

    def turn(self, failure: ProbeError | None) -> bool:
        """Whether it is started, after a probe that ended so."""
        if failure is None or failure.reason in ANSWERED:
            self.started = True
        elif failure.reason in GONE:
            self.started = False
        return self.started


def timed_out(result: Result, seconds: float) -> ProbeError:
    """The deadline has passed: what it waited for in vain."""
    if result.late is not None:
        return result.late
    phase = result.phases.current
    if phase == "resolve":
        return ProbeError("dns", f"the name was not resolved within {seconds:g} s")
    return ProbeError("timeout", f"not done within {seconds:g} s; it was at: {phase}")


def os_failure(error: OSError) -> ProbeError:
    """What the system or OpenSSL said of a connection, as a failure."""
    if isinstance(error, ssl.SSLError):
        return tls_failure(error)
    if error.errno in NOBODY:
        return ProbeError("refused", "nobody listens there")
    if error.errno in TORN:
        return ProbeError("closed", "the connection was reset")
    return ProbeError("other", f"the connection failed: {error.strerror or error}")


def tls_failure(error: ssl.SSLError) -> ProbeError:
    """What OpenSSL said, as a failure."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return ProbeError("tls", f"the certificate is not accepted: {error.verify_message}")
    return ProbeError("tls", f"the TLS handshake failed: {error.reason or type(error).__name__}")
