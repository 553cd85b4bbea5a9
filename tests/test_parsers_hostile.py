"""Lines that mean harm: each is read, and none takes more than a moment."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import pytest

from parsers import cri, docker_json
from parsers.cleaning import clean
from parsers.exceptions import exception_type
from parsers.reading import FORMATS, read

LONGEST = 1_048_576
HOSTILE: dict[str, Callable[[int], str]] = {
    "words": lambda n: "[INFO] " + "word " * (n // 5),
    "no space": lambda n: "x" * n,
    "spaces": lambda n: " " * n,
    "nul": lambda n: "\x00" * n,
    "nul behind a head": lambda n: "[INFO] " + "\x00" * n,
    "keys": lambda n: "[INFO] m " + " ".join(f"k{i}=v" for i in range(n // 9)),
    "one key again": lambda n: "[INFO] m" + " k=v" * (n // 4),
    "flags": lambda n: "a=1" + " f" * (n // 2),
    "long key without value": lambda n: "[INFO] m " + "k" * n,
    "long keys without value": lambda n: "[INFO] m" + (" " + "k" * 500) * (n // 501),
    "equals": lambda n: "[INFO] m k" + "=" * n,
    "spaced equals": lambda n: "[INFO] m" + " =" * (n // 2),
    "quotes": lambda n: "[INFO] m k=" + '"' * n,
    "quotes in logfmt": lambda n: "k=" + '"' * n,
    "opened quotes": lambda n: "[INFO] m" + ' k="x' * (n // 5),
    "opened quotes in logfmt": lambda n: "k=1" + '\tk="x' * (n // 5),
    "quoted and touched": lambda n: "[INFO] m " + 'k="a"' * (n // 5),
    "backslashes": lambda n: '[INFO] m k="' + "\\" * n,
    "backslashes in logfmt": lambda n: 'k="' + "\\" * n + '"',
    "escaped quotes": lambda n: '[INFO] m k="' + '\\"' * (n // 2),
    "escaped quotes in logfmt": lambda n: 'k="' + '\\"' * (n // 2),
    "escaped quotes before keys": lambda n: '[INFO] m k="' + '\\" ' * (n // 3) + '"x',
    "ends in backslashes": lambda n: "[INFO] m" + ' k="x\\"' * (n // 7),
    "ends in backslashes in logfmt": lambda n: "k=1" + ' k="x\\"' * (n // 7),
    "open single quotes": lambda n: "[INFO] m" + " k='x" * (n // 5),
    "open single quotes in logfmt": lambda n: "k=1" + " k='x" * (n // 5),
    "single quotes and a far tab": lambda n: "k=1" + " k='x'y" * (n // 7) + "'\t",
    "unknown escapes": lambda n: 'k="' + "\\u12" * (n // 4) + '"',
    "half surrogates": lambda n: 'k="' + "\\ud83d" * (n // 6) + '"',
    "colours": lambda n: "[INFO] m " + "\x1b[0m" * (n // 4),
    "broken colours": lambda n: "[INFO] m " + "\x1b[" * (n // 2),
    "colour digits": lambda n: "[INFO] m \x1b[" + "0" * n,
    "levels": lambda n: "[INFO]" * (n // 6),
    "digits": lambda n: "1" * n,
    "time digits": lambda n: "2026-11-20 23:58:29." + "1" * n,
    "dots": lambda n: "2026-11-20 23:58:29,000 INFO a" + ".a" * (n // 2),
    "dashes": lambda n: "2026-11-20 23:58:29,000 - a - " + " -" * (n // 2),
    "brackets": lambda n: "[" * n,
    "closing brackets": lambda n: "x [" + "]" * n,
    "braces": lambda n: "{" * n,
    "braces behind a name": lambda n: "x | " + "{" * (n // 2) + "}" * (n // 2),
    "object of keys": lambda n: "{" + ",".join(f'"k{i}":1' for i in range(n // 12)) + "}",
    "deep object": lambda n: '{"a":' * (n // 6) + "1" + "}" * (n // 6),
    "deep list": lambda n: '{"a":' + "[" * (n // 2) + "]" * (n // 2) + "}",
    "json digits": lambda n: '{"a":' + "9" * n + "}",
    "json escapes": lambda n: '{"a":"' + "\\ud800" * (n // 6) + '"}',
    "json backslashes": lambda n: '{"a":"' + "\\\\" * (n // 2) + '\\ud"}',
    "json open string": lambda n: '{"a":"' + "x" * n,
    "json exception": lambda n: '{"exception":"' + "a.B: \\n" * (n // 7) + '"}',
    "json traceback": lambda n: (
        '{"exc":"' + "Traceback (most recent call last):\\n" * (n // 36) + '"}'
    ),
    "json type": lambda n: '{"err":{"type":"' + "A." * (n // 2) + '"}}',
    "access quotes": lambda n: (
        '1.1.1.1 - - [20/Nov/2026:23:58:11 +0000] "GET / HTTP/1.1" 200 5 "' + '\\"' * (n // 2)
    ),
    "access spaces": lambda n: (
        "1.1.1.1 - - [20/Nov/2026:23:58:11 +0000] " + '"GET' + " " * n + 'HTTP/1.1" 200 5'
    ),
    "nginx context": lambda n: "2026/11/20 23:58:11 [error] 1#1: x" + ", client: " * (n // 10),
    "uvicorn quotes": lambda n: 'INFO:     1:2 - "' + "GET " * (n // 4) + '" 200',
    "prefix spaces": lambda n: "error:" + " " * n,
    "exception path": lambda n: "a." * (n // 2) + "Error",
    "emoji": lambda n: "[INFO] " + "🚀" * n,
    "surrogates": lambda n: '[INFO] m k="' + "\udcff" * n + '" a=1',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_line_is_read_at_once(name: str) -> None:
    # Smaller lines first: work that grows with the square of the length fails on them in seconds,
    # where the longest line that is ever read would keep the test busy for hours.
    for size in (20_000, 200_000, LONGEST):
        line = HOSTILE[name](size)
        start = time.process_time()
        assert read(line).format in FORMATS
        exception_type(line)
        assert time.process_time() - start < 3


@pytest.mark.parametrize("name", ["words", "no space", "keys", "quotes", "json open string"])
def test_ten_megabytes_are_read_in_seconds(name: str) -> None:
    line = HOSTILE[name](10_000_000)
    start = time.process_time()
    assert read(line).format in FORMATS
    assert time.process_time() - start < 20


def test_noise_is_always_some_record() -> None:
    dice = random.Random(7)
    alphabet = "aZ09 \t=\"'\\[]{}():.,-+/|\x00\x1b\ufeffé🚀\udcff"
    starts = [
        "",
        "[INFO] ",
        "{",
        "INFO:     ",
        "2026-11-20 23:58:29,000 ",
        "fail: ",
        "a=1 ",
        "::1 ",
    ]
    for _ in range(3000):
        noise = "".join(dice.choices(alphabet, k=dice.randrange(60)))
        record = read(dice.choice(starts) + noise)
        assert record.format in FORMATS
        assert isinstance(record.message, str)


@pytest.mark.parametrize("unwrap", [docker_json.unwrap, cri.unwrap])
@pytest.mark.parametrize(
    "line",
    [
        b"\x00" * LONGEST,
        b'{"log":"' + b"\\" * LONGEST,
        b'{"log":"' + b'\\"' * LONGEST + b'\\n","stream":"stdout","time":"t"}',
        b"2026-11-20T23:58:29." + b"1" * LONGEST,
        b"2026-11-20T23:58:29Z stdout F:" + b":" * LONGEST,
        b"\xff" * LONGEST,
    ],
    ids=range(6),
)
def test_hostile_envelopes_are_taken_off_or_refused(
    unwrap: Callable[[bytes], object], line: bytes
) -> None:
    start = time.process_time()
    unwrap(line)
    assert time.process_time() - start < 2


def test_cleaning_twice_changes_nothing_that_a_logger_prints() -> None:
    line = "\ufeff\x1b[1;31m[ERROR]\x1b[0m x \x1b[K a=1\r\n"
    assert clean(line) == "[ERROR] x  a=1"
    assert clean(clean(line)) == clean(line)
