"""Logs of an application over some hours, written as its containers would have left them.

An application's healthy voices stand in tests/signals/healthy, one file an application with every
form (generation, format) that it has; a signal stops some of them and says more.

  lines    of the form's own format, `$ms`, `$iso` ... for the time in the spelling the form has,
           `$n` for a number that rises, `$uuid` for one that nobody else has
  every    how often, from `after` on, and at most `times`; without it once
  stream   stdout unless told
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path
from string import Template
from typing import Any

from exporter.config import seconds
from tests.support import yamls

HEALTHY = Path(__file__).parents[1] / "signals/healthy"
BEGIN = datetime(2024, 5, 6, 10, tzinfo=UTC).timestamp()
WITHIN = 0.25  # of a second: nothing is written on the dot


@dataclass(frozen=True)
class Voice:
    """What one part of an application writes, again and again."""

    service: str
    lines: str
    every: float | None = None
    after: float = 0.0
    times: int | None = None
    stream: str = "stdout"

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Voice:
        """From YAML."""
        durations = {key: seconds(told[key]) for key in ("every", "after") if key in told}
        return cls(**{**told, **durations})

    def moments(self, begin: float, end: float) -> Iterator[float]:
        """When it speaks, in seconds."""
        at = begin + self.after
        for spoken in count():
            if at >= end or spoken == self.times:
                return
            yield at
            if self.every is None:
                return
            at += self.every


@dataclass(frozen=True)
class Form:
    """One generation of an application's logs: how they are wrapped, and what is said in health."""

    envelope: str
    voices: Mapping[str, Voice]


@cache
def forms(app: str) -> dict[str, Form]:
    """The forms of an application by name."""
    told = yamls.read((HEALTHY / f"{app}.yaml").read_text())
    return {
        name: Form(
            form["envelope"],
            {each: Voice.of(voice) for each, voice in form["voices"].items()},
        )
        for name, form in told.items()
    }


@dataclass(frozen=True)
class Phase:
    """Some time in which not all is as ever: who is silent (for how long), and who says what."""

    begin: float
    end: float
    say: Sequence[Voice] = ()
    stop: Mapping[str, float] = field(default_factory=dict)

    def silences(self, voice: str, at: float) -> bool:
        """Whether this voice of health is not heard at that second."""
        return self.begin <= at < min(self.end, self.begin + self.stop.get(voice, 0.0))


Said = tuple[float, Voice]


def spoken(form: Form, phases: Sequence[Phase], end: float) -> list[Said]:
    """Everything that is said until then, in the order of time."""
    said: list[Said] = []
    for name, voice in form.voices.items():
        said += [
            (at, voice)
            for at in voice.moments(0.0, end)
            if not any(phase.silences(name, at) for phase in phases)
        ]
    for phase in phases:
        for voice in phase.say:
            said += [(at, voice) for at in voice.moments(phase.begin, phase.end)]
    return sorted(said, key=lambda one: one[0])


def write(folder: Path, form: Form, said: Sequence[Said]) -> list[Path]:
    """The logs, a file for each service, which is called like it."""
    texts: dict[str, list[str]] = defaultdict(list)
    for number, (after, voice) in enumerate(said, 1000):
        at = BEGIN + after + WITHIN
        for line in Template(voice.lines).substitute(spellings(at, number)).splitlines():
            texts[voice.service].append(_wrapped(form.envelope, voice.stream, at, line))
    paths = []
    for service, lines in texts.items():
        paths.append(folder / service)
        paths[-1].write_text("".join(f"{line}\n" for line in lines))
    return paths


def spellings(at: float, number: int) -> dict[str, str]:
    """One moment as the formatters of the five applications spell it."""
    moment = datetime.fromtimestamp(at, UTC)
    return {
        "ms": f"{at * 1000:.0f}",
        "iso": f"{moment:%Y-%m-%dT%H:%M:%S}+0000",
        "utc": f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z",
        "comma": f"{moment:%Y-%m-%d %H:%M:%S},{moment.microsecond // 1000:03}",
        "space": f"{moment:%Y-%m-%d %H:%M:%S} +0000",
        "slash": f"{moment:%Y/%m/%d %H:%M:%S}",
        "clf": f"{moment:%d/%b/%Y:%H:%M:%S} +0000",
        "n": str(number),
        "uuid": f"{number:08x}-6a0e-4a6a-9d5c-0b5f1e4b8a11",
    }


def _wrapped(envelope: str, stream: str, at: float, line: str) -> str:
    time = datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "000Z")
    match envelope:
        case "docker":
            entry = {"log": f"{line}\n", "stream": stream, "time": time}
            return json.dumps(entry, ensure_ascii=False, separators=(",", ":"))
        case "cri":
            return f"{time} {stream} F {line}"
        case "logs":  # docker logs --timestamps
            return f"{time} {line}"
    return line
