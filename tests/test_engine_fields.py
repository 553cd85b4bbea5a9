"""How the fast paths find fields: pairs by learned shapes, JSON by learned types."""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import Any

import msgspec
import pytest

from exporter.engine.pairs import Pairs, spelled
from exporter.engine.shape import Shape
from parsers import keyvalue

pytestmark = pytest.mark.usefixtures("each_engine")

NAMES = ["a", "b", "c"]
LINES = [
    "a=1 b=2 c=3",
    "c=3 b=2 a=1",
    "a=1 x=9 b=2 y=8 c=3",
    'a="one two" b="" c=""',
    "a= b= c=",
    r'a="say \"hi\"" b="C:\dir" c=5',
    r'a="ends in \" b=2 c=3',
    'a="never closed b=2 c=3',
    'a="x"y b=2 c=3',
    'a="x"b=2 c=3',
    "a='one two' b=2 c=3",
    "a='one b=2 c=3",
    'a=1 q="b=4 c=5" b=2 c=3',
    'a=1 q=" b=4 c=5 " b=2 c=3',
    "a=1 b b=2 c=3",
    "a=1 word b=2 c=3",
    "a=1 a=2 b=2 b=3 c=3",
    "a=1  b=2   c=3  ",
    "a=1 b=2",
    "a=1",
    "x=1",
    "a=b=c b=a=1 c=x=y",
    "a=1\tb=2 b=3 c=4",
    "a=ż b=żółć c=\u00a0",
    'a="ż ó" b="x=y" c="]"',
    "a=1 ü=2 b=2 c=3",
    'a=1 b="x" "y" c=3',
    'a=5" b=2 c=3',
    "a=1 b=2 c=3 trailing words",
    'a=1 b=2 c=3 d="never',
    'a=1 b=2 c="3"x',
]


def _exactly(pairs: str) -> dict[str, Any]:
    record = keyvalue.parse(f"message {pairs}")
    assert record is not None
    return {name: record.fields.get(name) for name in NAMES}


@pytest.mark.parametrize("seed", range(20))
def test_pairs_are_what_the_grammar_says_or_left_to_it(seed: int) -> None:
    pairs, taken = Pairs(NAMES), 0
    for line in Random(seed).choices(LINES, k=300):
        found = pairs.values(f"message {line}".encode(), len("message"))
        if found is not None:
            taken += 1
            assert dict(zip(NAMES, map(spelled, found), strict=True)) == _exactly(line)
    assert taken > 100


def test_keys_in_an_order_that_was_seen_before_are_found_at_once() -> None:
    pairs = Pairs(NAMES)
    for line in (b" c=1 x=2 a=3 b=4 y=5", b" a=1 b=2", b" b=1"):
        for _ in range(10):
            values = pairs.values(line, 0)
        assert values is not None
    assert pairs.values(b" c=7 x=0 a=8 b=9", 0) == (b"8", b"9", b"7")
    assert pairs.values(b" a=1 b=2", 0) == (b"1", b"2", None)
    assert pairs.values(b" b=1  ", 0) == (None, b"1", None)


def test_a_single_name_comes_as_a_tuple_too() -> None:
    pairs = Pairs(["b"])
    for _ in range(10):
        assert pairs.values(b" a=1 b=2", 0) == (b"2",)
        assert pairs.values(b" a=1", 0) == (None,)


def test_a_thousand_orders_of_keys_are_all_read() -> None:
    pairs, dice = Pairs(NAMES), Random(1)
    for _ in range(3000):
        order = [*NAMES, "d", "e", "f", "g"]
        dice.shuffle(order)
        line = " ".join(f"{key}={key.upper()}" for key in order)
        assert pairs.values(f" {line}".encode(), 0) == (b"A", b"B", b"C")


# -- JSON -----------------------------------------------------------------------------------------


def _decode(shape: Shape) -> Callable[..., Any]:
    decode = shape.decoder()

    def line(**fields: Any) -> Any:
        return decode(json.dumps({"level": 30, "msg": "x", "time": 5, **fields}).encode())

    return line


def test_fields_are_found_by_name_and_below_objects() -> None:
    shape = Shape(["a", "b.c", "b.d.e", "gone", "err.code"])
    get = shape.values(["a", "b.c", "b.d.e", "gone", "err.code"])
    line = _decode(shape)
    assert get(line(a=1, b={"c": "x", "d": {"e": 0.5}})) == (1, "x", 0.5, None, None)
    assert get(line(b={}, err=None)) == (None, None, None, None, None)
    assert shape.values(["a"])(line(a="one")) == "one"
    assert shape.values([])(line(a="one")) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"a": [1]},
        {"a": {"x": 1}},
        {"a": True},
        {"b": 5},
        {"b": None},
        {"b": {"c": []}},
        {"b.c": 1},
        {"b.c": None},
        {"b": {"d.e": 1}},
        {"b.d": {"e": 1}},
        {"err": {"type": "TypeError"}},
        {"error": "x"},
        {"err.code": 5},
        {"log": "x"},
        {"msg": 5},
        {"level": [30]},
        {"level": True},
        {"time": False},
    ],
)
def test_what_is_doubtful_is_not_decoded(fields: dict[str, Any]) -> None:
    line = _decode(Shape(["a", "b.c", "b.d.e", "err.code"]))
    with pytest.raises(msgspec.ValidationError):
        line(**fields)


def test_where_level_message_and_time_stand_is_learned() -> None:
    shape = Shape(["a"])
    other = b'{"severity":"INFO","message":"x","ts":5}'
    assert sum(shape.learn(other) for _ in range(100)) == 1
    found = shape.decoder()(other)
    assert (found.level, found.message, found.time) == ("INFO", "x", 5)
    with pytest.raises(msgspec.ValidationError):
        shape.decoder()(b'{"level":30,"severity":"INFO","message":"x","ts":5}')


def test_a_stream_without_times_is_learned() -> None:
    shape = Shape([])
    assert shape.has_time
    assert sum(shape.learn(b'{"level":30,"msg":"x"}') for _ in range(100)) == 1
    assert not shape.has_time
    assert shape.decoder()(b'{"level":30,"msg":"x"}').time is None
    with pytest.raises(msgspec.ValidationError):
        shape.decoder()(b'{"level":30,"msg":"x","ts":5}')


def test_which_fields_hold_true_and_false_is_learned_and_one_stray_line_changes_nothing() -> None:
    shape = Shape(["ok", "n"])
    assert not shape.learn(b'{"level":30,"msg":"x","time":5,"ok":true,"n":1}')
    assert sum(shape.learn(b'{"level":30,"msg":"x","time":5,"ok":true,"n":1}') for _ in range(99))
    assert not shape.learn(b'{"level":30,"msg":"x","time":5,"ok":1,"n":true}')
    line = _decode(shape)
    assert shape.values(["ok", "n"])(line(ok=False, n=1)) == (False, 1)
    for strange in ({"ok": 1}, {"n": True}):
        with pytest.raises(msgspec.ValidationError):
            line(**strange)


def test_a_stream_that_keeps_changing_its_mind_is_followed_ever_more_slowly() -> None:
    shape, changes = Shape(["ok"]), 0
    for turn in range(20_000):
        value = "true" if turn // 40 % 2 else "1"
        changes += shape.learn(b'{"level":30,"msg":"x","time":5,"ok":%b}' % value.encode())
    assert 1 <= changes < 20
