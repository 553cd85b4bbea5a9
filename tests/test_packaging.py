"""What is published: an sdist and a wheel that work far from the checkout."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import exporter

ROOT = Path(__file__).parents[1]
DATA = {".yaml", ".json", ".sql", ".tmpl", ".yml", ".cfg", ".example", ".css", ".js"}
SOURCES = (
    *("exporter", "parsers", "rules", "dashboards", "stack", "pyproject.toml", "README.md"),
    *("LICENSE", "MANIFEST.in", "compose.monitoring.yaml", ".env.example"),
)


def data_files() -> set[str]:
    """What the wheel must hold beside Python, by the names it has there; asked of the checkout."""
    found = [
        *ROOT.glob("rules/**/*.yaml"),
        *ROOT.glob("rules/alertmanager/*.tmpl"),
        *ROOT.glob("exporter/export/*.yaml"),
        *ROOT.glob("exporter/demo/tables/*.sql"),
        *ROOT.glob("dashboards/*.json"),
        *ROOT.glob("exporter/profiles/**/*.yaml"),
        *ROOT.glob("exporter/queries/*.yaml"),
        *ROOT.glob("exporter/queues/*.yaml"),
        *ROOT.glob("exporter/*.yaml"),
        *ROOT.glob("exporter/*.example"),
        *ROOT.glob("exporter/page/*.css"),
        *ROOT.glob("exporter/page/*.js"),
        *(path for path in ROOT.glob("stack/**/*") if path.suffix in DATA),
    ]
    names = {path.relative_to(ROOT).as_posix() for path in found}
    return {name if name.startswith("exporter/") else f"exporter/{name}" for name in names}


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, f"{command}:\n{done.stdout}"
    return done.stdout


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, and the wheel made from that sdist, out of a copy of the checkout."""
    source = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        origin = ROOT / name
        if origin.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(origin, source / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy2(origin, source / name)
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", folder, source, cwd=folder)
    return folder


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of a clean environment with the wheel and what it says that it depends on."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder)
    (wheel,) = dist.glob("*.whl")
    into = ("--python", folder / "bin/python")
    run(sys.executable, "-m", "pip", *into, "install", "--quiet", wheel, cwd=folder)
    return folder / "bin"


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """A working directory with packages of our names, as other projects have them."""
    for name in ("parsers", "exporter"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the wrong package')\n")
    return tmp_path


def test_the_wheel_holds_our_modules_and_data_and_nothing_else(dist: Path) -> None:
    (wheel,) = dist.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    inside = {name for name in names if name.startswith(("exporter/", "parsers/"))}
    assert {name for name in inside if Path(name).suffix in DATA} == data_files()
    assert {name for name in inside if name.endswith(".py")} == {
        path.relative_to(ROOT).as_posix()
        for package in ("exporter", "parsers")
        for path in (ROOT / package).rglob("*.py")
    }
    others = {Path(name).suffix for name in inside} - {".py", ".typed", *DATA}
    assert not others
    assert not [name for name in names if "/build/" in name]
    assert [name for name in names if name.endswith("licenses/LICENSE")]


def test_the_sdist_holds_what_it_is_built_from(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive}
    assert data_files() | {"LICENSE", "README.md", "pyproject.toml"} <= names


def test_the_command_works_from_a_hostile_folder(installed: Path, hostile: Path) -> None:
    answer = run(installed / "sidewatch", "--version", cwd=hostile)
    assert exporter.__version__ in answer


def test_profiles_and_rules_are_found_where_installed(installed: Path, hostile: Path) -> None:
    ask = """
import json
from importlib.resources import files
folders = ("profiles", "rules", "rules/alertmanager")
print(json.dumps({f: sorted(p.name for p in (files("exporter") / f).iterdir()) for f in folders}))
"""
    # -P: the folder that `python` is started in is not searched, as for the command itself.
    found = json.loads(run(installed / "python", "-P", "-c", ask, cwd=hostile))
    for folder, names in found.items():
        assert {name for name in names if name.endswith(".yaml")} == {
            path.name for path in (ROOT / "exporter" / folder).glob("*.yaml")
        }
    assert {"kodiai.yaml", "pullapprove.yaml"} <= set(found["profiles"])
    assert "alertmanager.yaml" in found["rules/alertmanager"]


def test_the_newest_heading_of_the_changelog_is_this_version() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == exporter.__version__
