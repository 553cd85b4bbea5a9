"""Streams that mean to be slow: every line is one that a fast path cannot take, or not for long."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType

from tests.support.hostile import cri, docker

_TIME = "2026-11-20T23:59:58.5Z"
_PAIRS = b'INFO Job done kind="a" who=b took=12 size=5 ok=true'
_TEXTS = (b"just a text", b"Server ready on port 3000", b"ValueError: bad")
_MEGABYTE = 1 << 20


def _json(**fields: object) -> bytes:
    record = {"level": 30, "time": 1_795_219_199_123, "msg": "Job done", **fields}
    return json.dumps(record, separators=(",", ":")).encode()


_USUAL = _json(kind="a", who="b", took=12, size=5, ok=True)
_LONG = _json(pad="x" * _MEGABYTE)


def _alternating(i: int) -> bytes:
    stream = ("stdout", "stderr")[i // 5 % 2]
    return (
        _PAIRS,
        _USUAL,
        _TEXTS[i % 3],
        docker(_PAIRS, stream, _TIME, partial=False),
        cri(_USUAL, stream, _TIME, partial=False),
    )[i % 5]


def _trace(i: int) -> bytes:
    return (
        b"Traceback (most recent call last):",
        b'  File "/srv/app/jobs.py", line 8, in run',
        b"    job.perform()",
        b"app.errors.E%d: upstream said 502" % i,
    )[i % 4]


# What the i-th line of each is.
STREAMS: Mapping[str, Callable[[int], bytes]] = MappingProxyType(
    {
        "usual key-value lines": lambda _: _PAIRS,
        "usual JSON": lambda _: _USUAL,
        "open quotes": lambda i: b'INFO Job done who=b%d took=12 kind="a size=5' % i,
        "text behind closing quotes": lambda i: b'INFO Job done kind="a"b who="b%d"c took=12' % i,
        "escaped quotes": lambda i: b'INFO Job done kind="%d\\"a\\"\\\\" took=12' % i,
        "a key twice in each pair line": lambda i: _PAIRS + b" who=%d" % i,
        "new labels, key-value": lambda i: b"INFO Job done kind=k%d who=w%d took=%d" % (i, i, i),
        "new labels, JSON": lambda i: _json(kind=f"k{i}", who=f"w{i}", took=i),
        "new labels with escapes": lambda i: _json(kind=f"ż{i}", who=f'"{i}"', took=i),
        "new messages, key-value": lambda i: b"INFO Job %d done kind=a took=12" % i,
        "new messages, JSON": lambda i: _json(msg=f"Job {i} done", kind="a"),
        "new texts": lambda i: b"nobody has ever said %d before" % i,
        "new levels": lambda i: _json(level=f"level {i}"),
        "times that only Python reads": lambda i: _json(
            time=f"20/Nov/2026:23:{i % 60:02}:11 +0000"
        ),
        "escaped keys": lambda _: _USUAL.replace(b'"kind"', b'"k\\u0069nd"'),
        "escapes everywhere": lambda _: _USUAL.replace(b'"b"', b'"' + b"\\u0062\\n" * 50 + b'"'),
        "halves of pairs": lambda i: _json(who=f"\ud800{i}"),
        "names with dots": lambda i: _json(**{"a.b": i, "x.b.c": "a"}),
        "keys twice": lambda i: _USUAL[:-1] + b',"x":{"b":1},"x":{"b":{"c":%d}}}' % i,
        "fields of strange types": lambda i: _json(kind=[i], took={"a": 1}, who=None, size="x"),
        "exceptions": lambda i: _json(err={"type": "TypeError", "message": str(i)}),
        "deep objects": lambda _: _json(q=0)[:-1] + b',"d":' + b'{"a":' * 80 + b"1" + b"}" * 81,
        "depth bombs": lambda i: b'{"a":' * 2000 + b"%d" % i,
        "broken JSON": lambda i: _USUAL[: 60 + i % 60],
        "invalid UTF-8, key-value": lambda i: b"INFO Job done kind=\xff%d who=\xe2\x82 took=1" % i,
        "invalid UTF-8, JSON": lambda i: _json(who="X").replace(b"X", b"\xff%d\xc3" % i),
        "colours": lambda _: b"\x1b[32mINFO\x1b[0m Job done kind=a\x1b[1m who=b took=12",
        "tracebacks": _trace,
        "alternating formats": _alternating,
        "Docker entries of no order": lambda i: json.dumps(
            {"time": _TIME, "log": f"INFO Job done kind=a took={i}\n", "stream": "stdout"}
        ).encode(),
        "Docker entries in pieces": lambda i: docker(
            _PAIRS[:20] if i % 2 else _PAIRS[20:], "stdout", _TIME, partial=i % 2 == 1
        ),
        "Docker entries in Docker entries": lambda _: docker(
            docker(_PAIRS, "stderr", _TIME, partial=False), "stdout", _TIME, partial=False
        ),
        "CRI lines in pieces": lambda i: cri(
            _PAIRS[:20] if i % 2 else _PAIRS[20:], "stdout", _TIME, partial=i % 2 == 1
        ),
        "megabyte texts": lambda _: b"x" * _MEGABYTE,
        "megabyte words": lambda _: b"INFO Job done " + b"ab=c " * (_MEGABYTE // 5),
        "megabyte JSON": lambda _: _LONG,
        "megabytes of escapes": lambda _: _LONG.replace(b"xx", b'\\"'),
        "megabytes of keys": lambda _: _USUAL[:-1] + b',"k":1' * (_MEGABYTE // 6) + b"}",
    }
)


def stream(name: str, count: int) -> list[bytes]:
    """That many lines; fewer of very long ones, and two at least."""
    make = STREAMS[name]
    longest = len(make(0))
    return [make(i) for i in range(max(2, count * 1000 // max(1000, longest)))]
