"""The plan of the house, held by its imports: floors, no circles, one door for each library."""

from __future__ import annotations

import graphlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.house import PACKAGES, Module, foreign, inside, modules

ROOT = Path(__file__).parents[1]

# A room imports from itself and from rooms on lower floors; never from a neighbour.
FLOORS: list[list[str]] = [
    ["parsers", "exporter.turns"],
    [
        "exporter.access",
        "exporter.errors",
        "exporter.model",
        "exporter.clock",
        "exporter.promql",
        "exporter.redact",
        "exporter.gauges",
    ],
    [
        "exporter.registry",
        "exporter.notes",
        "exporter.vocabulary",
        "exporter.windows",
        "exporter.exposition",
    ],
    [
        "exporter.engine",
        "exporter.maintenance",
        "exporter.trial",
        "exporter.state",
        "exporter.collector",
        "exporter.foreign",
    ],
    ["exporter.sources", "exporter.shard", "exporter.samples"],
    ["exporter.forward"],
    [
        "exporter.config",
        "exporter.export",
        "exporter.hops",
        "exporter.history",
        "exporter.page",
        "exporter.pipeline",
        "exporter.saving",
        "exporter.server",
    ],
    ["exporter.app", "exporter.lint"],
    ["exporter.demo"],
    ["exporter.commands"],
    ["exporter.__main__"],
]

# Rooms that know less of the house than their floor would let them.
NARROW: dict[str, list[str]] = {
    "exporter.server": [
        "exporter.access",
        "exporter.errors",
        "exporter.exposition",
        "exporter.model",
    ],
    "exporter.page": ["exporter.model", "exporter.samples"],
    "exporter.redact": [],
}

# Each library enters by these doors and no other.
DOORS: dict[str, list[str]] = {
    "aiohttp": [
        "exporter.forward.http",
        "exporter.server",
        "exporter.sources.probes",
        "exporter.sources.docker",
    ],
    "bcrypt": ["exporter.server"],
    "asyncpg": ["exporter.sources.postgres", "exporter.demo"],
    "cryptography": ["exporter.sources.probes"],
    "docker": ["exporter.sources.containers"],
    "google": ["exporter.forward", "exporter.sources.otlp"],
    "grpc": ["exporter.forward.grpc", "exporter.forward.push"],
    "msgspec": ["exporter", "parsers"],  # values are its Structs
    "opentelemetry": ["exporter.forward", "exporter.sources.otlp"],
    "prometheus_client": ["exporter.collector", "exporter.demo"],
    "promql_parser": ["exporter.promql"],
    "re2": ["exporter.redact", "exporter.samples"],
    "requests": ["exporter.forward.push"],
    "yaml": ["exporter.config", "exporter.export", "exporter.hops"],
    "zstandard": ["exporter.sources.files"],
}

LONGEST = 400

HOUSE = modules(ROOT)


def room(name: str) -> str | None:
    """The room that a module belongs to; the package `exporter` itself is the doorstep."""
    if name == "exporter":
        return "exporter"
    return next((each for floor in FLOORS for each in floor if inside(name, each)), None)


def floor(name: str) -> int:
    return next((n for n, rooms in enumerate(FLOORS) if name in rooms), -1)


def complaints(module: Module) -> Iterator[str]:
    """What is wrong with one module, in sentences."""
    home = room(module.name)
    if home is None:
        yield f"{module} has no room: give it a floor in tests/test_floors.py"
        return
    for target in sorted(module.imports):
        if target.partition(".")[0] in PACKAGES:
            yield from _house_complaints(module, home, target)
    for library in sorted(foreign(module)):
        doors = DOORS.get(library)
        if doors is None:
            yield f"{module} imports {library}, which has no door: give it one, or do without"
        elif not any(inside(module.name, door) for door in doors):
            yield f"{module} may not import {library}: it enters by {' or '.join(doors)}"
    if not module.caption:
        yield f"{module} has no caption: its first line says what it is"
    if module.lines > LONGEST:
        yield f"{module} has {module.lines} lines: more than {LONGEST} are two rooms' worth"


