"""What counting leaves where Python raises within it: each line counted once, and the next ones."""

from __future__ import annotations

import threading

import pytest

from exporter.app.assembly import assemble
from exporter.clock import SetClock
from exporter.config import load_profile
from exporter.engine import choice
from exporter.engine.feeding import Uncounted
from exporter.engine.rules import Count, Label, LogRule, LogRules, Observe
from exporter.model import Cursor, Family
from exporter.vocabulary import FAMILIES
from tests.support.hostile import NOW
from tests.support.oracle import Counted, plan_of

FAMILY = {
    **FAMILIES,
    "jobs_total": Family("jobs_total", "counter", "Jobs.", ("kind",), limit=10**6),
    "took_seconds": Family("took_seconds", "histogram", "Took.", (), buckets=(0.1, 1.0)),
}
RULES = LogRules(
    rules=(
        LogRule(
            message="Job",
            count=(Count("jobs_total", {"kind": Label(field="kind")}),),
            observe=(Observe("took_seconds", "took", {}, exemplar="id"),),
        ),
    )
)
LINES = 50
KNOWN = b"".join(b"INFO Job kind=a took=0.5 id=x%d\n" % i for i in range(LINES))
NEW = b"INFO Job kind=new took=0.5 id=y\n"


def _no_memory(*_: object) -> None:
    raise MemoryError


@pytest.mark.usefixtures("each_engine")
def test_what_raises_is_passed_and_what_was_counted_does_not_come_again() -> None:
    counted = Counted(plan_of(RULES, FAMILY), NOW)
    counted.feed([KNOWN])
    counted.registry.on_create = _no_memory
    block = KNOWN + NEW + KNOWN
    with pytest.raises(Uncounted) as raised:
        counted.engine.feed(counted.stream, block, NOW)
    assert raised.value.consumed == len(block)
    assert isinstance(raised.value.__cause__, MemoryError)
    counted.registry.on_create = None
    jobs = ("jobs_total", ("a",))
    assert counted.numbers()[jobs] == (2 * LINES,)
    assert counted.exemplars()["took_seconds", (), 1][1] == f"x{LINES - 1}"
    counted.feed([KNOWN])
    assert counted.numbers()[jobs] == (3 * LINES,)


class _Failing:
    """Paths that never count."""

    def block(self, *_: object) -> None:
        raise MemoryError

    def inner(self, *_: object) -> None:
        raise MemoryError

    def forget(self, *, streams_only: bool) -> None:
        pass


def test_a_source_goes_on_behind_lines_that_could_not_be_counted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shard = assemble(load_profile("pullapprove"), SetClock(NOW))
    cursor = Cursor("log", "web", "file")
    shard.open("test", cursor)
    monkeypatch.setattr(shard.engine.service("web", NOW), "paths", _Failing())
    block = b"[ERROR] Job failed number=1\n" * 10
    assert shard.feed(cursor, block) == cursor.offset == len(block)
    assert "could not be counted" in caplog.text
    (told,) = dict(shard.snapshot(final=True).layout)[
        shard.families["sidewatch_source_failures_total"]
    ]
    assert told.labels == ("test", "unexpected")


# -- one service's lines, and others' threads -----------------------------------------------------


@pytest.mark.skipif(choice.ENGINE != choice.COMPILED, reason="only C releases the lock")
def test_no_other_thread_moves_the_numbers_or_the_lines_while_the_lock_is_released() -> None:
    counted = Counted(plan_of(RULES, FAMILY), NOW, by=choice.COMPILED)
    counted.feed([KNOWN])
    block = KNOWN * 40_000
    thread = threading.Thread(target=counted.engine.feed, args=(counted.stream, block, NOW))
    thread.start()
    refused = False
    while thread.is_alive() and not refused:
        try:
            counted.registry.values.extend([0.0])  # as for a new series
        except BufferError:
            refused = True
    with pytest.raises(RuntimeError, match="two threads at once"):
        counted.counting.paths.inner(counted.stream.lane("file"), b"INFO Job kind=a")
    thread.join()
    assert refused
    assert counted.numbers()["jobs_total", ("a",)] == (block.count(b"\n") + LINES,)
