"""Fixtures for the real parts, and the last lines of a run that name them."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest

from exporter.engine import choice
from tests.support import docker as engine
from tests.support import pg, rabbitmq, servers
from tests.support.node import Node
from tests.support.node import node as real_node
from tests.support.parts import Parts
from tests.support.webhook import Webhook
from tests.support.webhook import webhook as receiving

PARTS = pytest.StashKey[Parts]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--parts",
        type=Path,
        metavar="FILE",
        help="add the real parts that are used to those in FILE, which is there, and tell of none",
    )


def pytest_configure(config: pytest.Config) -> None:
    parts = config.stash[PARTS] = Parts()
    config.pluginmanager.register(parts)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no process waits for them in the end."""
    items.sort(key=_seconds, reverse=True)


def _seconds(item: pytest.Item) -> float:
    """What its file takes, if it is to begin early."""
    mark = item.get_closest_marker("first")
    return mark.kwargs["seconds"] if mark else 0.0


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A process that pytest-xdist has started hands over what its tests used."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["parts"] = session.config.stash[PARTS].dump()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add it to what is told; one that crashed has left nothing."""
    node.config.stash[PARTS].add(getattr(node, "workeroutput", {}).get("parts", {}))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Say it after pytest's own last line, where nobody overlooks it."""
    if PARTS not in config.stash or hasattr(config, "workerinput"):
        return
    if file := config.getoption("parts"):
        config.stash[PARTS].keep(file)
        return
    for line in config.stash[PARTS].lines():
        config.get_terminal_writer().line(line)


@pytest.fixture(params=[choice.PYTHON, choice.COMPILED])
def each_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a test once by each engine; where the compiled one is asked for, it must be there."""
    name: str = request.param
    if name == choice.COMPILED != choice.ENGINE and not choice.available():
        pytest.skip("the compiled engine was not built")
    monkeypatch.setattr(choice, "ENGINE", name)
    return name


@pytest.fixture(scope="session")
def parts(request: pytest.FixtureRequest) -> Parts:
    """`parts.need("promtool")` gives its path, and notes its version for the run's last lines."""
    return request.config.stash[PARTS]


class StartPrometheus(Protocol):
    """What the fixture `prometheus` is."""

    def __call__(
        self,
        targets: Sequence[str],
        *,
        rules: Sequence[Path] = (),
        alertmanager: str | None = None,
    ) -> servers.Prometheus:
        """Start one; it ends with the test."""


@pytest.fixture
def prometheus(parts: Parts, tmp_path: Path) -> Iterator[StartPrometheus]:
    """Start a real Prometheus: `prometheus(["127.0.0.1:9877"], rules=[...])`."""
    binary = parts.need("prometheus")
    with ExitStack() as stack:

        def start(
            targets: Sequence[str],
            *,
            rules: Sequence[Path] = (),
            alertmanager: str | None = None,
        ) -> servers.Prometheus:
            return stack.enter_context(
                servers.prometheus(
                    binary,
                    tmp_path / "prometheus",
                    targets,
                    rules=rules,
                    alertmanager=alertmanager,
                )
            )

        yield start


@pytest.fixture
def alertmanager(
    parts: Parts, tmp_path: Path
) -> Iterator[Callable[[Mapping[str, Any]], servers.Alertmanager]]:
    """Start a real Alertmanager with the content of a configuration file."""
    binary = parts.need("prometheus-alertmanager")
    with ExitStack() as stack:

        def start(config: Mapping[str, Any]) -> servers.Alertmanager:
            return stack.enter_context(
                servers.alertmanager(binary, tmp_path / "alertmanager", config)
            )

        yield start


@pytest.fixture(scope="session")
def postgres(parts: Parts) -> Iterator[pg.Server]:
    """A real PostgreSQL for the whole session; every test makes a database of its own."""
    program = pg.BINARIES / "postgres"
    if not program.exists():
        pytest.fail(
            "postgres 15 is not installed: run ./run test, or apt-get install postgresql-15",
            pytrace=False,
        )
    with pg.server() as server:
        parts.note("postgres", server.version())
        yield server


@pytest.fixture(scope="session")
def postgres16(parts: Parts) -> Iterator[pg.Server]:
    """The same of version 16."""
    with pg.carried("16") as binaries, pg.server(binaries) as server:
        parts.note("postgres 16", server.version())
        yield server


@pytest.fixture(scope="session")
def postgres18(parts: Parts) -> Iterator[pg.Server]:
    """The same of version 18."""
    with pg.carried("18") as binaries, pg.server(binaries) as server:
        parts.note("postgres 18", server.version())
        yield server


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database may be asked twice a second in this process, and what is old is dropped as soon.

    All that counts in intervals then takes half the time; time-outs stay what they are.
    """
    monkeypatch.setattr("exporter.sources.postgres.settings.SHORTEST_INTERVAL", 0.5)
    monkeypatch.setattr("exporter.sources.postgres.collect.STEP_SECONDS", 0.5)


@pytest.fixture(params=["postgres", "postgres16", "postgres18"])
def each_postgres(request: pytest.FixtureRequest) -> pg.Server:
    """The test runs on each version that there is."""
    server: pg.Server = request.getfixturevalue(request.param)
    return server


@pytest.fixture(scope="session")
def rabbit(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Iterator[rabbitmq.Server]:
    """A real RabbitMQ for the whole session; every test makes a vhost of its own."""
    if not rabbitmq.PROGRAM.exists():
        pytest.fail(
            "rabbitmq-server is not installed: run ./run test, or apt-get install rabbitmq-server",
            pytrace=False,
        )
    folder = tmp_path_factory.mktemp("rabbitmq")
    with rabbitmq.rabbitmq(folder) as server:
        parts.note("rabbitmq", server.ask("GET", "/api/overview")["rabbitmq_version"])
        yield server


@pytest.fixture(scope="session")
def docker(parts: Parts) -> Iterator[engine.Dockerd]:
    """A real Docker Engine for the whole session; every test has a compose project of its own."""
    parts.need("docker")
    with engine.dockerd(parts.need("dockerd")) as daemon:
        yield daemon


@pytest.fixture(scope="session")
def node(parts: Parts) -> Node:
    """A real Node.js with the queue libraries that are written for it."""
    return real_node(parts)


@pytest.fixture(scope="session")
def sidewatch() -> Path:
    """The installed command, as an operator starts it."""
    command = Path(sys.executable).with_name("sidewatch")
    if not command.exists():
        pytest.fail("sidewatch is not installed beside this Python: run ./run test", pytrace=False)
    return command


@pytest.fixture
def webhook() -> Iterator[Webhook]:
    """A receiver of pages."""
    with receiving() as hook:
        yield hook


@pytest.fixture
def heap_of_its_own() -> Iterator[None]:
    """What other tests left is not looked through for garbage meanwhile."""
    gc.freeze()
    yield
    gc.unfreeze()
