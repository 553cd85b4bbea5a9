"""Log lines as they should not be: real ones mutated, and made up from a grammar of trouble.

Everything follows from the seed of the `Random` that is passed in.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from tests.support.logged import logged
from tests.support.raised import KEYS as RAISING
from tests.support.raised import raised, respelled
from tests.support.served import served

NOW = 1_795_219_200.0  # 2026-11-21T00:00:00Z; most times in these lines lie near it

BITS = (
    b'"', b'"', b"\\", b'\\"', b"'", b"=", b" ", b"  ", b"\t", b"\r", b"\x00", b"\x0b", b"\x1b",
    b"\x1b[31m", b"\x1b[0m", b"\x1b[\x1b[0m", b"\xff", b"\xc3", b"\xe2\x82", b"\xef\xbb\xbf",
    b"\xc2\xa0", "ż".encode(), b"{", b"}", b"[", b"]", b",", b":", b'] "', b"\\u0041", b"\\ud800",
    b"\\ud83d\\ude80", b"\\n", b"\\q", b"-", b"0", b"1", b"true", b"null", b"NaN", b"1e400", b"_",
)  # fmt: skip
KEYS = ("kind", "size", "took", "ok", "who", "status", "a.b", "note", "level", "msg", "time", "x")
TEXTS = (
    "", "a", "b", "other", "two words", "1", "1.0", "0", "-0", "True", "true", "5e-1", " 5", "1_0",
    "inf", "nan", "-3", "007", "+4", "00", "1e0", "1e400", "9" * 30, "C:\\dir\\", 'say "hi"',
    "it's", "x=y", "kind=decoy", " kind=decoy took=1 ", "żółć", "\t", "{", "}", '] "', "null",
    "x" * 300,
)  # fmt: skip
ORDERS = (  # keys that come together and in order, as one call of a logger prints them
    ("kind", "took", "who", "size"), ("kind", "took", "ok"), ("size", "kind", "took", "ok", "who"),
    ("took",), ("kind", "kind", "took", "size", "who", "ok"), ("status", "kind"), ("a.b", "x"), (),
)  # fmt: skip
MESSAGES = (
    "Job done", "Job 5 done", "Job done now", "Task ended", "Cache", "GET /x", "Traceback", "x",
    "Traceback (most recent call last):", "Step 1: ready", "stdout F", "ValueError: bad", "a {b}",
    "INFO", "nginx", "error: no", "job done", "", "Job kind12 ended in 5s", "Job kind1 ended in xs",
    "b7 of kind3 took 5 ms", "a of kind12 took 0.5 ms", "Batch 5 of kind2 took 1e1 ms", "5", "ax",
    "b of kind3 took of kind3 took 5 ms",
)  # fmt: skip
LEVELS = (
    "INFO", "[INFO]", "WARNING", "[ERROR]", "DEBUG", "[info]", "INFOS", "[X]", "CRITI", "API",
    "INFO ", "Info", "NOTICE",
)  # fmt: skip
TIMES = (
    "2026-11-20T23:59:59.123Z", "2026-11-20T23:59:01Z", "2026-11-20 23:58:00,5",
    "2026-11-20T23:10:00Z",
    "2026-11-21T00:30:00+01:00", "2026-11-21T01:00:00.000Z", "2026-13-40T99:59:59.123Z",
    "2026-11-20T23:59:60.000Z", "2026-11-20T23:59:59.1234567890Z", "2026-11-20T23:59",
    "2026-11-20T23:59:59.123Z ", "20/Nov/2026:23:59:58 +0000",
)  # fmt: skip
LOGFMT_LEVELS = ("info", "info", "info", "warn", "error", "debug", "30", "[info]", "nope", "")
GO_ESCAPES = (
    "\\n", "\\t", "\\x41", "\\u00e9", "\\ud83d\\ude80", "\\ud800", "\\q", "\\\\", "\\", '\\"',
    "\\U0001F680",
)  # fmt: skip
ODD_TOKENS = ("ok", "msg", "1x", "-", "a=b=c", "='x'", 'x="a\\"', "x='a b'", "żółć=1", "kind")
DOTNET_LEVELS = ("info", "info", "info", "warn", "fail", "crit", "dbug", "trce", "eror", "INFO")
CATEGORIES = ("App.Worker", "Hosting.Diagnostics", "Hosting.Diagnostics", "a", "a b", "[", "ż", "")
EVENTS = ("1", "2", "2", "14", "-5", "0123456789", "01234567890", "", "x")
INDENTS = ("      ", "      ", "      ", " ", "\t", "  \t ", "\u00a0", "")
DOTNET_MESSAGES = (
    "Request starting", "Request finished in 5 ms", "Request finished in 7 ms ", "Step 2: done",
    "\u00a0Job done", "Job done\u2003", "Job done\x1f", "Job done \t",
)  # fmt: skip
BEHIND = (
    "SELECT a, b", "   at App.Run() in /src/x.cs:line 7", "System.TimeoutException: it took long",
    "System.AggregateException: one (two)", "Unhandled exception. System.X: y", "ValueError: x",
    "a", "", "WHERE a = 1",
)  # fmt: skip
PUNCTUATED = (
    "[app.jobs]", "app.jobs:", "app.Jobs[3]", "10.0.0.7", '"GET /x HTTP/1.1"', "200 512", "-",
    "[2026-11-20", "ForkPoolWorker-1]", "at run (/app/x.ts:1:1)", "Error: no", "KeyError:", "#12",
)  # fmt: skip
SPELLED = (
    "-0", "-0.0", "1e0", "1E0", "10E-1", "1.0e1", "5e-1", "1e16", "1e-7", "007", "00", "1.", ".5",
    "-", '"\\u0031"', '"\\u0061"', '"say \\"hi\\""', '"C:\\\\dir\\\\"', '"\\"a\\""', '"\\t"',
    "100000000000000", "1000000000000000", "10000000000000000", '"1.0"', '"{}"', "tru",
)  # fmt: skip
JSON_LEVELS = (10, 20, 30, 30, 30, 40, 50, 60, "info", "INFO", "error", "warning")
STRANGE_LEVELS = (
    "[WARN]", 30.0, "30", 7, True, None, "nope", ["info"], {"a": 1}, "", 10**30, " info "
)  # fmt: skip
JSON_TIMES = (
    1795219199123, 1795219140000, 1795216200000, 1795222800000, 1795219199.5,
    "2026-11-20T23:59:59Z", "2026-11-20 23:10:00,123",
)  # fmt: skip
STRANGE_TIMES = (True, None, "soon", 12, 10**30, [1], {"b": 2}, 0, -5)
STRANGE_KEYS = ("a", "err", "error", "log", "stream")
CALM: dict[str, tuple[Any, ...]] = {  # what one call of a logger prints: one type each, mostly
    "kind": ("a", "b", "b", "", "0", "true", "two words", None),
    "size": (0, 1, 2, 7, 0.5, 1e15, 10**15, 10**30, -1, "5", "x", None),
    "took": (0, 1, 2.5, 60_000, 0.25, "3", -2, 5e-324, 1e300),
    "ok": (*(True, False, True, None) * 9, 1),
    "who": ("a", "b", "", None, "żółć", 1.0, 1, 2**53, 2.0**53, 10**15, 1e15),
    "status": (*(0, 1, 1.0, 5, 200, -0.0, 0.5, "x1") * 5, True),
    "x": (*({"b": {"c": "a"}}, {"b": {"c": 1}}, {"b": {}}, {}, {"b": {"c": None}}) * 5, 5),
    "a": (*({"b": 1}, {"b": "b"}, {"b": 0.5, "c": {"d": "e"}}, {"b": None}) * 9, None),
    "err": (*(None,) * 9, {"type": "TypeError", "code": 5}),
    "other": ([1, {"kind": "a"}], {"kind": "a"}, "x" * 50),
}
TROUBLE: tuple[tuple[bytes, ...], ...] = (
    (
        b"Traceback (most recent call last):",
        b'  File "/srv/app/jobs.py", line 8, in run',
        b"    job.perform()",
        b"app.errors.JobError: upstream said 502",
        b"and went on for a line",
        b"During handling of the above exception, another exception occurred:",
        b"Traceback (most recent call last):",
        b'  File "/srv/app/jobs.py", line 9, in run',
        b"ValueError: bad kind=a",
    ),
    (
        b"TypeError: undefined is not an object",
        b"      at run (/app/src/jobs.ts:11:9)",
        b"    at processTicksAndRejections (native:7:39)",
        b"}",
    ),
    (
        b"fail: App.Worker[5]",
        b"      Job done kind=a took=1",
        b"      System.InvalidOperationException: The job is done.",
        b"         at App.Worker.Run() in /src/Worker.cs:line 7",
    ),
    (b"error: Job done", b"    at run (/app/x.ts:1:1)", b"", b"   "),
    (
        b'{"level":50,"msg":"Job done","err":{"type":"TypeError","message":"no"},"kind":"a"}',
        b"TypeError: no",
        b"    at run (/app/x.ts:1:1)",
        b"}",
    ),
    (
        b'{"level":50,"msg":"x","exc":"Traceback (most recent call last):\\nKeyError: 1"}',
        b"Traceback (most recent call last):",
        b'  File "x", line 1, in y',
        b"KeyError: 1",
    ),
    (b'{"level":30,"msg":"Traceback (most recent call last):"}', b"ValueError: after JSON"),
    (b"INFO Traceback (most recent call last):", b"ValueError: after a level"),
    (b"host - a=b c", b"host - job took=1 kind=a"),
    (b'host - a=b [20/Nov/2026:23:58:11 +0000] "GET /x HTTP/1.1" 200 5',),
    (b'host - job took=1 [20/Nov/2026:23:58:11 +0000] "GET /x HTTP/1.1" 200 5 "-" "curl"',),
    (b"2026-11-20T23:58:29.123Z stdout F Job done kind=a took=1",),
    (b"2026-11-20T23:58:29.123Z x y kind=a took=1", b"x y kind=a took=1"),
    (b"2026-11-20T23:58:29Z error: no kind=a", b"error: no kind=a"),
    (b"2026-11-20T23:58:29Z INFO  [a.b] x kind=a", b"INFO  [a.b] x kind=a"),
    (b'x {"kind y=1" z', b'x {"kind y=1":1,"level":30,"msg":"Job done"} '),
    (b'{"log":"x\\n","stream":"stdout","time":"2026-11-20T23:59:58Z","level":30,"msg":"x"}',),
    (b'web_1 | {"level":30,"msg":"Job done","kind":"a=","took":1}',),
)


@dataclass(frozen=True, slots=True)
class Hostile:
    """Makes lines. `real` are lines to begin with; `made` says which grammars to use
    beside, `usual` which of the usual keys of JSON; most lines are in an `envelope`."""

    dice: Random
    real: tuple[bytes, ...] = ()
    made: tuple[str, ...] = ("keyvalue", "json")
    usual: int = 0
    envelope: str = ""

    def lines(self, count: int) -> list[bytes]:
        """That many physical lines, or a few more."""
        found: list[bytes] = []
        while len(found) < count:
            found += self._wrapped(list(self._some()))
        return [line.replace(b"\n", b"") for line in found]

    def _some(self) -> Iterator[bytes]:
        dice = self.dice
        if dice.random() < 0.04:
            for line in dice.choice(TROUBLE):
                yield self._mutated(line) if dice.random() < 0.1 else line
            return
        if self.real and dice.random() < 0.6:
            yield self._mutated(dice.choice(self.real))
            return
        kind = dice.choice(self.made)
        makes: dict[str, Callable[[], bytes]] = {
            "keyvalue": self._keyvalue,
            "logfmt": self._logfmt,
            "json": self._json,
            "dotnet": self._dotnet,
            "served": partial(served, dice),
            "logged": partial(logged, dice),
            "text": self._text,
        }
        for line in makes[kind]().split(b"\n"):
            yield (
                self._mutated(line) if dice.random() < (0.1 if kind == "dotnet" else 0.3) else line
            )

    # -- mutating -----------------------------------------------------------------------------

    def _mutated(self, line: bytes) -> bytes:
        for _ in range(self.dice.choice((0, 1, 1, 1, 2, 3, 8))):
            line = self._once(line)
        return line

    def _once(self, line: bytes) -> bytes:
        dice = self.dice
        at = dice.randrange(len(line) + 1)
        to = min(len(line), at + dice.choice((1, 1, 2, 5, 20)))
        match dice.randrange(9):
            case 0:
                return line[:at] + line[to:]
            case 1:
                return line[:to] + line[at:]
            case 2:
                return line[:at] + dice.choice(BITS) + line[to:]
            case 3:
                return line + dice.choice((b"}", b" ", b"\r", b"\r\r", b' x="', b" }", b"\x1b[0m"))
            case 4:
                return dice.choice((b" ", b"\t", b"web_1 | ", b"INFO ", b"\xef\xbb\xbf")) + line
            case 5:
                return line[:at]
            case 6:
                return self._decoy(line)
            case _:
                return line[:at] + dice.choice(BITS) + line[at:]

    def _decoy(self, line: bytes) -> bytes:
        """One of the line's own keys, where it is none, or once more."""
        dice = self.dice
        words = [part.rpartition(b" ")[2] for part in line.split(b"=")[:-1]] or [b"kind"]
        key = dice.choice(words)
        spaces = [i for i, char in enumerate(line) if char == 0x20] or [len(line)]
        at = dice.choice(spaces)
        decoy = dice.choice(
            (b' q="x %s=decoy y"', b' q=" %s=decoy"', b" %s", b" %s=decoy", b" q='%s=1'", b" %s=",
             b' q="b"%s=1', b' q="never %s=2', b' q="C:\\" %s=3', b"\t%s=4", b" -%s=5")
        )  # fmt: skip
        return line[:at] + (decoy % key) + line[at:]

    # -- making -------------------------------------------------------------------------------

    def _keyvalue(self) -> bytes:
        dice = self.dice
        head = [dice.choice(LEVELS)] if dice.random() < 0.6 else []
        if dice.random() < 0.4:
            head.insert(dice.randrange(len(head) + 1), dice.choice(TIMES))
        message = [dice.choice(MESSAGES)] if dice.random() < 0.95 else []
        keys = (
            [*dice.choice(ORDERS)] if dice.random() < 0.6 else dice.sample(KEYS, dice.randrange(8))
        )
        if dice.random() < 0.1:
            keys += dice.choices(KEYS, k=2)
        pairs = [self._pair(key) for key in keys]
        if dice.random() < 0.05:
            pairs.insert(dice.randrange(len(pairs) + 1), dice.choice(KEYS))
        return " ".join((*head, *message, *pairs)).encode()

    def _logfmt(self) -> bytes:
        """Pairs alone, mostly in a logger's order, and seldom something in front of them."""
        dice = self.dice
        found = (
            (self._usually(("level", "lvl", "severity")), dice.choice((*LOGFMT_LEVELS, *LEVELS))),
            (self._usually(("time", "ts", "timestamp")), dice.choice(TIMES)),
            (self._usually(("msg", "message")), dice.choice((*MESSAGES, *TEXTS))),
        )
        pairs = [self._told(key, text) for key, text in found if dice.random() < 0.9]
        if dice.random() < 0.2:
            dice.shuffle(pairs)
        keys = dice.choice(ORDERS) if dice.random() < 0.7 else dice.choices(KEYS, k=4)
        pairs += map(self._pair, keys)
        if dice.random() < 0.1:
            pairs.insert(dice.randrange(len(pairs) + 1), dice.choice((*KEYS, *ODD_TOKENS)))
        if dice.random() < 0.05:
            pairs.insert(0, dice.choice((*LEVELS, *TIMES)))
        return dice.choice((" ", " ", " ", " ", "  ", "\t")).join(pairs).encode()

    def _told(self, key: str, text: str) -> str:
        dice = self.dice
        if dice.random() < 0.05:
            text += dice.choice(GO_ESCAPES)
        if " " in text or "\\" in text or dice.random() < 0.3:
            text = '"' + (text.replace('"', '\\"') if dice.random() < 0.9 else text) + '"'
        return f"{key}={text}"

    def _dotnet(self) -> bytes:
        """A head, its message, and what may come behind or in place of it."""
        dice = self.dice
        head = f"{dice.choice(DOTNET_LEVELS)}: {dice.choice(CATEGORIES)}[{dice.choice(EVENTS)}]"
        lines = [head] if dice.random() < 0.95 else []
        if dice.random() < 0.05:
            lines.append(dice.choice(("", "   ", "\t")))
        if dice.random() < 0.95:
            lines.append(dice.choice(INDENTS) + dice.choice((*DOTNET_MESSAGES, *MESSAGES, *TEXTS)))
        while dice.random() < 0.4:
            lines.append(dice.choice(INDENTS) + dice.choice(BEHIND))
        if dice.random() < 0.1:
            lines.append(dice.choice(("Traceback (most recent call last):", "}", "x y", "x=1")))
        return "\n".join(lines).encode()

    def _text(self) -> bytes:
        """Words, and what heads of other formats are made of."""
        dice = self.dice
        parts = dice.choices((LEVELS, TIMES, MESSAGES, TEXTS, PUNCTUATED), k=dice.randrange(1, 6))
        return dice.choice((" ", " ", " - ", ": ")).join(map(dice.choice, parts)).encode()

    def _pair(self, key: str) -> str:
        dice = self.dice
        text = str(dice.randrange(9)) if dice.random() < 0.5 else dice.choice(TEXTS)
        if " " in text or dice.random() < 0.3:
            text = '"' + (text.replace('"', '\\"') if dice.random() < 0.9 else text) + '"'
        return f"{key}={text}"

    def _json(self) -> bytes:
        dice, strange = self.dice, self.dice.random() < 0.3
        level = dice.choice(STRANGE_LEVELS if strange else JSON_LEVELS)
        time = dice.choice((*STRANGE_TIMES, *TIMES) if strange else JSON_TIMES)
        message = dice.choice((None, 5, {"a": 1}, ["x"], "") if strange else MESSAGES)
        found = (
            (self._usually(("level", "severity", "lvl")), level),
            (self._usually(("time", "ts", "timestamp")), time),
            (self._usually(("msg", "message", "event")), message),
        )
        record = {key: value for key, value in found if dice.random() < 0.95}
        for key in dice.sample(
            (*KEYS, *STRANGE_KEYS) if strange else tuple(CALM), dice.randrange(8)
        ):
            record[key] = self._value(2) if strange else dice.choice(CALM[key])
        if dice.random() < 0.15:
            record[dice.choice(RAISING)] = raised(dice)
        text = json.dumps(
            record,
            ensure_ascii=dice.random() < 0.5,
            separators=(",", ":") if dice.random() < 0.8 else (", ", ": "),
        )
        if dice.random() < 0.03:
            text = respelled(dice, text)
        if dice.random() < 0.2:  # as no Python prints it
            text = f'{text[:-1]}{", " * bool(record)}"{dice.choice(KEYS)}":{dice.choice(SPELLED)}}}'
        if dice.random() < 0.1:  # a key twice
            key = json.dumps(dice.choice(KEYS))
            text = f"{text[:-1]},{key}:{json.dumps(self._value(1))}}}"
        return text.replace("null", "NaN", dice.random() < 0.01).encode("utf-8", "surrogatepass")

    def _usually(self, keys: tuple[str, ...]) -> str:
        return keys[self.usual % len(keys)] if self.dice.random() < 0.9 else self.dice.choice(keys)

    def _value(self, depth: int) -> Any:
        dice = self.dice
        if depth and dice.random() < 0.25:
            keys = dice.sample(("a", "b", "b.c", "c", "kind", "code", ""), dice.randrange(4))
            return {key: self._value(depth - 1) for key in keys}
        return dice.choice(
            (*TEXTS, 0, 1, 1, 2, 5, -1, 0.0, 1.0, -0.0, 0.5, 2.25, 1e15, 10**15, 2**53, 2**53 + 1,
             1e300, 10**30, -(10**400), True, False, True, False, None, None, [], {}, [1], "\ud800")
        )  # fmt: skip

    # -- wrapping -----------------------------------------------------------------------------

    def _wrapped(self, lines: list[bytes]) -> list[bytes]:
        """Mostly as they are; else in an envelope of Docker or the CRI, sometimes in pieces."""
        if self.dice.random() < (0.1 if self.envelope else 0.9):
            return lines
        wrap = {"docker": docker, "cri": cri}.get(self.envelope) or self.dice.choice((docker, cri))
        stream = self.dice.choice(("stdout", "stderr"))
        time = self.dice.choice(("2026-11-20T23:59:58.5Z", "2026-11-20T23:59:58.123456789Z", "x"))
        found = []
        for line in lines:
            cut = self.dice.randrange(len(line) + 1) if self.dice.random() < 0.3 else None
            if cut is not None:
                found.append(wrap(line[:cut], stream, time, partial=True))
            found.append(wrap(line[cut or 0 :], stream, time, partial=False))
        if self.dice.random() < 0.05:  # as a terminal ends them, some behind a bare tag
            found = [
                line.removesuffix(b" ") + b"\r"
                for line in (*found, wrap(b"", stream, time, partial=False))
            ]
        if self.envelope and self.dice.random() < 0.1:
            found = [self._mutated(line) for line in found]
        return found


def docker(text: bytes, stream: str, time: str, *, partial: bool) -> bytes:
    """One entry of a json-file, as the daemon writes it."""
    log = text.decode("utf-8", "replace") + ("" if partial else "\n")
    entry = {"log": log, "stream": stream, "time": time}
    return json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode()


def cri(text: bytes, stream: str, time: str, *, partial: bool) -> bytes:
    """One line of a CRI log."""
    return f"{time} {stream} {'P' if partial else 'F'} ".encode() + text
