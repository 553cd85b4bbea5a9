"""Containers' logs, the pure parts: bytes into entries, entries into lines, which containers."""

from __future__ import annotations

from random import Random

import pytest

from exporter.sources.docker.frames import Cutter, Entry, Frames, Terminal
from exporter.sources.docker.settings import Selection, Tls, service_of
from exporter.sources.docker.tracks import RECENT, Tracks
from tests.support.engine import NOON, SECOND, frame, stamp

PROJECT, SERVICE = "com.docker.compose.project", "com.docker.compose.service"


def taken(cutter: Cutter, data: bytes, dice: Random) -> list[Entry]:
    """The entries of these bytes, in pieces of any size."""
    found = []
    while data:
        size = dice.choice([1, 2, 7, 30, 1000])
        found += cutter.take(data[:size])
        data = data[size:]
    return found + cutter.rest()


@pytest.mark.parametrize("seed", range(5))
def test_frames_come_in_any_pieces(seed: int) -> None:
    dice = Random(seed)
    wanted = [
        (dice.choice([1, 2]), stamp(NOON + n) + b"x" * dice.randint(0, 300) + b"\n")
        for n in range(50)
    ]
    found = taken(Frames(), b"".join(frame(*one) for one in wanted), dice)
    assert found == [("stdout" if kind == 1 else "stderr", text) for kind, text in wanted]


@pytest.mark.parametrize("seed", range(5))
def test_a_terminals_lines_are_cut_at_the_daemons_stamps_alone(seed: int) -> None:
    first, second, older = (stamp(NOON + n) for n in (0, 1, -1))
    data = (
        first + b"a\r\n"
        + first + b"long " + first + b"line\r\n"  # one line in two pieces
        + first + b"half" + second + b"next\r\n"  # the last words of a run, and the next run
        + second + b"time " + older + b"text\r\n"  # the application's own stamp
        + second + b"no end"
    )  # fmt: skip
    entries = taken(Terminal(), data, Random(seed))
    tracks = Tracks()
    lines = tracks.take(entries) + tracks.close()
    assert [line.partition(b" F ")[2] for line in lines] == [
        b"a\n", b"long line\n", b"half\n", b"next\n", b"time " + older + b"text\n", b"no end\n",
    ]  # fmt: skip


def test_a_terminals_endless_line_is_held_to_a_bound() -> None:
    cutter = Terminal()
    for _ in range(64):
        assert cutter.take(b"x" * (1 << 20)) == []
    assert len(cutter._held) == 1 << 20
    ((_, text),) = cutter.take(b"end\n")
    assert len(text) == (1 << 20) + 1
    assert cutter.take(stamp(NOON) + b"next\n") == [("stdout", stamp(NOON) + b"next\n")]


def test_an_entry_without_a_stamp_is_as_old_as_the_one_before() -> None:
    tracks = Tracks()
    lines = tracks.take([("stdout", b"none\n"), ("stdout", stamp(NOON) + b"a\n"),
                         ("stdout", b"2026-99-99T00:00:00Z b\n")])  # fmt: skip
    assert [line.partition(b" ")[2] for line in lines] == [
        b"stdout F none\n", b"stdout F a\n", b"stdout F 2026-99-99T00:00:00Z b\n",
    ]  # fmt: skip
    assert tracks.stdout.at == NOON


@pytest.mark.parametrize(
    "text",
    ["2026-11-18T10:06:40Z", "2026-11-18T11:06:40.5+01:00", "2026-11-18T10:06:40.123456789Z"],
)
def test_stamps_of_other_engines_are_read(text: str) -> None:
    tracks = Tracks()
    (line,) = tracks.take([("stderr", f"{text} a\n".encode())])
    assert line.startswith(b"2026-11-18T10:06:40.")
    assert line.endswith(b"Z stderr F a\n")


