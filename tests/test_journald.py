"""The journal: real journalctl on journals of two boots, and one that misbehaves as told."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
import zstandard

from exporter.clock import WallClock
from exporter.errors import SourceError
from exporter.sources.journald import Journal, Journald, _text
from tests.support.parts import Parts
from tests.support.sinks import KeepingSink

JOURNALS = Path(__file__).parent / "journal"
FIRST_BOOT = [b"first", b"Traceback:", b"  two lines", b"no text \xff\x01", b"a" * 5000]
SECOND_BOOT = ["after the restart of the host: \N{SNOWMAN}".encode(), b"last"]


async def run_until(source: Journald, sink: KeepingSink, count: int) -> None:
    """Run until so many lines were counted, and a little longer, should more come than ought to."""
    task = asyncio.create_task(source.run(sink, WallClock()))
    enough = asyncio.create_task(sink.until(count))
    try:
        done, _ = await asyncio.wait([task, enough], timeout=20, return_when="FIRST_COMPLETED")
        assert done, f"{sink.lines} after 20 s"
        await asyncio.wait([task], timeout=0.1)
    finally:
        task.cancel()
        enough.cancel()
        await asyncio.wait([task, enough])
    if not task.cancelled() and (error := task.exception()):
        raise error


# -- real -----------------------------------------------------------------------------------------


def unpack(boot: int, folder: Path) -> None:
    packed = (JOURNALS / f"boot{boot}.journal.zst").read_bytes()
    (folder / f"boot{boot}.journal").write_bytes(zstandard.ZstdDecompressor().decompress(packed))


async def test_a_units_messages_count_once_across_restarts_and_boots(
    parts: Parts, tmp_path: Path
) -> None:
    parts.need("journalctl")
    unpack(1, tmp_path)
    source = Journald(Journal(("web.service",), str(tmp_path)), from_="beginning")
    sink = KeepingSink()
    await run_until(source, sink, len(FIRST_BOOT))
    assert sink.lines == {"web": FIRST_BOOT}
    sink = KeepingSink.load(sink.dump())
    unpack(2, tmp_path)
    await run_until(source, sink, len(FIRST_BOOT + SECOND_BOOT))
    assert sink.lines == {"web": FIRST_BOOT + SECOND_BOOT}
    sink = KeepingSink.load(sink.dump())
    await run_until(source, sink, 0)
    assert sink.lines == {"web": FIRST_BOOT + SECOND_BOOT}


async def test_at_the_first_start_the_journal_is_read_from_its_end(
    parts: Parts, tmp_path: Path
) -> None:
    parts.need("journalctl")
    unpack(1, tmp_path)
    source = Journald(Journal(("web.service",), str(tmp_path)), service="shop")
    sink = KeepingSink()
    await run_until(source, sink, 0)
    assert sink.lines == {}
    sink = KeepingSink.load(sink.dump())  # nothing was read, and yet this is no first start
    unpack(2, tmp_path)
    await run_until(source, sink, len(SECOND_BOOT))
    assert sink.lines == {"shop": SECOND_BOOT}


async def test_a_journal_that_is_not_there_is_an_error(parts: Parts, tmp_path: Path) -> None:
    parts.need("journalctl")
    source = Journald(Journal(("web.service",), str(tmp_path / "none")))
    with pytest.raises(SourceError, match="No such file or directory") as caught:
        await run_until(source, KeepingSink(), 1)
    assert caught.value.reason == "exit"


# -- as told --------------------------------------------------------------------------------------


class Script:
    """A journalctl on the PATH that prints what it is told and notes what it was asked."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.asked = folder / "asked"
        self.output = folder / "output"
        self.output.touch()
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def write(self, ending: str) -> None:
        script = self.folder / "journalctl"
        script.write_text(f'#!/bin/sh\necho "$@" >> {self.asked}\ncat {self.output}\n{ending}\n')
        script.chmod(0o755)

    def say(self, *messages: object, first: int = 1) -> None:
        entries = [
            {"__CURSOR": f"s=1;i={number}", "MESSAGE": message, "_BOOT_ID": "1"}
            for number, message in enumerate(messages, first)
        ]
        self.output.write_text("".join(json.dumps(entry) + "\n" for entry in entries))


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    script = Script(tmp_path, monkeypatch)
    script.write("exec sleep 60")
    return script


