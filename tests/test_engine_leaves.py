"""The compiled engine's leaves: each says what the Python parser of the same thing says.

Or that only the parser can say, which it must not do of a line as real loggers print them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers import jsonlines
from parsers.cleaning import uncoloured
from parsers.times import seconds
from tests.support import native
from tests.support.hostile import JSON_TIMES, STRANGE_TIMES, TEXTS, TIMES, Hostile, docker
from tests.support.leaf_checks import ASK, NAMES, NO, YES, ZONE, Checks, same
from tests.support.odd_json import ODD_JSON
from tests.support.parts import Parts

HERE = Path(__file__).parent
REAL = tuple(
    line
    for log in sorted((HERE / "golden").glob("*/*.log"))
    for line in log.read_bytes().splitlines()
)
REAL_JSON = tuple(line for line in REAL if line.startswith(b"{"))


@pytest.fixture(scope="session")
def checks(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Checks:
    folder = tmp_path_factory.mktemp("leaves")
    return Checks(native.load(native.build(native.LEAVES, folder, str(parts.need("gcc")))))


# -- JSON -----------------------------------------------------------------------------------------


def _json_lines(seed: int, count: int, real: tuple[bytes, ...] = ()) -> Iterator[bytes]:
    for line in Hostile(Random(seed), real, made=("json",), usual=seed).lines(count):
        bare = uncoloured(line).rstrip(b"\r")
        if bare.startswith(b"{"):
            yield bare


def test_real_json_lines_are_read_without_doubt(checks: Checks) -> None:
    names = {name for line in REAL_JSON for name in jsonlines.parse(line.decode()).fields}  # type: ignore[union-attr]
    scanner = checks.scanner(sorted(names))
    assert scanner.served == sorted(names)
    for line in REAL_JSON:
        verdict, found = scanner.scan(line)
        assert verdict == checks.module.READ
        assert found.keys() & set(jsonlines.MESSAGE_KEYS)
        assert checks.scan(scanner, line) == checks.module.READ


@pytest.mark.parametrize("seed", range(4))
def test_hostile_json_lines_leave_what_the_parser_finds(checks: Checks, seed: int) -> None:
    scanner = checks.scanner()
    lines = [*_json_lines(seed, 3_000), *_json_lines(seed, 3_000, REAL_JSON)]
    verdicts = [checks.scan(scanner, line) for line in lines]
    assert verdicts.count(checks.module.DOUBT) < len(verdicts) / 5
    assert verdicts.count(checks.module.BROKEN) > len(verdicts) / 20


def test_odd_json_leaves_what_the_parser_finds(checks: Checks) -> None:
    scanner = checks.scanner()
    doubtful = [line for line in ODD_JSON if checks.scan(scanner, line) == checks.module.DOUBT]
    assert b'{"a":"\\ud83d\\ude80"}' not in doubtful
    assert b'{"who":1,"who":null}' not in doubtful
    assert b'{"a":' * 100_000 in doubtful
    assert len(doubtful) < len(ODD_JSON) / 3


WORDS = st.text(max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "c", "x"]), inner, max_size=3)
    ),
    max_leaves=4,
)


@given(
    st.dictionaries(st.sampled_from([*NAMES, "q"]) | WORDS, JSON, max_size=5),
    st.booleans(),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,\t", " : ")]),
)
def test_any_object_is_read_as_the_parser_reads_it(
    checks: Checks,
    document: dict[str, Any],
    ascii_only: bool,  # noqa: FBT001 - hypothesis passes by position
    separators: tuple[str, str],
) -> None:
    line = json.dumps(document, ensure_ascii=ascii_only, separators=separators)
    checks.scan(checks.scanner(), line.encode("utf-8", "surrogatepass"))


@given(
    st.lists(st.sampled_from([*'{}[]:,"\\', "u", "d8", "00", "a", "b", "1", "-", ".", "e", " "]))
)
def test_any_signs_are_read_as_the_parser_reads_them(checks: Checks, signs: list[str]) -> None:
    scanner = checks.scanner()
    checks.scan(scanner, ("{" + "".join(signs)).encode())
    checks.scan(scanner, ('{"a":"' + "".join(signs) + '"}').encode())


def test_what_a_scan_cannot_find_is_not_served(checks: Checks) -> None:
    served = ["a", "a.b", "a.b.c.d.e.f.g.h", "x" * 120, "é", "c"]
    refused = ["", ".", "a.", ".a", "a..b", "a.b.c.d.e.f.g.h.i", "x" * 121, "a\ufffd"]
    assert checks.scanner(served + refused).served == served


def test_many_names_are_told_apart(checks: Checks) -> None:
    names = [f"{first}{number}" for first in ("k", "key_", "k.deep") for number in range(300)]
    document = {name: number for number, name in enumerate(names) if "." not in name}
    document |= {"k": {f"deep{number}": number for number in range(300)}}  # type: ignore[dict-item]
    verdict, found = checks.scanner(names).scan(json.dumps(document).encode())
    assert verdict == checks.module.READ
    assert {name: int(text) for name, (_, text) in found.items()} == {
        name: document.get(name, int(name[6:]) if name.startswith("k.deep") else None)
        for name in names
    }


# -- numbers, times, UTF-8 -------------------------------------------------------------------------

SPELLED = st.text("0123456789" * 3 + "+-.eE" + "_ x", max_size=24)


@given(SPELLED)
def test_a_spelled_number_is_what_python_makes_of_it(checks: Checks, text: str) -> None:
    checks.number(text)


@given(st.floats() | st.floats(-1e6, 1e6) | st.integers() | st.decimals(), st.integers(0, 17))
def test_a_number_is_what_python_makes_of_it(checks: Checks, number: float, digits: int) -> None:
    checks.number(str(number))
    checks.number(f"{number:.{digits}g}")
    checks.number(f"{number:.{digits}e}")


@pytest.mark.parametrize("text", ["0", "-0", "12", "2.5", "0.001", "60000", "5e-1", "123456789.25"])
def test_usual_numbers_need_no_python(checks: Checks, text: str) -> None:
    assert checks.module.number(text.encode()) == (YES, float(text))


@pytest.mark.parametrize("text", TEXTS)
def test_strange_numbers(checks: Checks, text: str) -> None:
    checks.number(text)


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_json_number_is_what_python_makes_of_it(checks: Checks, number: float) -> None:
    kind = "integer" if isinstance(number, int) else "float"
    checks.json_number(kind, json.dumps(number), number)


def test_what_is_no_json_number(checks: Checks) -> None:
    assert checks.module.json_number("integer", b"-0") == (YES, 0.0)
    assert same(checks.module.json_number("integer", b"-0")[1], 0.0)
    for kind, text in (("true", b"true"), ("null", b"NaN"), ("object", b"{}"), ("array", b"[]")):
        assert checks.module.json_number(kind, text)[0] == NO
        assert checks.module.json_seconds(kind, text, 0)[0] == NO
    assert checks.module.json_number("escaped", b"\\u0031")[0] == ASK


CLOCK = st.builds(
    "{}{}{}{}{}{}{}:{}:{}{}{}".format,
    st.sampled_from(["2026", "1970", "1969", "2024", "2100", "9999", "0000", "20x6"]),
    st.sampled_from(["-", "-", "-", "/", "."]),
    st.sampled_from(["01", "02", "11", "12", "13", "00"]),
    st.sampled_from(["-", "-", "-", "/"]),
    st.sampled_from(["01", "28", "29", "30", "31", "32", "00"]),
    st.sampled_from(["T", " ", "_"]),
    st.sampled_from(["00", "23", "24", "1 "]),
    st.sampled_from(["00", "59", "60"]),
    st.sampled_from(["00", "59", "60", "61", "5"]),
    st.sampled_from(["", ".5", ",123", ".123456789", ".123456789012", ".1234567890123", ".", ";1"]),
    st.sampled_from(["", "Z", "z", "+01:00", "-0530", "+23:59", "+24:00", "-00:99", "+1", " UTC",
                     "Zx", " ", "+01:00 x", " stdout", "+01:0x", "+0100:", " +0000", " Z", "  Z",
                     " +0"]),
)  # fmt: skip
ACCESS = st.builds(
    "{}/{}/{}:{}:{}:{}{}".format,
    st.sampled_from(["01", "28", "29", "30", "31", "00", "1", "x1"]),
    st.sampled_from(["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
                     "Dec", "jan", "Xxx", "anF"]),
    st.sampled_from(["2026", "2024", "2100", "1970", "1969", "0001", "20x6"]),
    st.sampled_from(["00", "23", "24"]),
    st.sampled_from(["00", "59", "60"]),
    st.sampled_from(["00", "59", "60", "61", "5"]),
    st.sampled_from([" +0000", " +0000", " -0530", " +05:30", " +2359", " +2400", "", "+0000",
                     " Z"]),
)  # fmt: skip


@given(CLOCK | ACCESS | st.text("0123456789.", max_size=30))
def test_a_time_is_what_the_parser_makes_of_it(checks: Checks, text: str) -> None:
    checks.time(text)
    checks.head(text)


@given(st.datetimes(), st.sampled_from(["", "Z", "+05:45", "-0800"]))
def test_any_time_is_what_the_parser_makes_of_it(checks: Checks, moment: Any, offset: str) -> None:
    checks.time(moment.isoformat() + offset)


@pytest.mark.parametrize("size", range(24, 30))
def test_more_digits_than_a_time_has_are_none(checks: Checks, size: int) -> None:
    checks.time("1795219199".zfill(size))


@pytest.mark.parametrize("text", [*TIMES, *(str(time) for time in (*JSON_TIMES, *STRANGE_TIMES))])
def test_odd_times(checks: Checks, text: str) -> None:
    checks.time(text)
    checks.head(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20T23:58:29.123456789Z",
        "2026-11-20T23:58:29+01:00",
        "2026-11-20 23:58:29 +0000",
        "20/Nov/2026:23:58:29 +0100",
        "1795219199123",
    ],
)
def test_usual_times_need_no_python(checks: Checks, text: str) -> None:
    assert checks.module.text_seconds(text.encode(), checks.module.LOCAL_UNKNOWN) == (
        YES,
        seconds(text, ZONE),
    )


@given(st.binary() | st.text().map(str.encode) | st.lists(st.sampled_from(
    [b"\x80", b"\xbf", b"\xc1", b"\xc2", b"\xe0", b"\xed", b"\xef", b"\xf0", b"\xf4", b"\xf5",
     b"\x9f", b"\xa0", b"\x8f", b"\x90", b"a" * 15, b"a"])).map(b"".join))  # fmt: skip
def test_utf8_is_what_python_decodes(checks: Checks, text: bytes) -> None:
    checks.utf8(text)


# -- envelopes -------------------------------------------------------------------------------------


def test_real_lines_in_a_docker_envelope_need_no_python(checks: Checks) -> None:
    for line in REAL:
        for ascii_only in (False, True):
            log = line.decode() + "\n"
            entry = {"log": log, "stream": "stderr", "time": "2026-11-20T23:58:29.123456789Z"}
            text = json.dumps(entry, ensure_ascii=ascii_only, separators=(",", ":"))
            assert checks.docker(text.encode()) == YES
            tagged = text.replace(',"time"', ',"attrs":{"tag":"web","id":"1"},"time"')
            assert checks.docker(tagged.encode()) == YES


@given(st.text(), st.booleans(), st.booleans())
def test_any_docker_entry_is_what_the_parser_makes_of_it(
    checks: Checks,
    log: str,
    ascii_only: bool,  # noqa: FBT001 - hypothesis passes by position
    whole: bool,  # noqa: FBT001
) -> None:
    entry = {"log": log + "\n" * whole, "stream": "stdout", "time": "t"}
    line = json.dumps(entry, ensure_ascii=ascii_only, separators=(",", ":")).encode()
    assert checks.docker(line) == YES


INSIDES = (
    '"', "\\", "\\n", "\\t", "\\u0000", "\\u00e9", "\\u20ac", "\\ud83d", "\\ude80",
    "\\uD83D\\uDE80", "\\u12", "\\x", "a" * 17, "b", "é", "\n", "\x1b",
)  # fmt: skip


@given(st.lists(st.sampled_from(INSIDES)), st.integers(0, 20))
def test_odd_docker_entries(checks: Checks, parts: list[str], cut: int) -> None:
    line = f'{{"log":"{"".join(parts)}","stream":"stdout","time":"t"}}'.encode()
    checks.docker(line)
    checks.docker(line[: len(line) - cut])


@pytest.mark.parametrize("seed", range(2))
def test_mutated_envelopes(checks: Checks, seed: int) -> None:
    dice = Random(seed)
    entries = [docker(line, "stdout", "2026-11-20T23:58:29Z", partial=False) for line in REAL]
    entries += [b"2026-11-20T23:58:29.123Z stdout F " + line for line in REAL]
    entries += [b"2026-11-20T23:58:29+01:00 stderr P:tag " + line for line in REAL[:20]]
    lines = Hostile(dice, tuple(entries), made=("json",)).lines(5_000)
    assert [checks.docker(line) for line in lines].count(YES) > 250
    assert [checks.cri(line) for line in lines].count(YES) > 250


CRI_PARTS = (
    ("2026-11-20T23:58:29", "2026-11-20 23:58:29", "2026/11/20T23:58:29", "2026-11-20T23:58:2"),
    ("", ".5", ",5", ".123456789", ".1234567890", "."),
    ("Z", "", "+01:00", "+0100", "-99:99", "z"),
    (" stdout ", " stderr ", " stdin ", "  stdout "),
    ("F", "P", "G", "F:x", "P:" + "x" * 100, "P:" + "x" * 101, "F:", "F:a:b", "FP"),
    ("", " ", " text", "  text ", "x", "\t"),
)


@given(st.tuples(*map(st.sampled_from, CRI_PARTS)))
def test_odd_cri_lines(checks: Checks, parts: tuple[str, ...]) -> None:
    checks.cri("".join(parts).encode())
