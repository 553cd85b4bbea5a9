"""Envelopes of Docker and CRI, in the spellings that their writers use."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers import cri, docker_json
from parsers.envelopes import Envelope

TIME = "2026-11-20T23:58:29.123456789Z"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            b'{"log":"[INFO] x a=\\"b\\"\\n","stream":"stdout","time":"%b"}',
            Envelope(b'[INFO] x a="b"', "stdout", TIME, partial=False),
        ),
        (
            b'{"log":"half","stream":"stderr","time":"%b"}',
            Envelope(b"half", "stderr", TIME, partial=True),
        ),
        (
            b'{"log":"\\n","stream":"stdout","time":"%b"}\n',
            Envelope(b"", "stdout", TIME, partial=False),
        ),
        (
            b'{"log":"a\\u003c \\u017c \\ud83d\\ude80\\n","stream":"stdout","a":[1],"time":"%b"}',
            Envelope("a< ż 🚀".encode(), "stdout", TIME, partial=False),
        ),
        (
            b'{"time":"%b","stream":"stdout","log":"any order\\n"}',
            Envelope(b"any order", "stdout", TIME, partial=False),
        ),
        (
            b'{"log":"bad \xff byte\\n","stream":"stdout","time":"%b"}',
            Envelope("bad \ufffd byte".encode(), "stdout", TIME, partial=False),
        ),
        (
            b'{"log":"half \\ud800 pair\\n","stream":"stdout","time":"%b"}',
            Envelope(b"half ? pair", "stdout", TIME, partial=False),
        ),
    ],
)
def test_docker_entries(line: bytes, expected: Envelope) -> None:
    assert docker_json.unwrap(line.replace(b"%b", TIME.encode())) == expected


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[INFO] x",
        b'{"level":"info","msg":"x"}',
        b'{"log":"x"}',
        b'{"log":"x\\n","stream":"stdout"}',
        b'{"log":"x\\n","stream":"other","time":"t"}',
        b'{"log":5,"stream":"stdout","time":"t"}',
        b'{"log":"x\\n","stream":"stdout","time":5}',
        b'{"log":"cut off',
        b'{"log":"x\xff","stream":5,"time":"t"}',
        b'{"a":' * 100_000,
        b'{"log":"x","attrs":' + b"[" * 100_000,
    ],
)
def test_what_is_no_docker_entry_is_refused(line: bytes) -> None:
    assert docker_json.unwrap(line) is None


@given(st.text(), st.sampled_from(["stdout", "stderr"]), st.booleans())
def test_docker_entries_give_the_bytes_that_went_in(text: str, stream: str, whole: bool) -> None:  # noqa: FBT001 - hypothesis passes by position
    text = text.replace("\n", "")
    line = json.dumps({"log": text + "\n" * whole, "stream": stream, "time": TIME})
    assert docker_json.unwrap(line.encode()) == Envelope(
        text.encode(), stream, TIME, partial=not whole
    )


@pytest.mark.parametrize(
    ("line", "text", "stream", "partial"),
    [
        (b"%b stdout F [INFO] x a=1", b"[INFO] x a=1", "stdout", False),
        (b"%b stderr P half a line ", b"half a line ", "stderr", True),
        (b"%b stdout F:tag:other x", b"x", "stdout", False),
        (b"%b stdout P:tag x", b"x", "stdout", True),
        (b"%b stdout F ", b"", "stdout", False),
        (b"%b stdout F", b"", "stdout", False),
        (b"%b stdout F   indented\n", b"  indented", "stdout", False),
        (b"%b stdout F bad \xff\x00 bytes", b"bad \xff\x00 bytes", "stdout", False),
    ],
)
@pytest.mark.parametrize("time", [TIME, "2026-11-20T23:58:29+01:00"])
def test_cri_lines(line: bytes, text: bytes, stream: str, partial: bool, time: str) -> None:  # noqa: FBT001 - pytest passes by name
    expected = Envelope(text, stream, time, partial=partial)
    assert cri.unwrap(line.replace(b"%b", time.encode())) == expected


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"2026-11-20T23:58:29Z stdout x",
        b"2026-11-20T23:58:29Z stdout FF x",
        b"2026-11-20T23:58:29Z stdin F x",
        b"2026-11-20 23:58:29 stdout F x",
        b"2026-11-20T23:58:29 stdout F x",
        b"x stdout F x",
    ],
)
def test_what_is_no_cri_line_is_refused(line: bytes) -> None:
    assert cri.unwrap(line) is None
