"""Lines of loggers that print text, as they are and as they should not be."""

from __future__ import annotations

from random import Random

DATES = (
    "2026-11-20 23:59:02,310", "2026-11-20 23:59:02,310", "2026-11-20 23:10:00,5",
    "2026-11-20T23:59:02Z", "2026-11-20 23:59:02.1234567", "2026-11-20 23:59:02",
    "2026/11/20 23:59:02,310", "2026-11-20 23:59:02,",
)  # fmt: skip
LEVELS = (
    "INFO",
    "INFO",
    "INFO",
    "WARNING",
    "ERROR",
    "DEBUG",
    "CRITI",
    "WARNI",
    "NOPE",
    "Info",
    "LOG",
)
NAMES = (
    "app.jobs", "app.jobs", "celery.apps.worker", "root", "_x.y", "a-b.c", "x.", "a..b", ".x", "1x",
    "\u017c.x", "a" * 100, "a" * 101, "a." + "b" * 200, "", "a b",
)  # fmt: skip
REQUESTS = ("-", "-", "req-1", "", "a b", "x" * 201, "\u017c", "[")
PROCESSES = ("MainProcess", "ForkPoolWorker-2", "a b", "", "x" * 201, "\u017c", "[x")
PREFIXES = (
    "info", "info", "Info", "INFO", "warn", "warning", "error", "Error", "fatal", "debug", "iNFO",
    "note", "log", "informational", "in",
)  # fmt: skip
MESSAGES = (
    "Job done", "Job 5 done", "Job done now", "Step 3: on", "Cache", "", " x", "x ", "a=b c=d",
    "ValueError: bad", "app.Bad: x", "Unhandled exception. System.X: y", "TypeError", "KeyError 1",
    "Traceback (most recent call last):", "\u017c\u00f3", "went on\x0bValueError: bad", "x\x1ey",
    'GET [20/Nov/2026:23:59:58 +0000] "GET / HTTP/1.1" 200 5', '{"level":30,"msg":"Job done"}',
)  # fmt: skip
# Of another format almost, and key-value lines in the end, whose own pairs count.
NEARLY = (
    "HTTP [app.jobs] done", "TASK  [root] done", "2026-11-20T23:59:02Z HTTP request [GET] done",
    "[2026-11-20 23:59:02,310: NOPE/MainProcess] done", "NOPE:    10.0.0.7:1 - done",
    "2026-11-20 23:59:02,310 - app.jobs - NOPE - done", "[2026-11-20 23:59:02 +0000] [9] [NOPE] x",
)  # fmt: skip
PAIRS = (
    "took=5",
    "took=5 logger=web request_id=abc",
    "took=1 process=x pid=7 client=a",
    "logger=b",
)
BEHIND = ("    at run (/app/x.ts:1:1)", "      at run (x)", "x y", "ValueError: behind", "}")


def logged(dice: Random) -> bytes:
    """A record of Celery, Alembic, Python's logging, or with a level and a colon in front."""
    if dice.random() < 0.1:
        return f"{dice.choice(NEARLY)} {dice.choice(PAIRS)}".encode()
    date, level, name = dice.choice(DATES), dice.choice(LEVELS), dice.choice(NAMES)
    gap = dice.choice((" ", " ", " ", "  ", "   ", " " * 9, ""))
    head = dice.choice(
        (
            f"[{date}: {level}/{dice.choice(PROCESSES)}] ",
            f"{level}{gap}[{name}] ",
            f"INFO  [{name}] ",
            f"{date} {level}{gap}{name} [{dice.choice(REQUESTS)}] ",
            f"{date} {level} {name}: ",
            f"{date} - {name}{gap}- {level} - ",
            f"{dice.choice(PREFIXES)}:{gap}",
        )
    )
    if dice.random() < 0.05:
        head = head.rstrip()
    lines = [head + dice.choice(MESSAGES)]
    if dice.random() < 0.1:
        lines.append(dice.choice(BEHIND))
    return "\n".join(lines).encode()
