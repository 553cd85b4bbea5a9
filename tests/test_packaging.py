"""What is published: an sdist and a wheel that work far from the checkout."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

import exporter
from tests.support.parts import Parts

ROOT = Path(__file__).parents[1]
NATIVE = "exporter/engine/native"
COMPILED_OF = {".pyx", ".pxd", ".pxi", ".pyi"}
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


def native_files() -> set[str]:
    """What the engine is compiled of, in the checkout."""
    found = (path for path in (ROOT / NATIVE).iterdir() if path.suffix in COMPILED_OF)
    return {path.relative_to(ROOT).as_posix() for path in found}


def elsewhere(**environment: str) -> dict[str, str]:
    """An environment that knows nothing of this checkout."""
    known = {name: os.environ[name] for name in os.environ if name != "PYTHONPATH"}
    return {**known, **environment}


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=elsewhere(**environment),
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
            ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.c")
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


@pytest.fixture(scope="module")
def uncompiled(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is installed of the same sdist where there is no compiler; a folder for PYTHONPATH."""
    folder = tmp_path_factory.mktemp("uncompiled")
    (sdist,) = dist.glob("*.tar.gz")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation")
    run(*pip, "--target", folder, sdist, cwd=folder, CC="/bin/false")
    return folder


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
    others = {Path(name).suffix for name in inside} - {".py", ".typed", ".so", *DATA, *COMPILED_OF}
    assert not others
    (compiled,) = (name for name in inside if name.endswith(".so"))
    assert compiled == f"{NATIVE}/loop{sysconfig.get_config_var('EXT_SUFFIX')}"
    assert native_files() <= set(names)
    assert not [name for name in names if "/build/" in name]
    assert [name for name in names if name.endswith("licenses/LICENSE")]


def test_the_sdist_holds_what_it_is_built_from(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive}
    assert data_files() | native_files() | {"LICENSE", "README.md", "pyproject.toml"} <= names
    assert not [name for name in names if name.endswith((".so", ".c"))]


def test_the_command_works_from_a_hostile_folder(installed: Path, hostile: Path) -> None:
    answer = run(installed / "sidewatch", "--version", cwd=hostile)
    assert answer == f"sidewatch {exporter.__version__} (compiled engine)\n"


def test_a_version_that_nobody_reads_is_no_failure(installed: Path, hostile: Path) -> None:
    words = (installed / "python", "-P", "-m", "exporter", "--version")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            words,
            cwd=hostile,
            env=elsewhere(PYTHONUNBUFFERED="1"),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")


def test_without_a_compiler_it_installs_and_says_that_it_runs_in_python(
    installed: Path, uncompiled: Path, hostile: Path
) -> None:
    command = (installed / "python", "-P", "-m", "exporter")
    told = run(*command, "--version", cwd=hostile, PYTHONPATH=str(uncompiled))
    assert told == f"sidewatch {exporter.__version__} (python engine)\n"
    golden = ROOT / "tests/golden/kodiai/input.log"
    replay = ("replay", "--profile", "kodiai", golden)
    compiled = run(installed / "sidewatch", *replay, cwd=hostile)
    python = run(*command, *replay, cwd=hostile, PYTHONPATH=str(uncompiled))
    assert sorted(python.splitlines()) == sorted(compiled.splitlines())


def test_an_engine_that_was_not_built_is_refused_where_it_is_asked_for(
    installed: Path, uncompiled: Path, hostile: Path
) -> None:
    for words, who in (
        (("replay", "--profile", "kodiai", "-"), "sidewatch:"),
        (("--version",), f"sidewatch {exporter.__version__};"),
    ):
        done = subprocess.run(
            (installed / "python", "-P", "-m", "exporter", *words),
            cwd=hostile,
            env=elsewhere(PYTHONPATH=str(uncompiled), SIDEWATCH_ENGINE="compiled"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert done.stderr.startswith(f"{who} SIDEWATCH_ENGINE asks for the compiled engine, which")
        assert "install a C compiler" in done.stderr


def test_the_engine_that_the_tests_use_was_compiled_of_these_sources(
    request: pytest.FixtureRequest, parts: Parts
) -> None:
    compiled = find_spec("exporter.engine.native.loop")
    if compiled is None or compiled.origin is None:
        headers = Path(sysconfig.get_path("include")) / "Python.h"
        assert not (shutil.which("cc") and headers.exists()), "./run test compiles it; do that"
        parts.lack("the compiled engine was not built: no C compiler", request.node.nodeid)
        return
    made = Path(compiled.origin).stat().st_mtime
    newer = {name for name in native_files() if (ROOT / name).stat().st_mtime > made}
    assert not {name for name in newer if not name.endswith(".pyi")}, "./run compiles it anew"


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
