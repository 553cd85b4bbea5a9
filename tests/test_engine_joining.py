"""Which lines begin records, and which exceptions they bring: texts as they are really printed."""

from __future__ import annotations

import json

import pytest

from exporter.engine.joining import LONGEST_LINE, UNMARKED_LINES, Lane, step
from parsers.exceptions import PYTHON_HEAD

pytestmark = pytest.mark.usefixtures("each_engine")

PYTHON = f"""{PYTHON_HEAD}
  File "/app/jobs.py", line 8, in run
    job.perform()
app.errors.JobError: upstream said 502"""
CHAIN = f"""{PYTHON_HEAD}
  File "/app/jobs.py", line 8, in run
KeyError: 'a'

The above exception was the direct cause of the following exception:

{PYTHON}"""
NODE = """TypeError: undefined is not an object
    at run (/app/src/jobs.ts:11:9)
    at processTicksAndRejections (native:7:39)"""
UNCAUGHT = """node:internal/modules/cjs/loader:1386
  throw err;
  ^

Error: Cannot find module '/app/x.js'
    at Module._resolveFilename (node:internal/modules/cjs/loader:1383:15) {
  code: 'MODULE_NOT_FOUND',
  requireStack: []
}

Node.js v24.11.1"""
DOTNET = """fail: App.Worker[0]
      Build failed
      System.IO.IOException: No space left on device
         at System.IO.RandomAccess.Write()
         at App.Worker.Run() in /src/Worker.cs:line 7"""
NODE_JSON = '{"level":50,"msg":"Job failed","err":{"type":"TypeError","message":"no"}}'
PYTHON_JSON = json.dumps({"level": "ERROR", "message": "Job failed", "exception": PYTHON})


def _joined(text: str) -> tuple[list[str], list[str]]:
    """The messages of the records, and the types of the exceptions."""
    lane, heads, exceptions = Lane(), [], []
    for line in text.split("\n"):
        found = step(lane, line)
        if found is not None and found.begins:
            heads.append(found.record)
        if found is not None and found.exception is not None:
            exceptions.append(found.exception)
    return [record.message for record in heads], exceptions


@pytest.mark.parametrize(
    ("text", "messages", "exceptions"),
    [
        (f"[ERROR] Job failed\n{PYTHON}\n[INFO] on", ["Job failed", "on"], ["app.errors.JobError"]),
        (PYTHON, [PYTHON_HEAD], ["app.errors.JobError"]),
        (f"{PYTHON}\n{PYTHON}", [PYTHON_HEAD], ["app.errors.JobError"]),
        (f"{CHAIN}\n[INFO] on", [PYTHON_HEAD, "on"], ["KeyError"]),
        (f"{PYTHON}\nand a second line\n[INFO] on", [PYTHON_HEAD, "on"], ["app.errors.JobError"]),
        (f"{NODE}\n[INFO] on", ["TypeError: undefined is not an object", "on"], ["TypeError"]),
        ("TypeError: nobody was at home\n[INFO] on", ["TypeError: nobody was at home", "on"], []),
        (
            UNCAUGHT,
            [
                "node:internal/modules/cjs/loader:1386",
                "Cannot find module '/app/x.js'",
                "Node.js v24.11.1",
            ],
            ["Error"],
        ),
        (f"{DOTNET}\ninfo: App.Worker[0]\n      on", ["Build failed", "on"],
         ["System.IO.IOException"]),
        (f"{NODE_JSON}\n[INFO] on", ["Job failed", "on"], ["TypeError"]),
        (f"{PYTHON_JSON}\n{PYTHON}\n[INFO] on", ["Job failed", "on"], ["app.errors.JobError"]),
        ("error: connection lost\n      at connect (/app/db.ts:1:1)", ["connection lost"],
         ["Error"]),
        ("[INFO] a\n\n   \n    indented\n\ttoo\n[INFO] b", ["a", "b"], []),
        ("\n\n[INFO] a", ["a"], []),
    ],
)  # fmt: skip
def test_records_and_exceptions(text: str, messages: list[str], exceptions: list[str]) -> None:
    assert _joined(text) == (messages, exceptions)


def test_a_message_that_goes_on_and_on_ends_somewhere() -> None:
    more = "\n".join(f"line {i}" for i in range(UNMARKED_LINES + 5))
    heads, _ = _joined(f"{PYTHON}\n{more}")
    assert len(heads) == 1 + 5


def test_a_line_of_a_known_format_ends_a_traceback() -> None:
    assert _joined(f"{PYTHON}\nINFO:     Started")[0] == [PYTHON_HEAD, "Started"]
    assert _joined(f'{PYTHON_HEAD}\n  File "x"\n[INFO] cut off')[0] == [PYTHON_HEAD, "cut off"]


def test_pieces_make_a_line_and_a_too_long_one_is_cut() -> None:
    lane = Lane()
    assert lane.whole(b"a", partial=True) is None
    assert lane.whole(b"b", partial=True) is None
    assert lane.whole(b"c", partial=False) == b"abc"
    half = b"x" * (LONGEST_LINE // 2)
    assert lane.whole(half, partial=True) is None
    assert lane.whole(half + b"y", partial=True) == half + half
    assert lane.whole(half, partial=True) is None
    assert lane.whole(half, partial=False) is None
    assert lane.whole(b"next", partial=False) == b"next"
