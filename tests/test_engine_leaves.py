"""The compiled engine's leaves: each says what the Python parser of the same thing says.

Or that only the parser can say, which it must not do of a line as real loggers print them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import timedelta, timezone
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.engine import values
from parsers import cri, docker_json, jsonlines
from parsers.cleaning import uncoloured
from parsers.heads import read_head
from parsers.times import seconds
from tests.support import leaves as building
from tests.support.hostile import JSON_TIMES, STRANGE_TIMES, TEXTS, TIMES, Hostile, docker
from tests.support.odd_json import ODD_JSON
from tests.support.parts import Parts

HERE = Path(__file__).parent
REAL = tuple(
    line
    for log in sorted((HERE / "golden").glob("*/*.log"))
    for line in log.read_bytes().splitlines()
)
REAL_JSON = tuple(line for line in REAL if line.startswith(b"{"))
NO, YES, ASK = 0, 1, -1
EAST = 7200
ZONE = timezone(timedelta(seconds=EAST))
NAMES = [
    *jsonlines.MESSAGE_KEYS, *jsonlines.LEVEL_KEYS, *jsonlines.TIME_KEYS, "log", "kind", "size",
    "took", "ok", "who", "status", "a.b", "a.c.d", "x.b.c", "x", "err.code", "a", "żółć", "note",
    "durationMs", "deliveryId", "a.b.c", "b",
]  # fmt: skip


@pytest.fixture(scope="session")
def leaves(parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return building.load(building.build(tmp_path_factory.mktemp("leaves"), str(parts.need("gcc"))))


# -- JSON -----------------------------------------------------------------------------------------


def _meant(kind: str, text: bytes) -> Any:
    """What a slot means, by Python's own reading of its bytes."""
    spelled = text.decode("utf-8", "replace")
    if kind in ("string", "escaped"):
        assert ("\\" in spelled) == (kind == "escaped")
        spelled = f'"{spelled}"'
    found = json.loads(spelled, strict=False, parse_float=_finite, parse_constant=lambda _: None)
    expected = {"integer": int, "float": float, "object": dict, "array": list}.get(kind)
    assert expected is None or found is None or type(found) is expected
    return found


def _finite(text: str) -> float | None:
    return float(text) if math.isfinite(float(text)) else None


def _same(one: Any, other: Any) -> bool:
    return repr(one) == repr(other)


def _check(scanner: Any, module: Any, line: bytes) -> int:
    """Hold a line's scan against the parser; the verdict."""
    verdict, found = scanner.scan(line)
    if verdict == module.DOUBT:
        return module.DOUBT  # type: ignore[no-any-return]  # compiled code has no types
    record = jsonlines.parse(line.decode("utf-8", "replace"))
    assert (verdict == module.READ) == (record is not None), line
    if record is None:
        return module.BROKEN  # type: ignore[no-any-return]
    meant = {name: _meant(*slot) for name, slot in found.items()}
    nested = {name for name in meant if isinstance(meant[name], dict) and meant[name]}
    for name in scanner.served:
        if name in nested:
            assert name not in record.fields or record.fields[name] == meant[name]
        else:
            assert (name in record.fields) == (name in meant), (name, line)
            assert _same(record.fields.get(name), meant.get(name)), (name, line)
    return module.READ  # type: ignore[no-any-return]


def _json_lines(seed: int, count: int, real: tuple[bytes, ...] = ()) -> Iterator[bytes]:
    for line in Hostile(Random(seed), real, made=("json",), usual=seed).lines(count):
        bare = uncoloured(line).rstrip(b"\r")
        if bare.startswith(b"{"):
            yield bare


def test_real_json_lines_are_read_without_doubt(leaves: Any) -> None:
    names = {name for line in REAL_JSON for name in jsonlines.parse(line.decode()).fields}  # type: ignore[union-attr]
    scanner = leaves.Scanner(sorted(names))
    assert scanner.served == sorted(names)
    for line in REAL_JSON:
        verdict, found = scanner.scan(line)
        assert verdict == leaves.READ
        assert found.keys() & set(jsonlines.MESSAGE_KEYS)
        assert _check(scanner, leaves, line) == leaves.READ


