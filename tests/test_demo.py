"""`sidewatch demo` as a user meets it: started, interrupted, killed; and what its parts promise."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from exporter.config import load
from exporter.demo import setup
from exporter.demo.entries import Entry
from exporter.demo.folder import private_folder, sweep
from exporter.demo.logs import KEPT, LARGEST, Logs
from exporter.demo.page import parse
from exporter.demo.postgres import installed
from exporter.demo.scenes import SCRIPT, spans
from exporter.demo.setup import usual_address, write_config
from tests.support.demo import Demo, demo, short_folder
from tests.support.waiting import wait_for
from tests.support.web import get

# -- the command ----------------------------------------------------------------------------------


def test_it_shows_both_applications_tells_of_them_and_leaves_nothing() -> None:
    with short_folder() as temporary, demo(temporary) as show:
        show.serves()
        (folder,) = temporary.iterdir()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        least, told, most = due_jobs(show, folder)
        assert 15 < least <= told <= most
        show.process.send_signal(signal.SIGTERM)
        code, said = show.end()
        assert not list(temporary.iterdir())
    assert code == 0, said
    assert f"{show.url}/metrics" in said
    for scene in SCRIPT[:4]:  # 3 + 4 + 2 s, then the workers die
        assert f"-- {scene.title}" in said
    assert "would fire: WatchedHttpErrors · pullapprove webhooks" in said
    assert "would fire: WatchedProbeRedirected · pullapprove server" in said
    assert re.search(r"Their health: http://127\.0\.0\.1:\d+/up/, http://.*/readiness", said)
    assert re.search(r"on disk      backups [1-9]\d* · the newest with \d+ bytes", said)
    found = re.search(r"wrote (\d+) lines, through (\d+) rotations .* counted (\d+)\.", said)
    assert found, said
    written, rotations, counted = map(int, found.groups())
    assert written == counted > 500
    assert rotations > 0
    assert not show.left()


def due_jobs(show: Demo, folder: Path) -> tuple[int, float, int]:
    """As pullapprove's jobs pile up: how many are due, then what /metrics says, then once more."""
    psql = installed(folder).binaries / "psql"
    sql = "SELECT count(*) FROM plainjobs_jobrequest WHERE start_at IS NULL OR start_at <= now()"
    command = [str(psql), "-h", str(folder), "-U", "watcher", "-At", "-c", sql, "pullapprove"]

    def count() -> int:
        return int(subprocess.run(command, capture_output=True, check=True).stdout)

    show.asks()
    wait_for(lambda: count() > 15, "jobs that nobody takes")
    least, then = count(), time.time()

    def told() -> float | None:
        """What was asked for since then: the answer came half a second later, or more."""
        page = parse(get(f"{show.url}/metrics").decode())
        answered = "sidewatch_query_last_success_timestamp_seconds"
        if page.total(answered, app="pullapprove", query="plain_jobs_jobs") < then + 0.5:
            return None
        return page.total("watched_queue_jobs", app="pullapprove", state="ready")

    return least, wait_for(told, "a newer answer"), count()


@pytest.mark.alone(reason="it asserts the time of a start")
def test_it_answers_within_three_seconds(tmp_path: Path) -> None:
    began = time.monotonic()
    with demo(tmp_path) as show:
        show.serves()
        assert time.monotonic() - began < 3.0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_told_to_end_it_cleans_up(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path) as show:
        show.serves()
        show.process.send_signal(number)
        code, said = show.end()
    assert code == 0, said
    assert "sidewatch counted" in said
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir())


def test_what_a_killed_one_leaves_the_next_one_removes(tmp_path: Path) -> None:
    with demo(tmp_path) as first:
        first.serves()
        first.process.kill()
        first.process.wait()
        assert not first.left()
    (left,) = tmp_path.iterdir()
    with demo(tmp_path) as second, demo(tmp_path) as third:
        second.serves()
        third.serves()
        assert not left.exists()
        assert len(list(tmp_path.iterdir())) == 2


def test_a_kept_folder_goes_on_from_where_it_was(tmp_path: Path) -> None:
    with demo(tmp_path, "--seconds", "3", "--keep") as show:
        code, said = show.end()
    (folder,) = tmp_path.iterdir()
    assert code == 0
    assert f"Kept: {folder}" in said
    found = re.search(r"wrote (\d+) lines", said)
    assert found
    # Three seconds are too short for a rotated log to be thrown away, so all is there to count.
    lines = sum(path.read_bytes().count(b"\n") for path in folder.glob("logs/*/*"))
    assert lines == int(found[1])
    plan = load(folder / "sidewatch.yaml", {})
    assert {path.name for path in plan.state.glob("*.state")} == {
        "kodiai.state",
        "pullapprove.state",
    }
    with private_folder_in(tmp_path):
        sweep()
    assert folder.exists()


