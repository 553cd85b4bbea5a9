"""The real parts: servers and tools of another make that a test holds sidewatch against."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
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
    "haproxy": ("haproxy", "-v"),
    "ruby": ("ruby-delayed-job-active-record ruby-pg", "--version"),
    "nginx": ("nginx-light", "-v"),
    "redis-server": ("redis-server", "--version"),
    "podman": ("podman", "--version"),
}

_VERSION = re.compile(r"\d+(?:\.\d+)+[^\s,]*|\d{3,}")


@dataclass
class Parts:
    """What the session used, and why which tests were left out."""

    used: dict[str, str] = field(default_factory=dict)
    unproven: dict[str, list[str]] = field(default_factory=dict)

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
            self.used[tool] = self._version(tool, [found, ask])
        return Path(found)

    def note(self, part: str, version: str) -> None:
        """Note a part that is no tool (a library, a server from a package of Python's)."""
        self.used[part] = version

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test that was skipped, for whatever reason, proved nothing (a hook of pytest's)."""
        if report.skipped and isinstance(report.longrepr, tuple):
            why = report.longrepr[2].removeprefix("Skipped: ")
            self.unproven.setdefault(why, []).append(report.nodeid)

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
            parts = ", ".join(f"{name} {self.used[name]}" for name in sorted(self.used))
            yield f"real parts used: {parts}"
        for why, tests in sorted(self.unproven.items()):
            more = f" and {len(tests) - 1} more" if len(tests) > 1 else ""
            yield f"UNPROVEN: {why}: {tests[0]}{more}"
        if self.used and not self.unproven:
            yield "unproven: nothing"
