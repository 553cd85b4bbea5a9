"""Streams of bytes: wherever chunks end, lines are wrapped or a restart falls, the sums agree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from exporter.engine.counting import Stream
from exporter.engine.joining import LONGEST_LINE
from exporter.windows import Drains
from tests.support.hostile import NOW, Hostile, cri, docker
from tests.support.oracle import Counted, Numbers, profile_plan

pytestmark = pytest.mark.usefixtures("each_engine")

GOLDEN = Path(__file__).parent / "golden"
PROFILES = sorted(folder.name for folder in GOLDEN.iterdir() if folder.is_dir())
TIME = "2026-11-20T23:59:58.123456789Z"
KODIAI = (
    b'{"level":30,"time":1795219198000,"msg":"Job execution started",'
    b'"lane":"review","jobType":"mention","waitMs":7}'
)
STARTED = ("watched_jobs_started_total", ("review", "mention"))


def _golden(profile: str) -> bytes:
    logs = sorted((GOLDEN / profile).glob("*.log"))
    return b"".join(log.read_bytes().rstrip(b"\n") + b"\n" for log in logs)


def _count(profile: str, chunks: list[bytes]) -> Numbers:
    counted = Counted(profile_plan(profile), NOW)
    counted.feed(chunks)
    return counted.numbers()


def _lines(numbers: Numbers, stream: str = "file") -> float:
    return numbers["watched_log_lines_total", ("service", stream)][0]


def _records(numbers: Numbers) -> float:
    return sum(value[0] for (name, _), value in numbers.items() if "records" in name)


# -- chunks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
def test_bytes_may_come_one_by_one(profile: str) -> None:
    data = _golden(profile)
    whole = _count(profile, [data])
    assert _lines(whole) == data.count(b"\n")
    assert _count(profile, [bytes([byte]) for byte in data]) == whole


@pytest.mark.parametrize("size", [3, 64, 1000, 4096])
def test_chunks_of_any_size_count_the_same(size: int) -> None:
    lines = Hostile(Random(size), tuple(_golden("tripl").splitlines())).lines(500)
    data = b"".join(line + b"\n" for line in lines)
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    assert _count("tripl", chunks) == _count("tripl", [data])


def test_half_a_line_is_left_for_the_next_chunk_and_counted_at_the_end() -> None:
    counted = Counted(profile_plan("kodiai"), NOW)
    assert counted.engine.feed(counted.stream, KODIAI + b"\n" + KODIAI, NOW) == len(KODIAI) + 1
    assert _records(counted.numbers()) == 1
    counted.engine.finish(counted.stream, KODIAI, NOW)
    assert _records(counted.numbers()) == 2


# -- long lines -----------------------------------------------------------------------------------


def _padded(size: int) -> bytes:
    line = KODIAI[:-1] + b',"pad":"'
    return line + b"x" * (size - len(line) - 2) + b'"}'


@pytest.mark.parametrize("size", [LONGEST_LINE - 1, LONGEST_LINE, LONGEST_LINE + 1, 3_000_000])
def test_a_long_line_is_one_line_wherever_chunks_end(size: int) -> None:
    data = b"\n".join((KODIAI, _padded(size), KODIAI, b""))
    whole = _count("kodiai", [data])
    for chunk in (100_000, LONGEST_LINE, LONGEST_LINE + 50):
        chunks = [data[at : at + chunk] for at in range(0, len(data), chunk)]
        assert _count("kodiai", chunks) == whole
    assert _lines(whole) == 3
    assert whole[STARTED] == (3.0 if size <= LONGEST_LINE else 2.0,)


def test_a_source_never_keeps_more_than_a_longest_line() -> None:
    counted = Counted(profile_plan("kodiai"), NOW)
    chunk = b"x" * LONGEST_LINE
    assert counted.engine.feed(counted.stream, chunk[1:], NOW) == 0
    for _ in range(10):
        assert counted.engine.feed(counted.stream, chunk, NOW) == LONGEST_LINE
    assert counted.engine.feed(counted.stream, b"\n" + KODIAI + b"\n", NOW) == len(KODIAI) + 2
    assert _lines(counted.numbers()) == 2
    assert _records(counted.numbers()) == 2


# -- envelopes ------------------------------------------------------------------------------------


def _pieces(text: bytes, size: int, wrap: Any) -> Iterator[bytes]:
    cuts = range(0, len(text), size)
    for at in cuts:
        yield wrap(text[at : at + size], "stdout", TIME, partial=at != cuts[-1]) + b"\n"


@pytest.mark.parametrize("wrap", [docker, cri])
def test_the_pieces_of_a_line_count_as_one_record(wrap: Any) -> None:
    pieces = [*_pieces(_padded(40_000), 16_384, wrap)]
    assert len(pieces) == 3
    numbers = _count("kodiai", pieces)
    assert _lines(numbers, "stdout") == 3
    assert _records(numbers) == 1
    assert numbers[STARTED] == (1.0,)


@pytest.mark.parametrize("wrap", [docker, cri])
def test_a_too_long_line_in_pieces_is_one_record_too(wrap: Any) -> None:
    pieces = [*_pieces(_padded(2_000_000), 16_384, wrap), *_pieces(KODIAI, 16_384, wrap)]
    numbers = _count("kodiai", [b"".join(pieces)])
    assert _lines(numbers, "stdout") == len(pieces)
    assert _records(numbers) == 2
    assert numbers[STARTED] == (1.0,)


@pytest.mark.parametrize("wrap", [docker, cri])
def test_stdout_and_stderr_do_not_mix(wrap: Any) -> None:
    trace = (
        b"Traceback (most recent call last):",
        b'  File "/app/a.py", line 1, in a',
        b"ValueError: no number",
    )
    lines = []
    for line in trace:
        cut = len(line) // 2
        lines.append(wrap(line[:cut], "stderr", TIME, partial=True))
        lines.append(wrap(KODIAI, "stdout", TIME, partial=False))
        lines.append(wrap(line[cut:], "stderr", TIME, partial=False))
    numbers = _count("kodiai", [b"\n".join((*lines, b""))])
    assert numbers["watched_exceptions_total", ("service", "ValueError")] == (1.0,)
    assert numbers[STARTED] == (3.0,)
    assert (_lines(numbers, "stdout"), _lines(numbers, "stderr")) == (3, 6)


@pytest.mark.parametrize("wrap", [docker, cri])
def test_a_record_without_a_time_has_its_envelopes(wrap: Any) -> None:
    line = wrap(b"[ERROR] Job failed", "stdout", TIME, partial=False)
    numbers = _count("pullapprove", [line + b"\n"])
    stamp = numbers["watched_event_last_timestamp_seconds", ("service", "job_failed", "info")]
    assert stamp[0] == pytest.approx(1_795_219_198.123456, abs=1e-5)


def test_a_cri_line_with_three_digits_of_a_second_is_no_key_value_line() -> None:
    line = b"2026-11-20T23:59:58.123Z stdout F [INFO] Request method=GET status=200\n"
    numbers = _count("pullapprove", [line * 3])
    assert _lines(numbers, "stdout") == 3
    assert numbers["watched_log_records_total", ("service", "info")] == (3.0,)


def test_a_cri_tag_that_a_terminal_ended_is_none() -> None:
    bare, ended = b"2026-11-20T23:59:58.123456789Z stdout F", b"\r\n"
    numbers = _count(
        "pullapprove", [(bare + ended) * 3 + bare + b" x" + ended + (bare + ended) * 5]
    )
    assert (_lines(numbers, "file"), _lines(numbers, "stdout")) == (8, 1)


def test_a_stream_named_as_an_envelopes_is_one_lane() -> None:
    info = b"INFO hello a=1\n"
    trace = info + b"Traceback (most recent call last):\n"
    chunks = [info * 6, trace, b"  File x\n", b"ValueError: x\n" + info, b"KeyError: y\nplain\n"]
    found = []
    for name in ("file", "stdout"):
        counted = Counted(profile_plan("tripl"), NOW)
        counted.stream = Stream("key", "service", name)
        for size in (1, 2, len(chunks)):
            counted.feed(b"".join(chunks[at : at + size]) for at in range(0, len(chunks), size))
        lanes = counted.stream.dump()["lanes"]
        counts = {key: value for key, value in counted.numbers().items() if "lines" not in key[0]}
        found.append((counts, lanes[name]))
    assert found[0] == found[1]


def test_a_piece_whose_rest_never_came_counts_at_the_end() -> None:
    counted = Counted(profile_plan("kodiai"), NOW)
    counted.feed([docker(KODIAI, "stdout", TIME, partial=True) + b"\n"])
    assert _records(counted.numbers()) == 0
    counted.engine.finish(counted.stream, b"", NOW)
    assert _records(counted.numbers()) == 1


# -- what a terminal leaves -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        b"%b\r",
        b"%b\r\r",
        b"\x1b[32m%b\x1b[0m",
        b"\x1b[1;32m%b\x1b[0m\r",
        b"\xef\xbb\xbf%b",
        b"\x1b%b",
    ],
)
@pytest.mark.parametrize("wrap", [None, docker, cri])
def test_colours_and_line_ends_change_nothing(line: bytes, wrap: Any) -> None:
    plain = b'[INFO] Request method="POST" path="/webhooks/" status=200 duration_ms=5'
    shown = line.replace(b"%b", plain)
    if wrap is not None:
        shown = wrap(shown, "stdout", TIME, partial=False)
    numbers = _count("pullapprove", [(shown + b"\n") * 9])
    assert numbers["watched_http_requests_total", ("webhooks", "POST", "200")] == (9.0,)
    assert numbers["watched_http_request_duration_seconds", ("webhooks",)][0] == 9.0


def test_a_coloured_traceback_is_one() -> None:
    trace = (
        b"Traceback (most recent call last):\n"
        b'  File \x1b[35m"/app/a.py"\x1b[0m, line \x1b[35m1\x1b[0m, in \x1b[35ma\x1b[0m\n'
        b"\x1b[1;35mValueError\x1b[0m: \x1b[35mno number\x1b[0m\n"
    )
    numbers = _count("tripl", [trace])
    assert numbers["watched_exceptions_total", ("service", "ValueError")] == (1.0,)


# -- restarts -------------------------------------------------------------------------------------


def _restarted(counted: Counted) -> Counted:
    """What a restart takes up: all that was dumped, and nothing else."""
    state = (counted.registry.dump(), counted.drains.dump(), counted.stream.dump())
    packed = msgspec.msgpack.encode(state, enc_hook=lambda lasting: lasting.make())
    registry, drains, stream = msgspec.msgpack.decode(packed)
    fresh = Counted(counted.plan, counted.now)
    assert not fresh.registry.load(registry, counted.plan.families, counted.now)
    fresh.drains = fresh.engine.drains = Drains.load(drains)
    fresh.stream = Stream("key", "service", "file")
    fresh.stream.load(stream)
    return fresh


@pytest.mark.parametrize("profile", PROFILES)
def test_a_restart_after_each_line_changes_nothing(profile: str) -> None:
    lines = _golden(profile).splitlines(keepends=True)
    hostile = Hostile(Random(profile), tuple(_golden(profile).splitlines())).lines(200)
    lines += [line + b"\n" for line in hostile]
    counted = Counted(profile_plan(profile), NOW)
    for line in lines:
        counted.feed([line])
        counted = _restarted(counted)
    again = Counted(counted.plan, NOW)
    again.feed(lines)
    assert counted.numbers() == again.numbers()


def test_a_restart_within_a_too_long_line_passes_over_its_rest() -> None:
    counted = Counted(profile_plan("kodiai"), NOW)
    counted.feed([b"x" * LONGEST_LINE])
    counted = _restarted(counted)
    counted.feed([b"x" * 1000 + b"\n" + KODIAI + b"\n"])
    assert _records(counted.numbers()) == 2
    pieces = [*_pieces(_padded(2_000_000), 16_384, cri)]
    for piece in pieces:
        counted.feed([piece])
        counted = _restarted(counted)
    assert _records(counted.numbers()) == 3