def test_an_address_that_was_asked_for_and_is_taken_is_an_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with demo(tmp_path, env={"SIDEWATCH_LISTEN": address}) as show:
            code, said = show.end()
    assert code == 1
    assert said.startswith(f"sidewatch: cannot listen on {address}: ")
    assert not list(tmp_path.iterdir())


def test_the_usual_address_gives_way_where_it_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(setup, "PORT", taken.getsockname()[1])
        assert usual_address() == "127.0.0.1:0"


def test_a_reader_that_leaves_ends_it_without_a_word(tmp_path: Path) -> None:
    with demo(tmp_path) as show:
        assert show.process.stdout is not None
        show.process.stdout.readline()
        show.process.stdout.close()
        assert show.process.wait(30) == 0
    assert not list(tmp_path.iterdir())


def test_a_wrong_number_of_seconds_is_refused(tmp_path: Path) -> None:
    with demo(tmp_path, "--seconds", "-1") as show:
        code, said = show.end()
    assert code == 2
    assert "--seconds" in said


# -- its folder -----------------------------------------------------------------------------------


@contextmanager
def private_folder_in(folder: Path, *, keep: bool = False) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder))
        with private_folder(keep=keep) as made:
            yield made


def test_only_folders_that_nobody_holds_are_swept(tmp_path: Path) -> None:
    def folder(name: str, *, age: float = 0.0, locked: bool = False) -> Path:
        made = tmp_path / name
        made.mkdir()
        if locked:
            (made / "lock").touch()
        os.utime(made, (time.time() - age,) * 2)
        return made

    dead = [
        folder("sidewatch-demo-killed", locked=True),
        folder("sidewatch-demo-never-locked", age=61),
    ]
    others = [
        folder("sidewatch-demo-just-begun"),
        folder("sidewatch-kept-demo-x", age=9999, locked=True),
        folder("something-else", age=9999, locked=True),
    ]
    (tmp_path / "sidewatch-demo-link").symlink_to(others[-1])
    with private_folder_in(tmp_path) as living:
        sweep()
        assert living.exists()
    assert not any(path.exists() for path in dead)
    assert all(path.exists() for path in others)
    assert (tmp_path / "sidewatch-demo-link").is_symlink()


def test_a_folder_goes_with_its_block_even_if_that_fails(tmp_path: Path) -> None:
    def fails() -> None:
        with private_folder_in(tmp_path) as folder:
            (folder / "deep/down").mkdir(parents=True)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert not list(tmp_path.iterdir())


# -- log files ------------------------------------------------------------------------------------


def test_a_large_log_is_renamed_and_the_oldest_is_lost(tmp_path: Path) -> None:
    logs = Logs(tmp_path)
    logs.begin(["app/server"])
    line = f"{'x' * 1023}\n"
    entry = Entry(0, "app/server", lambda *_: line[:-1], "", "")
    rounds = KEPT + 2
    for _ in range(rounds * (LARGEST // 1024 + 1)):
        logs.write(entry, 0.0)
    logs.write(entry, 0.0)
    logs.close()
    assert logs.rotations == rounds
    found = {path.name: path.stat().st_size for path in (tmp_path / "app").iterdir()}
    full = LARGEST + 1024
    assert found == {"server.log": 1024} | {f"server.log.{n + 1}": full for n in range(KEPT)}
    assert logs.lines == {"app": rounds * full // 1024 + 1}


# -- what it writes before it begins --------------------------------------------------------------


@pytest.mark.parametrize("minute", [5.0, 1.0])
def test_its_configuration_is_right(tmp_path: Path, minute: float) -> None:
    plan = load(write_config(tmp_path, "127.0.0.1:0", minute), {})
    assert [app.name for app in plan.apps] == ["pullapprove", "kodiai"]
    assert plan.state == tmp_path / "state"
    assert not plan.notes
    assert (plan.apps[0].rules.heartbeats or {})["worker_stats"] == max(minute, 1.5)


def test_the_scenes_follow_each_other_for_ever() -> None:
    told = spans(SCRIPT[:2])
    first, second, third = next(told), next(told), next(told)
    assert (first.begin, first.end, second.begin) == (0.0, 180.0, 180.0)
    assert (second.end, third.begin) == (420.0, 420.0)
    assert third.scene is first.scene
