"""Samples of errors and of lines that nobody understood: which, how many, and nothing secret."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field

import pytest

from exporter.redact import Redaction, redactor
from exporter.samples import MOST_GROUPS, MOST_UNPARSED, Samples
from tests.support.canaries import Canary, canaries

HIDING = redactor(Redaction())
TRACEBACK = (
    "2026-11-20 23:58:49,976 ERROR shop.jobs [-] Job 17 failed\n"
    "Traceback (most recent call last):\n"
    '  File "/srv/shop/jobs.py", line 7, in run\n'
    "    connect(url)\n"
    "shop.errors.Refused: postgresql://shop:hunter2@db/shop\n"
    "2026-11-20 23:58:50,976 INFO shop.jobs [-] next\n"
)


@dataclass
class Watch:
    """Samples with a clock that goes on by two seconds a look."""

    unparsed: Counter[str] = field(default_factory=Counter)
    now: float = 1000.0

    def __post_init__(self) -> None:
        self.samples = Samples(lambda: HIDING, lambda service: self.unparsed[service])

    def look(self, text: str, service: str = "web", *, later: float = 2.0) -> None:
        self.now += later
        chunk = text.encode()
        self.samples.look(service, chunk, len(chunk), self.now)

    @property
    def titles(self) -> list[str]:
        return [one.title for one in self.samples.errors.values()]


def pino(level: int, message: str) -> str:
    return json.dumps({"level": level, "time": 1795219172456, "msg": message}) + "\n"


@pytest.mark.parametrize(
    "line",
    [
        pino(50, "it broke"),
        pino(60, "it broke").replace('"level": 60', '"level":60'),
        '{"timestamp": "2026-11-20 23:55:07,584", "level": "ERROR", "message": "it broke"}\n',
        'time="2026-11-20T23:58:29Z" level=error msg="it broke"\n',
        "2026-11-20 23:58:45,970 ERROR shop.jobs [-] it broke\n",
        "[2026-11-20 23:59:02,300: ERROR/MainProcess] it broke\n",
        "fail: Shop.Jobs[0]\n      it broke\n",
        json.dumps(
            {"log": pino(50, "it broke"), "stream": "stdout", "time": "2026-11-20T23:58:29Z"}
        )
        + "\n",
        "2026-11-20T23:58:29.0Z stdout F " + pino(50, "it broke"),
    ],
)
def test_an_error_of_every_make_is_seen(line: str) -> None:
    watch = Watch()
    watch.look(pino(30, "all is well") * 200 + line + pino(30, "all is well"))
    assert len(watch.titles) == 1
    (found,) = watch.samples.errors.values()
    assert found.level in ("error", "critical")
    assert "it broke" in found.text


def test_a_traceback_is_one_sample_with_its_lines_and_without_its_secrets() -> None:
    watch = Watch()
    watch.look(TRACEBACK)
    (found,) = watch.samples.errors.values()
    assert found.title == "shop.errors.Refused: Job 17 failed"
    assert found.text == TRACEBACK.rsplit("\n", 2)[0].replace("hunter2", "[redacted-url]")


def test_what_differs_in_numbers_and_ids_alone_is_one_group() -> None:
    watch = Watch()
    for number in range(5):
        watch.look(pino(50, f"job {number} of 'tenant-{number}' failed after {number}.5 s"))
    watch.look(pino(50, "something else failed"))
    assert [one.seen for one in watch.samples.errors.values()] == [5, 1]
    assert watch.titles[0] == "job 4 of 'tenant-4' failed after 4.5 s"
    first = next(iter(watch.samples.errors.values()))
    assert (first.first, first.last) == (1002.0, 1010.0)


def test_what_is_no_error_is_no_sample() -> None:
    watch = Watch()
    watch.look(pino(30, "ERROR is a word") + pino(40, "no ValueError here") + "plain ERROR text\n")
    assert not watch.titles


def test_an_error_among_many_small_reads_is_seen() -> None:
    watch = Watch()
    for number in range(100):
        watch.look(TRACEBACK if number == 57 else pino(30, "all is well"), later=0.009)
    (found,) = watch.samples.errors.values()
    assert "Refused" in found.title


def test_a_line_among_many_small_reads_that_nobody_understood_is_seen() -> None:
    watch = Watch()
    for number in range(100):
        watch.unparsed["web"] += number == 57
        watch.look("what is this\n" if number == 57 else pino(30, "all is well"), later=0.009)
    assert [one.text for one in watch.samples.lines] == ["what is this"]


def test_a_second_of_a_flood_costs_a_few_readings_and_64_kib() -> None:
    watch = Watch()
    for _ in range(100):
        watch.look(pino(50, "first"), later=0.009)
    watch.look(pino(50, "elsewhere"), service="worker", later=0.0)
    assert [one.seen for one in watch.samples.errors.values()] == [10, 1]
    watch.look(pino(50, "too far back") + pino(30, "well" * (16 << 10)) + pino(50, "last"))
    watch.look(pino(50, "no room is left for this"), later=0.009)
    assert watch.titles == ["first", "elsewhere", "last"]


def test_memory_has_a_bound() -> None:
    watch = Watch()
    words = [f"{a}{b}" for a in "abcdefghij" for b in "klmnopqrst"]
    for word in words:
        watch.unparsed["web"] += 1
        watch.look(pino(50, f"{word} " * 3000) + f"{word} is no format\n")
    assert len(watch.samples.errors) == MOST_GROUPS
    assert len(watch.samples.lines) == MOST_UNPARSED
    assert all(
        len(one.text) <= 2000 and len(one.title) <= 300 for one in watch.samples.errors.values()
    )


def test_lines_that_nobody_understood_come_with_the_reason() -> None:
    watch = Watch(Counter(web=2))
    watch.look(pino(30, "well") + "what is this\n" + '{"level": 30, "msg": "cut\n')
    assert [(one.text, one.reason) for one in watch.samples.lines] == [
        ("what is this", "no known format"),
        ('{"level": 30, "msg": "cut', watch.samples.lines[1].reason),
    ]
    assert watch.samples.lines[1].reason != "no known format"
    watch.look("and this\n")
    assert len(watch.samples.lines) == 2, "nothing new was counted, so nothing is looked for"


@pytest.mark.parametrize("canary", canaries(), ids=str)
def test_no_sample_holds_a_secret(canary: Canary) -> None:
    watch = Watch(Counter(web=1))
    watch.look(pino(50, canary.said) + canary.said + "\n" + f"ValueError: {canary.said}\n")
    told = repr([*watch.samples.errors.values(), *watch.samples.lines])
    assert watch.samples.errors
    assert not canary.leaked(told)


def test_escapes_hide_no_secret_from_redaction() -> None:
    watch = Watch()
    watch.look(r'{"level": 50, "msg": "no p\u0061ssword=hunter2", "to\u006ben": "abc12345"}' + "\n")
    (found,) = watch.samples.errors.values()
    assert found.title == "no password=[redacted-key]"
    assert json.loads(found.text)["token"] == "[redacted-key]"
    assert "hunter2" not in found.text


def test_hostile_bytes_do_no_harm() -> None:
    watch = Watch(Counter(web=1))
    for chunk in (b"", b"\n", b"\0\xff" * 9, b"ERROR" * 20_000, b"ERROR\n" * 20_000, b"{" * 70_000):
        watch.now += 2
        watch.unparsed["web"] += 1
        watch.samples.look("web", chunk, len(chunk), watch.now)
    watch.samples.clear()
    assert not watch.samples.errors
    assert not watch.samples.lines
