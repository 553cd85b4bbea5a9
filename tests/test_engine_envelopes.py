"""Docker's entries full of escapes, as the parser reads them, on each kind of processor.

Wherever an escape lies in a block, and however many follow each other, the compiled engine must
take the entry by itself, and the text must be the parser's.
"""

from __future__ import annotations

from random import Random

import pytest

from tests.support import native
from tests.support.leaf_checks import ASK, YES, Checks
from tests.support.parts import Parts

BLOCK = 32
# As processors do it that have wide blocks, narrow ones or none.
BUILDS = {
    "wide": ("-O0",),
    "narrow": ("-O0", "-D__builtin_cpu_supports(feature)=0"),
    "bytes": ("-O0", "-U__SSE2__", "-D__builtin_cpu_supports(feature)=0"),
}
OTHERS = (r"\n", r"\t", r"\r", r"\b", r"\f", r"\/", r"\u0026", r"\u001b", r"\ud83d\ude80", "é", "€")
REFUSED = ("\x01", "\x1f", r"\x", r"\u12", r"\ud83d", "\udc80")


@pytest.fixture(scope="module", params=BUILDS)
def checks(
    request: pytest.FixtureRequest, parts: Parts, tmp_path_factory: pytest.TempPathFactory
) -> Checks:
    folder = tmp_path_factory.mktemp("leaves")
    built = native.build(native.LEAVES, folder, str(parts.need("gcc")), BUILDS[request.param])
    return Checks(native.load(built))


def _answer(checks: Checks, log: str, time: str = "2026-11-20T23:58:29.123456789Z") -> int:
    entry = f'{{"log":"{log}","stream":"stdout","time":"{time}"}}'
    return checks.docker(entry.encode("utf-8", "surrogateescape"))


def test_escapes_at_any_eight_places_of_any_block(checks: Checks) -> None:
    for places in range(256):
        eight = "".join(r"\"" if places >> i & 1 else "abcdefgh"[i] for i in range(8))
        for before in range(BLOCK + 1):
            assert _answer(checks, f"{'.' * before}{eight}\\n") == YES


def test_any_number_of_backslashes_at_any_place(checks: Checks) -> None:
    for before in range(BLOCK + 1):
        for pairs in range(2 * BLOCK):
            text = "." * before + r"\\" * pairs
            for behind in ("", "a", r"\"", r"a\"\\", r"\n"):
                assert _answer(checks, text + behind) == YES


def test_what_is_no_escaped_quote_at_any_place(checks: Checks) -> None:
    for before in range(2 * BLOCK + 1):
        for text in OTHERS:
            assert _answer(checks, f"{'.' * before}{text}") == YES
            assert _answer(checks, rf"{'.' * before}{text}{text} \"a\":{text}{'.' * 40}\n") == YES
        for text in REFUSED:
            assert _answer(checks, f"{'.' * before}{text}{'.' * 40}") == ASK


def test_texts_at_random(checks: Checks) -> None:
    dice = Random(8)
    pieces = (*OTHERS, r"\"", r"\\", "a", "b" * 7, "c" * 16, "{", r"\":\"")
    for _ in range(20_000):
        assert _answer(checks, "".join(dice.choices(pieces, k=dice.randrange(40)))) == YES


def test_times_that_are_none(checks: Checks) -> None:
    for size in range(70):
        assert _answer(checks, r"\n", "1" * size) == YES
        for odd in ('"', "\\", "\x1f", "\udc80"):
            for place in range(size):
                assert _answer(checks, r"\n", f"{'1' * place}{odd}{'1' * (size - place)}") == ASK