WEB = Journald(Journal(("web.service",)), from_="beginning")


async def test_messages_of_all_kinds_become_lines(script: Script) -> None:
    script.say("text", [110, 255], None, "", "two\nlines\n", ["one", [116, 119, 111]], "\ud800")
    sink = KeepingSink()
    await run_until(WEB, sink, 8)
    assert sink.lines["web"] == [b"text", b"n\xff", b"", b"two", b"lines", b"one", b"two", b"?"]


async def test_the_cursor_is_asked_for_and_moves_with_the_lines(script: Script) -> None:
    script.say("one", "two")
    sink = KeepingSink()
    await run_until(WEB, sink, 2)
    ((_, cursor),) = sink.known.values()
    assert (cursor.offset, cursor.place) == (len("one\ntwo\n"), {"cursor": "s=1;i=2"})
    await run_until(WEB, KeepingSink.load(sink.dump()), 3)
    first, second = script.asked.read_text().splitlines()
    assert "--after-cursor" not in first
    assert "--unit=web.service --after-cursor=s=1;i=2" in second
    assert "--follow --no-tail --merge" in second


async def test_units_are_resumed_each_by_itself(script: Script) -> None:
    script.say("one")
    source = Journald(Journal(("web.service", "db.service")), from_="beginning")
    sink = KeepingSink()
    await run_until(source, sink, 2)
    assert sink.lines == {"web": [b"one"], "db": [b"one"]}
    assert source.name == "journald:web.service"
    assert len(sink.cursors(source.name)) == 2


async def test_what_is_no_entry_is_passed_over(script: Script) -> None:
    script.say("one")
    whole = script.output.read_text()
    script.output.write_text(
        '{"MESSAGE": "no cursor"}\nno json\n[1]\n\n' + whole + '{"__CURSOR": "'
    )
    sink = KeepingSink()
    await run_until(WEB, sink, 1)
    assert sink.lines == {"web": [b"one"]}


async def test_a_journalctl_that_ends_is_an_error_with_its_last_word(script: Script) -> None:
    script.say("one")
    script.write("echo hint >&2; echo 'Failed to open journal' >&2; exit 1")
    sink = KeepingSink()
    with pytest.raises(SourceError, match="ended with 1: Failed to open journal") as caught:
        await run_until(WEB, sink, 2)
    assert caught.value.reason == "exit"
    assert sink.lines == {"web": [b"one"]}


async def test_a_system_without_journalctl_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="journalctl cannot be started") as caught:
        await run_until(WEB, KeepingSink(), 1)
    assert caught.value.reason == "missing"


async def test_a_journalctl_that_will_not_end_is_killed(script: Script) -> None:
    script.say("one")
    script.write("trap '' TERM; while :; do sleep 0.05; done")
    sink = KeepingSink()
    await run_until(WEB, sink, 1)
    assert sink.lines == {"web": [b"one"]}


async def test_an_entry_without_end_is_given_up(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.sources.journald.LONGEST", 1 << 20)
    script.say("a" * (3 << 20), "next")
    sink = KeepingSink()
    await run_until(WEB, sink, 1)
    assert sink.lines == {"web": [b"next"]}
    assert sink.lost_bytes["too_long"] > (3 << 20) - (1 << 20)


def test_a_source_without_a_unit_is_refused() -> None:
    with pytest.raises(ValueError, match="names no unit"):
        Journal(())


@pytest.mark.parametrize("message", [None, 7, {}])
def test_what_is_no_message_gives_no_line(message: object) -> None:
    assert _text(message) == b""
