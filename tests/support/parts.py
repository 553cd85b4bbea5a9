"""The real parts: servers and tools of another make that a test holds sidewatch against.

`python -m tests.support.parts FILE` tells of the runs that were started with `--parts=FILE`.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

# tool: (Debian's package, how it tells its version)
TOOLS: dict[str, tuple[str, str]] = {
    "prometheus": ("prometheus", "--version"),
    "promtool": ("prometheus", "--version"),
    "prometheus-alertmanager": ("prometheus-alertmanager", "--version"),
    "amtool": ("prometheus-alertmanager", "--version"),
    "jq": ("jq", "--version"),
    "mtail": ("mtail", "--version"),
    "pgbouncer": ("pgbouncer", "--version"),
    "openssl": ("openssl", "version"),
    "faketime": ("faketime", "--version"),
    "journalctl": ("systemd", "--version"),
    "dockerd": ("docker.io", "--version"),
    "docker": ("docker.io docker-cli", "--version"),
    "docker-compose": ("docker-compose", "--version"),
    "haproxy": ("haproxy", "-v"),
    "debootstrap": ("debootstrap", "--version"),
    "ruby": ("ruby-delayed-job-active-record ruby-pg", "--version"),
    "nginx": ("nginx-light", "-v"),
    "redis-server": ("redis-server", "--version"),
    "chromium": ("chromium", "--version"),
    "podman": ("podman", "--version"),
    "gcc": ("gcc", "-dumpfullversion"),
}

_VERSION = re.compile(r"\d+(?:\.\d+)+[^\s,]*|\d{3,}")


@dataclass
class Parts:
    """What a run used, each part with its versions, and why which tests were left out."""

    used: dict[str, set[str]] = field(default_factory=dict)
    unproven: dict[str, set[str]] = field(default_factory=dict)

    def need(self, tool: str) -> Path:
        """Where `tool` is, noted with its version; the test fails where it is not installed."""
        package, ask = TOOLS[tool]
        found = shutil.which(tool)
        if found is None:
            pytest.fail(
                f"{tool} is not installed: run ./run test, or apt-get install {package}",
                pytrace=False,
            )
        if tool not in self.used:
            self.note(tool, self._version(tool, [found, ask]))
        return Path(found)

    def note(self, part: str, version: str) -> None:
        """Note a part, and a version of it; of a library there may be several."""
        self.used.setdefault(part, set()).add(version)

    def lack(self, why: str, test: str) -> None:
        """Note what a test that passed could not prove."""
        self.unproven.setdefault(why, set()).add(test)

    def dump(self) -> dict[str, dict[str, list[str]]]:
        """All of it, to be handed to another process."""
        used = {part: sorted(versions) for part, versions in sorted(self.used.items())}
        unproven = {why: sorted(tests) for why, tests in self.unproven.items()}
        return {"used": used, "unproven": unproven}

    def add(self, dumped: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        """Note what another process has dumped."""
        for part, versions in dumped.get("used", {}).items():
            self.used.setdefault(part, set()).update(versions)
        for why, tests in dumped.get("unproven", {}).items():
            self.unproven.setdefault(why, set()).update(tests)

    def keep(self, file: Path) -> None:
        """Add all of it to what earlier runs have left in a file, which may be empty."""
        self.add(kept(file).dump())
        file.write_text(json.dumps(self.dump()))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test that was skipped, for whatever reason, proved nothing (a hook of pytest's)."""
        if report.skipped and isinstance(report.longrepr, tuple):
            why = report.longrepr[2].removeprefix("Skipped: ")
            self.lack(why, report.nodeid)

    def _version(self, tool: str, command: list[str]) -> str:
        try:
            answer = subprocess.run(
                command, capture_output=True, text=True, check=False, timeout=20
            )
        except PermissionError as error:
            why = f"the kernel does not let {tool} start ({error.strerror})"
            raise pytest.skip.Exception(why) from error
        match = _VERSION.search(answer.stdout + answer.stderr)
        return match[0].rstrip(",") if match else "of unknown version"

    def lines(self) -> Iterator[str]:
        """The last words of a run: each part with its version, then what stayed unproven."""
        if self.used:
            told = (f"{part} {' and '.join(found)}" for part, found in self.dump()["used"].items())
            yield f"real parts used: {', '.join(told)}"
        for why, tests in sorted(self.unproven.items()):
            more = f" and {len(tests) - 1} more" if len(tests) > 1 else ""
            yield f"UNPROVEN: {why}: {min(tests)}{more}"
        if self.used and not self.unproven:
            yield "unproven: nothing"


def kept(file: Path) -> Parts:
    """What runs have left in a file, which may be empty."""
    parts = Parts()
    if text := file.read_text():
        parts.add(json.loads(text))
    return parts


if __name__ == "__main__":
    print(*kept(Path(sys.argv[1])).lines(), sep="\n")  # noqa: T201  # for a person to read
