"""Lines that servers print, as they are and as they should not be."""

from __future__ import annotations

from random import Random

HEADS = (
    "INFO:     ", "INFO:     ", "WARNING:  ", "ERROR:    ", "CRITICAL: ", "INFOS:    ", "INFO:  ",
    "INFO:    x", "Info:     ", "[2026-11-20 23:59:02 +0000] [9] [INFO] ", "INFO:",
    "[2026-11-20 23:59:02 +0000] [9] [INFO] ", "[2026-11-20 23:59:02 -0130] [77] [ERROR] ",
    "[2026-11-20 23:59:02 +0000] [12345678901] [INFO] ", "[2026-11-20 23:59:02 +0000] [9] [INFO]",
    "[2026-11-20 23:59:02] [9] [INFO] ", "[2026-11-20T23:59:02 +0000] [9] [INFO] ",
    "[2026-11-20 23:59:02 +0000] [9] [NOPE] ", "", "", "", "",
)  # fmt: skip
TEXTS = (
    "Started server process [1]", "Job done", "Job 5 done", "Booting worker with pid: 7", "Cache",
    "Traceback (most recent call last):", "Step 3: on", "access", "", "\u017c", " x", "a=b c=d",
    '{"level":30,"msg":"Job done"}',
)  # fmt: skip
CALLERS = (
    "10.0.0.7 - -", "10.0.0.7 - -", "203.0.113.9 - bob", "1:2::3 - a b", "10.0.0.7 -", "10.0.0.7",
    "[::1] - -", "host - -", "Host - -", "9" * 680 + " - -", "2026/x - -", "10.0.0.7  -",
)  # fmt: skip
TIMES = (
    "20/Nov/2026:23:59:58 +0000", "20/Nov/2026:23:59:58 +0000", "21/Nov/2026:00:30:00 +0100",
    "20/Nov/2026:23:10:00 +0000", "20/nov/2026:23:59:58 +0000", "20/Nov/2026:23:59:58",
    "99/Xyz/2026:99:59:58 +0000",
)  # fmt: skip
REQUESTS = (
    "GET /x HTTP/1.1", "GET /x?a=1 HTTP/1.1", "POST /jobs?a=1?b=2 HTTP/2.0", "GET /x  HTTP/1.1",
    "GET /a b HTTP/1.1", "get / HTTP/1.1", "GET /", "GET HTTP/1.1", "", "-", " / HTTP/",
    "\\x16\\x03", 'GET /\\"q HTTP/1.1', "M-SEARCH * HTTP/1.1",
    "A" * 33 + " / HTTP/1.1", "GET / HTTP", "GET  HTTP/",
)  # fmt: skip
STATUSES = ("200 512", "200 512", "404 -", "500 0", "502 1", "20 5", "2000 5", "200", "200 5x",
            "200 " + "1" * 21, "200  5")  # fmt: skip
AGENTS = (
    ' "-" "curl/8"', ' "-" "curl/8"', ' "http://x/" "Mozilla/5.0 (X11)" "10.1.1.1"', "", ' "-"',
    ' "-" "', ' "a\\"b" "c"', " 0.005", ' "-" "x"  y ', " x", ' "-"_"u"',
)  # fmt: skip
ANSWERS = ("200 OK", "200 OK", "404 Not Found", "500", "304 ", "200 I'm", "200 5", "2000", "20 OK",
           "200 " + "x" * 61)  # fmt: skip
CLIENTS = ("10.0.0.7:46812", "10.0.0.7:46812", "", "a" * 101, "a b", 'a"b', "x")
ERROR_HEADS = (
    "2026/11/20 23:59:58 [error] 29#29: *413 ", "2026/11/20 23:59:58 [warn] 29#30: ",
    "2026/11/20 23:10:00 [notice] 1#1: ", "2026/11/20 23:59:58 [error] 29#29: *x ",
    "2026/11/20T23:59:58 [error] 29#29: *4 ", "2026/11/20 23:59:58 [nope] 29#29: *4 ",
    "2026/11/20 23:59:58 [error] 29: *4 ", "2026/11/20 23:59:58 [emerg] 1#1:x ",
)  # fmt: skip
CONTEXT = (
    ", client: 10.0.0.7", ", server: web.example.com", ', request: "GET / HTTP/1.1"', ", x: y",
    ', upstream: "http://10.0.0.8:80/"', ', host: "web.example.com"', ', referrer: "', ", host: a",
    ', subrequest: "/auth"', ", server: ", ", servers: x", ",", ", host:x",
)  # fmt: skip


def served(dice: Random) -> bytes:
    """A line of uvicorn, gunicorn or nginx."""
    if dice.random() < 0.2:
        message = dice.choice(("connect() failed (111: x)", "Job done", *TEXTS))
        told = "".join(dice.choices(CONTEXT, k=dice.randrange(5)))
        begins = ", client: 10.0.0.7" if dice.random() < 0.8 else ""
        return f"{dice.choice(ERROR_HEADS)}{message}{begins}{told}".encode()
    head = dice.choice(HEADS)
    if dice.random() < 0.2:
        return f"{head}{dice.choice(TEXTS)}".encode()
    quoted = f'"{dice.choice(REQUESTS)}"'
    if head.endswith("    ") or dice.random() < 0.1:
        return f"{head}{dice.choice(CLIENTS)} - {quoted} {dice.choice(ANSWERS)}".encode()
    time = f"[{dice.choice(TIMES)}]"
    end = f"{dice.choice(STATUSES)}{dice.choice(AGENTS)}"
    return f"{head}{dice.choice(CALLERS)} {time} {quoted} {end}".encode()
