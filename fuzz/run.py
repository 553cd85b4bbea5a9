"""Fuzzes the compiled engine under AddressSanitizer and UndefinedBehaviorSanitizer.

First hostile lines of every format, then bytes that libFuzzer invents, guided by what code they
reach: for the leaf scanners alone, and for whole engines. What differs from the exact reading, or
touches memory that is not its own, ends the run with the bytes in a file.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support import differential, hostile, native
from tests.support.odd_json import ODD_JSON

HERE = Path(__file__).parent
WORK = native.ROOT / "build" / "fuzz"
SANITIZE = "-fsanitize=fuzzer-no-link,address,undefined"
SEEDS = 60  # of each format, ten lines each
LONGEST = 1 << 11


def sanitized(source: Path) -> Path:
    """The module with sanitizers and libFuzzer in it."""
    folder = WORK / source.stem
    folder.mkdir(parents=True, exist_ok=True)
    library = _of_clang("fuzzer_no_main", "a")
    flags = (
        "-O1", "-g", SANITIZE, "-fno-sanitize-recover=undefined", "-fno-omit-frame-pointer",
        "-shared-libasan",
        "-Wl,-Bsymbolic",  # the sanitizer brings empty twins of what libFuzzer counts by
        f"-Wl,--whole-archive,{library},--no-whole-archive", "-lstdc++", "-lm", "-ldl", "-lpthread",
    )  # fmt: skip
    return native.build(source, folder, "clang", flags)


def inside(*arguments: object, malloc: str = "malloc") -> None:
    """Run `inside.py` with the sanitizers' library loaded before Python.

    `malloc` is Python's: its own pools are ten times as quick, and guard nothing.
    """
    environment = {
        **os.environ,
        "LD_PRELOAD": _of_clang("asan", "so"),
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",  # Python's own, at its end
        "PYTHONMALLOC": malloc,
        "PYTHONPATH": str(native.ROOT),
    }
    command = [sys.executable, str(HERE / "inside.py"), *map(str, arguments)]
    done = subprocess.run(command, check=False, cwd=WORK, env=environment)
    if done.returncode:
        sys.exit(f"fuzz: a finding, told above; its bytes are in {WORK}, if libFuzzer had them")


def seeds(folder: Path) -> Path:
    """Lines to begin with, as many kinds of them as there are."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in (*differential.FORMATS, *differential.PROFILES):
        made = differential.hostile(name, 0).lines(10 * SEEDS)
        for i in range(SEEDS):
            few = made[10 * i : 10 * i + 10]
            (folder / f"{name}-{i}").write_bytes(b"\n".join(few)[:LONGEST])
            (folder / f"{name}-{i}-one").write_bytes(few[0][:LONGEST])
        for i, line in enumerate(differential.real_lines(name)[:SEEDS]):
            (folder / f"{name}-real-{i}").write_bytes(line)
    for i, line in enumerate(ODD_JSON):
        (folder / f"odd-{i}").write_bytes(line[:LONGEST])
    return folder


def dictionary(file: Path) -> Path:
    """The words that such lines are made of."""
    texts = (*hostile.KEYS, *hostile.TEXTS, *hostile.MESSAGES, *hostile.LEVELS, *hostile.TIMES)
    words = {*hostile.BITS, *(text.encode() for text in texts)}
    lines = ("".join(f"\\x{byte:02x}" for byte in word) for word in sorted(words) if word)
    file.write_text("".join(f'"{line}"\n' for line in lines if len(line) < LONGEST // 8))
    return file


def _of_clang(name: str, kind: str) -> str:
    file = f"libclang_rt.{name}-{platform.machine()}.{kind}"
    command = ["clang", f"-print-file-name={file}"]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    if not Path(found).is_absolute():
        sys.exit(f"fuzz: clang has no {file}: install libclang-rt-dev of clang's version")
    return found


def main() -> None:
    """Build, then run all three for their shares of the time."""
    parser = argparse.ArgumentParser(prog="./run fuzz", description=__doc__)
    parser.add_argument("seconds", nargs="?", type=int, default=600, help="for libFuzzer (600)")
    parser.add_argument("--lines", type=int, default=5_000, help="hostile lines a format (5000)")
    options = parser.parse_args()
    modules = {"leaves": sanitized(native.LEAVES), "engine": sanitized(native.LOOP)}
    inside("corpus", modules["engine"], options.lines)
    words = dictionary(WORK / "words")
    for name, share in (("leaves", 0.2), ("engine", 0.8)):
        corpus = WORK / f"{name}-corpus"
        corpus.mkdir(exist_ok=True)
        inside(
            name, modules[name], f"-max_total_time={round(options.seconds * share)}",
            f"-dict={words}", f"-max_len={LONGEST}", "-print_final_stats=1", "-timeout=60",
            f"-artifact_prefix={WORK}/{name}-", corpus, seeds(WORK / "seeds"),
            malloc="pymalloc" if name == "engine" else "malloc",
        )  # fmt: skip
    print("fuzz: nothing found")


if __name__ == "__main__":
    main()
