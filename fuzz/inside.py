"""What runs inside the sanitizers, in a process that has loaded them before all else.

`inside.py corpus MODULE LINES` compares that many hostile lines of each format;
`inside.py leaves|engine MODULE ...` lets libFuzzer, which is part of the module, invent bytes: the
rest are its own arguments. A difference ends in an abort, which libFuzzer answers by keeping the
bytes.
"""

from __future__ import annotations

import ctypes
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from exporter.engine import choice
from tests.support import differential, native
from tests.support.hostile import NOW
from tests.support.leaf_checks import Checks
from tests.support.oracle import Counted, Oracle, differences

Fuzz = Callable[[bytes], None]
_MOST_LINES = 100
_BLANK = [b""] * 512  # smaller objects come from Python's own pools


def leaves(module: Path) -> Fuzz:
    """Hold each leaf against its parser."""
    checks = Checks(native.load(module))
    scanner = checks.scanner()
    return lambda data: checks.all(scanner, data)


def engine(module: Path) -> Fuzz:
    """Hold the compiled engine against the exact reading; the one in Python has no memory to lose.

    Blank lines in front make the block large enough for the sanitizer to guard its end.
    """
    native.load(module)
    plan = differential.plan("keyvalue")

    def compare(data: bytes) -> None:
        lines = [*_BLANK, *data.split(b"\n")[:_MOST_LINES]]
        exact = Oracle(plan, NOW, differential.LIMITS)
        exact.read(lines)
        fast = Counted(plan, NOW, differential.LIMITS, by=choice.COMPILED)
        fast.feed([b"".join(line + b"\n" for line in lines)])
        told = differences(fast.numbers(), exact.numbers())
        assert not told, "\n".join(told)

    return compare


TARGETS: dict[str, Callable[[Path], Fuzz]] = {"leaves": leaves, "engine": engine}


def guided(module: Path, fuzz: Fuzz, arguments: list[str]) -> int:
    """Run libFuzzer, which asks `fuzz` about bytes for as long as it is told to."""

    def ask(at: int, size: int) -> int:
        try:
            fuzz(ctypes.string_at(at, size))
        except BaseException:  # noqa: BLE001  whatever it is, it is a finding
            traceback.print_exc()
            sys.stderr.flush()
            os.abort()
        return 0

    asked = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_size_t)(ask)
    texts = [argument.encode() for argument in ("fuzz", *arguments)]
    vector = (ctypes.c_char_p * (len(texts) + 1))(*texts, None)
    count = ctypes.c_int(len(texts))
    pointer = ctypes.pointer(ctypes.cast(vector, ctypes.POINTER(ctypes.c_char_p)))
    run = ctypes.CDLL(str(module)).LLVMFuzzerRunDriver
    return int(run(ctypes.byref(count), pointer, asked))


def main(what: str, module: Path, arguments: list[str]) -> int:
    """Do one of the three."""
    if what != "corpus":
        return guided(module, TARGETS[what](module), arguments)
    native.load(module)
    differential.main(arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:]))