@pytest.mark.parametrize("seed", range(4))
def test_hostile_json_lines_leave_what_the_parser_finds(leaves: Any, seed: int) -> None:
    scanner = leaves.Scanner(NAMES)
    lines = [*_json_lines(seed, 3_000), *_json_lines(seed, 3_000, REAL_JSON)]
    verdicts = [_check(scanner, leaves, line) for line in lines]
    assert verdicts.count(leaves.DOUBT) < len(verdicts) / 5
    assert verdicts.count(leaves.BROKEN) > len(verdicts) / 20


def test_odd_json_leaves_what_the_parser_finds(leaves: Any) -> None:
    scanner = leaves.Scanner(NAMES)
    doubtful = [line for line in ODD_JSON if _check(scanner, leaves, line) == leaves.DOUBT]
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
    leaves: Any,
    document: dict[str, Any],
    ascii_only: bool,  # noqa: FBT001 - hypothesis passes by position
    separators: tuple[str, str],
) -> None:
    line = json.dumps(document, ensure_ascii=ascii_only, separators=separators)
    _check(leaves.Scanner(NAMES), leaves, line.encode("utf-8", "surrogatepass"))


@given(
    st.lists(st.sampled_from([*'{}[]:,"\\', "u", "d8", "00", "a", "b", "1", "-", ".", "e", " "]))
)
def test_any_signs_are_read_as_the_parser_reads_them(leaves: Any, signs: list[str]) -> None:
    scanner = leaves.Scanner(NAMES)
    _check(scanner, leaves, ("{" + "".join(signs)).encode())
    _check(scanner, leaves, ('{"a":"' + "".join(signs) + '"}').encode())


def test_what_a_scan_cannot_find_is_not_served(leaves: Any) -> None:
    served = ["a", "a.b", "a.b.c.d.e.f.g.h", "x" * 120, "é", "c"]
    refused = ["", ".", "a.", ".a", "a..b", "a.b.c.d.e.f.g.h.i", "x" * 121, "a\ufffd"]
    assert leaves.Scanner(served + refused).served == served


def test_many_names_are_told_apart(leaves: Any) -> None:
    names = [f"{first}{number}" for first in ("k", "key_", "k.deep") for number in range(300)]
    document = {name: number for number, name in enumerate(names) if "." not in name}
    document |= {"k": {f"deep{number}": number for number in range(300)}}  # type: ignore[dict-item]
    verdict, found = leaves.Scanner(names).scan(json.dumps(document).encode())
    assert verdict == leaves.READ
    assert {name: int(text) for name, (_, text) in found.items()} == {
        name: document.get(name, int(name[6:]) if name.startswith("k.deep") else None)
        for name in names
    }


# -- numbers, times, UTF-8 -------------------------------------------------------------------------

SPELLED = st.text("0123456789" * 3 + "+-.eE" + "_ x", max_size=24)


def _check_number(leaves: Any, text: str) -> None:
    answer, found = leaves.number(text.encode())
    if answer != ASK:
        assert _same(found if answer == YES else None, values.number(text)), text


@given(SPELLED)
def test_a_spelled_number_is_what_python_makes_of_it(leaves: Any, text: str) -> None:
    _check_number(leaves, text)


@given(st.floats() | st.floats(-1e6, 1e6) | st.integers() | st.decimals(), st.integers(0, 17))
def test_a_number_is_what_python_makes_of_it(leaves: Any, number: float, digits: int) -> None:
    _check_number(leaves, str(number))
    _check_number(leaves, f"{number:.{digits}g}")
    _check_number(leaves, f"{number:.{digits}e}")


@pytest.mark.parametrize("text", ["0", "-0", "12", "2.5", "0.001", "60000", "5e-1", "123456789.25"])
def test_usual_numbers_need_no_python(leaves: Any, text: str) -> None:
    assert leaves.number(text.encode()) == (YES, float(text))


