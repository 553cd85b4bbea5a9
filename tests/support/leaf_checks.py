"""The leaves of the compiled engine against the Python parsers of the same things.

A leaf may also say that only the parser knows; each check tells what the leaf answered.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta, timezone
from typing import Any

from exporter.engine import values
from parsers import cri, docker_json, jsonlines
from parsers.heads import read_head
from parsers.times import seconds

NO, YES, ASK = 0, 1, -1
EAST = 7200
ZONE = timezone(timedelta(seconds=EAST))
NAMES = (
    *jsonlines.MESSAGE_KEYS, *jsonlines.LEVEL_KEYS, *jsonlines.TIME_KEYS, "log", "kind", "size",
    "took", "ok", "who", "status", "a.b", "a.c.d", "x.b.c", "x", "err.code", "a", "żółć", "note",
    "durationMs", "deliveryId", "a.b.c", "b",
)  # fmt: skip


@dataclass(frozen=True)
class Checks:
    """`module` is tests/support/leaves.pyx, compiled."""

    module: Any

    def scanner(self, names: Sequence[str] = NAMES) -> Any:
        """What scans JSON lines for these names."""
        return self.module.Scanner(names)

    def scan(self, scanner: Any, line: bytes) -> int:
        """A bare line that begins with a brace."""
        verdict: int
        verdict, found = scanner.scan(line)
        if verdict == self.module.DOUBT:
            return verdict
        record = jsonlines.parse(line.decode("utf-8", "replace"))
        assert (verdict == self.module.READ) == (record is not None), line
        if record is None:
            return verdict
        meant = {name: _meant(*slot) for name, slot in found.items()}
        for name in scanner.served:
            value = meant.get(name)
            if isinstance(value, dict) and value:
                assert name not in record.fields or record.fields[name] == value, line
            else:
                assert (name in record.fields) == (name in meant), (name, line)
                assert same(record.fields.get(name), value), (name, line)
        return verdict

    def number(self, text: str) -> int:
        """A spelled number, or none."""
        answer, found = self.module.number(text.encode())
        return _agree(answer, found, values.number(text), text)

    def json_number(self, kind: str, text: str, value: float) -> int:
        """A number of JSON, and as a time."""
        answer, found = self.module.json_seconds(kind, text.encode(), 0)
        _agree(answer, found, seconds(value, ZONE), text)
        answer, found = self.module.json_number(kind, text.encode())
        return _agree(answer, found, values.number(value), text)

    def time(self, text: str) -> int:
        """A spelled time, or none, with a zone for one that names none and without."""
        answer, found = self.module.text_seconds(text.encode(), EAST)
        _agree(answer, found, seconds(text, ZONE), text)
        answer, found = self.module.text_seconds(text.encode(), self.module.LOCAL_UNKNOWN)
        return _agree(answer, found, seconds(text, ZONE), text)

    def head(self, text: str) -> None:
        """The time that a text begins with; not behind a level."""
        expected = len(read_head(text).time or "") if text[:1].isdecimal() else 0
        assert self.module.head_time(text.encode()) == expected, text

    def utf8(self, text: bytes) -> None:
        """Any bytes."""
        try:
            text.decode()
        except UnicodeDecodeError:
            assert not self.module.is_utf8(text), text
        else:
            assert self.module.is_utf8(text), text

    def docker(self, line: bytes) -> int:
        """A line that may be an entry of a json-file."""
        answer: int
        answer, found = self.module.docker_entry(line)
        if answer == YES:
            entry = docker_json.unwrap(line)
            assert entry is not None, line
            assert found[:4] == (entry.text, entry.stream, entry.time, entry.partial), line
            assert found[4] == (min(entry.text, default=0x20) >= 0x20), line
        return answer

    def cri(self, line: bytes) -> int:
        """A line that may be one of a CRI log."""
        answer: int
        answer, found = self.module.cri_entry(line)
        entry = cri.unwrap(line)
        assert (answer == YES) == (entry is not None), line
        if entry is not None:
            assert found[:4] == (entry.text, entry.stream, entry.time, entry.partial), line
        return answer

    def all(self, scanner: Any, data: bytes) -> None:
        """Everything that these bytes can be asked."""
        self.utf8(data)
        self.cri(data.replace(b"\n", b""))  # a line has none
        self.docker(data)
        if data.startswith(b"{"):
            self.scan(scanner, data.rstrip(b"\r\n"))
        if data.isascii():
            self.number(data.decode())
            self.time(data.decode())
            self.head(data.decode())


def same(one: Any, other: Any) -> bool:
    """Equal, of one type, and -0.0 is not 0.0."""
    return repr(one) == repr(other)


def _agree(answer: int, found: float, expected: float | None, text: str) -> int:
    if answer != ASK:
        assert same(found if answer == YES else None, expected), text
    return answer


def _meant(kind: str, text: bytes) -> Any:
    """What a slot means, by Python's own reading of its bytes."""
    spelled = text.decode("utf-8", "replace")
    if kind in ("string", "escaped"):
        assert ("\\" in spelled) == (kind == "escaped")
        spelled = f'"{spelled}"'
    found = json.loads(spelled, strict=False, parse_float=_finite, parse_constant=lambda _: None)
    expected = {"integer": int, "float": float, "object": dict, "array": list}.get(kind)
    assert expected is None or found is None or type(found) is expected
    return found


def _finite(text: str) -> float | None:
    return float(text) if math.isfinite(float(text)) else None