@pytest.mark.parametrize("seed", range(20))
def test_whatever_a_daemon_repeats_each_line_counts_once(seed: int) -> None:
    """Reconnections from `since`, repeated runs, pieces and restarts, in any order."""
    dice = Random(seed)
    log: list[tuple[int, str, bytes]] = []
    at, wanted = NOON, []
    for number in range(400):
        at += dice.choice([1, 1000, SECOND, 20 * SECOND])
        stream = dice.choice(["stdout", "stdout", "stderr"])
        pieces = [b"x" * 3 for _ in range(dice.choice([0, 0, 0, 2]))]
        log += [(at, stream, piece) for piece in [*pieces, b"%d\n" % number]]
        wanted.append(f"{stream} F {'xxx' * len(pieces)}{number}")
    tracks, found, sent = Tracks(), list[bytes](), 0
    while sent < len(log):
        since = tracks.since()
        if dice.random() < 0.5:  # killed: only what was saved is known
            saved = tracks.dump()
            tracks = Tracks()
            tracks.load(saved)
            assert tracks.since() == since
        tracks.again(log[sent - 1][0] if sent else 0)
        at = next((n for n, one in enumerate(log) if one[0] >= since), 0)
        end = min(len(log), max(at, sent) + dice.randint(1, 60))
        begin = at
        while at < end:
            moment, stream, text = log[at]
            found += tracks.take([(stream, stamp(moment) + text)])
            at += 1
            if at > sent + 1 and text.endswith(b"\n") and dice.random() < 0.05:
                at = _earlier(log, max(begin, at - dice.randint(1, 30)))
        sent = max(sent, end)
    assert sorted(line.decode().partition(" ")[2][:-1] for line in found) == sorted(wanted)


def _earlier(log: list[tuple[int, str, bytes]], at: int) -> int:
    """The beginning of the line that an entry belongs to."""
    while at and log[at - 1][0] == log[at][0]:
        at -= 1
    return at


def test_what_is_remembered_of_a_stream_is_bounded() -> None:
    tracks = Tracks()
    for number in range(5 * RECENT):
        tracks.take([("stdout", stamp(NOON + number) + b"a\n")])
    assert RECENT <= len(tracks.stdout._recent) <= 2 * RECENT


def test_little_is_remembered_of_a_slow_stream() -> None:
    """Of hundreds of containers most write a line now and then."""
    tracks = Tracks()
    for number in range(5000):
        tracks.take([("stdout", stamp(NOON + number * SECOND) + b"a\n")])
    assert 256 <= len(tracks.stdout._recent) <= 512
    again = [
        tracks.take([("stdout", stamp(NOON + n * SECOND) + b"a\n")]) for n in range(4800, 5000)
    ]
    assert not any(again)


@pytest.mark.parametrize(
    ("name", "labels", "service"),
    [
        ("/shop_web_1", {SERVICE: "web"}, "web"),
        ("/lone", {"sidewatch.service": "shop"}, "shop"),
        ("/stack_web.1.x", {"com.docker.swarm.service.name": "stack_web"}, "stack_web"),
        ("/lone", {}, "lone"),
        # Whoever may start a container writes its labels; not every text is a name.
        ("/lone", {SERVICE: "x" * 129}, "lone"),
        ("/lone", {SERVICE: "web\nweb", "sidewatch.service": "shop"}, "shop"),
        ("/0123456789ab_shop_web_1", {}, "shop_web_1"),
        ("/web-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", {}, "web"),
    ],
)
def test_the_service_of_a_container(name: str, labels: dict[str, str], service: str) -> None:
    assert service_of(name, labels) == service


@pytest.mark.parametrize(
    ("selection", "fits"),
    [
        (Selection(project="shop"), True),
        (Selection(project="blog"), False),
        (Selection(service=("db", "web")), True),
        (Selection(project="shop", service=("db",)), False),
        (Selection(label=("tier", "team=a")), True),
        (Selection(label=("team=b",)), False),
        (Selection(label=("none",)), False),
    ],
)
def test_which_containers_are_selected(selection: Selection, *, fits: bool) -> None:
    labels = {PROJECT: "shop", SERVICE: "web", "tier": "front", "team": "a"}
    assert selection.fits(labels) is fits


def test_files_for_tls_ask_for_a_way_that_has_it() -> None:
    for url in ("http://proxy:2375", "HTTP://proxy:2375", "UNIX:///run/docker.sock"):
        with pytest.raises(ValueError, match="tls: is for a url that begins with tcp://"):
            Selection("shop", url=url, tls=Tls())
    assert Selection("shop", url="HTTPS://proxy:2376", tls=Tls()).tls is not None
