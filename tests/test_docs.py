"""The documents hold: what they tell a newcomer to type exists, and their configuration loads."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from exporter.commands import COMMANDS
from exporter.config import parse
from exporter.config.queues import libraries
from exporter.errors import ConfigError
from exporter.sources import KINDS
from tests import test_floors

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


def test_the_first_configuration_of_the_readme_is_right_and_short() -> None:
    (text, *_) = blocks(ROOT / "README.md", "yaml")
    plan = parse(text, ROOT / "sidewatch.yaml", {})
    assert [app.name for app in plan.apps] == ["kodiai"]
    assert not plan.notes
    assert len(text.splitlines()) <= 10


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_a_whole_configuration_in_a_document_is_right(path: Path) -> None:
    for text in blocks(path, "yaml"):
        if not text.startswith("# sidewatch.yaml\n") or "\napps:" not in text:
            continue
        names = dict.fromkeys(re.findall(r"\$\{([A-Z_]+)\}", text), "x")
        try:
            parse(text, ROOT / "sidewatch.yaml", names)
        except ConfigError as error:
            # A file of the reader's own is not here.
            wrong = [str(one) for one in error.complaints if "cannot be read" not in one.text]
            assert not wrong, text


def test_every_command_of_sidewatch_stands_in_the_readme_and_no_other() -> None:
    told = set(
        re.findall(r"^\| `sidewatch ([a-z-]+)", (ROOT / "README.md").read_text(), re.MULTILINE)
    )
    assert told == set(COMMANDS)


def test_what_the_documents_run_is_a_command_of_run() -> None:
    usage = subprocess.run([ROOT / "run", "help"], capture_output=True, text=True, check=True)
    known = set(re.findall(r"^\./run ([a-z]+)", usage.stdout, re.MULTILINE))
    told = {name for path in DOCUMENTS for name in re.findall(r"\./run ([a-z]+)", path.read_text())}
    assert {"demo", "test"} <= told <= known


def test_the_picture_of_the_house_shows_each_room_on_its_floor() -> None:
    picture = re.findall(r"^ *(\d+)  (.*)$", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    drawn = {int(floor): line for floor, line in picture}
    for number, rooms in enumerate(test_floors.FLOORS):
        for room in rooms:
            if any(module.name == room for module in test_floors.HOUSE):
                name = room.rpartition(".")[2]
                assert re.search(rf"\b{name}\b", drawn[number]), f"{room} is on floor {number}"


def test_every_queue_library_stands_in_its_document() -> None:
    told = re.findall(
        r"^\| `([a-z0-9.-]+)` \|", (ROOT / "docs/queues.md").read_text(), re.MULTILINE
    )
    assert sorted(told) == sorted(libraries())


def test_the_kinds_of_sources_stand_in_the_readme() -> None:
    words = {
        "docker": "Docker Engine",
        "files": "files",
        "journald": "journald",
        "otlp": "OTLP",
        "stdin": "standard input",
    }
    readme = (ROOT / "README.md").read_text()
    assert all(words[kind] in readme for kind in KINDS)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_inside_the_project_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
        assert (path.parent / link).exists(), f"{path.name} links to {link}"


def test_paths_of_the_table_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text().partition("## Where does my line belong?")[2]
    named = re.findall(r"`((?:exporter|parsers|rules|tests|docs)/[\w/.*]*)`", text)
    assert named
    for name in named:
        assert "/x" in name or list(ROOT.glob(name.rstrip("/"))), f"there is no {name}"


def test_what_stands_there_of_growth_is_what_its_command_measures() -> None:
    """Each name of the command has its place, and each plot is a picture that is shown."""
    names = subprocess.run(
        [sys.executable, ROOT / "bench/growth.py", "--list"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ).stdout.split()
    page = (ROOT / "docs/performance.md").read_text()
    assert re.findall(r"^<!-- growth (\S+): begin -->$", page, re.MULTILINE) == names
    assert re.findall(r"^<!-- growth (\S+): end -->$", page, re.MULTILINE) == names
    pictures = {ROOT / "docs" / name for name in re.findall(r"\((performance/\S+\.svg)\)", page)}
    assert pictures == set(ROOT.glob("docs/performance/*.svg"))
    for picture in pictures:
        root = ET.parse(picture).getroot()
        assert root.tag.endswith("}svg")
        assert root.findtext("{*}title")