def _house_complaints(module: Module, home: str, target: str) -> Iterator[str]:
    there = room(target)
    if there is None:
        yield f"{module} imports {target}, which has no room or does not exist"
    elif there in {home, "exporter"}:
        return
    elif floor(there) >= floor(home):
        yield f"{module} (floor {floor(home)}) may not import {target} (floor {floor(there)})"
    elif home in NARROW and there not in NARROW[home]:
        yield f"{module} may not import {target}: it knows only {NARROW[home] or 'itself'}"


def circle(house: list[Module]) -> list[str]:
    """One circle of imports between modules, or nothing."""
    graph = {module.name: module.imports - {module.name} for module in house}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("module", HOUSE, ids=str)
def test_module_keeps_the_plan(module: Module) -> None:
    assert not list(complaints(module))


def test_no_source_in_cython_is_too_long() -> None:
    sources = [path for end in ("pyx", "pxd", "pxi") for path in ROOT.glob(f"exporter/**/*.{end}")]
    assert sources
    long = [path.name for path in sources if len(path.read_text().splitlines()) > LONGEST]
    assert not long, f"more than {LONGEST} lines are two rooms' worth"


def test_no_circles() -> None:
    assert not circle(HOUSE)


def test_every_room_of_the_plan_stands_on_one_floor() -> None:
    rooms = [each for rooms in FLOORS for each in rooms]
    assert len(rooms) == len(set(rooms))
    assert set(NARROW) <= set(rooms)


# --- the tests of the test: a planted mistake is caught, by its own sentence ----------------------

PLANTED = [
    ("parsers/keyvalue.py", "import exporter.model", "may not import exporter.model"),
    ("parsers/keyvalue.py", "from exporter import clock", "may not import exporter.clock"),
    ("exporter/model.py", "from exporter.registry import Registry", "(floor 1) may not import"),
    ("exporter/errors.py", "from exporter import clock", "may not import exporter.clock"),
    ("exporter/engine/plan.py", "from .. import state", "may not import exporter.state"),
    ("exporter/engine/plan.py", "from ..app import App", "may not import exporter.app"),
    (
        "exporter/registry/store.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from exporter import config",
        "may not import exporter.config",
    ),
    (
        "exporter/registry/store.py",
        "def late() -> None:\n    import exporter.app",
        "may not import exporter.app",
    ),
    ("exporter/server/pages.py", "from exporter import registry", "it knows only"),
    ("exporter/model.py", "import yaml", "may not import yaml: it enters by exporter.config or"),
    ("exporter/sources/stdin.py", "import aiohttp", "may not import aiohttp"),
    ("exporter/model.py", "import flask", "imports flask, which has no door"),
    ("exporter/utils.py", "X = 1", "exporter.utils has no room: give it a floor"),
    ("exporter/model.py", "import exporter.nowhere", "exporter.nowhere, which has no room"),
    ("exporter/model.py", "\n" * 401, "more than 400 are two rooms' worth"),
]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A house of the real files, to plant mistakes in."""
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package,
            tmp_path / package,
            ignore=lambda folder, names: (
                [
                    name
                    for name in names
                    if (Path(folder) / name).is_file() and not name.endswith(".py")
                ]
                + ["rules", "dashboards", "__pycache__"]
            ),
        )
    return tmp_path


@pytest.mark.parametrize(("path", "line", "sentence"), PLANTED)
def test_a_planted_mistake_is_caught(copy: Path, path: str, line: str, sentence: str) -> None:
    for each in ("exporter/state.py", "exporter/app.py", "exporter/config/__init__.py", path):
        _append(copy / each, "")
    _append(copy / path, line)
    found = [text for module in modules(copy) for text in complaints(module)]
    assert any(sentence in text for text in found), found


def test_a_module_without_a_caption_is_caught(copy: Path) -> None:
    (copy / "exporter/clock.py").write_text("X = 1\n")
    found = [text for module in modules(copy) for text in complaints(module)]
    assert any("exporter.clock has no caption" in text for text in found)


def test_a_planted_circle_is_caught(copy: Path) -> None:
    _append(copy / "parsers/one.py", "from parsers import two")
    _append(copy / "parsers/two.py", "from .one import anything")
    assert set(circle(modules(copy))) == {"parsers.one", "parsers.two"}


def _append(path: Path, line: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    before = path.read_text() if path.exists() else '"""A caption."""\n'
    path.write_text(f"{before}{line}\n")
