"""The compiled engine under AddressSanitizer and UndefinedBehaviorSanitizer, for a moment.

`./run fuzz` does the same for as long as it is told to, and lets libFuzzer invent bytes beside.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import native
from tests.support.differential import FORMATS
from tests.support.parts import Parts

INSIDE = native.ROOT / "fuzz" / "inside.py"
FLAGS = ("-O0", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=undefined")
LINES = 300


@pytest.fixture(scope="module")
def gcc(parts: Parts) -> str:
    return str(parts.need("gcc"))


def _library(gcc: str) -> str:
    command = [gcc, "-print-file-name=libasan.so"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_hostile_lines_touch_no_memory_that_is_not_theirs(gcc: str, tmp_path: Path) -> None:
    built = native.build(native.LOOP, tmp_path, gcc, FLAGS)
    environment = {
        **os.environ,
        "LD_PRELOAD": _library(gcc),
        "ASAN_OPTIONS": "detect_leaks=0",  # Python's own, at its end
        "PYTHONMALLOC": "malloc",
        "PYTHONPATH": str(native.ROOT),
    }
    command = [sys.executable, str(INSIDE), "corpus", str(built), str(LINES), *FORMATS]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("no difference") == len(FORMATS)


def test_a_byte_too_many_would_be_seen(gcc: str, tmp_path: Path) -> None:
    code = "int read_behind(const char *at, long size) { return at[size]; }"
    (tmp_path / "behind.c").write_text(code)
    library = tmp_path / "behind.so"
    command = [gcc, *FLAGS, "-fPIC", "-shared", str(tmp_path / "behind.c"), "-o", str(library)]
    subprocess.run(command, check=True)
    program = (
        "import ctypes; at = ctypes.CDLL(None).malloc; at.restype = ctypes.c_void_p;"
        f"ctypes.CDLL({str(library)!r}).read_behind(ctypes.c_void_p(at(5)), ctypes.c_long(5))"
    )
    environment = {**os.environ, "LD_PRELOAD": _library(gcc)}
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True,
        env=environment,
    )  # fmt: skip
    assert "heap-buffer-overflow" in done.stderr