@pytest.mark.parametrize("text", TEXTS)
def test_strange_numbers(leaves: Any, text: str) -> None:
    _check_number(leaves, text)


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_a_json_number_is_what_python_makes_of_it(leaves: Any, number: float) -> None:
    kind = "integer" if isinstance(number, int) else "float"
    answer, found = leaves.json_number(kind, json.dumps(number).encode())
    assert answer == ASK or _same(found, values.number(number))
    answer, found = leaves.json_seconds(kind, json.dumps(number).encode(), 0)
    if answer != ASK:
        assert _same(found if answer == YES else None, seconds(number, ZONE))


def test_what_is_no_json_number(leaves: Any) -> None:
    assert leaves.json_number("integer", b"-0") == (YES, 0.0)
    assert _same(leaves.json_number("integer", b"-0")[1], 0.0)
    for kind, text in (("true", b"true"), ("null", b"NaN"), ("object", b"{}"), ("array", b"[]")):
        assert leaves.json_number(kind, text)[0] == NO
        assert leaves.json_seconds(kind, text, 0)[0] == NO
    assert leaves.json_number("escaped", b"\\u0031")[0] == ASK


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
                     "Zx", " ", "+01:00 x", " stdout", "+01:0x", "+0100:"]),
)  # fmt: skip


def _check_time(leaves: Any, text: str) -> None:
    for local, zone in ((EAST, ZONE), (leaves.LOCAL_UNKNOWN, ZONE)):
        answer, found = leaves.text_seconds(text.encode(), local)
        if answer != ASK:
            assert _same(found if answer == YES else None, seconds(text, zone)), text


@given(CLOCK | st.text("0123456789.", max_size=30))
def test_a_time_is_what_the_parser_makes_of_it(leaves: Any, text: str) -> None:
    _check_time(leaves, text)
    assert leaves.head_time(text.encode()) == len(read_head(text).time or "")


@given(st.datetimes(), st.sampled_from(["", "Z", "+05:45", "-0800"]))
def test_any_time_is_what_the_parser_makes_of_it(leaves: Any, moment: Any, offset: str) -> None:
    _check_time(leaves, moment.isoformat() + offset)


@pytest.mark.parametrize("text", [*TIMES, *(str(time) for time in (*JSON_TIMES, *STRANGE_TIMES))])
def test_odd_times(leaves: Any, text: str) -> None:
    _check_time(leaves, text)
    assert leaves.head_time(text.encode()) == len(read_head(text).time or "")


@pytest.mark.parametrize(
    "text", ["2026-11-20T23:58:29.123456789Z", "2026-11-20T23:58:29+01:00", "1795219199123"]
)
def test_usual_times_need_no_python(leaves: Any, text: str) -> None:
    assert leaves.text_seconds(text.encode(), leaves.LOCAL_UNKNOWN) == (YES, seconds(text, ZONE))


@given(st.binary() | st.text().map(str.encode) | st.lists(st.sampled_from(
    [b"\x80", b"\xbf", b"\xc1", b"\xc2", b"\xe0", b"\xed", b"\xef", b"\xf0", b"\xf4", b"\xf5",
     b"\x9f", b"\xa0", b"\x8f", b"\x90", b"a" * 15, b"a"])).map(b"".join))  # fmt: skip
def test_utf8_is_what_python_decodes(leaves: Any, text: bytes) -> None:
    try:
        text.decode()
    except UnicodeDecodeError:
        assert not leaves.is_utf8(text)
    else:
        assert leaves.is_utf8(text)
    assert leaves.is_ascii(text) == text.isascii()


# -- envelopes -------------------------------------------------------------------------------------


def _check_docker(leaves: Any, line: bytes) -> bool:
    answer, found = leaves.docker_entry(line)
    if answer == YES:
        expected = docker_json.unwrap(line)
        assert expected is not None, line
        assert found[:4] == (expected.text, expected.stream, expected.time, expected.partial), line
        assert found[4] == (min(expected.text, default=0x20) >= 0x20)
    return bool(answer == YES)


def test_real_lines_in_a_docker_envelope_need_no_python(leaves: Any) -> None:
    for line in REAL:
        for ascii_only in (False, True):
            log = line.decode() + "\n"
            entry = {"log": log, "stream": "stderr", "time": "2026-11-20T23:58:29.123456789Z"}
            text = json.dumps(entry, ensure_ascii=ascii_only, separators=(",", ":"))
            assert _check_docker(leaves, text.encode())
            tagged = text.replace(',"time"', ',"attrs":{"tag":"web","id":"1"},"time"')
            assert _check_docker(leaves, tagged.encode())


@given(st.text(), st.booleans(), st.booleans())
def test_any_docker_entry_is_what_the_parser_makes_of_it(
    leaves: Any,
    log: str,
    ascii_only: bool,  # noqa: FBT001 - hypothesis passes by position
    whole: bool,  # noqa: FBT001
) -> None:
    entry = {"log": log + "\n" * whole, "stream": "stdout", "time": "t"}
    line = json.dumps(entry, ensure_ascii=ascii_only, separators=(",", ":")).encode()
    assert _check_docker(leaves, line)


INSIDES = (
    '"', "\\", "\\n", "\\t", "\\u0000", "\\u00e9", "\\u20ac", "\\ud83d", "\\ude80",
    "\\uD83D\\uDE80", "\\u12", "\\x", "a" * 17, "b", "é", "\n", "\x1b",
)  # fmt: skip


@given(st.lists(st.sampled_from(INSIDES)), st.integers(0, 20))
def test_odd_docker_entries(leaves: Any, parts: list[str], cut: int) -> None:
    line = f'{{"log":"{"".join(parts)}","stream":"stdout","time":"t"}}'.encode()
    _check_docker(leaves, line)
    _check_docker(leaves, line[: len(line) - cut])


@pytest.mark.parametrize("seed", range(2))
def test_mutated_envelopes(leaves: Any, seed: int) -> None:
    dice = Random(seed)
    entries = [docker(line, "stdout", "2026-11-20T23:58:29Z", partial=False) for line in REAL]
    entries += [b"2026-11-20T23:58:29.123Z stdout F " + line for line in REAL]
    entries += [b"2026-11-20T23:58:29+01:00 stderr P:tag " + line for line in REAL[:20]]
    docker_count = 0
    for line in Hostile(dice, tuple(entries), made=("json",)).lines(5_000):
        docker_count += _check_docker(leaves, line)
        answer, found = leaves.cri_entry(line)
        entry = cri.unwrap(line)
        assert (answer == YES) == (entry is not None), line
        if entry is not None:
            assert found[:4] == (entry.text, entry.stream, entry.time, entry.partial)
    assert docker_count > 250


CRI_PARTS = (
    ("2026-11-20T23:58:29", "2026-11-20 23:58:29", "2026/11/20T23:58:29", "2026-11-20T23:58:2"),
    ("", ".5", ",5", ".123456789", ".1234567890", "."),
    ("Z", "", "+01:00", "+0100", "-99:99", "z"),
    (" stdout ", " stderr ", " stdin ", "  stdout "),
    ("F", "P", "G", "F:x", "P:" + "x" * 100, "P:" + "x" * 101, "F:", "F:a:b", "FP"),
    ("", " ", " text", "  text ", "x", "\t"),
)


@given(st.tuples(*map(st.sampled_from, CRI_PARTS)))
def test_odd_cri_lines(leaves: Any, parts: tuple[str, ...]) -> None:
    line = "".join(parts).encode()
    answer, found = leaves.cri_entry(line)
    entry = cri.unwrap(line)
    assert (answer == YES) == (entry is not None)
    if entry is not None:
        assert found[:4] == (entry.text, entry.stream, entry.time, entry.partial)
